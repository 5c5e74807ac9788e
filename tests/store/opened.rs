//! A store under test, and a second look at its file.

use std::path::Path;
use std::time::{Duration, Instant};

use gaoler::jail::ban::{Ban, BanKey, BanOrigin, JailName};
use gaoler::moment::{Boot, Clock, Moment};
use gaoler::store::change::{Change, Saved};
use gaoler::store::heritage::{Heritage, Memory};
use gaoler::store::look::{Dossier, Look};
use gaoler::store::{Ack, News, Store};
use gaoler::trace::TraceId;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc::{UnboundedReceiver, error::TryRecvError, unbounded_channel};

/// How long anything may take before a test fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// How long the history is kept.
pub(crate) const YEAR: SignedDuration = SignedDuration::from_hours(24 * 365);

/// An open store.
pub(crate) struct Opened {
    pub(crate) saved: Saved,
    pub(crate) heritage: Heritage,
    store: Store,
    news: UnboundedReceiver<News>,
    seq: u64,
}

impl Opened {
    #[track_caller]
    pub(crate) fn at(path: &Path) -> Self {
        let opened = Self::anyhow(path);
        let Heritage { memory, trouble, .. } = &opened.heritage;
        assert!(trouble.is_none() && *memory == Memory::Whole, "{trouble:?}");
        opened
    }

    /// Opened, however the file fares.
    pub(crate) fn anyhow(path: &Path) -> Self {
        Self::by(path, clock)
    }

    /// By another clock.
    pub(crate) fn by(path: &Path, clock: Clock) -> Self {
        let (given, news) = unbounded_channel();
        let (store, mut heritage) = Store::open(path, YEAR, clock, given);
        Self { saved: std::mem::take(&mut heritage.saved), heritage, store, news, seq: 0 }
    }

    /// Commits under the next number, from 1.
    pub(crate) fn commit(&mut self, change: Change) -> u64 {
        self.seq += 1;
        self.store.commit(self.seq, change);
        self.seq
    }

    /// Waits for the next acknowledgement of a change.
    #[track_caller]
    pub(crate) fn next_ack(&mut self) -> Ack {
        loop {
            match self.next_news() {
                News::Ack(ack) if ack.seq > 0 => return ack,
                _ => {}
            }
        }
    }

    /// Waits until all that was committed is kept.
    #[track_caller]
    pub(crate) fn kept(&mut self) {
        let last = self.seq;
        while !matches!(self.next_ack(), ack if ack.seq == last && ack.result.is_ok()) {}
    }

    /// Waits for what the store says next.
    #[track_caller]
    pub(crate) fn next_news(&mut self) -> News {
        let begun = Instant::now();
        loop {
            match self.news.try_recv() {
                Ok(news) => return news,
                Err(TryRecvError::Disconnected) => panic!("the store has ended"),
                Err(TryRecvError::Empty) => assert!(begun.elapsed() < DEADLINE, "no ack came"),
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[track_caller]
    pub(crate) fn look(&self, look: Look) -> Dossier {
        self.store.look(look).blocking_recv().unwrap().unwrap()
    }

    #[track_caller]
    pub(crate) fn close(self) {
        self.store.close().unwrap();
    }
}

pub(crate) fn key(host: u8) -> BanKey {
    let address = format!("192.0.2.{host}/32").parse().unwrap();
    BanKey { jail: JailName::new("sshd"), address }
}

pub(crate) fn ban(host: u8) -> Ban {
    let since = Timestamp::from_second(1_700_000_000).unwrap();
    let bantime = Some(SignedDuration::from_mins(10));
    let trace = TraceId::new(u128::from(host));
    Ban { key: key(host), origin: BanOrigin::Detected, since, bantime, failures: 5, trace }
}

/// What another program reads in the file: the first column of each row.
#[track_caller]
pub(crate) fn query(path: &Path, sql: &str) -> Vec<String> {
    let connection = rusqlite::Connection::open(path).unwrap();
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

/// What another program does to the file.
#[track_caller]
pub(crate) fn execute(path: &Path, sql: &str) {
    rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

#[expect(clippy::disallowed_methods, reason = "the real clock, as the daemon passes it")]
pub(crate) fn clock() -> Moment {
    let boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let boot = SignedDuration::new(boot.tv_sec, i32::try_from(boot.tv_nsec).unwrap());
    Moment { wall: Timestamp::now(), boot: Boot(boot) }
}
