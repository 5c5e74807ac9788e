//! How much of IPv6 is one attacker, and so how wide a ban is.
//!
//! Who has one IPv6 address has as a rule the whole /64 (RFC 6177), so failures count for the host
//! and for its network of `ipv6_prefix` as well. A ban takes as much of that network as holds
//! nothing guarded. On our own links a prefix is shared with neighbours: there, hosts are hosts.

use std::net::IpAddr;

use ipnet::IpNet;

use super::ignore::IgnoreList;

/// How a jail sees IPv6 networks.
#[derive(Clone, Debug)]
pub struct Prefixes {
    /// `ipv6_prefix`: how much of an address names the attacker. Invariant: 32 to 128.
    ipv6: u8,
    /// The networks of the host's own links.
    on_link: Vec<IpNet>,
}

impl Prefixes {
    /// Takes an attacker to be a network of that length. No link is known yet.
    #[must_use]
    pub fn new(ipv6: u8) -> Self {
        Self { ipv6: ipv6.clamp(32, 128), on_link: Vec::new() }
    }

    /// Changes the length, as a reload may.
    pub fn set_ipv6(&mut self, ipv6: u8) {
        self.ipv6 = ipv6.clamp(32, 128);
    }

    /// Learns the networks of the host's own links; host bits do not matter.
    pub fn set_on_link(&mut self, on_link: &[IpNet]) {
        self.on_link = on_link.iter().map(IpNet::trunc).collect();
    }

    /// Whether a network holds, or is part of, one of the host's own links.
    #[must_use]
    pub fn meets_link(&self, network: &IpNet) -> bool {
        self.on_link.iter().any(|link| link.contains(network) || network.contains(link))
    }

    /// The network that an offender's failures count for besides itself, if any.
    #[must_use]
    pub fn counted(&self, offender: IpAddr) -> Option<IpNet> {
        if offender.is_ipv4() || self.ipv6 == 128 || self.meets_link(&offender.into()) {
            return None;
        }
        IpNet::new(offender, self.ipv6).ok().map(|network| network.trunc())
    }

    /// The network that stands for an offender: itself, or as much around it as `ipv6_prefix` says.
    #[must_use]
    pub fn of(&self, offender: &IpNet) -> IpNet {
        if offender.prefix_len() <= self.ipv6 {
            return *offender;
        }
        self.counted(offender.addr()).unwrap_or(*offender)
    }

    /// What is banned for an offender: of [`Prefixes::of`] it the widest part that holds the
    /// offender and nothing guarded; on our own links, the offender alone.
    #[must_use]
    pub fn sentence(&self, offender: &IpNet, guarded: &IgnoreList) -> IpNet {
        let widest = self.of(offender);
        let may_be =
            |network: &IpNet| guarded.overlap(network).is_none() && !self.meets_link(network);
        (widest.prefix_len()..offender.prefix_len())
            .filter_map(|length| IpNet::new(offender.addr(), length).ok())
            .map(|network| network.trunc())
            .find(may_be)
            .unwrap_or(*offender)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    fn guarding(guarded: &[&str]) -> IgnoreList {
        IgnoreList::new(&guarded.iter().map(|text| net(text)).collect::<Vec<_>>(), &[])
    }

    #[track_caller]
    fn check(ipv6: u8, on_link: &str, guarded: &str, offender: &str, expected: &str) {
        let mut prefixes = Prefixes::new(ipv6);
        prefixes.set_on_link(&[net(on_link)]);
        let sentence = prefixes.sentence(&net(offender), &guarding(&[guarded]));
        assert_eq!(sentence, net(expected));
    }

    #[test]
    fn a_remote_attacker_is_banned_with_his_network() {
        check(64, "fd00::1/64", "::1/128", "2001:db8::7/128", "2001:db8::/64");
        check(48, "fd00::1/64", "::1/128", "2001:db8:0:5::7/128", "2001:db8::/48");
        check(128, "fd00::1/64", "::1/128", "2001:db8::7/128", "2001:db8::7/128");
        check(64, "fd00::1/64", "::1/128", "192.0.2.7/32", "192.0.2.7/32");
        check(64, "fd00::1/64", "::1/128", "2001:db8::/48", "2001:db8::/48");
    }

    #[test]
    fn a_neighbour_is_banned_alone() {
        check(64, "2001:db8::1/64", "::1/128", "2001:db8::7/128", "2001:db8::7/128");
        check(64, "2001:db8::1/56", "::1/128", "2001:db8::7/128", "2001:db8::7/128");
    }

    #[test]
    fn what_is_guarded_stays_out_of_the_ban() {
        check(64, "fd00::1/64", "2001:db8::8000:0:0:1/128", "2001:db8::7/128", "2001:db8::/65");
        check(64, "fd00::1/64", "2001:db8::6/128", "2001:db8::7/128", "2001:db8::7/128");
        check(48, "2001:db8:0:ff::1/64", "::1/128", "2001:db8::7/128", "2001:db8::/57");
    }

    proptest! {
        /// The oracle looks at each of the network's addresses, in a space of eight bits.
        #[test]
        fn the_widest_network_without_anything_guarded(
            offender in 0..256u16,
            guarded in prop::collection::btree_set(0..256u16, 0..5),
            length in 120..=128u8,
        ) {
            let host = |bits: u16| IpNet::from(IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, bits]));
            let networks: Vec<IpNet> = guarded.iter().map(|&bits| host(bits)).collect();
            let sentence = Prefixes::new(length).sentence(&host(offender), &IgnoreList::new(&networks, &[]));
            let holds = |length: u8, bits: u16| {
                let shift = 128 - u32::from(length);
                bits >> shift == offender >> shift
            };
            let expected = (length..=128)
                .find(|&length| !guarded.iter().any(|&bits| holds(length, bits)))
                .unwrap_or(128);
            prop_assert_eq!(sentence.prefix_len(), expected);
            prop_assert!(sentence.contains(&host(offender)));
        }
    }
}
