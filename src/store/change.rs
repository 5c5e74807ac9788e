//! What the daemon asks the store to keep, and what it finds there at a start.

use std::sync::Arc;

use jiff::Timestamp;

use crate::jail::ban::{Ban, BanKey, JailName};
use crate::jail::windows::Kept;
use crate::record::exhibit::Exhibit;
use crate::source::batch::{Position, SourceName};
use crate::trace::TraceId;

/// Changes to commit in one transaction.
///
/// Ends come before beginnings: a ban that is in both ended and began anew.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// Bans that began.
    pub began: Vec<Ban>,
    /// The records that they rest on, by their traces.
    pub evidence: Vec<(TraceId, Vec<Arc<Exhibit>>)>,
    /// Bans that ended.
    pub ended: Vec<Ended>,
    /// Positions of sources, to commit with what was found before them.
    pub positions: Vec<(SourceName, Position)>,
    /// Failure windows that changed, to commit with the position that led to them: so a line counts
    /// once, whenever the process ends.
    pub windows: Vec<Window>,
    /// What to add to the lifetime totals.
    pub totals: Vec<(JailName, Totals)>,
    /// Breakers that opened, and when; `None`: closed. The last of a jail counts.
    pub breakers: Vec<(JailName, Option<Timestamp>)>,
}

/// The failures of one address, or of one IPv6 network, that one jail counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Which jail.
    pub jail: JailName,
    /// Whose, when, and in which trace.
    pub kept: Kept,
}

/// A ban that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Which.
    pub key: BanKey,
    /// When.
    pub at: Timestamp,
    /// `expired`, `manual`.
    pub reason: &'static str,
}

/// Counts since the store was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Failures found.
    pub failed: u64,
    /// Bans begun.
    pub banned: u64,
}

/// What the store held at a start.
#[derive(Clone, Debug, Default)]
pub struct Saved {
    /// Bans that had not been ended, expired ones included; the oldest first.
    pub bans: Vec<Ban>,
    /// How far each source had been read.
    pub positions: Vec<(SourceName, Position)>,
    /// Failures counted and not yet answered by a ban.
    pub windows: Vec<Window>,
    /// Counts since the store was made.
    pub totals: Vec<(JailName, Totals)>,
    /// Breakers that are open, and since when.
    pub breakers: Vec<(JailName, Timestamp)>,
    /// Bans that have ended. What an operator has lifted is forgiven, with all that came before.
    pub past: Vec<Past>,
}

/// The ended bans of one address by one jail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// Whose, and by which jail.
    pub key: BanKey,
    /// How many.
    pub bans: u32,
    /// When the last of them ended.
    pub until: Timestamp,
    /// The trace of that one, if it has one.
    pub trace: Option<TraceId>,
}
