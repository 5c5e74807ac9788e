//! Where a journal's files are, and why none of them can be read.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::super::batch::Trouble;
use crate::record::origin::JournalLocation;

/// Where journald keeps its files: what outlives a boot, and what does not.
const PERSISTENT: &str = "/var/log/journal";
const VOLATILE: &str = "/run/log/journal";

/// Device and inode: which directory it is, whatever its name.
pub(super) type Identity = (u64, u64);

/// Where the journal's files are: libsystemd looks in the directories named after machines, too.
pub(super) fn directories(location: &JournalLocation, roots: &[PathBuf]) -> Vec<PathBuf> {
    let own = fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let below = |root: &PathBuf| {
        let entries = fs::read_dir(root).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect::<Vec<_>>()
    };
    let machine = |path: &PathBuf| match location {
        JournalLocation::System => path.ends_with(own.trim()),
        JournalLocation::Directory(_) => path.file_name().is_some_and(|name| name.len() == 32),
        JournalLocation::Namespace(_) => false,
    };
    let machines = roots.iter().flat_map(below).filter(machine);
    match location {
        // Only one of them is opened.
        JournalLocation::Namespace(_) => {
            roots.iter().find(|root| root.is_dir()).into_iter().cloned().collect()
        }
        _ => roots.iter().cloned().chain(machines).collect(),
    }
}

/// The directories that hold the journal's files, the persistent one first.
pub(super) fn roots(location: &JournalLocation) -> Result<Vec<PathBuf>, Trouble> {
    match location {
        JournalLocation::System => Ok(vec![PERSISTENT.into(), VOLATILE.into()]),
        JournalLocation::Directory(path) => Ok(vec![path.clone()]),
        JournalLocation::Namespace(name) => {
            let id = fs::read_to_string("/etc/machine-id").map_err(|error| Trouble {
                reason: "missing",
                detail: format!("/etc/machine-id, which names the namespace's directory: {error}"),
            })?;
            let directory = format!("{}.{name}", id.trim());
            Ok(vec![Path::new(PERSISTENT).join(&directory), Path::new(VOLATILE).join(&directory)])
        }
    }
}

pub(super) fn identity(root: &Path) -> Option<Identity> {
    fs::metadata(root).ok().map(|meta| (meta.dev(), meta.ino()))
}

/// Why no file of a journal can be read: libsystemd opens such a journal without a word.
pub(super) fn unreadable(roots: &[PathBuf], error: Option<&systemd::Error>) -> Trouble {
    let shown: Vec<String> = roots.iter().map(|root| root.display().to_string()).collect();
    let shown = shown.join(" and ");
    if let Some(denied) = roots.iter().find_map(|root| denied(root)) {
        let detail = format!(
            "{}: permission denied; gaoler's user must be in the group systemd-journal",
            denied.display()
        );
        return Trouble { reason: "permission", detail };
    }
    match error {
        Some(error) if error.kind() != io::ErrorKind::NotFound => {
            Trouble { reason: "journal", detail: format!("{shown}: {error}") }
        }
        _ => Trouble {
            reason: "missing",
            detail: format!("no journal file in {shown}; is systemd-journald running?"),
        },
    }
}

/// A journal file or directory at `path` or directly below it that may not be read.
fn denied(path: &Path) -> Option<PathBuf> {
    let refused = |error: &io::Error| error.kind() == io::ErrorKind::PermissionDenied;
    match fs::read_dir(path) {
        Err(error) => refused(&error).then(|| path.to_owned()),
        Ok(entries) => entries.flatten().map(|entry| entry.path()).find_map(|path| {
            if path.is_dir() {
                return denied(&path);
            }
            let journal = path.extension().is_some_and(|extension| extension == "journal");
            let refused = journal && fs::File::open(&path).err().is_some_and(|e| refused(&e));
            refused.then_some(path)
        }),
    }
}
