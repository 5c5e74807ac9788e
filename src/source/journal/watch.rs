//! Hears when a journal changes (`inotify(7)`): its files, and which there are.
//!
//! journald writes through mapped memory, of which nobody is told; it cuts its file to the length that
//! it has to announce what it wrote, up to half a second later. libsystemd listens to that as well, but not to
//! what becomes of the directories, nor does it say whether it was let.

use std::collections::HashSet;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use inotify::{Inotify, WatchDescriptor, WatchMask};

use super::super::filesystem;

/// Room for many events: each takes 16 bytes and a name.
const EVENTS: usize = 16 * 1024;

/// The watches of one journal.
pub(super) struct Watch {
    inotify: Option<Inotify>,
    watched: HashSet<WatchDescriptor>,
    complete: bool,
    buffer: Vec<u8>,
}

impl Watch {
    /// Watches nothing yet.
    pub(super) fn new() -> Self {
        let inotify = Inotify::init().ok();
        Self { inotify, watched: HashSet::new(), complete: false, buffer: vec![0; EVENTS] }
    }

    /// Whether all changes are heard of.
    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    /// What to wait for.
    pub(super) fn input(&self) -> Option<BorrowedFd<'_>> {
        self.inotify.as_ref().map(AsFd::as_fd)
    }

    /// Forgets what it has heard.
    pub(super) fn hear(&mut self) {
        let Some(inotify) = &mut self.inotify else { return };
        while inotify.read_events(&mut self.buffer).is_ok_and(|events| events.count() > 0) {}
    }

    /// Watches the files in `directories`, and whether the `roots` are there. To be repeated: any of
    /// them may be another one by now. Returns whether more is watched than before.
    pub(super) fn set(&mut self, directories: &[PathBuf], roots: &[PathBuf]) -> bool {
        let Some(inotify) = &self.inotify else { return false };
        let names = WatchMask::CREATE
            | WatchMask::MOVED_TO
            | WatchMask::MOVED_FROM
            | WatchMask::DELETE
            | WatchMask::ATTRIB
            | WatchMask::ONLYDIR
            | WatchMask::MASK_ADD;
        let files = names | WatchMask::MODIFY | WatchMask::DELETE_SELF | WatchMask::MOVE_SELF;
        let add = |path: &Path, mask| inotify.watches().add(path, mask).ok();
        let there = directories.iter().filter(|path| path.is_dir());
        let mut complete = true;
        let mut watched = HashSet::new();
        for path in there {
            let watch = add(path, files);
            complete &= watch.is_some() && filesystem::tells_in(path);
            watched.extend(watch);
        }
        for root in roots {
            // Where it is not there, the first above it that is.
            let above = root.ancestors().skip(1).find(|path| path.is_dir());
            let watch = above.and_then(|path| add(path, names));
            complete &= watch.is_some();
            watched.extend(watch);
        }
        for stale in self.watched.difference(&watched) {
            // Gone already if the directory is.
            let _ = inotify.watches().remove(stale.clone());
        }
        let more = watched.difference(&self.watched).next().is_some();
        (self.watched, self.complete) = (watched, complete);
        more
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;
    use crate::source::bell::{Bell, Woken};

    /// What is done to a journal's directory is heard, and heard once.
    #[track_caller]
    fn check(what: &str, then: impl FnOnce(&Path)) {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("a/journal");
        if what != "comes" {
            fs::create_dir_all(&root).unwrap();
            fs::write(root.join("system.journal"), "x").unwrap();
        }
        let (bell, mut watch) = (Bell::new().unwrap(), Watch::new());
        let mut set = || watch.set(std::slice::from_ref(&root), std::slice::from_ref(&root));
        assert!(set() && !set(), "once");
        assert!(watch.is_complete());
        assert_eq!(bell.wait(watch.input(), Duration::ZERO), Woken::Otherwise, "{what}");
        then(&root);
        assert_eq!(bell.wait(watch.input(), Duration::from_mins(1)), Woken::Input, "{what}");
        watch.hear();
        assert_eq!(bell.wait(watch.input(), Duration::ZERO), Woken::Otherwise, "{what}");
    }

    #[test]
    fn what_becomes_of_a_journal_is_heard() {
        check("comes", |root| fs::create_dir_all(root).unwrap());
        check("goes", |root| fs::rename(root, root.with_extension("old")).unwrap());
        check("has another file", |root| fs::write(root.join("b"), "").unwrap());
        check("is announced", |root| {
            let file = fs::OpenOptions::new().write(true).open(root.join("system.journal"));
            file.unwrap().set_len(1).unwrap();
        });
        check("may be read", |root| {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
            fs::set_permissions(root, mode).unwrap();
        });
    }

    #[test]
    fn what_cannot_be_watched_is_known() {
        let mut watch = Watch::new();
        let proc = [PathBuf::from("/proc")];
        watch.set(&proc, &[]);
        assert!(!watch.is_complete());
    }
}
