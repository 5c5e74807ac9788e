//! Finds a file again by what was kept of it: its inode and a fingerprint of its first bytes.
//!
//! The device counts for nothing here: its number may change from boot to boot.

use std::fs::{self, DirEntry, File, Metadata};
use std::io;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::super::batch::FilePosition;
use super::followed::FileId;
use super::head::Head;
use super::scan::open_log;

/// A file found again.
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) meta: Metadata,
}

/// Whether `file` begins as the one at `position` did and goes at least as far. A file of which
/// nothing was read cannot be told.
pub(super) fn fits(position: &FilePosition, file: &File, meta: &Metadata) -> bool {
    let length = u64::from(position.fingerprint_len);
    let head = || Head::of(file, length).map(|head| (head.len(), head.fingerprint()));
    length > 0
        && position.offset <= meta.len()
        && head().is_ok_and(|head| head == (position.fingerprint_len, position.fingerprint))
}

/// Finds, beside where it was, the file at `position` under another name.
///
/// # Errors
///
/// Fails if the directory cannot be read, or a file that may be the one cannot be opened.
pub(super) fn renamed(position: &FilePosition) -> io::Result<Option<Found>> {
    refuse_denied(&position.path)?;
    for entry in beside(position)?.filter(|entry| entry.ino() == position.inode) {
        let found = open_if_fits(position, &entry);
        if found.is_some() {
            return Ok(found);
        }
        refuse_denied(&entry.path())?;
    }
    Ok(None)
}

/// Fails if the file is there and may not be opened: which one it is cannot be told then.
fn refuse_denied(path: &Path) -> io::Result<()> {
    match open_log(path) {
        Err(trouble) if trouble.reason == "permission" => {
            Err(io::Error::new(io::ErrorKind::PermissionDenied, trouble.detail))
        }
        _ => Ok(()),
    }
}

/// Finds, beside where it was, a copy of the file at `position`: the newest one, other than
/// `except`.
///
/// # Errors
///
/// Fails if the directory cannot be read.
pub(super) fn copied(position: &FilePosition, except: &[FileId]) -> io::Result<Option<Found>> {
    let other = |found: &Found| !except.contains(&FileId::of(&found.meta));
    let copies = beside(position)?.filter_map(|entry| open_if_fits(position, &entry));
    Ok(copies.filter(other).max_by_key(|found| (found.meta.mtime(), found.meta.mtime_nsec())))
}

fn beside(position: &FilePosition) -> io::Result<impl Iterator<Item = DirEntry>> {
    let directory = position.path.parent().ok_or(io::ErrorKind::NotFound)?;
    let regular = |entry: &DirEntry| entry.file_type().is_ok_and(|kind| kind.is_file());
    Ok(fs::read_dir(directory)?.flatten().filter(regular))
}

fn open_if_fits(position: &FilePosition, entry: &DirEntry) -> Option<Found> {
    let path = entry.path();
    let (file, meta) = open_log(&path).ok()?;
    fits(position, &file, &meta).then_some(Found { path, file, meta })
}
