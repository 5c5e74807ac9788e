//! All that a jail can answer: to a failure, and to an operator.

use ipnet::IpNet;

use super::ban::{self, Ban};
use super::guards::Floors;
use super::ignore::IgnoreReason;
use crate::trace::TraceId;

/// All that a jail can say of a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The address is never banned.
    Ignored(IgnoreReason),
    /// The failure is older than `findtime`: it cannot count any more.
    Stale,
    /// It counts, and there are not enough yet.
    Counted {
        /// How many count together by now.
        failures: u32,
        /// Their trace, which a ban that they lead to will have.
        trace: TraceId,
    },
    /// The address is banned already.
    AlreadyBanned {
        /// The trace of that ban.
        trace: TraceId,
    },
    /// That was one too many.
    Banned(Ban),
    /// That was one too many, but the breaker is open: nobody is banned.
    Withheld {
        /// Whether this is what opened it.
        tripped: bool,
        /// How many failures there were.
        failures: u32,
        /// Their trace.
        trace: TraceId,
    },
}

impl Verdict {
    /// The trace that the failure belongs to; `None`: it does not count.
    #[must_use]
    pub fn trace(&self) -> Option<TraceId> {
        match self {
            Self::Ignored(_) | Self::Stale => None,
            Self::Counted { trace, .. }
            | Self::AlreadyBanned { trace }
            | Self::Withheld { trace, .. } => Some(*trace),
            Self::Banned(ban) => Some(ban.trace),
        }
    }
}

/// Why an operator's ban was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It would hit an address that is never banned.
    #[error("{} {}", ban::show(.0), match .1 {
        IgnoreReason::IgnoreIp => "is in the jail's ignoreip, or holds an address that is",
        IgnoreReason::IgnoreSelf => "is, or holds, one of this host's own addresses",
        IgnoreReason::Special => "is, or holds, a loopback, link-local, multicast or unspecified address",
        IgnoreReason::Proxy => "is in the jail's trusted_proxies, or holds an address that is",
        IgnoreReason::Gateway => "is, or holds, one of this host's default gateways",
        IgnoreReason::Session => "is, or holds, an address that an administrator is logged in from now",
    })]
    Ignored(IpNet, IgnoreReason),
    /// A prefix this short is most of the Internet.
    #[error(
        "{0} is too wide: at least /{floor}, as `enforcement.widest` says",
        floor = .1.of(.0.addr())
    )]
    TooWide(IpNet, Floors),
}

impl Refusal {
    /// Why the address is never banned; `None`: the network is too wide.
    #[must_use]
    pub fn reason(&self) -> Option<IgnoreReason> {
        match self {
            Self::Ignored(_, reason) => Some(*reason),
            Self::TooWide(..) => None,
        }
    }
}
