//! What was handed over and the store's thread has not taken yet.
//!
//! Merged as it comes, so that a disk that hangs for an hour costs no more than one that hangs for a
//! second. The lock is held for a merge or a move, never for a disk.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::backlog::{Backlog, Full};
use super::change::Change;

/// What waits.
#[derive(Debug, Default)]
pub(super) struct Inbox(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    backlog: Backlog,
    /// The greatest number among it.
    last: Option<u64>,
}

impl Inbox {
    /// Adds a change. Says whether it is the first that waits: then the thread is to be woken.
    pub(super) fn put(&self, seq: u64, change: Change) -> Result<bool, Full> {
        let mut waiting = self.lock();
        waiting.backlog.add(change)?;
        Ok(waiting.last.replace(seq).is_none())
    }

    /// Takes all of it, with the greatest number.
    pub(super) fn take(&self) -> Option<(u64, Backlog)> {
        let Waiting { backlog, last } = std::mem::take(&mut *self.lock());
        Some((last?, backlog))
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing is left half done where a merge panics: it only adds.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
