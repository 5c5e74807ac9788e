//! From an offence to a verdict: whether it counts, whom it counts for, and what the ban is.

#[cfg(test)]
mod tests;

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};

use super::ban::{Ban, BanOrigin};
use super::breaker::Admission;
use super::windows::Count;
use super::{Jail, Verdict, new_trace};
use crate::failure::Failure;
use crate::moment::Moment;

impl Jail {
    /// Decides what a failure means.
    ///
    /// A failure counts at the time its log states, and never later than `now`: a clock ahead of
    /// ours must not hold a window open.
    pub fn on_failure(&mut self, failure: Failure, now: Moment) -> Verdict {
        self.judge(failure.address.into(), failure.time, now)
    }

    /// Decides what a ban by another jail means, where this one is for those who come again.
    pub fn on_ban_elsewhere(&mut self, banned: &IpNet, now: Moment) -> Verdict {
        self.judge(*banned, now.wall, now)
    }

    fn judge(&mut self, offender: IpNet, time: Timestamp, now: Moment) -> Verdict {
        if let Some(reason) = self.ignore.overlap(&offender) {
            return Verdict::Ignored(reason);
        }
        if self.policy.threshold.findtime() < now.wall.duration_since(time) {
            return Verdict::Stale;
        }
        if let Some(trace) = self.ledger.trace(offender) {
            return Verdict::AlreadyBanned { trace };
        }
        let Count { trace, failures, met } = self.count(offender, time.min(now.wall));
        if !met {
            return Verdict::Counted { failures, trace };
        }
        match self.breaker.admit(now) {
            Admission::Admitted => {}
            Admission::Tripped => return Verdict::Withheld { tripped: true, failures, trace },
            Admission::Withheld => return Verdict::Withheld { tripped: false, failures, trace },
        }
        let address = self.prefixes.sentence(&offender, &self.ignore);
        let bantime = self.next_bantime(&address);
        let counted = (failures, trace);
        Verdict::Banned(self.imprison(address, BanOrigin::Detected, bantime, counted, now))
    }

    /// Counts a failure of a host, and of the IPv6 network that it stands for: by whichever has
    /// more. Their trace is the network's, since that is what a ban is for.
    pub(super) fn count(&mut self, offender: IpNet, at: Timestamp) -> Count {
        let threshold = self.policy.threshold;
        let name = || new_trace(&mut self.random);
        if self.policy.recidive {
            return self.windows.record(threshold, self.prefixes.of(&offender), at, name);
        }
        let Some(network) = self.prefixes.counted(offender.addr()) else {
            return self.windows.record(threshold, offender, at, name);
        };
        // Both are looked up before either is counted: so memory is waited for once, not twice.
        let of_network = self.networks.enter(network, name);
        let networks = &self.networks;
        let of_host = self.windows.enter(offender, || networks.trace(of_network));
        let by_network = self.networks.record_there(threshold, of_network, at);
        let by_host = self.windows.record_there(threshold, of_host, at);
        let trace = by_network.trace;
        let met = by_host.met || by_network.met;
        if met {
            // Its failures are spent, in both books.
            self.windows.forget(&offender);
            self.networks.forget(&network);
        }
        Count { trace, failures: by_host.failures.max(by_network.failures), met }
    }

    /// How long the next ban of an address lasts; for ever when `None`.
    pub(super) fn next_bantime(&mut self, address: &IpNet) -> Option<SignedDuration> {
        let bantime = self.policy.bantime?;
        let Some(increment) = &self.policy.increment else { return Some(bantime) };
        let earlier = self.book.count(&self.prefixes.of(address));
        Some(increment.bantime(bantime, earlier, self.random.f64()))
    }

    /// Bans the wider network around a ban that has just begun, if enough of it is banned now.
    pub fn widen(&mut self, banned: &IpNet, now: Moment) -> Option<Ban> {
        let widening = self.policy.widen?;
        let wide = widening.due(banned, &self.ledger, &self.prefixes, &self.ignore)?;
        if !self.policy.floors.allow(&wide) {
            return None;
        }
        let failures = self.ledger.within(&wide).map(|ban| ban.failures);
        let failures = failures.fold(0, u32::saturating_add);
        let bantime = self.next_bantime(&wide);
        let counted = (failures, self.new_trace());
        Some(self.imprison(wide, BanOrigin::Detected, bantime, counted, now))
    }

    /// Notes bans that began, here or (for `bantime.overalljails`) in another jail: the next one
    /// of that address may be longer. `until` is the end of the last.
    pub fn remember(&mut self, address: &IpNet, bans: u32, until: Timestamp) {
        let address = self.prefixes.of(address);
        self.book.add(address, bans, until);
    }

    /// Forgets what it remembers of an address, as an operator's unban asks.
    pub fn forgive(&mut self, address: &IpNet) {
        self.book.forgive(&self.prefixes.of(address));
    }
}
