//! What another program banned, put into the store as if gaoler had.

use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::StoreError;
use super::database::Database;
use crate::jail::ban::Ban;

/// How many were new to the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Bans that have not ended.
    pub live: usize,
    /// Bans that have, for `bantime.increment` and `gaoler explain`.
    pub ended: usize,
}

/// Adds bans to the store of a daemon that does not run; its next start enforces them, unless whom
/// they concern is never banned. What the store has already stays as it is.
///
/// # Errors
///
/// The store cannot be opened or written; then nothing of it is.
pub fn take_over(
    path: &Path,
    live: &[Ban],
    ended: &[(Ban, Timestamp)],
) -> Result<Taken, StoreError> {
    let mut database = Database::open(path)?;
    let taken = database.take_over(live, ended).map_err(|error| StoreError::of(path, error))?;
    // A failure leaves more in the log beside the file, which the next start reads as well.
    let _ = database.finish();
    give_away(path);
    Ok(taken)
}

/// Gives the file to whom its directory belongs: root may have made it for the daemon's user.
fn give_away(path: &Path) {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let Ok(owner) = std::fs::metadata(directory.unwrap_or(Path::new("."))) else { return };
    for suffix in ["", "-wal", "-shm"] {
        let file = PathBuf::from(format!("{}{suffix}", path.display()));
        // If it may not, the file was the daemon's already, or the daemon says what is wrong.
        let _ = chown(file, Some(owner.uid()), Some(owner.gid()));
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::jail::ban::{BanKey, BanOrigin, JailName};
    use crate::trace::TraceId;

    fn ban(address: &str, since: i64, failures: u32) -> Ban {
        Ban {
            key: BanKey { jail: JailName::new("sshd"), address: address.parse().unwrap() },
            origin: BanOrigin::Detected,
            since: Timestamp::from_second(since).unwrap(),
            bantime: Some(SignedDuration::from_secs(600)),
            failures,
            trace: TraceId::new(u128::from(failures)),
        }
    }

    #[test]
    fn what_is_taken_over_is_there_once_and_replaces_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.db");
        let end = Timestamp::from_second(1600).unwrap();
        let live = [ban("192.0.2.1/32", 5000, 1), ban("192.0.2.2/32", 5000, 2)];
        let ended = [(ban("192.0.2.1/32", 1000, 3), end)];
        let expected = Taken { live: 2, ended: 1 };
        assert_eq!(take_over(&path, &live, &ended).unwrap(), expected);
        let again = [ban("192.0.2.1/32", 6000, 9), ban("192.0.2.3/32", 6000, 4)];
        let expected = Taken { live: 1, ended: 0 };
        assert_eq!(take_over(&path, &again, &ended).unwrap(), expected);
        let saved = Database::open(&path).unwrap().load(&path).unwrap();
        assert_eq!(saved.bans, [live[0].clone(), live[1].clone(), again[1].clone()]);
        assert_eq!(saved.past.len(), 1);
        assert_eq!((saved.past[0].bans, saved.past[0].until), (1, end));
    }
}
