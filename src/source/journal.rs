//! Follows a systemd journal, in our own process, through libsystemd (`sd-journal(3)`).
//!
//! libsystemd merges the files of a journal, and goes on through rotation and vacuuming by itself;
//! where it cannot, the journal is opened anew and read on after the last cursor.
//!
//! In silence the reader waits to be told that the journal changes ([`watch`]); while it is spoken to
//! it looks for itself ([`pace`]).

mod cursor;
pub(super) mod entry;
mod files;
mod guard;
mod open;
mod pace;
mod roots;
mod sigbus;
mod watch;
mod whole;

use std::convert::Infallible;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use systemd::journal::JournalWaitResult;

use self::entry::{Entry, Reading};
use self::open::{Broken, Opened};
use self::pace::Pace;
use self::roots::{Identity, directories, roots};
use self::watch::Watch;
use super::Start;
use super::batch::{Notice, Position, Trouble};
use super::outlet::{Outlet, Stopped};
use crate::record::origin::JournalOrigin;

pub use self::whole::whole;

/// How soon a journal that cannot be read is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// How often that is tried where nothing is said to have changed.
const RETRY_UNTOLD: Duration = Duration::from_mins(1);

/// A batch ends after so many entries, or so many bytes.
const BATCH_ENTRIES: usize = 1024;
const BATCH_BYTES: u64 = 256 * 1024;

/// How many entries that an earlier run has read are looked at again: the attempts that are under way.
const RECALLED: u32 = 256;

/// Reads until told to stop.
pub(super) fn follow(origin: &JournalOrigin, start: Start, mut outlet: Outlet) {
    let cursor = match start.from {
        Some(Position::Journal { cursor }) => Some(cursor),
        Some(Position::Files(_)) | None => None,
    };
    let entry = Entry::new(origin.trust_unprivileged);
    if let Err(error) = sigbus::survive() {
        let detail = format!("a journal file that is cut short would end gaoler: {error}");
        let notice = Notice::Error(Trouble { reason: "journal", detail });
        if outlet.notice(notice).is_err() {
            return;
        }
    }
    let (not_before, tried, passed) = (start.not_before, None, Vec::new());
    let recalls = cursor.is_some();
    let watch = Watch::new();
    let mut reader = Reader { origin, not_before, cursor, entry, recalls, tried, passed, watch };
    while reader.try_once(&mut outlet).is_ok() {}
}

/// What outlives one opening of the journal.
struct Reader<'a> {
    origin: &'a JournalOrigin,
    not_before: Timestamp,
    /// Of the last entry read.
    cursor: Option<String>,
    entry: Entry,
    /// Whether what an earlier run has read is still to be looked at again.
    recalls: bool,
    /// The file that the journal was last opened again for, and those that this did not help.
    tried: Option<Identity>,
    passed: Vec<Identity>,
    /// Hears of changes.
    watch: Watch,
}

/// Why an open journal is read no further.
enum End {
    Stopped,
    Broken(Trouble),
}

/// What a batch was.
struct Read {
    entries: usize,
    more: bool,
}

impl Reader<'_> {
    /// Opens the journal and reads until that is over, or waits a while if it cannot be opened.
    fn try_once(&mut self, outlet: &mut Outlet) -> Result<(), Stopped> {
        // Before it is opened: what comes after is told.
        self.watch.hear();
        self.listen();
        let mut opened = match Opened::open(self.origin, true) {
            Ok(opened) => opened,
            Err(trouble) => {
                outlet.fares(Err(trouble))?;
                return self.wait_for_change(outlet);
            }
        };
        outlet.fares(Ok(()))?;
        match self.read(&mut opened, outlet) {
            Err(End::Stopped) => Err(Stopped),
            Err(End::Broken(trouble)) => {
                // What was read and not sent is read again.
                outlet.discard();
                outlet.notice(Notice::Restarted(trouble))?;
                outlet.wait(None, RETRY).map(drop)
            }
        }
    }

    /// Has itself told of changes. Returns whether of more than before.
    fn listen(&mut self) -> bool {
        let location = &self.origin.location;
        roots(location).is_ok_and(|roots| self.watch.set(&directories(location, &roots), &roots))
    }

    /// Waits while a journal cannot be opened.
    fn wait_for_change(&self, outlet: &mut Outlet) -> Result<(), Stopped> {
        if self.watch.is_complete() {
            outlet.wait(self.watch.input(), RETRY_UNTOLD)?;
        }
        outlet.wait(None, RETRY).map(drop)
    }

    /// Reads on after the last entry read, for as long as it goes.
    fn read(&mut self, opened: &mut Opened, outlet: &mut Outlet) -> Result<Infallible, End> {
        self.recall(opened, outlet)?;
        opened.seek(self.cursor.as_deref(), self.not_before)?;
        let mut resuming = self.cursor.is_some();
        let mut pace = Pace::new(Instant::now(), self.watch.is_complete());
        loop {
            let read = self.read_batch(opened, outlet)?;
            if let Some(lost) = opened.take_gap().filter(|_| resuming) {
                outlet.notice(Notice::Restarted(lost))?;
            }
            if read.entries > 0 {
                pace.spoken(Instant::now());
            }
            if read.more {
                continue;
            }
            outlet.nothing_to_read()?;
            let told = outlet.wait(self.watch.input(), pace.wait(Instant::now()))?;
            let now = Instant::now();
            let settles = pace.settles(now);
            if told || settles || !self.watch.is_complete() {
                self.watch.hear();
                // libsystemd hears for itself, and may hear a little later.
                let changed = !matches!(opened.journal.process()?, JournalWaitResult::Nop);
                if told || changed {
                    pace.changed(now);
                }
            }
            if settles {
                resuming = false;
                opened.seek(self.cursor.as_deref(), self.not_before)?;
            }
            if pace.checks(now) {
                opened.check()?;
                self.look_for_passed(opened, outlet)?;
                let more = self.listen();
                pace.checked(now, self.watch.is_complete(), opened.has_doubts());
                if more {
                    pace.changed(now);
                }
            }
        }
    }

    /// A file that is not read though it should be: the journal is opened again for it, once.
    fn look_for_passed(&mut self, opened: &mut Opened, outlet: &mut Outlet) -> Result<(), End> {
        let Some(passed) = opened.passed_over(&self.passed)? else { return Ok(()) };
        if self.tried.replace(passed.id) != Some(passed.id) {
            return Err(End::Broken(passed.trouble));
        }
        self.passed.push(passed.id);
        outlet.notice(Notice::Error(passed.trouble))?;
        Ok(())
    }

    /// Shows the listeners, once, the last entries that an earlier run has read.
    fn recall(&mut self, opened: &mut Opened, outlet: &mut Outlet) -> Result<(), End> {
        let recalls = std::mem::take(&mut self.recalls);
        let Some(cursor) = self.cursor.as_deref().filter(|_| recalls) else { return Ok(()) };
        opened.seek_before(cursor, RECALLED)?;
        for _ in 0..=RECALLED {
            if !opened.next()? {
                break;
            }
            if let Ok(Reading::Record { time, text }) = self.entry.read(&mut opened.journal) {
                outlet.recall(time, text);
            }
            if opened.is_at(cursor)? {
                break;
            }
        }
        Ok(())
    }

    /// Reads and sends one batch.
    fn read_batch(&mut self, opened: &mut Opened, outlet: &mut Outlet) -> Result<Read, End> {
        outlet.begin()?;
        let mut entries = 0;
        let mut more = true;
        while entries < BATCH_ENTRIES && outlet.tally().bytes < BATCH_BYTES {
            more = opened.next()?;
            if !more {
                break;
            }
            entries += 1;
            self.read_entry(opened, outlet)?;
        }
        if entries > 0 {
            let cursor = opened.journal.cursor()?;
            self.cursor = Some(cursor.clone());
            outlet.send(Position::Journal { cursor }, more.then_some(0))?;
        }
        Ok(Read { entries, more })
    }

    fn read_entry(&mut self, opened: &mut Opened, outlet: &mut Outlet) -> Result<(), End> {
        let reading = self.entry.read(&mut opened.journal);
        opened.is_whole()?;
        match reading {
            Ok(Reading::Record { time, text }) => outlet.record(time, text),
            Ok(Reading::Oversized) => outlet.tally().oversized += 1,
            Ok(Reading::Suppressed(records)) => outlet.tally().suppressed += records,
            Ok(Reading::Untrusted) => {}
            Err(error) => {
                let detail =
                    format!("an entry of the journal cannot be read and is skipped: {error}");
                outlet.notice(Notice::Error(Trouble { reason: "corrupt", detail }))?;
            }
        }
        Ok(())
    }
}

impl From<Stopped> for End {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

impl From<Broken> for End {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken.0)
    }
}

impl From<systemd::Error> for End {
    fn from(error: systemd::Error) -> Self {
        Self::Broken(Broken::from(error).0)
    }
}
