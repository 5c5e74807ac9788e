//! From a record to a failure: which lines mean one, and whose it is.
//!
//! Pure: a filter meets no file and no clock. It never lets text that the peer chose (a user name,
//! a request line) choose the address.

pub mod definition;

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::record::Record;

/// A compiled filter. Immutable and shared; what changes from line to line is a matcher's.
#[derive(Debug)]
pub struct Filter {
    /// As its file has it.
    pub definition: definition::Definition,
}

/// Why a filter does not work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// It recognises nothing.
    #[error("filter {0} recognises nothing: give it failregex or httpd")]
    Empty(String),
}

impl Filter {
    /// Compiles a definition, with the patterns of one of its modes.
    ///
    /// # Errors
    ///
    /// Says which part of the definition does not work.
    pub fn compile(definition: &definition::Definition, mode: &str) -> Result<Self, FilterError> {
        let _ = mode;
        if definition.failregex.is_empty() && definition.httpd.is_none() {
            return Err(FilterError::Empty(definition.name.clone()));
        }
        Ok(Self { definition: definition.clone() })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.definition.name
    }

    /// How many patterns it has.
    #[must_use]
    pub fn pattern_count(&self) -> u16 {
        1
    }

    /// What is dubious about it.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &[]
    }

    /// Runs its samples.
    #[must_use]
    pub fn run_samples(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Stands in for the real matcher until the filter branch is merged: knows `FAIL address` at a
/// line's end, and ignores lines that end in `IGNORE`.
#[derive(Debug)]
pub struct Matcher;

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<'t> {
    /// Nothing matched.
    Missed,
    /// An ignoreregex took it.
    Ignored,
    /// It matched, but is no failure.
    NoFail(Match<'t>),
    /// It is a failure.
    Failure(Match<'t>),
}

/// A failure, as matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match<'t> {
    /// Which failregex, from 0.
    pub pattern: u16,
    /// Who.
    pub address: IpAddr,
    /// When; `None` if neither the source nor the text says.
    pub time: Option<Timestamp>,
    /// The user named, if any.
    pub user: Option<&'t [u8]>,
}

impl Matcher {
    /// A matcher of one filter.
    #[must_use]
    pub fn new(_filter: Arc<Filter>, _zone: TimeZone) -> Self {
        Self
    }

    /// Matches one record.
    #[must_use]
    pub fn read<'t>(&mut self, record: Record<'t>, _now: Timestamp) -> Outcome<'t> {
        if record.text.ends_with(b"IGNORE") {
            return Outcome::Ignored;
        }
        let word = record.text.rsplit(|&b| b == b' ').next().unwrap_or_default();
        let before = &record.text[..record.text.len() - word.len()];
        let address = std::str::from_utf8(word).ok().and_then(|word| word.parse().ok());
        match address {
            Some(address) if before.ends_with(b"FAIL ") => {
                Outcome::Failure(Match { pattern: 0, address, time: record.time, user: None })
            }
            _ => Outcome::Missed,
        }
    }
}
