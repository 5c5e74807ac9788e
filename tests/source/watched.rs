//! A source under test: starts it, collects what it sends, and waits for conditions.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gaoler::filter::Filter;
use gaoler::filter::definition::Definition;
use gaoler::jail::ban::JailName;
use gaoler::moment::{Boot, Moment};
use gaoler::record::origin::Origin;
use gaoler::source::batch::{Body, Message, Notice, Position, Tally};
use gaoler::source::{Listener, Source, Start, spawn};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::mpsc::{Receiver, channel, error::TryRecvError};

/// How long a condition may take. Only a failing test ever waits so long.
const DEADLINE: Duration = Duration::from_mins(1);

/// A running source, and all it has said.
pub(crate) struct Watched {
    pub(crate) source: Source,
    messages: Receiver<Message>,
    /// How often each address was found to have failed.
    pub(crate) failures: BTreeMap<IpAddr, u32>,
    /// The times of the failures, in the order found.
    pub(crate) times: Vec<Timestamp>,
    /// Who listened to each failure.
    pub(crate) jails: Vec<String>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) tally: Tally,
    pub(crate) through: Option<Position>,
    pub(crate) caught_up: bool,
}

impl Watched {
    /// Follows `origin` from its beginning.
    pub(crate) fn new(origin: Origin) -> Self {
        Self::from(origin, None)
    }

    /// Follows `origin` from a position.
    pub(crate) fn from(origin: Origin, from: Option<Position>) -> Self {
        let start = Start { from, not_before: Timestamp::UNIX_EPOCH };
        Self::start(origin, start)
    }

    pub(crate) fn start(origin: Origin, start: Start) -> Self {
        Self::listening(listener("sshd"), origin, start)
    }

    /// Goes on from a position, for a filter that knows attempts of which there are two lines.
    pub(crate) fn attempts(origin: Origin, from: Option<Position>) -> Self {
        let start = Start { from, not_before: Timestamp::UNIX_EPOCH };
        Self::listening(listener_to("sshd", &["FAIL", "CLOSED"]), origin, start)
    }

    fn listening(listener: Listener, origin: Origin, start: Start) -> Self {
        let (sender, messages) = channel(4);
        let source = spawn(origin, vec![listener], start, now, sender).unwrap();
        Self {
            source,
            messages,
            failures: BTreeMap::new(),
            times: Vec::new(),
            jails: Vec::new(),
            notices: Vec::new(),
            tally: Tally::default(),
            through: None,
            caught_up: false,
        }
    }

    /// Collects messages until `done`; panics, telling what was collected, if that takes too long.
    #[track_caller]
    pub(crate) fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !done(self) {
            match self.messages.try_recv() {
                Ok(message) => self.collect(message.body),
                Err(TryRecvError::Empty) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(error) => panic!(
                    "{error:?} while waiting until {what}; {} failures, notices {:?}, {:?}",
                    self.times.len(),
                    self.notices,
                    self.tally
                ),
            }
        }
    }

    /// Waits until the source waits for somebody to take what it has found.
    pub(crate) fn until_it_waits(&self) {
        let deadline = Instant::now() + DEADLINE;
        while self.messages.len() < self.messages.max_capacity() {
            assert!(Instant::now() < deadline, "it does not find enough");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until so many failures were found.
    #[track_caller]
    pub(crate) fn until_failures(&mut self, count: usize) {
        self.until(&format!("{count} failures are found"), |w| count <= w.times.len());
    }

    /// Stops the source and collects what it still says.
    pub(crate) fn finish(mut self) -> Self {
        self.source.stop();
        let deadline = Instant::now() + DEADLINE;
        loop {
            match self.messages.try_recv() {
                Ok(message) => self.collect(message.body),
                Err(TryRecvError::Disconnected) => return self,
                Err(TryRecvError::Empty) => {
                    assert!(Instant::now() < deadline, "the source does not stop");
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        }
    }

    /// Whether host number `host` was found to have failed.
    pub(crate) fn has_failed(&self, host: u32) -> bool {
        self.failures.contains_key(&address(host).into())
    }

    /// Expects that each of `hosts` was found to have failed once, and nobody else.
    #[track_caller]
    pub(crate) fn assert_once(&self, hosts: impl IntoIterator<Item = u32>) {
        let hosts: BTreeSet<IpAddr> = hosts.into_iter().map(|host| address(host).into()).collect();
        let missed: Vec<&IpAddr> =
            hosts.iter().filter(|&host| !self.failures.contains_key(host)).collect();
        let wrong: Vec<(&IpAddr, &u32)> =
            self.failures.iter().filter(|&(host, &n)| n != 1 || !hosts.contains(host)).collect();
        assert!(
            missed.is_empty() && wrong.is_empty(),
            "{} missed: {:?}...; {} wrong or more than once: {:?}...",
            missed.len(),
            &missed[..missed.len().min(5)],
            wrong.len(),
            &wrong[..wrong.len().min(5)],
        );
    }

    fn collect(&mut self, body: Body) {
        let batch = match body {
            Body::Notice(notice) => return self.notices.push(notice),
            Body::Batch(batch) => batch,
        };
        for finding in &batch.found.failures {
            let (text, address) = (batch.found.excerpts.get(finding.text), finding.failure.address);
            let named = text.ends_with(address.to_string().as_bytes()) || finding.text.cut;
            assert!(named, "{address}: {}", String::from_utf8_lossy(text));
            *self.failures.entry(finding.failure.address).or_default() += 1;
            self.times.push(finding.failure.time);
            self.jails.push(batch.listeners[usize::from(finding.listener)].to_string());
        }
        self.tally.records += batch.tally.records;
        self.tally.bytes += batch.tally.bytes;
        self.tally.oversized += batch.tally.oversized;
        self.tally.suppressed += batch.tally.suppressed;
        self.tally.last_record = self.tally.last_record.max(batch.tally.last_record);
        self.through = Some(batch.through);
        self.caught_up = batch.caught_up;
    }
}

const FIRST: u32 = u32::from_be_bytes([10, 0, 0, 0]);

/// The address of host number `host`.
pub(crate) fn address(host: u32) -> Ipv4Addr {
    Ipv4Addr::from(FIRST + host)
}

/// A line that the test's filter takes for a failure of host number `host`.
pub(crate) fn fail(host: u32) -> String {
    format!("FAIL {}", address(host))
}

/// A jail whose filter knows the lines of [`fail`].
pub(crate) fn listener(jail: &str) -> Listener {
    let definition =
        Definition { failregex: vec!["FAIL <ADDR>$".to_owned()], ..Definition::default() };
    compiled(jail, &definition)
}

/// A jail to which these words tell of the same attempt, one after the other.
fn listener_to(jail: &str, words: &[&str]) -> Listener {
    let line = |word: &&str| format!(r"attempt <F-SESSION>\d+</F-SESSION> {word} <ADDR>$");
    let failregex = words.iter().map(line).collect();
    compiled(jail, &Definition { failregex, ..Definition::default() })
}

fn compiled(jail: &str, definition: &Definition) -> Listener {
    let filter = Arc::new(Filter::compile(definition, "normal").unwrap());
    Listener { jail: JailName::new(jail), filter, time_zone: TimeZone::UTC }
}

/// The real clocks.
pub(crate) fn now() -> Moment {
    let [wall, boot] = [ClockId::Realtime, ClockId::Boottime].map(|id| {
        let time = clock_gettime(id);
        SignedDuration::new(time.tv_sec, i32::try_from(time.tv_nsec).unwrap())
    });
    Moment { wall: Timestamp::from_duration(wall).unwrap(), boot: Boot(boot) }
}
