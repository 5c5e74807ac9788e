//! What the store remembers of one address, asked while the daemon runs.

use std::sync::Arc;

use ipnet::IpNet;
use jiff::Timestamp;

use crate::jail::ban::{BanKey, BanOrigin};
use crate::record::exhibit::Exhibit;
use crate::trace::TraceId;

/// How many ended bans are told of at most.
pub const MOST_EARLIER: usize = 20;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Look {
    /// Of whom: the ended bans of this address or network, of what holds it, and of its parts.
    pub address: IpNet,
    /// Whose records to give besides those of these bans: bans in force.
    pub traces: Vec<TraceId>,
}

/// What is remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dossier {
    /// The bans that have ended, the last to end first; at most [`MOST_EARLIER`].
    pub earlier: Vec<Earlier>,
    /// Records by trace: those asked for and those of the ended bans.
    pub evidence: Vec<(TraceId, Vec<Arc<Exhibit>>)>,
}

/// A ban that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// Whose, and by which jail.
    pub key: BanKey,
    /// Who decided.
    pub origin: BanOrigin,
    /// When it began.
    pub since: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// Why it ended: `expired`, `manual`, ….
    pub reason: String,
    /// The failures that led to it.
    pub failures: u32,
    /// Its trace; `None`: a version of gaoler without traces wrote it.
    pub trace: Option<TraceId>,
}

impl Dossier {
    /// The records of a trace, the oldest first.
    #[must_use]
    pub fn records(&self, trace: TraceId) -> &[Arc<Exhibit>] {
        let found = self.evidence.iter().find(|(of, _)| *of == trace);
        found.map_or(&[], |(_, exhibits)| exhibits)
    }
}
