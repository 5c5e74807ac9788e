//! When enough of a network is banned, all of it is.
//!
//! Attackers who rent a block of addresses use them in turn. Where a jail holds so many distinct
//! bans in one network of the configured length at a time, it bans that network as well. The
//! narrower bans stay as they are: lifting the wide one restores what was.

use std::num::NonZeroUsize;

use ipnet::IpNet;

use super::ban::BanOrigin;
use super::ignore::IgnoreList;
use super::ledger::Ledger;
use super::prefix::Prefixes;

/// When a jail widens its bans, and to what (`widen`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Widening {
    /// The length of IPv4 networks; from 8.
    pub ipv4_prefix: u8,
    /// The length of IPv6 networks; from 32.
    pub ipv6_prefix: u8,
    /// How many distinct bans in such a network are too many.
    pub addresses: NonZeroUsize,
}

impl Widening {
    /// The network to ban as well, now that `banned` is. `None` while there are not enough bans in
    /// it, where it is banned already, and where it holds anything guarded or of our own links.
    #[must_use]
    pub fn due(
        &self,
        banned: &IpNet,
        ledger: &Ledger,
        prefixes: &Prefixes,
        guarded: &IgnoreList,
    ) -> Option<IpNet> {
        let length = match banned {
            IpNet::V4(_) => self.ipv4_prefix,
            IpNet::V6(_) => self.ipv6_prefix,
        };
        if banned.prefix_len() <= length {
            return None;
        }
        let wide = IpNet::new(banned.addr(), length).ok()?.trunc();
        if ledger.covering(wide).is_some() {
            return None;
        }
        // What an operator bans says nothing of the neighbours.
        let detected = ledger.within(&wide).filter(|ban| ban.origin == BanOrigin::Detected);
        let enough = detected.take(self.addresses.get()).count() == self.addresses.get();
        let may_be = guarded.overlap(&wide).is_none() && !prefixes.meets_link(&wide);
        (enough && may_be).then_some(wide)
    }
}
