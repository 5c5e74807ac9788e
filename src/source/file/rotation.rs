//! What becomes of files that are renamed, copied, cut short, replaced or deleted.

use std::fs::Metadata;
use std::time::Instant;

use super::super::batch::{FilePosition, Loss, Notice, Rotation, Trouble};
use super::super::outlet::{Outlet, Stopped};
use super::Follower;
use super::followed::{FileId, Followed, Left, Likeness};
use super::head::{self, Head};
use super::known::{self, Found};
use super::scan::{Scan, trouble};
use super::seek;

/// How many files that were rotated away are kept open at most; the longest gone goes first.
const LEFT_MAX: usize = 32;

impl Follower {
    /// Compares the files followed with those there are: which have another name, or none.
    pub(super) fn notice_names(&mut self, scan: &Scan, outlet: &mut Outlet) -> Result<(), Stopped> {
        for file in &mut self.files {
            match scan.files.iter().find(|(_, meta)| FileId::of(meta) == file.id) {
                None if is_still_there(file) => {}
                None => file.leave(),
                Some((path, meta)) => {
                    file.left = None;
                    file.notice(meta);
                    if file.path != *path {
                        file.path.clone_from(path);
                        outlet.notice(Notice::Rotated(Rotation::Renamed))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Follows a file that was not followed yet; from where it was read before, if it was.
    pub(super) fn follow(
        &mut self,
        file: Followed,
        meta: &Metadata,
        outlet: &mut Outlet,
    ) -> Result<(), Trouble> {
        let own = |known: &FilePosition| known.inode == file.id.inode;
        // Another inode only with a whole head: its content was moved there.
        let moved = |known: &FilePosition| known.fingerprint_len as usize == head::LENGTH;
        let fits = |known: &FilePosition| {
            (own(known) || moved(known)) && known::fits(known, file.file(), meta)
        };
        let fitting = self.known.iter().enumerate().filter(|(_, known)| fits(known));
        let best = fitting.max_by_key(|(_, known)| (own(known), known.offset));
        let Some((at, &FilePosition { offset, .. })) = best else {
            return self.add_new(file, meta, outlet);
        };
        file.recall(offset, outlet).map_err(|error| trouble(&file.path, &error))?;
        self.add(file, offset)?;
        self.known.swap_remove(at);
        Ok(())
    }

    /// Follows a file that nothing was read of, from the first of its lines that can still count.
    fn add_new(
        &mut self,
        mut file: Followed,
        meta: &Metadata,
        outlet: &Outlet,
    ) -> Result<(), Trouble> {
        let first = self.not_before(outlet.now().wall);
        let age = |lines: &[&[u8]]| outlet.age(lines, first);
        let begin = seek::first_since(file.file(), meta.len(), age);
        let passed = begin.and_then(|begin| match begin {
            0 => Ok(()),
            begin => file.pass_over(begin),
        });
        passed.map_err(|error| trouble(&file.path, &error))?;
        self.watch.file(file.file(), file.id);
        self.files.push(file);
        Ok(())
    }

    fn add(&mut self, file: Followed, offset: u64) -> Result<(), Trouble> {
        let path = file.path.clone();
        let file = file.starting_at(offset).map_err(|error| trouble(&path, &error))?;
        self.watch.file(file.file(), file.id);
        self.files.push(file);
        Ok(())
    }

    /// Follows a file that no pattern names, to read what is left in it.
    fn add_left(
        &mut self,
        found: Found,
        position: &FilePosition,
        how: Rotation,
        outlet: &mut Outlet,
    ) -> Result<(), Stopped> {
        let mut file = Followed::new(found.path, found.file, &found.meta);
        let untold = (position.offset < found.meta.len()).then_some(how);
        let copy = how == Rotation::Truncated;
        file.left = Some(Left { since: Instant::now(), untold, copy });
        self.add(file, position.offset).or_else(|trouble| outlet.notice(Notice::Error(trouble)))
    }

    /// Looks for the files that were read before the start and have not been found by name: first
    /// each under another name, and then the content of those that are no more.
    pub(super) fn find_known(&mut self, outlet: &mut Outlet) -> Result<(), Stopped> {
        let mut gone = Vec::new();
        for position in std::mem::take(&mut self.known) {
            match known::renamed(&position) {
                Ok(Some(found)) => self.add_left(found, &position, Rotation::Renamed, outlet)?,
                Ok(None) => gone.push(position),
                Err(_) => self.known.push(position),
            }
        }
        for position in gone {
            if !self.files.iter().any(|file| file.continues(&position)) {
                self.find_copy(position, outlet)?;
            }
        }
        Ok(())
    }

    fn find_copy(&mut self, position: FilePosition, outlet: &mut Outlet) -> Result<(), Stopped> {
        let followed: Vec<FileId> = self.files.iter().map(|file| file.id).collect();
        match known::copied(&position, &followed) {
            Ok(Some(copy)) => self.add_left(copy, &position, Rotation::Truncated, outlet),
            Ok(None) if position.path.exists() => outlet.notice(Notice::Lost(lost(&position))),
            // Neither it nor another: it may come back.
            Ok(None) | Err(_) => {
                self.known.push(position);
                Ok(())
            }
        }
    }

    /// A file was cut short: reads what it held from a copy, if there is one, and begins again.
    pub(super) fn truncated(&mut self, at: usize, outlet: &mut Outlet) -> Result<(), Stopped> {
        let cut = &self.files[at];
        let (position, id, unread) = (cut.position(), cut.id, cut.unread());
        self.files[at].restart();
        let copied = match self.go_on_in_a_copy(id, &position) {
            Some(copied) => {
                outlet.notice(Notice::Rotated(Rotation::Truncated))?;
                copied
            }
            None => self.go_on_beside(&position, outlet)?,
        };
        let lost = unread.end.saturating_sub(unread.start.max(copied));
        if lost > 0 {
            outlet.notice(Notice::Lost(cut_short(&position, lost)))?;
        }
        Ok(())
    }

    /// Reads on in a copy that no pattern names, if there is one. Returns how long that is.
    fn go_on_beside(
        &mut self,
        position: &FilePosition,
        outlet: &mut Outlet,
    ) -> Result<u64, Stopped> {
        let followed: Vec<FileId> = self.files.iter().map(|file| file.id).collect();
        let Ok(Some(copy)) = known::copied(position, &followed) else {
            outlet.notice(Notice::Rotated(Rotation::Truncated))?;
            return Ok(0);
        };
        let copied = copy.meta.len();
        // Followed even if nothing is left in it: a pattern may name it.
        self.add_left(copy, position, Rotation::Truncated, outlet)?;
        Ok(copied)
    }

    /// A file cannot be read any more, as when a server of files has another one by its name now
    /// (`ESTALE`): what has its place goes on from where this was, if it is the same.
    pub(super) fn reopen(&mut self, at: usize) {
        let file = self.files.remove(at);
        self.watch.forget(file.id);
        let position = file.position();
        if self.go_on_in_a_copy(file.id, &position).is_none() && position.offset > 0 {
            self.known.push(position);
        }
        self.names_changed = true;
    }

    /// Has the copies, among the files followed, of the file that was read up to `position` go on
    /// in its stead. Returns how long the longest of them is; `None`: there is none.
    fn go_on_in_a_copy(&mut self, original: FileId, position: &FilePosition) -> Option<u64> {
        let mut longest = None;
        for file in &mut self.files {
            let may_be = file.copy_of == Some(original) || file.is_untouched();
            if file.id != original && may_be && file.goes_on_from(position) {
                longest = longest.max(Some(file.size()));
            }
        }
        longest
    }

    /// Whether a file only repeats what another one held: a copy that its patterns happen to name.
    pub(super) fn is_held_back(&mut self, at: usize) -> bool {
        if self.files[at].copy_of.is_none() && !self.find_original(at) {
            return false;
        }
        let original = self.files.iter().position(|file| Some(file.id) == self.files[at].copy_of);
        let Some(original) = original else {
            self.files[at].copy_of = None;
            return false;
        };
        let [copy, original] =
            self.files.get_disjoint_mut([at, original]).expect("a file is no copy of itself");
        copy.stay_behind(original)
    }

    /// Looks, before the first byte of a file is read, whether it is a copy. Returns whether it is.
    fn find_original(&mut self, at: usize) -> bool {
        let copy = &self.files[at];
        if !copy.is_untouched() {
            return false;
        }
        let Ok(head) = Head::of(copy.file(), u64::MAX) else { return false };
        let alike = |original: &&Followed| {
            original.id != copy.id
                && !original.is_untouched()
                && original.begins_like(&head)
                && copy.likeness(original) != Likeness::Other
        };
        // A copy of a copy repeats both; what was read further counts.
        let original = self
            .files
            .iter()
            .filter(alike)
            .max_by_key(|original| original.position().offset)
            .map(|original| original.id);
        self.files[at].copy_of = original;
        original.is_some()
    }

    /// Lets go of files that were rotated away and are done with.
    pub(super) fn let_go(&mut self, outlet: &mut Outlet) -> Result<(), Stopped> {
        let now = Instant::now();
        for file in &mut self.files {
            if let Some(how) = file.take_rotation() {
                outlet.notice(Notice::Rotated(how))?;
            }
        }
        let over: Vec<FileId> =
            self.files.iter().filter(|file| file.is_over(now)).map(|file| file.id).collect();
        over.into_iter().chain(self.surplus()).try_for_each(|id| self.drop_file(id, outlet))
    }

    /// Of the files that left, the longest gone, if they are too many.
    fn surplus(&self) -> Option<FileId> {
        let left = || self.files.iter().filter_map(|file| file.left.map(|left| (file.id, left)));
        let oldest = || left().min_by_key(|(_, left)| left.since).map(|(id, _)| id);
        (LEFT_MAX < left().count()).then(oldest).flatten()
    }

    fn drop_file(&mut self, id: FileId, outlet: &mut Outlet) -> Result<(), Stopped> {
        let Some(at) = self.files.iter().position(|file| file.id == id) else { return Ok(()) };
        let mut file = self.files.remove(at);
        self.watch.forget(id);
        if file.copy_of.is_none()
            && let Err(error) = file.finish(&mut self.buffer, outlet)
        {
            outlet.notice(Notice::Error(trouble(&file.path, &error)))?;
        }
        self.send(outlet)
    }
}

/// Whether its name still leads to it, though the patterns cannot be looked at now: the directory
/// may not be read for a while.
fn is_still_there(file: &Followed) -> bool {
    match std::fs::metadata(&file.path) {
        Ok(meta) => FileId::of(&meta) == file.id,
        Err(error) => error.kind() == std::io::ErrorKind::PermissionDenied,
    }
}

fn lost(position: &FilePosition) -> Loss {
    let (path, offset) = (position.path.display(), position.offset);
    let detail = format!(
        "{path}: the file read before is gone; what was written to it after byte {offset} was not \
         seen"
    );
    Loss { bytes: 0, detail }
}

fn cut_short(position: &FilePosition, bytes: u64) -> Loss {
    let path = position.path.display();
    let detail = format!(
        "{path}: cut short before all of it was read, and no copy has the rest: {bytes} bytes were \
         not seen"
    );
    Loss { bytes, detail }
}
