//! A source's way out: what a reader calls with each record, and what it tells.

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc::Sender;

use super::batch::{Batch, Body, Message, Notice, Position, SourceName, Tally, Trouble};
use super::bell::{Bell, Woken};
use super::lines::{Line, Passed, Reader};
use super::matching::{Age, Matching};
use crate::moment::{Boot, Clock, Moment};
use crate::record::Record;

/// A reader that comes so long after the end of its wait was held up.
const HELD_UP: SignedDuration = SignedDuration::from_secs(5);

/// The thread is to end: it was asked to, or nobody receives any more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stopped;

/// Matches records, sends batches and notices, and knows when to stop.
#[derive(Debug)]
pub(super) struct Outlet {
    source: SourceName,
    out: Sender<Message>,
    bell: Arc<Bell>,
    matching: Matching,
    clock: Clock,
    /// When the batch in hand began to be read.
    read: Moment,
    /// When it was to begin at the latest.
    due: Boot,
    /// What was last said about the source; `None` until something was.
    told: Option<Result<(), Trouble>>,
    /// Whether the last thing said of it is that all has been read.
    caught_up: bool,
    /// Whether what is read was written while nobody was there to read it.
    late: bool,
}

impl Outlet {
    /// The outlet of one source.
    pub(super) fn new(
        source: SourceName,
        out: Sender<Message>,
        bell: Arc<Bell>,
        matching: Matching,
        clock: Clock,
    ) -> Self {
        let read = clock();
        let (due, told) = (read.boot, None);
        Self { source, out, bell, matching, clock, read, due, told, caught_up: false, late: false }
    }

    /// Reading goes on from where an earlier run was.
    pub(super) fn resumes(&mut self) {
        self.late = true;
    }

    /// Begins a batch: swaps in new listeners, and notes the time.
    pub(super) fn begin(&mut self) -> Result<(), Stopped> {
        if self.bell.stopping() {
            return Err(Stopped);
        }
        if let Some(listeners) = self.bell.new_listeners() {
            self.matching = Matching::new(listeners);
        }
        let now = (self.clock)();
        self.late |= HELD_UP < now.boot.since(self.due);
        (self.read, self.due) = (now, now.boot);
        Ok(())
    }

    /// Matches one record of the batch in hand.
    pub(super) fn record(&mut self, time: Option<Timestamp>, text: &[u8]) {
        self.matching.read(Record { time, text }, self.read);
    }

    /// Shows the listeners a record that an earlier run has read: the next one may tell of the same
    /// attempt again.
    pub(super) fn recall(&mut self, time: Option<Timestamp>, text: &[u8]) {
        self.matching.recall(Record { time, text }, self.read.wall);
    }

    /// How lines that are not records of a batch stand to `time`.
    pub(super) fn age(&self, lines: &[&[u8]], time: Timestamp) -> Age {
        self.matching.age(lines, time, self.read.wall)
    }

    /// What time it was when the batch in hand began to be read.
    pub(super) fn now(&self) -> Moment {
        self.read
    }

    /// A chunk of a file has been looked through.
    pub(super) fn looked_through(&mut self) {
        self.matching.looked_through();
    }

    /// The counts of the batch in hand.
    pub(super) fn tally(&mut self) -> &mut Tally {
        self.matching.tally()
    }

    /// Forgets the batch in hand.
    pub(super) fn discard(&mut self) {
        self.matching.discard();
    }

    /// Sends the batch in hand; waits while the channel is full.
    pub(super) fn send(&mut self, through: Position, backlog: Option<u64>) -> Result<(), Stopped> {
        self.caught_up = backlog.is_none();
        let (found, tally) = self.matching.take(!self.caught_up);
        let late = self.late;
        self.late &= !self.caught_up;
        self.say(Body::Batch(Batch {
            listeners: self.matching.names(),
            found,
            tally,
            through,
            caught_up: self.caught_up,
            late,
            backlog_bytes: backlog.unwrap_or(0),
        }))
    }

    /// Tells of an event.
    pub(super) fn notice(&mut self, notice: Notice) -> Result<(), Stopped> {
        self.say(Body::Notice(notice))
    }

    /// Tells how the source fares, unless that was the last thing told.
    pub(super) fn fares(&mut self, how: Result<(), Trouble>) -> Result<(), Stopped> {
        if self.told.as_ref() == Some(&how) {
            return Ok(());
        }
        self.told = Some(how.clone());
        self.caught_up = false;
        self.notice(how.map_or_else(Notice::Down, |()| Notice::Up))
    }

    /// There is nothing to read. Says so, unless the last batch did.
    pub(super) fn nothing_to_read(&mut self) -> Result<(), Stopped> {
        self.late = false;
        if self.caught_up || self.told != Some(Ok(())) {
            return Ok(());
        }
        self.caught_up = true;
        self.notice(Notice::CaughtUp)
    }

    /// Waits until `input` can be read, something is asked, or `timeout` has passed. Returns whether
    /// the input can be read.
    pub(super) fn wait(
        &mut self,
        input: Option<BorrowedFd<'_>>,
        timeout: Duration,
    ) -> Result<bool, Stopped> {
        let mut woken = Woken::Otherwise;
        if !self.bell.stopping() {
            let longest = SignedDuration::try_from(timeout).unwrap_or(SignedDuration::MAX);
            self.due = (self.clock)().boot.after(longest);
            woken = self.bell.wait(input, timeout);
        }
        // It may have stood still, and what it reads now be older than it seems.
        self.late |= woken == Woken::Interrupted;
        if self.bell.stopping() { Err(Stopped) } else { Ok(woken == Woken::Input) }
    }

    fn say(&mut self, body: Body) -> Result<(), Stopped> {
        let message = Message { source: Arc::clone(&self.source), body };
        self.out.blocking_send(message).map_err(|_| Stopped)
    }
}

/// Lines of a file. Of one that is too long to be held the head is matched.
impl Reader for Outlet {
    fn next(&mut self, chunk: &[u8], from: usize) -> Option<usize> {
        self.matching.next(chunk, from)
    }

    fn line(&mut self, line: Line<'_>) {
        match line {
            Line::Text(text) => self.matching.read_next(text, self.read),
            Line::Oversized(head) => {
                self.tally().oversized += 1;
                self.matching.read_head(head, self.read);
            }
        }
    }

    fn passed(&mut self, passed: Passed) {
        self.matching.pass(passed.lines, passed.bytes);
    }
}

impl Drop for Outlet {
    /// Last words: a thread that panicked must not pass for one that has nothing to say.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let detail = "a bug ended the source's thread; restart gaoler".to_owned();
            let _ = self.fares(Err(Trouble { reason: "panic", detail }));
        }
    }
}
