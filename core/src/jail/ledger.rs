//! The bans that should be in force, by address and by when they end.
//!
//! The ledger is what should be; whether the firewall does it is the enforcer's business. Each ban
//! has one end at most, and [`Ledger::release_expired`] hands each out once.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ipnet::IpNet;
use jiff::SignedDuration;

use super::ban::Ban;
use super::key::Key;
use super::widths::Widths;
use crate::moment::{Boot, Moment};
use crate::trace::TraceId;

/// All bans of one jail.
#[derive(Debug, Default)]
pub struct Ledger {
    // In order of address, so that the bans in a network stand together.
    bans: BTreeMap<IpNet, Entry>,
    by_end: BTreeSet<(Boot, IpNet)>,
    /// The bans' traces: all that a failure of a banned address asks for, found in one step.
    traces: HashMap<Key, TraceId>,
    /// How many bans each length of prefix has: what [`Ledger::covering`] must try.
    widths: Widths,
}

/// A ban, and when it ends on the running clock.
#[derive(Clone, Debug)]
struct Entry {
    ban: Ban,
    ends: Option<Boot>,
}

impl Ledger {
    /// Puts a ban in force that began `now`.
    ///
    /// A ban of the same address is replaced, so that it has one end only.
    pub fn insert(&mut self, ban: Ban, now: Moment) {
        let ends = ban.bantime.map(|bantime| now.boot.after(bantime));
        self.put(ban, ends);
    }

    /// Takes up a ban of an earlier run. The wall clock says how much of it is left, at most all
    /// of it: a clock that was set back must not make a ban longer. Returns whether any is left.
    pub fn restore(&mut self, ban: Ban, now: Moment) -> bool {
        let Some(until) = ban.until() else {
            self.put(ban, None);
            return true;
        };
        let left = until.duration_since(now.wall).min(ban.bantime.unwrap_or(SignedDuration::MAX));
        if !left.is_positive() {
            return false;
        }
        self.put(ban, Some(now.boot.after(left)));
        true
    }

    /// The ban of exactly this address or network.
    #[must_use]
    pub fn get(&self, address: &IpNet) -> Option<&Ban> {
        self.bans.get(address).map(|entry| &entry.ban)
    }

    /// When the ban of exactly this address or network ends; `None`: never, or there is none.
    #[must_use]
    pub fn end(&self, address: &IpNet) -> Option<Boot> {
        self.bans.get(address)?.ends
    }

    /// The narrowest ban that covers all of this host or network.
    #[must_use]
    pub fn covering(&self, network: impl Into<IpNet>) -> Option<&Ban> {
        let network = network.into().trunc();
        let mut wider = self.widths.wider(network).rev();
        self.get(&network).or_else(|| wider.find_map(|wider| self.get(&wider)))
    }

    /// The trace of the narrowest ban that covers all of this host or network: what
    /// [`Ledger::covering`] says, for each failure of a flood.
    #[must_use]
    pub fn trace(&self, network: IpNet) -> Option<TraceId> {
        let mut wider = self.widths.up_to(network).rev();
        wider.find_map(|wider| self.traces.get(&Key::from(wider)).copied())
    }

    /// The bans that hold all of this host or network, itself included; the narrowest first.
    pub fn holding(&self, network: &IpNet) -> impl Iterator<Item = &Ban> {
        let itself = self.get(network);
        let wider = self.widths.wider(*network).rev();
        itself.into_iter().chain(wider.filter_map(|wider| self.get(&wider)))
    }

    /// The bans of parts of this network, itself not included; in order of address.
    pub fn parts<'l>(&'l self, network: &'l IpNet) -> impl Iterator<Item = &'l Ban> {
        self.within(network).filter(move |ban| ban.key.address != *network)
    }

    /// The bans of parts of this network, itself included; in order of address.
    pub fn within(&self, network: &IpNet) -> impl Iterator<Item = &Ban> {
        let network = *network;
        let first = IpNet::new(network.network(), 0).unwrap_or(network);
        let bans = self.bans.range(first..).map(|(_, entry)| &entry.ban);
        let bans = bans.take_while(move |ban| network.contains(&ban.key.address.addr()));
        bans.filter(move |ban| network.contains(&ban.key.address))
    }

    /// Ends a ban early.
    pub fn remove(&mut self, address: &IpNet) -> Option<Ban> {
        let entry = self.bans.remove(address)?;
        if let Some(ends) = entry.ends {
            self.by_end.remove(&(ends, *address));
        }
        self.widths.remove(*address);
        self.traces.remove(&Key::from(*address));
        Some(entry.ban)
    }

    /// When the next ban ends.
    #[must_use]
    pub fn next_end(&self) -> Option<Boot> {
        self.by_end.first().map(|&(ends, _)| ends)
    }

    /// Removes and returns the bans that have ended, the earliest first.
    #[must_use]
    pub fn release_expired(&mut self, now: Boot) -> Vec<Ban> {
        let mut released = Vec::new();
        while let Some(&(ends, address)) = self.by_end.first()
            && ends <= now
        {
            released.extend(self.remove(&address));
        }
        released
    }

    /// The ban that ends first; of those that never do, the one of the lowest address.
    #[must_use]
    pub fn first_to_end(&self) -> Option<&Ban> {
        let first = self.by_end.first().and_then(|(_, address)| self.get(address));
        first.or_else(|| self.bans.values().next().map(|entry| &entry.ban))
    }

    /// How many bans there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bans.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bans.is_empty()
    }

    /// All bans with the time each has left (for ever: `None`), the first to end first.
    #[must_use]
    pub fn list(&self, now: Boot) -> Vec<(&Ban, Option<SignedDuration>)> {
        let mut all: Vec<&Entry> = self.bans.values().collect();
        all.sort_by_key(|entry| (entry.ends.is_none(), entry.ends, entry.ban.key.address));
        all.iter().map(|entry| (&entry.ban, entry.ends.map(|ends| ends.since(now)))).collect()
    }

    fn put(&mut self, ban: Ban, ends: Option<Boot>) {
        let address = ban.key.address;
        self.remove(&address);
        if let Some(ends) = ends {
            self.by_end.insert((ends, address));
        }
        self.widths.add(address);
        self.traces.insert(Key::from(address), ban.trace);
        self.bans.insert(address, Entry { ban, ends });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::net::IpAddr;

    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::jail::ban::{BanKey, BanOrigin, JailName};

    fn at(second: i64) -> Moment {
        Moment {
            wall: Timestamp::from_second(1_000_000 + second).unwrap(),
            boot: Boot(SignedDuration::from_secs(second)),
        }
    }

    fn ban(address: &str, second: i64, bantime: Option<i64>) -> Ban {
        Ban {
            key: BanKey { jail: JailName::new("sshd"), address: address.parse().unwrap() },
            origin: BanOrigin::Detected,
            since: at(second).wall,
            bantime: bantime.map(SignedDuration::from_secs),
            failures: 2,
            trace: crate::trace::TraceId::new(1),
        }
    }

    fn names(bans: &[Ban]) -> Vec<String> {
        bans.iter().map(|ban| ban.key.address.to_string()).collect()
    }

    #[test]
    fn a_ban_ends_once_and_on_time() {
        let mut ledger = Ledger::default();
        ledger.insert(ban("192.0.2.1/32", 0, Some(60)), at(0));
        ledger.insert(ban("192.0.2.2/32", 0, None), at(0));
        assert_eq!(ledger.next_end(), Some(at(60).boot));
        assert!(ledger.release_expired(at(59).boot).is_empty());
        assert_eq!(names(&ledger.release_expired(at(60).boot)), ["192.0.2.1/32"]);
        assert!(ledger.release_expired(at(600).boot).is_empty());
        assert_eq!(ledger.len(), 1);
    }

    #[test]
    fn a_network_covers_its_hosts_and_the_narrowest_ban_answers() {
        let mut ledger = Ledger::default();
        ledger.insert(ban("2001:db8::/64", 0, None), at(0));
        ledger.insert(ban("2001:db8::7/128", 0, None), at(0));
        let covering = |host: &str| {
            ledger.covering(host.parse::<IpAddr>().unwrap()).map(|ban| ban.key.address.to_string())
        };
        assert_eq!(covering("2001:db8::7").as_deref(), Some("2001:db8::7/128"));
        assert_eq!(covering("2001:db8::8").as_deref(), Some("2001:db8::/64"));
        assert_eq!(covering("2001:db9::8"), None);
        assert_eq!(covering("192.0.2.1"), None);
    }

    #[test]
    fn a_restart_leaves_what_the_wall_clock_left_and_never_more_than_the_whole() {
        let mut ledger = Ledger::default();
        let rebooted = |second| Moment { boot: Boot::default(), ..at(second) };
        assert!(ledger.restore(ban("192.0.2.1/32", 0, Some(60)), rebooted(20)));
        assert_eq!(ledger.next_end(), Some(Boot(SignedDuration::from_secs(40))));
        assert!(!ledger.restore(ban("192.0.2.2/32", 0, Some(60)), rebooted(60)));
        // The clock was set back by an hour.
        let mut ledger = Ledger::default();
        assert!(ledger.restore(ban("192.0.2.3/32", 0, Some(60)), rebooted(-3600)));
        assert_eq!(ledger.next_end(), Some(Boot(SignedDuration::from_secs(60))));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Ban(u8, Option<i64>),
        Unban(u8),
        Wait(i64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..6u8, prop::option::of(1..90i64))
                .prop_map(|(host, bantime)| Step::Ban(host, bantime)),
            (0..6u8).prop_map(Step::Unban),
            (0..60i64).prop_map(Step::Wait),
        ]
    }

    proptest! {
        /// The oracle is a map from host to end, searched whole at each step.
        #[test]
        fn every_ban_has_one_end_and_none_outlives_it(steps in prop::collection::vec(step(), 0..60)) {
            let mut ledger = Ledger::default();
            let mut oracle: HashMap<IpNet, Option<i64>> = HashMap::new();
            let mut now = 0;
            for step in steps {
                match step {
                    Step::Ban(host, bantime) => {
                        let new = ban(&format!("192.0.2.{host}/32"), now, bantime);
                        oracle.insert(new.key.address, bantime.map(|bantime| now + bantime));
                        ledger.insert(new, at(now));
                    }
                    Step::Unban(host) => {
                        let address = format!("192.0.2.{host}/32").parse().unwrap();
                        prop_assert_eq!(
                            ledger.remove(&address).is_some(),
                            oracle.remove(&address).is_some()
                        );
                    }
                    Step::Wait(seconds) => now += seconds,
                }
                let mut expired: Vec<_> = oracle
                    .iter()
                    .filter(|(_, end)| end.is_some_and(|end| end <= now))
                    .map(|(address, _)| *address)
                    .collect();
                expired.sort();
                oracle.retain(|address, _| !expired.contains(address));
                let mut released: Vec<_> = ledger
                    .release_expired(at(now).boot)
                    .iter()
                    .map(|ban| ban.key.address)
                    .collect();
                released.sort();
                prop_assert_eq!(released, expired);
                prop_assert_eq!(ledger.len(), oracle.len());
                let next = oracle.values().flatten().min().map(|&second| at(second).boot);
                prop_assert_eq!(ledger.next_end(), next);
                for host in 0..6u8 {
                    let host: IpAddr = [192, 0, 2, host].into();
                    prop_assert_eq!(
                        ledger.covering(host).is_some(),
                        oracle.contains_key(&IpNet::from(host))
                    );
                }
            }
        }

        /// The oracle looks at every ban.
        #[test]
        fn a_failure_belongs_to_the_narrowest_ban_around_it(
            steps in prop::collection::vec((any::<bool>(), 0..8u8, 29..=32u8), 0..40),
        ) {
            let mut ledger = Ledger::default();
            let mut oracle: HashMap<IpNet, TraceId> = HashMap::new();
            for (number, (begins, host, length)) in (1u128..).zip(steps) {
                let net = IpNet::new([192, 0, 2, host].into(), length).unwrap().trunc();
                if begins {
                    let trace = TraceId::new(number);
                    ledger.insert(Ban { trace, ..ban(&net.to_string(), 0, None) }, at(0));
                    oracle.insert(net, trace);
                } else {
                    ledger.remove(&net);
                    oracle.remove(&net);
                }
                for host in 0..8u8 {
                    let host = IpNet::from(IpAddr::from([192, 0, 2, host]));
                    let around = oracle.iter().filter(|(net, _)| net.contains(&host));
                    let narrowest = around.max_by_key(|(net, _)| net.prefix_len());
                    prop_assert_eq!(ledger.trace(host), narrowest.map(|(_, trace)| *trace));
                    let covering = ledger.covering(host).map(|ban| ban.trace);
                    prop_assert_eq!(ledger.trace(host), covering);
                }
            }
        }
    }
}
