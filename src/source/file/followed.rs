//! One open log file, and how far it has been read.
//!
//! It is the open file that is followed, not its name: after a rotation the writer may go on
//! writing to it for long.

mod copy;

use std::fs::{File, Metadata};
use std::io;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub(super) use self::copy::Likeness;
use super::super::batch::{FilePosition, Rotation};
use super::super::lines::{Line, Lines, Reader};
use super::super::outlet::Outlet;
use super::head::{self, Head};

/// How much is read at a time.
pub(super) const CHUNK: usize = 256 * 1024;

/// How much of what an earlier run has read is looked at again: the attempts that are under way.
const RECALLED: usize = 32 * 1024;

/// A file that no name leads to any more is read until it has not grown for so long.
const DELETED_PATIENCE: Duration = Duration::from_secs(5);

/// One that was renamed, until it has not grown for so long: a server told to reopen its logs
/// finishes the requests it has first.
const RENAMED_PATIENCE: Duration = Duration::from_hours(1);

/// Which file, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct FileId {
    pub(super) device: u64,
    pub(super) inode: u64,
}

/// A file that is followed.
#[derive(Debug)]
pub(super) struct Followed {
    /// Its name, when last seen.
    pub(super) path: PathBuf,
    pub(super) id: FileId,
    /// Whether it may have something new.
    pub(super) hungry: bool,
    /// If none of the source's patterns leads to it any more.
    pub(super) left: Option<Left>,
    /// It holds what that file held, which therefore is not read twice.
    pub(super) copy_of: Option<FileId>,
    file: File,
    /// Whether nothing of it has been read, now or before the start.
    untouched: bool,
    /// The next byte to read.
    offset: u64,
    /// The start of the first line that is not done with: `offset`, but for an endless line.
    line: u64,
    lines: Lines,
    head: Head,
    /// Its size when last looked at, and its last change: what differs is worth a look.
    seen: (u64, i64, i64),
    /// The longest it was seen to be.
    longest: u64,
}

/// A file that was rotated away.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left {
    /// When it was, or has last grown.
    pub(super) since: Instant,
    /// How it was, until that is told.
    pub(super) untold: Option<Rotation>,
    /// It is a copy that nobody will write to.
    pub(super) copy: bool,
}

/// What a look at a file showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// So many bytes were done with.
    Read(u64),
    /// Nothing new.
    Nothing,
    /// It is not the file it was: it was cut short, and perhaps written anew.
    Truncated,
}

impl FileId {
    pub(super) fn of(meta: &Metadata) -> Self {
        Self { device: meta.dev(), inode: meta.ino() }
    }
}

impl Followed {
    /// Follows `file` from its start.
    pub(super) fn new(path: PathBuf, file: File, meta: &Metadata) -> Self {
        Self {
            path,
            id: FileId::of(meta),
            hungry: true,
            left: None,
            copy_of: None,
            file,
            untouched: true,
            offset: 0,
            line: 0,
            lines: Lines::default(),
            head: Head::default(),
            seen: (0, 0, 0),
            longest: 0,
        }
    }

    /// Follows it from `offset` on, the start of a line.
    ///
    /// # Errors
    ///
    /// Fails as `pread(2)` does.
    pub(super) fn starting_at(mut self, offset: u64) -> io::Result<Self> {
        self.go_to(offset)?;
        Ok(self)
    }

    /// Passes over what is before `offset`, the start of a line, as if it were not there.
    ///
    /// # Errors
    ///
    /// Fails as `pread(2)` does.
    pub(super) fn pass_over(&mut self, offset: u64) -> io::Result<()> {
        self.go_to(offset)?;
        self.untouched = true;
        Ok(())
    }

    /// How far it has been read, for the store.
    pub(super) fn position(&self) -> FilePosition {
        FilePosition {
            path: self.path.clone(),
            device: self.id.device,
            inode: self.id.inode,
            offset: self.line,
            fingerprint: self.head.fingerprint(),
            fingerprint_len: self.head.len(),
        }
    }

    /// Whether its position is of use after a restart: not that of a file that is gone for good
    /// and was read to its end.
    pub(super) fn can_be_resumed(&self) -> bool {
        self.left.is_none() || self.hungry || !self.is_deleted()
    }

    fn is_deleted(&self) -> bool {
        self.file.metadata().is_ok_and(|meta| meta.nlink() == 0)
    }

    /// Whether nothing of it has been read.
    pub(super) fn is_untouched(&self) -> bool {
        self.untouched
    }

    /// The open file.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Bytes that are there and not yet read.
    pub(super) fn backlog(&self) -> u64 {
        self.seen.0.saturating_sub(self.offset)
    }

    /// Compares with how it looked before; a difference makes it hungry.
    pub(super) fn notice(&mut self, meta: &Metadata) {
        let seen = (meta.len(), meta.mtime(), meta.mtime_nsec());
        self.hungry |= self.seen != seen;
        self.seen = seen;
        self.longest = self.longest.max(meta.len());
    }

    /// The bytes that were seen to be there, now or before it was cut short, and were not read.
    pub(super) fn unread(&self) -> Range<u64> {
        self.offset..self.longest
    }

    /// How long it is.
    pub(super) fn size(&self) -> u64 {
        self.seen.0
    }

    /// Shows the listeners the last lines before `offset`, which an earlier run has read.
    ///
    /// # Errors
    ///
    /// Fails as `pread(2)` does.
    pub(super) fn recall(&self, offset: u64, outlet: &mut Outlet) -> io::Result<()> {
        let mut buffer = vec![0; RECALLED];
        let begin = offset.saturating_sub(RECALLED as u64);
        let length = usize::try_from(offset - begin).expect("no more than the buffer");
        let read = head::read_at(&self.file, &mut buffer[..length], begin)?;
        Lines::default().cut(&buffer[..read], |line| {
            if let Line::Text(text) = line {
                outlet.recall(None, text);
            }
        });
        Ok(())
    }

    /// Reads one chunk and shows its lines to the listeners.
    ///
    /// # Errors
    ///
    /// Fails as `pread(2)` does.
    pub(super) fn read(&mut self, buffer: &mut [u8], outlet: &mut Outlet) -> io::Result<Look> {
        let read = head::read_at(&self.file, buffer, self.offset)?;
        self.notice(&self.file.metadata()?);
        // Looked at after reading: if the head is still the same, so was what was read.
        if !self.is_intact()? {
            return Ok(Look::Truncated);
        }
        let chunk = &buffer[..read];
        let cut = self.lines.scan(chunk, outlet);
        outlet.looked_through();
        self.hungry = self.offset + (read as u64) < self.seen.0;
        if cut.consumed == 0 {
            return Ok(Look::Nothing);
        }
        self.head.extend(self.offset, &chunk[..cut.consumed]);
        if cut.whole > 0 {
            self.line = self.offset + cut.whole as u64;
        }
        self.offset += cut.consumed as u64;
        self.untouched = false;
        if let Some(left) = &mut self.left {
            left.since = Instant::now();
        }
        Ok(Look::Read(cut.consumed as u64))
    }

    /// Begins again: it was cut short.
    pub(super) fn restart(&mut self) {
        (self.offset, self.line) = (0, 0);
        self.untouched = true;
        self.lines = Lines::default();
        self.head = Head::default();
        self.longest = 0;
        self.hungry = true;
    }

    /// Takes an unfinished last line for a line: nobody will finish it. Returns whether there was
    /// one.
    ///
    /// # Errors
    ///
    /// Fails as `pread(2)` does.
    pub(super) fn finish(&mut self, buffer: &mut [u8], outlet: &mut Outlet) -> io::Result<bool> {
        let read = head::read_at(&self.file, buffer, self.offset)?;
        let last = self.lines.end(&buffer[..read]);
        self.offset += read as u64;
        self.line = self.offset;
        let any = last.is_some();
        if let Some(line) = last {
            outlet.line(line);
        }
        Ok(any)
    }

    /// No pattern leads to it any more: what is left in it is read.
    pub(super) fn leave(&mut self) {
        if self.left.is_none() {
            let untold = Some(Rotation::Renamed);
            self.left = Some(Left { since: Instant::now(), untold, copy: false });
            self.hungry = true;
        }
    }

    /// Whether it was rotated away a moment ago.
    pub(super) fn left_within(&self, span: Duration) -> bool {
        self.left.is_some_and(|left| left.since.elapsed() < span)
    }

    /// Whether it was rotated away, and what becomes of that shows within seconds.
    pub(super) fn is_leaving(&self) -> bool {
        self.left.is_some_and(|left| {
            let soon = left.since.elapsed() <= 2 * DELETED_PATIENCE;
            soon || left.untold.is_some() || left.copy || self.is_deleted()
        })
    }

    /// How it was rotated: once, when what was left in it has been read.
    pub(super) fn take_rotation(&mut self) -> Option<Rotation> {
        if self.hungry {
            return None;
        }
        self.left.as_mut().and_then(|left| left.untold.take())
    }

    /// Whether it was left for so long that nobody writes to it any more.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        let Some(left) = self.left else { return false };
        let patience = match (left.copy || self.copy_of.is_some(), self.is_deleted()) {
            (true, _) => Duration::ZERO,
            (false, true) => DELETED_PATIENCE,
            (false, false) => RENAMED_PATIENCE,
        };
        !self.hungry && left.since + patience <= now
    }

    /// Whether it still is the file that was read.
    fn is_intact(&self) -> io::Result<bool> {
        Ok(self.offset <= self.file.metadata()?.len() && self.head.begins(&self.file)?)
    }

    fn go_to(&mut self, offset: u64) -> io::Result<()> {
        (self.offset, self.line) = (offset, offset);
        self.untouched = offset == 0;
        self.lines = Lines::default();
        self.head = Head::of(&self.file, offset)?;
        Ok(())
    }
}
