//! How bans begin and end, other than by failures.

use ipnet::IpNet;
use jiff::SignedDuration;

use super::ban::{Ban, BanKey, BanOrigin};
use super::{Jail, Refusal, is_host};
use crate::moment::Moment;
use crate::trace::TraceId;

impl Jail {
    /// Bans on an operator's word. `bantime` replaces the jail's own. A network that holds bans
    /// already banned is banned beside them.
    ///
    /// # Errors
    ///
    /// Refuses what would hit an address that is never banned, and prefixes too wide.
    pub fn ban(
        &mut self,
        address: IpNet,
        bantime: Option<Option<SignedDuration>>,
        now: Moment,
    ) -> Result<Ban, Refusal> {
        let address = address.trunc();
        if let Some(reason) = self.ignore.overlap(&address) {
            return Err(Refusal::Ignored(address, reason));
        }
        if !self.policy.floors.allow(&address) {
            return Err(Refusal::TooWide(address, self.policy.floors));
        }
        let bantime = bantime.unwrap_or(self.policy.bantime);
        let trace = self.new_trace();
        Ok(self.imprison(address, BanOrigin::Manual, bantime, (0, trace), now))
    }

    /// Takes up a ban of an earlier run. Returns whether it is still to be enforced: it is not if
    /// it has expired meanwhile, or its address must not be banned any more.
    pub fn restore(&mut self, ban: Ban, now: Moment) -> bool {
        !self.forbids(&ban) && self.ledger.restore(ban, now)
    }

    /// Whether a ban must not be: it would hit an address that is never banned, it is too wide, or
    /// the jail banned a network by itself that is one of our own links now.
    #[must_use]
    pub fn forbids(&self, ban: &Ban) -> bool {
        let address = &ban.key.address;
        self.ignore.overlap(address).is_some()
            || !self.policy.floors.allow(address)
            || self.is_of_link(ban)
    }

    /// Whether the jail banned a network by itself that is one of our own links now.
    #[must_use]
    pub fn is_of_link(&self, ban: &Ban) -> bool {
        let address = &ban.key.address;
        let by_itself = ban.origin == BanOrigin::Detected && !is_host(address);
        by_itself && self.prefixes.meets_link(address)
    }

    /// Ends the ban that would end first, to make room.
    pub fn evict(&mut self) -> Option<Ban> {
        let address = self.ledger.first_to_end()?.key.address;
        self.ledger.remove(&address)
    }

    /// Ends a ban on an operator's word, and forgets the failures of its address.
    ///
    /// An address stands for the IPv6 network that the jail banned for it: that ban ends, too. A
    /// network that an operator banned, or that [`Jail::widen`] did, ends only by its own name.
    pub fn unban(&mut self, address: &IpNet) -> Option<Ban> {
        let address = address.trunc();
        let network = self.prefixes.of(&address);
        for windows in [&mut self.windows, &mut self.networks] {
            windows.forget(&address);
            windows.forget(&network);
        }
        let covering = self.ledger.covering(address)?;
        let banned = covering.key.address;
        let stands_for_it = covering.origin == BanOrigin::Detected && network.contains(&banned);
        if banned != address && !stands_for_it {
            return None;
        }
        self.ledger.remove(&banned)
    }

    /// Ends the bans that have run their time.
    #[must_use]
    pub fn release_expired(&mut self, now: Moment) -> Vec<Ban> {
        self.ledger.release_expired(now.boot)
    }

    pub(super) fn imprison(
        &mut self,
        address: IpNet,
        origin: BanOrigin,
        bantime: Option<SignedDuration>,
        (failures, trace): (u32, TraceId),
        now: Moment,
    ) -> Ban {
        let key = BanKey { jail: self.name.clone(), address };
        let ban = Ban { key, origin, since: now.wall, bantime, failures, trace };
        self.ledger.insert(ban.clone(), now);
        ban
    }
}
