//! What a jail goes by.

use ipnet::IpNet;
use jiff::SignedDuration;

use super::bantime::Increment;
use super::breaker::Rate;
use super::guards::Floors;
use super::widen::Widening;
use super::window::Threshold;

/// What a jail goes by.
#[derive(Clone, Debug)]
pub struct Policy {
    /// How much is too much.
    pub threshold: Threshold,
    /// How long a ban lasts; for ever when `None`.
    pub bantime: Option<SignedDuration>,
    /// Never banned.
    pub ignoreip: Vec<IpNet>,
    /// Whether the host's own addresses are never banned.
    pub ignoreself: bool,
    /// Whether addresses that administrators are logged in from are never banned.
    pub ignoresessions: bool,
    /// Proxies, which are never banned.
    pub trusted_proxies: Vec<IpNet>,
    /// How wide a ban may be.
    pub floors: Floors,
    /// How many new bans are too many; `None`: there is no breaker.
    pub max_new_bans: Option<Rate>,
    /// How many addresses are counted at most at a time.
    pub max_addresses: usize,
    /// How bans grow for whom was banned before; not at all when `None`.
    pub increment: Option<Increment>,
    /// How long after its last ban an address counts as never banned (`dbpurgeage`).
    pub dbpurgeage: SignedDuration,
    /// How much of an IPv6 address names the attacker.
    pub ipv6_prefix: u8,
    /// When bans become wider; never when `None`.
    pub widen: Option<Widening>,
    /// Whether it counts the bans of other jails, and no failures of hosts.
    pub recidive: bool,
}

impl Policy {
    /// Of a jail of which no more is said: as the configuration has it by default, but it spares no network,
    /// no bans grow or become wider, and there is no breaker.
    #[must_use]
    pub fn plain(threshold: Threshold, bantime: Option<SignedDuration>) -> Self {
        Self {
            threshold,
            bantime,
            ignoreip: Vec::new(),
            ignoreself: true,
            ignoresessions: true,
            trusted_proxies: Vec::new(),
            floors: Floors::default(),
            max_new_bans: None,
            max_addresses: 1_000_000,
            increment: None,
            dbpurgeage: SignedDuration::from_hours(24),
            ipv6_prefix: 64,
            widen: None,
            recidive: false,
        }
    }
}
