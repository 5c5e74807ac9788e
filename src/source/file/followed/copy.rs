//! Tells a copy of a file that was read from another file, so that nothing is read twice: a pattern
//! may name the copies that logrotate's `copytruncate` makes, and an editor may put a copy in a
//! log's place.

use std::fs::{File, Metadata};
use std::io;

use super::super::head::{self, Head};
use super::super::known;
use super::Followed;
use crate::source::batch::FilePosition;

/// How much before the end of what was read is compared, to tell a copy.
const TAIL: usize = 4096;

/// Whether one file is a copy of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source::file) enum Likeness {
    /// It is.
    Copy,
    /// It is not.
    Other,
    /// The other one is being cut short: that is to be dealt with first.
    Unclear,
}

impl Followed {
    /// Whether what was read of it begins with `head`, or the other way round.
    pub(in crate::source::file) fn begins_like(&self, head: &Head) -> bool {
        self.head.agrees(head)
    }

    /// As a copy of `original`: follows how far that was read. Returns whether it must go on so;
    /// not if it has become another file, or the original is gone and read to its end.
    pub(in crate::source::file) fn stay_behind(&mut self, original: &Self) -> bool {
        match self.likeness(original) {
            Likeness::Unclear => return true,
            Likeness::Other => {
                self.copy_of = None;
                return false;
            }
            Likeness::Copy => {}
        }
        let size = self.file.metadata().map_or(0, |meta| meta.len());
        // A head that cannot be read shows when the file is read next.
        let _ = self.go_to(original.line.min(size));
        if original.line <= size && original.left.is_some() && !original.hungry {
            self.copy_of = None;
        }
        // An original that is gone is soon read to its end.
        self.hungry = original.left.is_some();
        self.copy_of.is_some()
    }

    /// Whether what was read of the file at `position` was read of this one too.
    pub(in crate::source::file) fn continues(&self, position: &FilePosition) -> bool {
        let fits = |meta: Metadata| known::fits(position, &self.file, &meta);
        position.offset <= self.line && self.file.metadata().is_ok_and(fits)
    }

    /// Goes on from `position`, that of a file which is no more what it was, if this is a copy of
    /// that. Returns whether it is.
    pub(in crate::source::file) fn goes_on_from(&mut self, position: &FilePosition) -> bool {
        let copy = self.file.metadata().is_ok_and(|meta| known::fits(position, &self.file, &meta));
        self.copy_of = None;
        self.hungry = true;
        copy && self.go_to(position.offset).is_ok()
    }

    /// Whether this file is a copy of what was read of `original`.
    pub(in crate::source::file) fn likeness(&self, original: &Self) -> Likeness {
        match self.repeats(original) {
            Ok(true) => Likeness::Copy,
            // Looked at after comparing: if it is what it was, so was what was compared.
            Ok(false) if original.is_intact().unwrap_or(false) => Likeness::Other,
            Ok(false) | Err(_) => Likeness::Unclear,
        }
    }

    /// Whether it has, as far as it goes, the same bytes: at its head, and up to where either ends.
    fn repeats(&self, original: &Self) -> io::Result<bool> {
        let common = self.file.metadata()?.len().min(original.line);
        if common == 0 || !original.head.agrees(&Head::of(&self.file, common)?) {
            return Ok(false);
        }
        let length = usize::try_from(common).map_or(TAIL, |common| common.min(TAIL));
        let tail = |file: &File| {
            let mut bytes = vec![0; length];
            head::read_at(file, &mut bytes, common - length as u64).map(|_| bytes)
        };
        Ok(tail(&self.file)? == tail(&original.file)?)
    }
}
