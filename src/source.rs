//! Follows where records come from, matches them, and sends what was found.
//!
//! Each source is one thread. It owns its bytes, its position and the matchers; it reads big
//! chunks and sends a [`Batch`](batch::Batch) over a bounded channel. No record crosses the
//! channel, and back-pressure reaches the reader: the journal and the files are the queue.
//!
//! A source never gives up: what cannot be read is told once ([`batch::Notice::Down`]) and tried
//! again, and reading goes on from where it was.

pub mod batch;

mod bell;
pub mod excerpt;
pub mod export;
mod file;
mod filesystem;
mod journal;
mod lent;
pub mod lines;
mod matching;
mod outlet;

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::mpsc::Sender;

use self::batch::{Message, Position, SourceName};
use self::bell::Bell;
pub use self::journal::whole as whole_journal;
use self::matching::Matching;
use self::outlet::Outlet;
use crate::filter::Filter;
use crate::jail::ban::JailName;
use crate::moment::Clock;
use crate::record::origin::Origin;

/// Batches that may wait for whoever judges them; then the sources wait.
pub const BATCHES: usize = 16;

/// A jail that listens to a source.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Its name.
    pub jail: JailName,
    /// What it looks for.
    pub filter: Arc<Filter>,
    /// The zone of times that name none.
    pub time_zone: TimeZone,
}

/// Where a source begins to read.
#[derive(Clone, Debug)]
pub struct Start {
    /// After what was read before, if the store knows; as far as that is still there.
    pub from: Option<Position>,
    /// Otherwise a journal begins with the first entry of this time. So does a file that nothing was
    /// read of, as far as its lines' dates can be read; a few lines more are the jail's to call stale.
    pub not_before: Timestamp,
}

/// A source's thread. Dropped, it is told to stop.
#[derive(Debug)]
pub struct Source {
    name: SourceName,
    bell: Arc<Bell>,
    thread: Option<JoinHandle<()>>,
}

/// Starts to read `origin` in a thread of its own.
///
/// Its first message says whether the source can be read. It sends through a bounded channel and
/// waits while that is full.
///
/// # Errors
///
/// Fails if the system refuses a thread or a file descriptor. That an origin cannot be read is no
/// error but a [`batch::Notice::Down`]: it may become readable.
pub fn spawn(
    origin: Origin,
    listeners: Vec<Listener>,
    start: Start,
    clock: Clock,
    out: Sender<Message>,
) -> io::Result<Source> {
    let name: SourceName = origin.to_string().into();
    let bell = Arc::new(Bell::new()?);
    let mut outlet =
        Outlet::new(Arc::clone(&name), out, Arc::clone(&bell), Matching::new(listeners), clock);
    if start.from.is_some() {
        outlet.resumes();
    }
    let read = move || match origin {
        Origin::Journal(origin) => journal::follow(&origin, start, outlet),
        Origin::Files(origin) => file::follow(&origin, start, outlet),
        // The daemon has them at first hand.
        Origin::Bans(_) => {}
    };
    let thread = std::thread::Builder::new().name("source".to_owned()).spawn(read)?;
    Ok(Source { name, bell, thread: Some(thread) })
}

impl Source {
    /// Its name: its origin, displayed.
    #[must_use]
    pub fn name(&self) -> SourceName {
        Arc::clone(&self.name)
    }

    /// Has other jails listen, from the next batch on. Each record is seen by the old ones or by
    /// the new ones, and none is missed between.
    pub fn set_listeners(&self, listeners: Vec<Listener>) {
        self.bell.swap_listeners(listeners);
    }

    /// Tells the thread to stop: it sends the batch in hand and ends. Returns at once.
    pub fn stop(&self) {
        self.bell.stop();
    }

    /// Stops, and waits until the thread has ended. What it still sends must meanwhile be
    /// received, or the channel be closed.
    pub fn join(mut self) {
        self.stop();
        if let Some(thread) = self.thread.take() {
            // A panic has been told by the thread's own last words, `Notice::Down`.
            let _ = thread.join();
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.stop();
    }
}
