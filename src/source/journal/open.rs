//! Opens a journal, and notices when it is no longer the one that was opened.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use jiff::Timestamp;
use systemd::Journal;
use systemd::journal::{OpenDirectoryOptions, OpenOptions};

use super::super::batch::Trouble;
use super::cursor::same_entry;
use super::entry::THRESHOLD;
use super::roots::{Identity, directories, identity, roots, unreadable};
use super::{files, guard, sigbus};
use crate::record::origin::{JournalLocation, JournalOrigin};

/// An open journal. Belongs to the thread that opened it.
pub(super) struct Opened {
    /// libsystemd's reader.
    pub(super) journal: Journal,
    /// The directories it looks at, and what they were when it was opened.
    roots: Vec<(PathBuf, Option<Identity>)>,
    /// Where its files are, and which of them count.
    directories: Vec<PathBuf>,
    system_only: bool,
    /// A file that is not read, as it seemed when last looked.
    suspect: Option<Identity>,
    /// How many pages had been lost to this thread when it was opened.
    gone: u64,
    /// The entry last read, which the next may turn out to be once more after a seek.
    already_read: Option<String>,
    gap: bool,
}

/// The journal must be opened anew.
pub(super) struct Broken(pub(super) Trouble);

/// A journal file that is not read.
pub(super) struct Passed {
    pub(super) id: Identity,
    pub(super) trouble: Trouble,
}

impl Opened {
    /// Opens the journal of `origin` and asks for its entries; and, for `drops`, for what journald says
    /// that it dropped of them.
    ///
    /// # Errors
    ///
    /// Says why no journal file can be read, and what to do about it.
    pub(super) fn open(origin: &JournalOrigin, drops: bool) -> Result<Self, Trouble> {
        let roots = roots(&origin.location)?;
        let seen = roots.iter().map(|root| (root.clone(), identity(root))).collect();
        let gone = sigbus::gone();
        let opened = open(origin, &roots).and_then(|mut journal| {
            journal.set_data_threshold(THRESHOLD)?;
            guard::apply(&mut journal, &origin.matches, origin.trust_unprivileged, drops)?;
            // From now on libsystemd watches the directories by inotify(7); `process` reads that.
            journal.fd()?;
            let files = journal.usage()?;
            Ok((journal, files))
        });
        match opened {
            Ok((journal, 1..)) => Ok(Self {
                journal,
                roots: seen,
                directories: directories(&origin.location, &roots),
                system_only: is_system_only(origin),
                suspect: None,
                gone,
                already_read: None,
                gap: false,
            }),
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
        let more = self.journal.next()? > 0;
        self.is_whole()?;
        if !more {
            return Ok(false);
        }
        let Some(cursor) = self.already_read.take() else { return Ok(true) };
        if self.is_at(&cursor)? {
            return Ok(self.journal.next()? > 0);
        }
        self.gap = true;
        Ok(true)
    }

    /// Whether the entry it is at is the one at `cursor`.
    ///
    /// # Errors
    ///
    /// Passes on what libsystemd says.
    pub(super) fn is_at(&self, cursor: &str) -> Result<bool, Broken> {
        Ok(self.journal.test_cursor(cursor)? || same_entry(cursor, &self.journal.cursor()?))
    }

    /// Goes so many entries back from the one at `cursor`, as far as there are.
    ///
    /// # Errors
    ///
    /// Passes on what libsystemd says.
    pub(super) fn seek_before(&mut self, cursor: &str, entries: u32) -> Result<(), Broken> {
        self.already_read = None;
        self.journal.seek_cursor(cursor)?;
        self.journal.previous_skip(entries.into())?;
        Ok(())
    }

    /// Fails if a file was cut short under the reader. To be asked before what was read is believed.
    ///
    /// # Errors
    ///
    /// Says so.
    pub(super) fn is_whole(&self) -> Result<(), Broken> {
        if sigbus::gone() == self.gone {
            return Ok(());
        }
        let detail = "a journal file was cut short while it was read; what was not read of it is \
                      lost"
            .to_owned();
        Err(Broken(Trouble { reason: "truncated", detail }))
    }

    /// A file that libsystemd does not read though it should, other than those `known`; seen so
    /// twice, since files come and go.
    ///
    /// # Errors
    ///
    /// Passes on what libsystemd says.
    pub(super) fn passed_over(&mut self, known: &[Identity]) -> Result<Option<Passed>, Broken> {
        let mut files = files::list(&self.directories, self.system_only);
        files.retain(|file| !known.contains(&file.id));
        let passed = files::passed_over(&files, self.journal.usage()?);
        let id = passed.map(|file| file.id);
        let twice = id.is_some() && self.suspect == id;
        self.suspect = id;
        Ok(passed.filter(|_| twice).map(|file| Passed {
            id: file.id,
            trouble: Trouble {
                reason: "corrupt",
                detail: format!(
                    "{}: no journal, or a damaged one; entries in it are not seen (journalctl \
                     --verify --file=… says more)",
                    file.path.display()
                ),
            },
        }))
    }

    /// Whether a file seemed not to be read when last looked, and that is to be looked at again.
    pub(super) fn has_doubts(&self) -> bool {
        self.suspect.is_some()
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
        return OpenOptions::default().system(is_system_only(origin)).local_only(true).open();
    }
    // A namespace is opened by its directory: `sd_journal_open_namespace` is newer than systemd 239.
    let root = roots.iter().find(|root| root.is_dir()).unwrap_or(&roots[0]);
    OpenDirectoryOptions::default().open_directory(root.as_os_str().as_bytes())
}

/// Root's entries are in the system's files; users' entries are in files of their own.
fn is_system_only(origin: &JournalOrigin) -> bool {
    origin.location == JournalLocation::System && !origin.trust_unprivileged
}
