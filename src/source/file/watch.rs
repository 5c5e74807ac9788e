//! Hears of changes from the kernel (`inotify(7)`): of files' bytes, and of names in directories.
//!
//! Only a hint. It can be had or not, it can lose events, and some file systems send none; so the
//! files are looked at every while all the same, more often if the hints are incomplete or come from
//! a file system that does not know of all changes.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::PathBuf;

use inotify::{EventMask, Inotify, WatchDescriptor, WatchMask};

use super::super::filesystem;
use super::followed::FileId;

/// Room for many events: each takes 16 bytes and a name.
const EVENTS: usize = 16 * 1024;

/// The watches of one source.
#[derive(Debug, Default)]
pub(super) struct Watch {
    inotify: Option<Inotify>,
    files: HashMap<WatchDescriptor, FileId>,
    directories: HashSet<WatchDescriptor>,
    incomplete: bool,
    /// Directories and files of which the kernel does not know all that happens.
    remote_directories: bool,
    remote_files: HashSet<FileId>,
    buffer: Vec<u8>,
}

/// What has changed since last asked.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// These files have other bytes.
    pub(super) files: Vec<FileId>,
    /// Names came, went or changed, or it is not known what happened.
    pub(super) names: bool,
}

impl Watch {
    /// Watches by inotify, if the system grants it.
    pub(super) fn new() -> Self {
        let inotify = Inotify::init().ok();
        Self { incomplete: inotify.is_none(), inotify, buffer: vec![0; EVENTS], ..Self::default() }
    }

    /// Watches nothing: everything must be looked at.
    #[cfg(test)]
    pub(super) fn blind() -> Self {
        Self { incomplete: true, ..Self::default() }
    }

    /// Whether some changes will not be heard of.
    pub(super) fn is_incomplete(&self) -> bool {
        self.incomplete
    }

    /// Whether others may change what is watched, behind the kernel's back.
    pub(super) fn is_remote(&self) -> bool {
        self.remote_directories || !self.remote_files.is_empty()
    }

    /// What to wait for.
    pub(super) fn input(&self) -> Option<BorrowedFd<'_>> {
        self.inotify.as_ref().map(AsFd::as_fd)
    }

    /// Watches exactly the names in `directories`; for one that is not there, those in the first above
    /// it that is. To be repeated: a directory may be another one by now. Returns whether more is
    /// watched than before: what came until now was not told.
    pub(super) fn directories(&mut self, directories: &BTreeSet<PathBuf>) -> bool {
        let Some(inotify) = &self.inotify else { return false };
        let mask = WatchMask::CREATE
            | WatchMask::MOVED_TO
            | WatchMask::MOVED_FROM
            | WatchMask::DELETE
            | WatchMask::ATTRIB
            | WatchMask::MOVE_SELF
            | WatchMask::DELETE_SELF
            | WatchMask::ONLYDIR;
        let absent = |added: &io::Result<_>| {
            added.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound)
        };
        // One more than the system's limit is a reason to look more often.
        (self.incomplete, self.remote_directories) = (false, false);
        let mut current = HashSet::new();
        for path in directories {
            let mut added = path.ancestors().map(|path| (path, inotify.watches().add(path, mask)));
            let added = added.find(|(_, added)| !absent(added));
            let Some((path, Ok(watch))) = added else {
                self.incomplete = true;
                continue;
            };
            self.remote_directories |= !filesystem::tells_in(path);
            current.insert(watch);
        }
        for stale in self.directories.difference(&current) {
            // Gone already if the directory is.
            let _ = inotify.watches().remove(stale.clone());
        }
        let more = current.difference(&self.directories).next().is_some();
        self.directories = current;
        more
    }

    /// Watches the bytes of an open file, whatever its name is or will be.
    pub(super) fn file(&mut self, file: &File, id: FileId) {
        let Some(inotify) = &self.inotify else { return };
        if !filesystem::tells_of(file) {
            self.remote_files.insert(id);
        }
        let mask =
            WatchMask::MODIFY | WatchMask::ATTRIB | WatchMask::MOVE_SELF | WatchMask::DELETE_SELF;
        // Not by its path: another file may have that by now.
        match inotify.watches().add(format!("/proc/self/fd/{}", file.as_raw_fd()), mask) {
            Ok(watch) => drop(self.files.insert(watch, id)),
            Err(_) => self.incomplete = true,
        }
    }

    /// Watches a file no more.
    pub(super) fn forget(&mut self, id: FileId) {
        let Some(inotify) = &self.inotify else { return };
        self.remote_files.remove(&id);
        let watch = self.files.iter().find(|(_, watched)| **watched == id).map(|(w, _)| w.clone());
        if let Some(watch) = watch {
            self.files.remove(&watch);
            let _ = inotify.watches().remove(watch);
        }
    }

    /// What has changed. Does not wait.
    pub(super) fn changes(&mut self) -> Changes {
        let mut changes = Changes::default();
        let Some(inotify) = &mut self.inotify else { return changes };
        let Ok(events) = inotify.read_events(&mut self.buffer) else { return changes };
        for event in events {
            match self.files.get(&event.wd) {
                Some(&id) if event.mask == EventMask::MODIFY => changes.files.push(id),
                Some(_) if event.mask.contains(EventMask::IGNORED) => {
                    self.files.remove(&event.wd);
                }
                _ => changes.names = true,
            }
        }
        changes
    }
}
