//! What is told of a window: while it counts, and to outlive a restart.

use ipnet::IpNet;
use jiff::Timestamp;

use crate::trace::TraceId;

/// What counting a failure came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// The trace of the failures that count together: named at the first.
    pub trace: TraceId,
    /// How many they are.
    pub failures: u32,
    /// Whether they meet the threshold.
    pub met: bool,
}

/// One address's window as it outlives a restart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kept {
    /// Whose: a host's or an IPv6 network's.
    pub address: IpNet,
    /// The failures' times, ascending; none: there is no window any more.
    pub times: Vec<Timestamp>,
    /// Their trace; `None` where there are none.
    pub trace: Option<TraceId>,
}

impl Kept {
    /// No window any more.
    #[must_use]
    pub fn none(address: IpNet) -> Self {
        Self { address, times: Vec::new(), trace: None }
    }
}
