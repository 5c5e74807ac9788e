//! The date that was read last, known again by its bytes: of a busy log, many lines have the same.

use super::stamp::Stamp;
use super::{Form, Located};

/// A longer date is not remembered.
const LONGEST: usize = 64;

/// What ends a date whatever its form: no form goes on with it, so none looks at what follows it.
const ENDS: u8 = b']';

/// The last date, with the byte behind it.
#[derive(Clone, Debug, Default)]
pub(super) struct Last {
    bytes: Vec<u8>,
    read: Option<(Stamp, Form)>,
}

impl Last {
    /// The date that begins exactly here, if it is this one.
    pub(super) fn read(&self, line: &[u8], at: usize) -> Option<Located> {
        // Most words begin otherwise.
        let same = self.bytes.first() == line.get(at) && line[at..].starts_with(&self.bytes);
        let (stamp, form) = self.read.filter(|_| same)?;
        Some(Located { span: at..at + self.bytes.len() - 1, stamp, form })
    }

    /// Remembers a date of a line, if it is the same wherever a line has these bytes.
    pub(super) fn note(&mut self, line: &[u8], found: &Located) {
        let Located { span, stamp, form } = found;
        let ends = line.get(span.end) == Some(&ENDS) && span.len() < LONGEST;
        // Seconds since 1970 count at the line's beginning alone.
        if ends && *form != Form::Epoch {
            self.bytes.clear();
            self.bytes.extend_from_slice(&line[span.start..=span.end]);
            self.read = Some((*stamp, *form));
        }
    }
}
