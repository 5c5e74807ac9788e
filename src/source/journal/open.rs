//! Opens a journal, and notices when it is no longer the one that was opened.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use systemd::Journal;
use systemd::journal::{OpenDirectoryOptions, OpenOptions};

use super::super::batch::Trouble;
use super::entry::THRESHOLD;
use super::guard;
use crate::record::origin::{JournalLocation, JournalOrigin};

/// Where journald keeps its files: what outlives a boot, and what does not.
const PERSISTENT: &str = "/var/log/journal";
const VOLATILE: &str = "/run/log/journal";

/// An open journal. Belongs to the thread that opened it.
pub(super) struct Opened {
    /// libsystemd's reader.
    pub(super) journal: Journal,
    /// The directories it looks at, and what they were when it was opened.
    roots: Vec<(PathBuf, Option<Identity>)>,
    /// The entry last read, which the next may turn out to be once more after a seek.
    already_read: Option<String>,
    gap: bool,
}

/// The journal must be opened anew.
pub(super) struct Broken(pub(super) Trouble);

/// Device and inode: which directory it is, whatever its name.
type Identity = (u64, u64);

impl Opened {
    /// Opens the journal of `origin` and asks for its entries.
    ///
    /// # Errors
    ///
    /// Says why no journal file can be read, and what to do about it.
    pub(super) fn open(origin: &JournalOrigin) -> Result<Self, Trouble> {
        let roots = roots(&origin.location)?;
        let seen = roots.iter().map(|root| (root.clone(), identity(root))).collect();
        let opened = open(origin, &roots).and_then(|mut journal| {
            journal.set_data_threshold(THRESHOLD)?;
            guard::apply(&mut journal, &origin.matches, origin.trust_unprivileged)?;
            // From now on libsystemd watches the directories by inotify(7); `process` reads that.
            journal.fd()?;
            let files = journal.usage()?;
            Ok((journal, files))
        });
        match opened {
            Ok((journal, 1..)) => Ok(Self { journal, roots: seen, already_read: None, gap: false }),
            Ok((_, 0)) => Err(unreadable(&roots, None)),
            Err(error) => Err(unreadable(&roots, Some(&error))),
        }
    }

    /// Goes to the entry after the one at `cursor`; without one, to the first of `not_before`.
    ///
    /// # Errors
    ///
    /// Passes on what libsystemd says.
    pub(super) fn seek(
        &mut self,
        cursor: Option<&str>,
        not_before: Timestamp,
    ) -> Result<(), Broken> {
        self.already_read = cursor.map(str::to_owned);
        if let Some(cursor) = cursor {
            self.journal.seek_cursor(cursor)?;
        } else {
            let usec = u64::try_from(not_before.as_microsecond()).unwrap_or(0);
            self.journal.seek_realtime_usec(usec)?;
        }
        Ok(())
    }

    /// Moves on to the next entry. Returns whether there is one.
    ///
    /// # Errors
    ///
    /// Passes on what libsystemd says.
    pub(super) fn next(&mut self) -> Result<bool, Broken> {
        if self.journal.next()? == 0 {
            return Ok(false);
        }
        let Some(cursor) = self.already_read.take() else { return Ok(true) };
        if self.journal.test_cursor(&cursor)? {
            return Ok(self.journal.next()? > 0);
        }
        self.gap = true;
        Ok(true)
    }

    /// Whether the entry that was to be read on from is gone, told once.
    pub(super) fn take_gap(&mut self) -> Option<Trouble> {
        std::mem::take(&mut self.gap).then(|| Trouble {
            reason: "vacuumed",
            detail: "the journal entry read last is gone; reading on from the next one kept, \
                     entries between them were not seen"
                .to_owned(),
        })
    }

    /// Looks whether the directories still are those that were opened: libsystemd does not notice
    /// one that comes into being, or that is made anew.
    ///
    /// # Errors
    ///
    /// Names the directory that changed.
    pub(super) fn check(&self) -> Result<(), Broken> {
        match self.roots.iter().find(|(root, was)| identity(root) != *was) {
            None => Ok(()),
            Some((root, _)) => Err(Broken(Trouble {
                reason: "replaced",
                detail: format!("{} came, went or was replaced", root.display()),
            })),
        }
    }
}

impl From<systemd::Error> for Broken {
    fn from(error: systemd::Error) -> Self {
        let reason = if error.raw_os_error() == Some(rustix::io::Errno::BADMSG.raw_os_error()) {
            "corrupt"
        } else {
            "journal"
        };
        Self(Trouble { reason, detail: error.to_string() })
    }
}

fn open(origin: &JournalOrigin, roots: &[PathBuf]) -> systemd::Result<Journal> {
    if origin.location == JournalLocation::System {
        // Root's entries are in the system's files; users' entries are in files of their own.
        let system_only = !origin.trust_unprivileged;
        return OpenOptions::default().system(system_only).local_only(true).open();
    }
    // A namespace is opened by its directory: `sd_journal_open_namespace` is newer than systemd 239.
    let root = roots.iter().find(|root| root.is_dir()).unwrap_or(&roots[0]);
    OpenDirectoryOptions::default().open_directory(root.as_os_str().as_bytes())
}

/// The directories that hold the journal's files, the persistent one first.
fn roots(location: &JournalLocation) -> Result<Vec<PathBuf>, Trouble> {
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

fn identity(root: &Path) -> Option<Identity> {
    fs::metadata(root).ok().map(|meta| (meta.dev(), meta.ino()))
}

/// Why no file of a journal can be read: libsystemd opens such a journal without a word.
fn unreadable(roots: &[PathBuf], error: Option<&systemd::Error>) -> Trouble {
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
