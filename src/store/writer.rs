//! The thread that writes.
//!
//! What comes while it writes waits, and goes into the next transaction together. What cannot be
//! written is kept and tried again, by opening the file anew; whoever asked hears of both.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use super::backlog::Backlog;
use super::change::Change;
use super::database::Database;
use super::look::{Dossier, Look};
use super::{Ack, StoreError};
use crate::moment::{Boot, Clock};

/// How many changes share a transaction at most.
const MOST_AT_ONCE: usize = 256;

/// How long after a commit it is on the disk at the latest.
const SYNC: SignedDuration = SignedDuration::from_secs(1);

/// How long until what could not be written is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// What the thread is asked.
pub(super) enum Request {
    Commit(u64, Change),
    Look(Look, oneshot::Sender<Result<Dossier, String>>),
    Close,
}

/// The thread's own.
pub(super) struct Writer {
    pub(super) path: PathBuf,
    pub(super) clock: Clock,
    /// `None` after a failure.
    pub(super) database: Option<Database>,
    pub(super) acks: UnboundedSender<Ack>,
    pub(super) backlog: Backlog,
    /// Numbers that wait for the backlog to be written.
    pub(super) waiting: Vec<u64>,
    /// When what was committed must be on the disk.
    pub(super) sync_by: Option<Boot>,
}

impl Writer {
    /// Writes until asked to close, or nobody is left to ask.
    pub(super) fn run(mut self, requests: &Receiver<Request>) -> Result<(), StoreError> {
        loop {
            let open = self.wait(requests);
            if !self.backlog.is_empty() || !self.waiting.is_empty() {
                let result = self.write();
                if !open {
                    return result.and_then(|()| self.finish());
                }
            } else if !open {
                return self.finish();
            }
            self.sync_if_due();
        }
    }

    /// Takes what is asked. `false`: nothing more will be.
    fn wait(&mut self, requests: &Receiver<Request>) -> bool {
        let mut next = requests.recv_timeout(self.patience());
        for _ in 0..MOST_AT_ONCE {
            match next {
                Ok(Request::Commit(seq, change)) => self.take(seq, change),
                Ok(Request::Look(look, reply)) => {
                    // Whoever asked may have given up.
                    let _ = reply.send(self.look(&look));
                }
                Ok(Request::Close) | Err(RecvTimeoutError::Disconnected) => return false,
                Err(RecvTimeoutError::Timeout) => return true,
            }
            next = requests.try_recv().map_err(|error| match error {
                std::sync::mpsc::TryRecvError::Empty => RecvTimeoutError::Timeout,
                std::sync::mpsc::TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
            });
        }
        true
    }

    fn take(&mut self, seq: u64, change: Change) {
        match self.backlog.add(change) {
            Ok(()) => self.waiting.push(seq),
            Err(full) => self.acknowledge(seq, Err(full.to_string()), SignedDuration::ZERO),
        }
    }

    fn look(&self, look: &Look) -> Result<Dossier, String> {
        let Some(database) = &self.database else {
            return Err("the state database is not open".to_owned());
        };
        database.look(look).map_err(|error| StoreError::of(&self.path, error).to_string())
    }

    /// How long there is nothing to do unless something is asked.
    fn patience(&self) -> Duration {
        if self.database.is_none() {
            return RETRY;
        }
        let wait = self.sync_by.map(|by| by.since(self.now()));
        wait.map_or(Duration::MAX, |wait| Duration::try_from(wait).unwrap_or_default())
    }

    /// Writes the backlog, and tells those who wait.
    fn write(&mut self) -> Result<(), StoreError> {
        let began = self.now();
        let result = self.try_write();
        let took = self.now().since(began);
        let told = match &result {
            Ok(()) => Ok(()),
            Err(error) => Err(error.to_string()),
        };
        for seq in std::mem::take(&mut self.waiting) {
            self.acknowledge(seq, told.clone(), took);
            if told.is_err() {
                // One number stands for all before it: they are written with it.
                self.waiting = vec![seq];
            }
        }
        if result.is_ok() {
            self.backlog = Backlog::default();
            self.sync_by.get_or_insert(began.after(SYNC));
        } else {
            self.database = None;
        }
        result
    }

    fn try_write(&mut self) -> Result<(), StoreError> {
        let database = match &mut self.database {
            Some(database) => database,
            closed @ None => closed.insert(Database::open(&self.path)?),
        };
        database.write(&self.backlog).map_err(|error| StoreError::of(&self.path, error))
    }

    fn sync_if_due(&mut self) {
        let now = self.now();
        if self.sync_by.take_if(|by| *by <= now).is_none() {
            return;
        }
        let synced = self.database.as_ref().map_or(Ok(()), Database::sync);
        if let Err(error) = synced {
            tracing::warn!(%error, path = %self.path.display(), "cannot sync the state database");
            self.sync_by = Some(now.after(SYNC));
        }
    }

    fn finish(&self) -> Result<(), StoreError> {
        let finished = self.database.as_ref().map_or(Ok(()), Database::finish);
        finished.map_err(|error| StoreError::of(&self.path, error))
    }

    fn acknowledge(&self, seq: u64, result: Result<(), String>, took: SignedDuration) {
        // Nobody may be left to hear it at the end.
        let _ = self.acks.send(Ack { seq, result, took });
    }

    fn now(&self) -> Boot {
        (self.clock)().boot
    }
}
