//! What must outlive a restart, in SQLite.
//!
//! One thread owns the file. The daemon hands it [`Change`]s, never waits, and hears of each
//! whether it is durable. Durable means: it survives the death of this process, `kill -9`
//! included; and a second later that of the machine.

mod backlog;
pub mod change;
mod database;
pub mod look;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use self::backlog::Backlog;
use self::change::{Change, Saved};
use self::database::Database;
use self::look::{Dossier, Look};
use self::writer::{Request, Writer};
use crate::moment::Clock;

/// The state database, open. Dropping it writes what was handed over, as [`close`](Self::close)
/// does, but waits for nothing.
#[derive(Debug)]
pub struct Store {
    requests: Sender<Request>,
    thread: JoinHandle<Result<(), StoreError>>,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    /// The change's number, as committed.
    pub seq: u64,
    /// `Ok`: this change and all before it are durable. `Err`: it could not be written, and why; it
    /// is kept and tried again, and an `Ok` for it or a later one follows once that succeeds. Only
    /// a store that has been failing for 100,000 bans keeps no more, and says so.
    pub result: Result<(), String>,
    /// How long the transaction took.
    pub took: SignedDuration,
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
    #[error("state.path {path} is damaged ({detail}): move it aside, and gaoler begins anew", path = path.display())]
    Corrupt {
        /// Which.
        path: PathBuf,
        /// How it shows.
        detail: String,
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
    /// Opens the file, or makes it (mode 0600) in a directory that is there, and reads it.
    ///
    /// Blocks for as long as that takes. What becomes of each later change goes to `acks`.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the file, and what to do. [`StoreError::Corrupt`] leaves it as it
    /// is: see [`set_aside`].
    pub fn open(
        path: &Path,
        clock: Clock,
        acks: UnboundedSender<Ack>,
    ) -> Result<(Self, Saved), StoreError> {
        let database = Database::open(path)?;
        let saved = database.load(path)?;
        let (requests, taken) = channel();
        let writer = Writer {
            path: path.to_owned(),
            clock,
            database: Some(database),
            acks,
            backlog: Backlog::default(),
            waiting: Vec::new(),
            sync_by: None,
        };
        let thread = std::thread::Builder::new().name("store".into());
        let thread = thread
            .spawn(move || writer.run(&taken))
            .map_err(|source| StoreError::File { path: path.to_owned(), source })?;
        Ok((Self { requests, thread }, saved))
    }

    /// Hands over a change; never waits. Numbers must grow.
    pub fn commit(&self, seq: u64, change: Change) {
        // The thread ends only after `close`.
        let _ = self.requests.send(Request::Commit(seq, change));
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

/// Moves a damaged file aside, with what SQLite put beside it; gives its new path.
///
/// # Errors
///
/// Fails if the file cannot be renamed, for want of permission.
pub fn set_aside(path: &Path, now: Timestamp) -> std::io::Result<PathBuf> {
    let beside = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let mark = now.strftime(".damaged-%Y%m%dT%H%M%SZ").to_string();
    for suffix in ["-wal", "-shm"] {
        match std::fs::rename(beside(suffix), beside(&format!("{mark}{suffix}"))) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    let aside = beside(&mark);
    std::fs::rename(path, &aside)?;
    Ok(aside)
}
