//! The policy of jails that are measured.

use gaoler::jail::Policy;
use gaoler::jail::guards::Floors;
use gaoler::jail::window::Threshold;
use jiff::SignedDuration;

/// Of a jail that counts so many and bans nobody whose failures come a second after each other: five
/// within a second are too many.
pub(crate) fn counting(max_addresses: usize) -> Policy {
    Policy {
        threshold: Threshold::new(5, SignedDuration::from_secs(1)).expect("both are positive"),
        bantime: None,
        ignoreip: Vec::new(),
        ignoreself: true,
        ignoresessions: true,
        trusted_proxies: Vec::new(),
        floors: Floors::default(),
        max_new_bans: None,
        max_addresses,
        increment: None,
        dbpurgeage: SignedDuration::from_hours(24),
        ipv6_prefix: 64,
        widen: None,
        recidive: false,
    }
}
