//! What must outlive a restart, in SQLite.
//!
//! One thread owns the file. The daemon hands it [`Change`]s, never waits, and hears of each
//! whether it is durable. Durable means: it survives the death of this process, `kill -9`
//! included; and a second later that of the machine.

mod backlog;
pub mod change;
mod database;
pub mod heritage;
mod inbox;
pub mod look;
pub mod takeover;
mod windows;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use jiff::SignedDuration;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use self::backlog::Backlog;
use self::change::{Change, Saved};
use self::database::Database;
use self::heritage::{Heritage, Memory};
use self::inbox::Inbox;
use self::look::{Dossier, Look};
use self::writer::{Request, Writer};
use crate::moment::Clock;

/// The state database. Dropping it writes what was handed over, as [`close`](Self::close)
/// does, but waits for nothing.
#[derive(Debug)]
pub struct Store {
    inbox: Arc<Inbox>,
    requests: Sender<Request>,
    news: UnboundedSender<News>,
    thread: JoinHandle<Result<(), StoreError>>,
}

/// What the store says.
#[derive(Clone, Debug)]
pub enum News {
    /// What became of changes.
    Ack(Ack),
    /// What the file held is lost, and a new one begun: everything is to be handed over again.
    Anew(Loss),
    /// The failure windows that it held are dropped, and so many that were handed over: all of them
    /// are to be handed over again.
    Windows(u64),
    /// The file, which could not be read at the start, is read, or made where there was none. What has
    /// been handed over since counts before this, and is written after it.
    Read(Box<Saved>, Memory),
}

/// What became of changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    /// The number of the last of them, as committed; 0: there was none yet.
    pub seq: u64,
    /// `Ok`: this change and all before it are durable. `Err`: they could not be written, and why;
    /// they are kept and tried again, and an `Ok` follows once that succeeds. Only a store that has
    /// been failing for 100,000 bans keeps no more, and says so.
    pub result: Result<(), String>,
    /// How long the transaction took; zero: none was tried.
    pub took: SignedDuration,
    /// How many changes of bans were given up, for want of room.
    pub dropped: u64,
}

/// How what the file held was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// How it showed.
    pub why: String,
    /// Where the damaged file is now; `None`: somebody has removed it.
    pub aside: Option<PathBuf>,
}

/// Why the store cannot be opened, or its last words not be written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory of the file is not there.
    #[error(
        "the directory {directory} of state.path does not exist: create it, owned by the user \
         gaoler, or set state.path to another",
        directory = directory.display()
    )]
    NoDirectory {
        /// Which.
        directory: PathBuf,
    },
    /// The file cannot be opened or made.
    #[error("cannot open state.path {path}: {source}; it must belong to the user gaoler runs as", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is damaged, or no database at all.
    #[error("state.path {path} is damaged ({detail})", path = path.display())]
    Corrupt {
        /// Which.
        path: PathBuf,
        /// How it shows.
        detail: String,
    },
    /// The file is damaged, and cannot be moved out of the way.
    #[error("state.path {path} is damaged and cannot be moved aside: {source}", path = path.display())]
    Stuck {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A database, and not one of ours.
    #[error("state.path {path} is the database of another program: set state.path to another file", path = path.display())]
    Foreign {
        /// Which.
        path: PathBuf,
    },
    /// A later version wrote it.
    #[error(
        "state.path {path} has version {found} and this gaoler knows up to {known}: upgrade gaoler, \
         or move the file aside",
        path = path.display()
    )]
    Newer {
        /// Which.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version known.
        known: i64,
    },
    /// SQLite could not do what was asked: the disk is full, the file is locked.
    #[error("the state database {path} failed: {source}", path = path.display())]
    Database {
        /// Which.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
}

impl Store {
    /// Opens the file, or makes it (mode 0600) in a directory that is there, and reads it. Ended
    /// bans are remembered for `history`.
    ///
    /// Blocks for as long as that takes. Never fails: a damaged file is set aside, and what cannot be
    /// written is tried again every second; [`Heritage::trouble`] says what was wrong. What becomes
    /// of each later change goes to `news`.
    ///
    /// # Panics
    ///
    /// Panics if the system has no thread for it.
    #[must_use]
    pub fn open(
        path: &Path,
        history: SignedDuration,
        clock: Clock,
        news: UnboundedSender<News>,
    ) -> (Self, Heritage) {
        let now = clock();
        let (database, heritage) = Heritage::find(path, now.wall);
        let trouble = heritage.trouble.as_ref().filter(|_| database.is_none());
        let (requests, taken) = channel();
        let inbox = Arc::new(Inbox::default());
        let writer = Writer {
            path: path.to_owned(),
            clock,
            file: database.as_ref().map(Database::file),
            database,
            news: news.clone(),
            inbox: Arc::clone(&inbox),
            backlog: Backlog::default(),
            taken: 0,
            awaited: false,
            sync_by: None,
            history,
            unread: heritage.memory == Memory::Unread,
            damage: None,
            failed: trouble.map(|trouble| (now.boot, trouble.to_string())),
        };
        let thread = std::thread::Builder::new().name("store".into());
        let thread = thread.spawn(move || writer.run(&taken));
        let thread = thread.expect("the system has a thread for it");
        (Self { inbox, requests, news, thread }, heritage)
    }

    /// Hands over a change; never waits for a disk. Numbers must grow.
    pub fn commit(&self, seq: u64, change: Change) {
        match self.inbox.put(seq, change) {
            // The thread ends only after `close`.
            Ok(true) => drop(self.requests.send(Request::Wake)),
            Ok(false) => {}
            Err(full) => {
                let (result, took) = (Err(full.to_string()), SignedDuration::ZERO);
                let _ = self.news.send(News::Ack(Ack { seq, result, took, dropped: full.0 }));
            }
        }
    }

    /// Remembers ended bans for so long from now on.
    pub fn keep_history(&self, age: SignedDuration) {
        let _ = self.requests.send(Request::History(age));
    }

    /// Asks what is remembered; never waits. The answer says why if it cannot be read. It knows of
    /// what was handed over a moment ago only once that is acknowledged.
    #[must_use]
    pub fn look(&self, look: Look) -> oneshot::Receiver<Result<Dossier, String>> {
        let (reply, answer) = oneshot::channel();
        let _ = self.requests.send(Request::Look(look, reply));
        answer
    }

    /// Writes what was handed over, and closes the file. Blocks for as long as that takes.
    ///
    /// # Errors
    ///
    /// Says why what was left could not be written.
    ///
    /// # Panics
    ///
    /// Panics if the thread did.
    pub fn close(self) -> Result<(), StoreError> {
        let _ = self.requests.send(Request::Close);
        self.thread.join().expect("the store's thread does not panic")
    }
}
