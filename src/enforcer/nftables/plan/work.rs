//! What there is to do with the kernel, and what comes of it.

use super::super::group::Kind;
use super::super::reply::{Count, Left};
use super::super::ruleset::Seen;
use super::super::statement::Statement;

/// Something to do, and to bring the result of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Make a transaction of these.
    Commit(Vec<Statement>),
    /// Look at the table, without elements.
    Ruleset,
    /// List a set.
    Elements(String, Kind),
    /// Read the counters.
    Counters,
}

/// What came of a piece of work.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Of [`Work::Commit`].
    Committed,
    /// Of [`Work::Ruleset`].
    Ruleset(Seen),
    /// Of [`Work::Elements`].
    Elements(Vec<Left>),
    /// Of [`Work::Counters`].
    Counters(Vec<Count>),
}

/// The generation of the rule set before and after a piece of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generations {
    /// Before.
    pub before: u32,
    /// After.
    pub after: u32,
}
