//! What should be: the bans, and what each of the sets must hold for them.
//!
//! Pure; knows nothing of what the kernel holds.

use std::collections::{BTreeMap, HashMap};

use ipnet::IpNet;
use rustc_hash::FxHashMap;

use super::group::{Group, Kind};
use super::span::{Elements, End, Span, disjoint, number};
use crate::enforcer::order::Demand;
use crate::jail::ban::BanKey;
use crate::moment::Boot;

/// One of the sets in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SetId {
    /// Which group: its place in [`Desired::groups`].
    pub group: usize,
    /// Which of its sets.
    pub kind: Kind,
}

/// What is brought into order at once: one element, or a set of intervals as a whole, since there
/// one ban changes the elements of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// An element of a hash set.
    Host(SetId, u128),
    /// A set of intervals.
    Nets(SetId),
}

/// The bans that should be in force.
#[derive(Debug)]
pub struct Desired {
    ipv6_prefix: u8,
    groups: Vec<Group>, // Grows with each scope ever seen: one a jail, and one for each changed.
    bans: FxHashMap<BanKey, Wanted>,
    hosts: BTreeMap<SetId, FxHashMap<u128, Holders>>, // Invariant: no list is empty.
    nets: BTreeMap<SetId, HashMap<IpNet, Holders>>,   // Invariant: no list is empty.
    in_group: Vec<usize>,
    next: u64,
}

/// The bans that need one element; mostly one.
type Holders = Vec<(BanKey, End)>;

/// What one ban needs.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    set: SetId,
    net: IpNet,
    end: End,
    age: u64, // Greater is newer.
}

/// How many bans there are at most. The kernel needs some 150 bytes for each.
pub const LIMIT: usize = 1_000_000;

/// How many of them may be of networks. The kernel needs longer for a change the more there are.
pub const NETS_LIMIT: usize = 10_000;

/// Why a ban is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Too many bans.
    #[error("the nftables backend holds {LIMIT} bans at most, and all places are taken")]
    Full,
    /// Too many networks.
    #[error(
        "the nftables backend holds {NETS_LIMIT} bans of networks at most, and all places are taken"
    )]
    FullOfNets,
    /// An address that stands for everybody.
    #[error("the ban would refuse a whole address family")]
    Everybody,
}

impl Desired {
    /// Nothing yet. IPv6 bans of `ipv6_prefix` bits are the usual ones.
    #[must_use]
    pub fn new(ipv6_prefix: u8) -> Self {
        Self {
            ipv6_prefix,
            groups: Vec::new(),
            bans: FxHashMap::default(),
            hosts: BTreeMap::new(),
            nets: BTreeMap::new(),
            in_group: Vec::new(),
            next: 0,
        }
    }

    /// Takes a ban, or what it now blocks and until when; it counts as the newest. Gives what must
    /// be brought into order.
    ///
    /// # Errors
    ///
    /// Refuses a ban for which there is no room; then all stays as it was.
    pub fn enforce(&mut self, demand: Demand) -> Result<Vec<Target>, Refusal> {
        let Demand { key, block, until } = demand;
        let net = block.address.trunc();
        let kind = self.kind(&net).ok_or(Refusal::Everybody)?;
        self.has_room(&key, kind)?;
        let mut targets: Vec<Target> = self.release(&key).into_iter().collect();
        let set =
            SetId { group: self.group(Group { jail: key.jail.clone(), scope: block.scope }), kind };
        let end = End::new(until);
        self.next += 1;
        self.holders(set, net).push((key.clone(), end));
        self.in_group[set.group] += 1;
        self.bans.insert(key, Wanted { set, net, end, age: self.next });
        let target = target(set, &net);
        if !targets.contains(&target) {
            targets.push(target);
        }
        Ok(targets)
    }

    /// Drops a ban; gives what must be brought into order.
    pub fn release(&mut self, key: &BanKey) -> Option<Target> {
        let Wanted { set, net, .. } = self.bans.remove(key)?;
        self.in_group[set.group] -= 1;
        let holders = self.holders(set, net);
        holders.retain(|(holder, _)| holder != key);
        if holders.is_empty() {
            if set.kind.is_interval() {
                self.nets.get_mut(&set).map(|nets| nets.remove(&net));
            } else {
                self.hosts.get_mut(&set).map(|hosts| hosts.remove(&number(net.network())));
            }
        }
        Some(target(set, &net))
    }

    /// The groups that any ban was ever of.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// How many bans a group has.
    #[must_use]
    pub fn count_in(&self, group: usize) -> usize {
        self.in_group[group]
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

    /// Whether this ban should be in force.
    #[must_use]
    pub fn has(&self, key: &BanKey) -> bool {
        self.bans.contains_key(key)
    }

    /// The set that a ban needs, the element there, and until when. An element of a hash set is one
    /// number, also where it stands for an IPv6 network.
    #[must_use]
    pub fn element_of(&self, key: &BanKey) -> Option<(SetId, Span, End)> {
        let Wanted { set, net, end, .. } = *self.bans.get(key)?;
        let point = Span::point(number(net.network()));
        Some((set, if set.kind.is_interval() { Span::of(&net) } else { point }, end))
    }

    /// Until when an element of a hash set must stay; `None` if it must not be there at `now`.
    #[must_use]
    pub fn host(&self, set: SetId, address: u128, now: Boot) -> Option<End> {
        let end = latest(self.hosts.get(&set)?.get(&address)?)?;
        (!end.is_past(now)).then_some(end)
    }

    /// All that a set must hold at `now`.
    #[must_use]
    pub fn elements(&self, set: SetId, now: Boot) -> Elements {
        if set.kind.is_interval() {
            return self.spans(set, now);
        }
        let hosts = self.hosts.get(&set).into_iter().flatten();
        let ends = hosts.filter_map(|(&host, holders)| Some((Span::point(host), latest(holders)?)));
        ends.filter(|(_, end)| !end.is_past(now)).collect()
    }

    /// All that a set of intervals must hold at `now`.
    #[must_use]
    pub fn spans(&self, set: SetId, now: Boot) -> Elements {
        let nets = self.nets.get(&set).into_iter().flatten();
        let ends = nets.filter_map(|(net, holders)| {
            let end = latest(holders)?;
            (!end.is_past(now)).then_some((*net, end))
        });
        disjoint(ends)
    }

    /// The bans that need a target.
    #[must_use]
    pub fn holders_of(&self, target: Target) -> Vec<BanKey> {
        let keys = |holders: &Holders| holders.iter().map(|(key, _)| key.clone()).collect();
        match target {
            Target::Host(set, address) => {
                let holders = self.hosts.get(&set).and_then(|hosts| hosts.get(&address));
                holders.map(keys).unwrap_or_default()
            }
            Target::Nets(set) => {
                let nets = self.nets.get(&set).into_iter().flatten();
                nets.flat_map(|(_, holders)| keys(holders) as Vec<BanKey>).collect()
            }
        }
    }

    /// The targets of all bans that `of` holds for, those of the newest first, each once.
    #[must_use]
    pub fn targets(&self, of: impl Fn(SetId) -> bool) -> Vec<Target> {
        let mut bans: Vec<&Wanted> = self.bans.values().filter(|wanted| of(wanted.set)).collect();
        bans.sort_unstable_by_key(|wanted| std::cmp::Reverse(wanted.age));
        let mut seen = rustc_hash::FxHashSet::default();
        let targets = bans.into_iter().map(|wanted| target(wanted.set, &wanted.net));
        targets.filter(|target| seen.insert(*target)).collect()
    }

    /// All bans, in no order.
    pub fn bans(&self) -> impl Iterator<Item = &BanKey> {
        self.bans.keys()
    }

    fn has_room(&self, key: &BanKey, kind: Kind) -> Result<(), Refusal> {
        let before = self.bans.get(key).map(|wanted| wanted.set.kind);
        if before.is_none() && self.bans.len() >= LIMIT {
            return Err(Refusal::Full);
        }
        let nets: usize = self.nets.values().map(HashMap::len).sum();
        let is_more = kind.is_interval() && before.is_none_or(|kind| !kind.is_interval());
        if is_more && nets >= NETS_LIMIT {
            return Err(Refusal::FullOfNets);
        }
        Ok(())
    }

    /// The kind of set that holds such networks; `None` for all addresses at once.
    fn kind(&self, net: &IpNet) -> Option<Kind> {
        match (net, net.prefix_len()) {
            (_, 0) => None,
            (IpNet::V4(_), 32) => Some(Kind::Hosts4),
            (IpNet::V4(_), _) => Some(Kind::Nets4),
            (IpNet::V6(_), bits) if bits == self.ipv6_prefix => Some(Kind::Hosts6),
            (IpNet::V6(_), _) => Some(Kind::Nets6),
        }
    }

    /// The place of a group; it has one from now on.
    pub(super) fn group(&mut self, group: Group) -> usize {
        if let Some(known) = self.groups.iter().position(|known| *known == group) {
            return known;
        }
        self.groups.push(group);
        self.in_group.push(0);
        self.groups.len() - 1
    }

    fn holders(&mut self, set: SetId, net: IpNet) -> &mut Holders {
        if set.kind.is_interval() {
            self.nets.entry(set).or_default().entry(net).or_default()
        } else {
            self.hosts.entry(set).or_default().entry(number(net.network())).or_default()
        }
    }
}

fn latest(holders: &Holders) -> Option<End> {
    holders.iter().map(|(_, end)| *end).max()
}

fn target(set: SetId, net: &IpNet) -> Target {
    if set.kind.is_interval() {
        Target::Nets(set)
    } else {
        Target::Host(set, number(net.network()))
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::super::testing::{demand, ports};
    use super::*;

    const NOW: Boot = Boot(SignedDuration::from_secs(100));

    fn taken(desired: &mut Desired, jail: &str, net: &str, until: Option<i64>) -> Vec<Target> {
        desired.enforce(demand(jail, net, &ports(&[22]), until)).unwrap()
    }

    fn end(second: i64) -> End {
        End::At(Boot(SignedDuration::from_secs(second)))
    }

    #[test]
    fn an_address_goes_to_the_set_of_its_width() {
        let mut desired = Desired::new(64);
        let mut check = |net: &str, kind: Kind| {
            let set = SetId { group: 0, kind };
            let targets = taken(&mut desired, "sshd", net, None);
            let net: IpNet = net.parse().unwrap();
            assert_eq!(targets, [target(set, &net)], "{net}");
        };
        check("192.0.2.1/32", Kind::Hosts4);
        check("192.0.2.0/31", Kind::Nets4);
        check("2001:db8::/64", Kind::Hosts6);
        check("2001:db8::1/128", Kind::Nets6);
        check("2001:db8::/48", Kind::Nets6);
    }

    #[test]
    fn everybody_is_nobody() {
        let mut desired = Desired::new(64);
        for net in ["0.0.0.0/0", "::/0"] {
            let refused = desired.enforce(demand("sshd", net, &ports(&[22]), None));
            assert_eq!(refused, Err(Refusal::Everybody));
        }
        assert!(desired.is_empty());
    }

    #[test]
    fn an_element_stays_until_the_last_of_its_bans_ends() {
        let mut desired = Desired::new(64);
        let mut first = demand("sshd", "192.0.2.1/32", &ports(&[22]), Some(200));
        first.key.address = "192.0.2.9/32".parse().unwrap();
        let key = first.key.clone();
        let [Target::Host(set, address)] = desired.enforce(first).unwrap()[..] else {
            panic!("one host")
        };
        taken(&mut desired, "sshd", "192.0.2.1/32", Some(150));
        assert_eq!(desired.host(set, address, NOW), Some(end(200)));
        desired.release(&key);
        assert_eq!(desired.host(set, address, NOW), Some(end(150)));
        assert_eq!(desired.host(set, address, Boot(SignedDuration::from_secs(150))), None);
    }

    #[test]
    fn other_ports_are_another_group_and_the_old_one_empties() {
        let mut desired = Desired::new(64);
        taken(&mut desired, "sshd", "192.0.2.1/32", None);
        let moved = demand("sshd", "192.0.2.1/32", &ports(&[2222]), None);
        assert_eq!(desired.enforce(moved).unwrap().len(), 2);
        assert_eq!((desired.count_in(0), desired.count_in(1)), (0, 1));
        taken(&mut desired, "sshd", "192.0.2.1/32", None);
        assert_eq!((desired.count_in(0), desired.count_in(1), desired.len()), (1, 0, 1));
    }

    #[test]
    fn past_the_limit_a_network_is_refused_and_a_known_one_is_not() {
        let mut desired = Desired::new(64);
        for n in 0..NETS_LIMIT {
            let net = format!("10.{}.{}.0/24", n / 256, n % 256);
            taken(&mut desired, "sshd", &net, None);
        }
        let more = demand("sshd", "11.0.0.0/24", &ports(&[22]), None);
        assert_eq!(desired.enforce(more), Err(Refusal::FullOfNets));
        taken(&mut desired, "sshd", "10.0.0.0/24", Some(300));
        taken(&mut desired, "sshd", "11.0.0.1/32", None);
    }

    #[test]
    fn targets_come_newest_first() {
        let mut desired = Desired::new(64);
        for host in ["192.0.2.1/32", "192.0.2.2/32", "192.0.2.1/32", "10.0.0.0/8"] {
            taken(&mut desired, "sshd", host, None);
        }
        let set = |kind| SetId { group: 0, kind };
        let host =
            |host: u8| Target::Host(set(Kind::Hosts4), u128::from(0xc000_0200 | u32::from(host)));
        assert_eq!(desired.targets(|_| true), [Target::Nets(set(Kind::Nets4)), host(1), host(2)]);
        assert_eq!(desired.targets(|set| set.kind == Kind::Nets6), []);
    }
}
