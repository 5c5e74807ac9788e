//! What a ban refuses: which ports, of which protocols.

use std::collections::BTreeSet;
use std::fmt;

/// Ports `first` to `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRange {
    first: u16, // Invariant: 1 <= first <= last.
    last: u16,
}

/// A transport protocol that has ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// What a jail's bans refuse.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    /// The ports; empty: every port, and every protocol.
    pub ports: BTreeSet<PortRange>,
    /// The protocols of those ports. Invariant: not empty.
    pub protocols: BTreeSet<Protocol>,
}

impl PortRange {
    /// Ports from `first` to `last`; `None` if there are none, or port 0 is among them.
    #[must_use]
    pub fn new(first: u16, last: u16) -> Option<Self> {
        (0 < first && first <= last).then_some(Self { first, last })
    }

    /// The lowest port.
    #[must_use]
    pub fn first(self) -> u16 {
        self.first
    }

    /// The highest port.
    #[must_use]
    pub fn last(self) -> u16 {
        self.last
    }
}

impl fmt::Display for PortRange {
    /// As firewalld writes it: `22`, `8000-8010`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

impl Protocol {
    /// As firewalld writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}
