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

    /// Moves all of it to the end of `backlog`, and says which is the greatest number and whether there
    /// was room; `None`: nothing waits. The empty one that stays here has the room that `backlog` had.
    pub(super) fn take(&self, backlog: &mut Backlog) -> Option<(u64, Result<(), Full>)> {
        let mut waiting = self.lock();
        let last = waiting.last.take()?;
        if backlog.is_empty() {
            std::mem::swap(&mut waiting.backlog, backlog);
            return Some((last, Ok(())));
        }
        let later = std::mem::take(&mut waiting.backlog);
        drop(waiting);
        Some((last, backlog.absorb(later)))
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing is left half done where a merge panics: it only adds.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::batch::Position;

    fn change(source: &str) -> Change {
        let position = Position::Journal { cursor: source.into() };
        Change { positions: vec![(source.into(), position)], ..Change::default() }
    }

    #[test]
    fn what_is_taken_comes_to_what_was_not_written() {
        let (inbox, mut backlog) = (Inbox::default(), Backlog::default());
        assert_eq!(inbox.take(&mut backlog), None);
        for (seq, source) in [(1, "a"), (2, "b")] {
            assert_eq!(inbox.put(seq, change(source)), Ok(true));
            assert_eq!(inbox.take(&mut backlog), Some((seq, Ok(()))));
        }
        assert_eq!(backlog.positions.len(), 2);
        assert_eq!(inbox.take(&mut backlog), None);
        assert_eq!(inbox.put(3, change("c")), Ok(true));
        assert_eq!(inbox.put(4, change("a")), Ok(false));
        backlog.clear();
        assert_eq!(inbox.take(&mut backlog), Some((4, Ok(()))));
        let mut sources: Vec<&str> = backlog.positions.keys().map(|source| &**source).collect();
        sources.sort_unstable();
        assert_eq!(sources, ["a", "c"]);
    }
}
