//! The failures that a jail counts, of hosts and of the networks around them: asked for, told of, taken up
//! again and forgotten.

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};

use super::windows::{Count, Kept};
use super::{Jail, is_host, new_trace};
use crate::moment::Moment;

/// How late a line may be read: it still counts with failures that it was within `findtime` of.
const DELAY: SignedDuration = SignedDuration::from_mins(1);

impl Jail {
    /// The failures of an address, or of the network that it stands for, that count now.
    #[must_use]
    pub fn counting(&self, address: &IpNet) -> Option<Count> {
        let findtime = self.policy.threshold.findtime();
        let network = self.prefixes.of(address);
        let of_network = self.networks.count(findtime, &network);
        let of_host = self.windows.count(findtime, address);
        let of_host = of_host.or_else(|| self.windows.count(findtime, &network));
        of_network.or(of_host)
    }

    /// When the first failure was that counts together with one of `offender` at `at`, if there is one
    /// already: of the host, or of the IPv6 network that it stands for.
    #[must_use]
    pub fn first_failure(&self, offender: IpNet, at: Timestamp) -> Option<Timestamp> {
        let findtime = self.policy.threshold.findtime();
        if self.policy.recidive {
            return self.windows.first(findtime, &self.prefixes.of(&offender), at);
        }
        match self.prefixes.counted(offender.addr()) {
            Some(network) => self.networks.first(findtime, &network, at),
            None => self.windows.first(findtime, &offender, at),
        }
    }

    /// Drops windows that can no longer count, of the next some thousand addresses. Returns whether
    /// these were the last; then the next sweep begins anew.
    pub fn sweep(&mut self, now: Moment) -> bool {
        let patience = self.policy.threshold.findtime().saturating_add(DELAY);
        self.book.purge(self.policy.dbpurgeage, now.wall);
        let [hosts, networks] = self.swept;
        let hosts = hosts || self.windows.sweep(patience, now.wall);
        let networks = networks || self.networks.sweep(patience, now.wall);
        let through = hosts && networks;
        self.swept = if through { [false; 2] } else { [hosts, networks] };
        through
    }

    /// All failure windows count as changed.
    pub fn retell_windows(&mut self) {
        self.windows.retell();
        self.networks.retell();
    }

    /// The failure windows that have changed since the last time, those that are gone among them.
    pub fn take_changed_windows(&mut self) -> Vec<Kept> {
        let mut changed = self.windows.take_changed();
        changed.extend(self.networks.take_changed());
        changed
    }

    /// Forgets all failures counted so far: what they were found in is read again.
    pub fn forget_failures(&mut self) {
        self.windows.forget_all();
        self.networks.forget_all();
    }

    /// Takes up the failures that an earlier run counted; those that can no longer count go with
    /// the next sweep.
    pub fn restore_window(&mut self, kept: &Kept) {
        let of_host = self.policy.recidive || is_host(&kept.address);
        let windows = if of_host { &mut self.windows } else { &mut self.networks };
        windows.restore(self.policy.threshold, kept, || new_trace(&mut self.random));
    }

    /// How many addresses with failures the cap has made it forget since the last time.
    pub fn take_forgotten(&mut self) -> u64 {
        self.windows.take_forgotten() + self.networks.take_forgotten()
    }

    /// How many addresses with earlier bans likewise.
    pub fn take_forgiven(&mut self) -> u64 {
        self.book.take_forgotten()
    }
}
