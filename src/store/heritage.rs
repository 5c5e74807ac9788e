//! What an earlier run left, as far as it can be had: damage, a full disk or a directory that is not
//! there keep nobody from banning.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::StoreError;
use super::change::Saved;
use super::database::Database;

/// How many damaged files are kept beside the one in use. With more, something is wrong that a new
/// file does not mend.
const MOST_ASIDE: usize = 10;

/// What an opened store found.
#[derive(Debug, Default)]
pub struct Heritage {
    /// What could be read.
    pub saved: Saved,
    /// How much of what there was that is.
    pub memory: Memory,
    /// What is wrong, if something is; also once it has been set right.
    pub trouble: Option<StoreError>,
    /// Where the damaged file is now, if there was one.
    pub aside: Option<PathBuf>,
}

/// How much is known of earlier runs. What they banned may be in the firewall in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Memory {
    /// All that was kept.
    #[default]
    Whole,
    /// Nothing yet: it cannot be read now. Once it can, [`News::Read`](super::News::Read) has it.
    Unread,
    /// Nothing, for good: it was damaged.
    Lost,
}

impl Heritage {
    /// Opens the file for what it holds. The database, if it can also be written.
    pub(super) fn find(path: &Path, now: Timestamp) -> (Option<Database>, Self) {
        let opened = Database::open(path).and_then(|it| Ok((it.load(path)?, it)));
        match opened {
            Ok((saved, database)) => (Some(database), Self { saved, ..Self::default() }),
            Err(trouble @ StoreError::Corrupt { .. }) => match anew(path, now) {
                Ok((database, aside)) => {
                    let memory = Memory::Lost;
                    let (saved, trouble) = (Saved::default(), Some(trouble));
                    (Some(database), Self { saved, memory, trouble, aside })
                }
                Err(trouble) => (None, Self::unread(trouble)),
            },
            Err(trouble) => match Database::read_only(path).and_then(|it| it.load(path)) {
                Ok(saved) => (None, Self { saved, trouble: Some(trouble), ..Self::default() }),
                Err(_) => (None, Self::unread(trouble)),
            },
        }
    }

    fn unread(trouble: StoreError) -> Self {
        Self { memory: Memory::Unread, trouble: Some(trouble), ..Self::default() }
    }
}

/// Sets a damaged file aside and makes a new one. Gives where the old one is, unless it was gone.
pub(super) fn anew(path: &Path, now: Timestamp) -> Result<(Database, Option<PathBuf>), StoreError> {
    let aside = set_aside(path, now);
    let aside = aside.map_err(|source| StoreError::Stuck { path: path.to_owned(), source })?;
    Ok((Database::open(path)?, aside))
}

/// Moves a damaged file aside, with what SQLite put beside it; gives its new path. It is never
/// deleted.
fn set_aside(path: &Path, now: Timestamp) -> std::io::Result<Option<PathBuf>> {
    let beside = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let mark = now.strftime(".damaged-%Y%m%dT%H%M%SZ").to_string();
    let mut marks = std::iter::once(mark.clone())
        .chain((1..MOST_ASIDE).map(|number| format!("{mark}-{number}")))
        .filter(|mark| !beside(mark).exists());
    let room = asides(path)? < MOST_ASIDE;
    let Some(mark) = marks.next().filter(|_| room) else {
        return Err(std::io::Error::other(format!(
            "{MOST_ASIDE} damaged files are beside it already; move them away"
        )));
    };
    if !path.try_exists()? {
        return Ok(None);
    }
    for suffix in ["-wal", "-shm"] {
        match std::fs::rename(beside(suffix), beside(&format!("{mark}{suffix}"))) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    let aside = beside(&mark);
    std::fs::rename(path, &aside)?;
    Ok(Some(aside))
}

/// How many damaged files there are.
fn asides(path: &Path) -> std::io::Result<usize> {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let mut count = 0;
    for entry in std::fs::read_dir(directory.unwrap_or(Path::new(".")))? {
        let other = entry?.file_name();
        let mark = other.as_encoded_bytes().strip_prefix(name);
        let mark = mark.and_then(|rest| rest.strip_prefix(b".damaged-"));
        let lone = |mark: &[u8]| !mark.ends_with(b"-wal") && !mark.ends_with(b"-shm");
        count += usize::from(mark.is_some_and(lone));
    }
    Ok(count)
}
