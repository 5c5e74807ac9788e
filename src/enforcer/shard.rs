//! Which set of firewalld's holds a banned address: the names, and the arithmetic.
//!
//! Adding to a set costs firewalld more the more it holds (some 6 µs an entry), so a group of sets shares the
//! addresses of a scope: [`SHARDS`] a family, chosen by a hash, and one set a family for what is wider
//! than one attacker. But libnftables fetches firewalld's whole table for each command, also one of
//! somebody else's: some 2 µs an entry of any set, and 0.1 ms for each set and its rules. With 32 shards a
//! family a rich rule took 26 ms, with 8 it takes 14, without any 11; to fill 1,000 entries in, 370 ms and 100.
//! The firewall's rules are one a set, made once by `gaoler provision`; what is in the sets is the enforcer's.
//!
//! Neither names nor hash may change between versions, for provisioned sets outlive them. The hash
//! is FNV-1a 64 over the octets of the masked address in network order, mixed by `MurmurHash3`'s
//! `fmix64` (FNV's low bits alone would put every 32nd address of a network into one shard); the
//! shard is its remainder by the number of shards.

mod name;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU8;
use std::sync::Arc;

use ipnet::IpNet;

pub use self::name::{Family, Place, SetName, Tag};
use crate::jail::scope::{PortRange, Protocol, Scope};

/// How many shards a family has unless an operator wants another number.
pub const SHARDS: NonZeroU8 = NonZeroU8::new(8).expect("8 is not 0");

/// How many entries a shard should hold at most, so that what it holds adds at most some 25 ms to one more.
pub const MOST_ENTRIES: usize = 4000;

/// The names have two digits.
pub const MOST_SHARDS: NonZeroU8 = NonZeroU8::new(100).expect("100 is not 0");

/// The sets that share the bans of one scope. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    tag: Tag,
    scope: Arc<Scope>,
    shards: NonZeroU8,
    /// Invariant: per family the shards in order, then the one for networks.
    sets: Arc<[SetName]>,
}

impl Group {
    /// The group of a scope, with [`SHARDS`] shards. Scopes of the same ports have the same group,
    /// however the ports are written.
    #[must_use]
    pub fn of(scope: &Scope) -> Self {
        let scope = merged(scope);
        Self::new(Tag::of(&scope), Arc::new(scope), SHARDS)
    }

    /// The same group where it was provisioned with another number of shards; at most 100 count.
    #[must_use]
    pub fn with_shards(self, shards: NonZeroU8) -> Self {
        Self::new(self.tag, self.scope, shards.min(MOST_SHARDS))
    }

    fn new(tag: Tag, scope: Arc<Scope>, shards: NonZeroU8) -> Self {
        let places = || (0..shards.get()).map(Place::Shard).chain([Place::Net]);
        let of_family = |family| places().map(move |place| (family, place));
        let all = of_family(Family::Ipv4).chain(of_family(Family::Ipv6));
        let sets = all.map(|(family, place)| SetName::new(&tag, family, place)).collect();
        Self { tag, scope, shards, sets }
    }

    /// What the group is called within its sets' names.
    #[must_use]
    pub fn tag(&self) -> &Tag {
        &self.tag
    }

    /// What a packet from an entry is refused, with ranges that touch or overlap made one.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// How many shards each family has.
    #[must_use]
    pub fn shards(&self) -> NonZeroU8 {
        self.shards
    }

    /// Every set: IPv4's shards and its set of networks, then IPv6's.
    #[must_use]
    pub fn sets(&self) -> &[SetName] {
        &self.sets
    }

    /// The set that holds `address`, which is as bans have it: never IPv4-mapped.
    ///
    /// `ipv6_prefix` is the length that bans of IPv6 have by default. Whatever is within one such
    /// prefix is in one shard; whatever is wider is in the set of networks, as is every IPv4 network.
    #[must_use]
    pub fn set_for(&self, address: &IpNet, ipv6_prefix: u8) -> SetName {
        let (family, default) = match address {
            IpNet::V4(_) => (Family::Ipv4, 32),
            IpNet::V6(_) => (Family::Ipv6, ipv6_prefix.min(128)),
        };
        let count = usize::from(self.shards.get());
        let place = if address.prefix_len() < default {
            count
        } else {
            let shard = hash(masked(address.addr(), default)) % u64::from(self.shards.get());
            usize::from(shard.to_le_bytes()[0]) // All of it: it is below 100.
        };
        let first = if family == Family::Ipv4 { 0 } else { count + 1 };
        self.sets[first + place].clone()
    }
}

/// The groups of which every set is there, with their number of shards, among the names of all
/// sets. A group that lacks a set is left out: it must not be relied on.
#[must_use]
pub fn complete<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeMap<Tag, NonZeroU8> {
    let mut found: BTreeMap<Tag, BTreeSet<(Family, Place)>> = BTreeMap::new();
    for (tag, family, place) in names.into_iter().filter_map(SetName::parse) {
        found.entry(tag).or_default().insert((family, place));
    }
    found.into_iter().filter_map(|(tag, sets)| Some((tag, count(&sets)?))).collect()
}

/// How many shards both families have from 0 on without a gap; `None` if a set is missing.
fn count(sets: &BTreeSet<(Family, Place)>) -> Option<NonZeroU8> {
    let both =
        |place| sets.contains(&(Family::Ipv4, place)) && sets.contains(&(Family::Ipv6, place));
    let count = (0..MOST_SHARDS.get()).take_while(|&shard| both(Place::Shard(shard))).count();
    // Nothing beyond the first gap: such a set is one of a group that has lost others.
    let whole = sets.len() == 2 * (count + 1) && both(Place::Net);
    NonZeroU8::new(u8::try_from(count).ok()?).filter(|_| whole)
}

/// The scope with its ports in the fewest ranges. Every port is so of every protocol.
fn merged(scope: &Scope) -> Scope {
    if scope.ports.is_empty() {
        return Scope { protocols: [Protocol::Tcp, Protocol::Udp].into(), ..scope.clone() };
    }
    let mut ports: Vec<PortRange> = Vec::new();
    for &range in &scope.ports {
        // In order of their first ports, so only the last can touch.
        let last = ports.last().filter(|last| range.first() <= last.last().saturating_add(1));
        match last.and_then(|last| PortRange::new(last.first(), last.last().max(range.last()))) {
            Some(both) => *ports.last_mut().expect("it was just looked at") = both,
            None => ports.push(range),
        }
    }
    Scope { ports: ports.into_iter().collect(), protocols: scope.protocols.clone() }
}

/// The address with all but its first `prefix` bits zero.
fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(_) => address, // A shard holds lone IPv4 addresses only.
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            Ipv6Addr::from_bits(v6.to_bits() & mask).into()
        }
    }
}

fn hash(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(v4) => fmix64(fnv1a(&v4.octets())),
        IpAddr::V6(v6) => fmix64(fnv1a(&v6.octets())),
    }
}

/// FNV-1a, 64 bits. Source: draft-eastlake-fnv.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The last step of `MurmurHash3` (public domain): every bit of the input moves every bit.
fn fmix64(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests;
