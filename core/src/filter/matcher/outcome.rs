//! What a record is to a filter.

use super::found::{Match, Name};
use super::part::Part;

/// What a record is to a filter.
#[derive(Debug)]
pub enum Outcome<'a> {
    /// Nothing that the filter knows.
    Missed,
    /// An `ignoreregex` took it.
    Ignored,
    /// Recognised, but no failure: `<F-NOFAIL>`, or an attempt that has counted already
    /// (`<F-SESSION>`). `None`: and nobody's.
    NoFail(Option<Match<'a>>),
    /// A failure, and it cannot be told whose; if the line names somebody who is no address, who that
    /// is. Never counted.
    Unattributed(Option<Match<'a, Name<'a>>>),
    /// Nobody knows: this regex used up its budget, and no other recognised the record.
    Exceeded(Part),
    /// A failure.
    Failure(Match<'a>),
}

impl Outcome<'_> {
    /// Of a record that nothing recognised.
    pub(super) fn missed(exceeded: Option<Part>) -> Self {
        exceeded.map_or(Self::Missed, Self::Exceeded)
    }

    /// Which pattern matched, where that is told.
    pub(super) fn pattern(&self) -> Option<u16> {
        match self {
            Self::Failure(found) | Self::NoFail(Some(found)) => Some(found.pattern),
            _ => None,
        }
    }
}
