//! An address or network as the key of a table that attackers fill.
//!
//! [`IpNet`]'s own hash is fed piece by piece: which family it is, the octets, the length. This one is
//! fed at once. It is std's `SipHash` with a random key, of which std promises that nobody who chooses the
//! addresses can make them collide (`RandomState`). Faster ones promise less: foldhash calls itself
//! minimally resistant, and wants to be relied on for no kind of security.

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// A host or a network, in 17 bytes. Its host bits are as they were given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// In IPv4 the first four, and zeros.
    octets: [u8; 16],
    /// The prefix length; in IPv4 [`IPV4`] more.
    length: u8,
}

/// What tells IPv4's prefix lengths from IPv6's, which end at 128.
const IPV4: u8 = 129;

impl Key {
    /// The address or network.
    #[must_use]
    pub fn net(self) -> IpNet {
        let [a, b, c, d, ..] = self.octets;
        match self.length.checked_sub(IPV4) {
            Some(length) => Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length).into(),
            None => Ipv6Net::new_assert(Ipv6Addr::from(self.octets), self.length).into(),
        }
    }
}

impl From<IpAddr> for Key {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::ipv4(address, 32),
            IpAddr::V6(address) => Self { octets: address.octets(), length: 128 },
        }
    }
}

impl From<IpNet> for Key {
    fn from(net: IpNet) -> Self {
        match net {
            IpNet::V4(net) => Self::ipv4(net.addr(), net.prefix_len()),
            IpNet::V6(net) => Self { octets: net.addr().octets(), length: net.prefix_len() },
        }
    }
}

impl Key {
    fn ipv4(address: Ipv4Addr, length: u8) -> Self {
        let [a, b, c, d] = address.octets();
        let octets = [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        Self { octets, length: IPV4 + length }
    }
}

impl Hash for Key {
    /// Without the length: no more than 129 networks have the same octets.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let some = if self.length < IPV4 { 16 } else { 8 };
        state.write(&self.octets[..some]);
    }
}

#[cfg(test)]
mod tests {
    use std::hash::BuildHasher;

    use proptest::prelude::*;

    use super::*;

    fn nets() -> impl Strategy<Value = IpNet> {
        let ipv4 = (any::<u32>(), 0..=32u8)
            .prop_map(|(bits, length)| Ipv4Net::new(bits.into(), length).unwrap().into());
        let ipv6 = (any::<u128>(), 0..=128u8)
            .prop_map(|(bits, length)| Ipv6Net::new(bits.into(), length).unwrap().into());
        let few = prop::sample::select(vec!["0.0.0.0/0", "::/0", "::/128", "0.0.0.0/32"]);
        prop_oneof![ipv4, ipv6, few.prop_map(|text| text.parse().unwrap())]
    }

    proptest! {
        #[test]
        fn a_key_is_its_network(one in nets(), other in nets()) {
            prop_assert_eq!(Key::from(one).net(), one);
            prop_assert_eq!(Key::from(one) == Key::from(other), one == other);
            prop_assert_eq!(Key::from(one.addr()), Key::from(IpNet::from(one.addr())));
        }
    }

    #[test]
    fn addresses_that_differ_are_hashed_differently() {
        let random = std::hash::RandomState::new();
        let ipv4 = (0..1000u32).map(|host| IpAddr::from(Ipv4Addr::from(host << 8)));
        let ipv6 = (0..1000u128).map(|host| IpAddr::from(Ipv6Addr::from(host << 64)));
        let low = (1..1000u128).map(|host| IpAddr::from(Ipv6Addr::from(host)));
        let all = ipv4.chain(ipv6).chain(low).map(|address| random.hash_one(Key::from(address)));
        let hashes: std::collections::HashSet<u64> = all.collect();
        // The first of IPv4 and of IPv6 are of different lengths.
        assert_eq!(hashes.len(), 2999);
    }
}
