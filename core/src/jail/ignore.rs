//! Who is never banned.
//!
//! `ignoreip`, `trusted_proxies`, `ignoreself` and `ignoresessions` are the operator's; on top, the
//! default gateways, and addresses that no remote attacker can have and whose ban would only hurt
//! the host, are never banned by any jail.

mod segments;

use std::net::IpAddr;
use std::sync::LazyLock;

use ipnet::IpNet;

use self::segments::Segments;
use super::guards::Guards;

/// Why an address is not banned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IgnoreReason {
    /// It is in the jail's `ignoreip`.
    IgnoreIp,
    /// It is one of the host's own (`ignoreself`).
    IgnoreSelf,
    /// It is loopback, link-local, multicast or unspecified.
    Special,
    /// It is a proxy that the jail trusts: behind it stands everybody.
    Proxy,
    /// It is one of the host's default gateways.
    Gateway,
    /// An administrator is logged in from it (`ignoresessions`).
    Session,
}

impl IgnoreReason {
    /// Every reason, for what must list them all.
    pub const ALL: [Self; 6] = [
        Self::IgnoreIp,
        Self::IgnoreSelf,
        Self::Special,
        Self::Proxy,
        Self::Gateway,
        Self::Session,
    ];

    /// The reason as a metric's label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IgnoreIp => "ignoreip",
            Self::IgnoreSelf => "ignoreself",
            Self::Special => "special",
            Self::Proxy => "proxy",
            Self::Gateway => "gateway",
            Self::Session => "session",
        }
    }
}

/// The networks a jail leaves alone.
#[derive(Clone, Debug)]
pub struct IgnoreList {
    ignoreip: Vec<IpNet>,
    trusted_proxies: Vec<IpNet>,
    guards: Guards,
    /// All of them, for hosts.
    segments: Segments,
}

/// Which reason is told where there are several: the first of these.
const ORDER: [IgnoreReason; 6] = [
    IgnoreReason::Special,
    IgnoreReason::IgnoreIp,
    IgnoreReason::Proxy,
    IgnoreReason::IgnoreSelf,
    IgnoreReason::Gateway,
    IgnoreReason::Session,
];

impl IgnoreList {
    /// Leaves these networks alone. Overlaps are merged.
    #[must_use]
    pub fn new(ignoreip: &[IpNet], trusted_proxies: &[IpNet]) -> Self {
        let mut list = Self {
            ignoreip: IpNet::aggregate(&ignoreip.to_vec()),
            trusted_proxies: IpNet::aggregate(&trusted_proxies.to_vec()),
            guards: Guards::default(),
            segments: Segments::default(),
        };
        list.cut();
        list
    }

    /// Leaves these addresses alone as well.
    pub fn set_guards(&mut self, guards: Guards) {
        self.guards = guards;
        self.cut();
    }

    /// Why this host must not be banned, if so.
    #[must_use]
    pub fn reason(&self, host: IpAddr) -> Option<IgnoreReason> {
        self.segments.reason(host)
    }

    /// Why this network must not be banned: it has an address that must not be.
    #[must_use]
    pub fn overlap(&self, network: &IpNet) -> Option<IgnoreReason> {
        if network.prefix_len() == network.max_prefix_len() {
            return self.reason(network.addr());
        }
        self.search(network)
    }

    /// The same, by a look at everything that is listed.
    fn search(&self, network: &IpNet) -> Option<IgnoreReason> {
        if is_special(network) {
            return Some(IgnoreReason::Special);
        }
        let meets = |list: &[IpNet]| {
            list.iter().any(|other| other.contains(network) || network.contains(other))
        };
        let holds = |list: &[IpAddr]| list.iter().any(|address| network.contains(address));
        [
            (meets(&self.ignoreip), IgnoreReason::IgnoreIp),
            (meets(&self.trusted_proxies), IgnoreReason::Proxy),
            (holds(&self.guards.own), IgnoreReason::IgnoreSelf),
            (holds(&self.guards.gateways), IgnoreReason::Gateway),
            (holds(&self.guards.sessions), IgnoreReason::Session),
        ]
        .into_iter()
        .find_map(|(applies, reason)| applies.then_some(reason))
    }

    fn cut(&mut self) {
        fn hosts(addresses: &[IpAddr]) -> impl Iterator<Item = IpNet> {
            addresses.iter().copied().map(IpNet::from)
        }
        let Guards { own, gateways, sessions, .. } = &self.guards;
        let mut listed: Vec<(IpNet, IgnoreReason)> = Vec::new();
        let mut list = |nets: &mut dyn Iterator<Item = IpNet>, reason| {
            listed.extend(nets.map(|net| (net, reason)));
        };
        list(&mut SPECIAL.iter().copied(), IgnoreReason::Special);
        list(&mut self.ignoreip.iter().copied(), IgnoreReason::IgnoreIp);
        list(&mut self.trusted_proxies.iter().copied(), IgnoreReason::Proxy);
        list(&mut hosts(own), IgnoreReason::IgnoreSelf);
        list(&mut hosts(gateways), IgnoreReason::Gateway);
        list(&mut hosts(sessions), IgnoreReason::Session);
        self.segments = Segments::new(&listed, &ORDER);
    }
}

/// Networks whose addresses no remote host has (RFC 6890).
static SPECIAL: LazyLock<Vec<IpNet>> = LazyLock::new(|| {
    [
        "0.0.0.0/8",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "224.0.0.0/4",
        "255.255.255.255/32",
        "::/128",
        "::1/128",
        "fe80::/10",
        "ff00::/8",
    ]
    .map(|special| special.parse().expect("the table holds networks"))
    .to_vec()
});

fn is_special(network: &IpNet) -> bool {
    SPECIAL.iter().any(|special| special.contains(network) || network.contains(special))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(network: &str, expected: Option<IgnoreReason>) {
        let net = |text: &str| text.parse::<IpNet>().unwrap();
        let mut list = IgnoreList::new(
            &[net("198.51.100.0/24"), net("2001:db8:1::/48")],
            &[net("192.0.2.128/28")],
        );
        list.set_guards(Guards {
            own: vec!["192.0.2.16".parse().unwrap()],
            gateways: vec!["192.0.2.1".parse().unwrap()],
            sessions: vec!["2001:db8:3::9".parse().unwrap()],
            on_link: Vec::new(),
        });
        assert_eq!(list.overlap(&network.parse().unwrap()), expected, "{network}");
    }

    #[test]
    fn leaves_alone_what_it_was_told_to() {
        check("198.51.100.7/32", Some(IgnoreReason::IgnoreIp));
        check("2001:db8:1::7/128", Some(IgnoreReason::IgnoreIp));
        check("192.0.2.16/32", Some(IgnoreReason::IgnoreSelf));
        check("192.0.2.130/32", Some(IgnoreReason::Proxy));
        check("192.0.2.1/32", Some(IgnoreReason::Gateway));
        check("2001:db8:3::9/128", Some(IgnoreReason::Session));
        check("203.0.113.7/32", None);
        check("2001:db8:2::7/128", None);
    }

    #[test]
    fn a_network_is_left_alone_for_any_address_in_it() {
        check("198.51.0.0/16", Some(IgnoreReason::IgnoreIp));
        check("192.0.2.0/27", Some(IgnoreReason::IgnoreSelf));
        check("192.0.2.0/28", Some(IgnoreReason::Gateway));
        check("192.0.2.128/25", Some(IgnoreReason::Proxy));
        check("2001:db8:3::/64", Some(IgnoreReason::Session));
        check("0.0.0.0/0", Some(IgnoreReason::Special));
    }

    #[test]
    fn no_remote_host_has_a_special_address() {
        for network in ["127.0.0.1/32", "169.254.1.1/32", "fe80::1/128", "::1/128", "224.0.0.1/32"]
        {
            check(network, Some(IgnoreReason::Special));
        }
    }

    fn some_net() -> impl Strategy<Value = IpNet> {
        // Around the edges of what is special, too.
        let ends = prop::sample::select(vec![
            0u32,
            0x00ff_ffff,
            0x0100_0000,
            0x7f00_0001,
            0xa9fe_ffff,
            0xa9ff_0000,
            0xe000_0000,
            0xf000_0000,
            0xffff_fffe,
            u32::MAX,
            0xc000_0200,
        ]);
        (ends, 0..8u32, 24..=32u8, any::<bool>()).prop_map(|(end, more, length, ipv4)| {
            let bits = end.wrapping_add(more);
            if ipv4 {
                IpNet::new(std::net::Ipv4Addr::from(bits).into(), length).unwrap()
            } else {
                let bits = (u128::from(bits) << 96) | u128::from(more % 3);
                let length = if length == 32 { 128 } else { length };
                IpNet::new(std::net::Ipv6Addr::from(bits).into(), length).unwrap()
            }
        })
    }

    proptest! {
        /// The oracle is the look at all networks.
        #[test]
        fn a_search_of_segments_finds_what_a_look_at_everything_finds(
            ignoreip in prop::collection::vec(some_net(), 0..6),
            proxies in prop::collection::vec(some_net(), 0..3),
            guards in prop::collection::vec(some_net(), 0..6),
            hosts in prop::collection::vec(some_net(), 1..20),
        ) {
            let mut list = IgnoreList::new(&ignoreip, &proxies);
            let guards: Vec<IpAddr> = guards.iter().map(IpNet::addr).collect();
            let [own, gateways, sessions] =
                [0, 1, 2].map(|nth| guards.iter().copied().skip(nth).step_by(3).collect());
            list.set_guards(Guards { own, gateways, sessions, on_link: Vec::new() });
            let hosts = hosts.iter().map(IpNet::addr).chain(guards);
            for host in hosts.chain(ignoreip.iter().map(IpNet::broadcast)) {
                prop_assert_eq!(list.reason(host), list.search(&host.into()), "{}", host);
            }
        }
    }
}
