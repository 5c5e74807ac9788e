//! What a ban must never hit, beside what the operator lists.
//!
//! The host's own addresses, its routers and its administrators are facts of the host, which the
//! daemon looks up again and again; how wide a ban may be is the configuration's.

use std::net::IpAddr;

use ipnet::IpNet;

/// Addresses that the host must go on hearing, as they are now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guards {
    /// The host's own, which matter to jails with `ignoreself`.
    pub own: Vec<IpAddr>,
    /// Those of its default gateways. A host that refuses its router still sends through it, but
    /// does not hear what it says: *fragmentation needed*, for one.
    pub gateways: Vec<IpAddr>,
    /// Those that administrators are logged in from, which matter to jails with `ignoresessions`.
    pub sessions: Vec<IpAddr>,
    /// The networks of its own links, in which an IPv6 host is banned alone and no ban is widened.
    pub on_link: Vec<IpNet>,
}

/// The shortest prefixes that may be banned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Floors {
    /// In IPv4.
    pub ipv4: u8,
    /// In IPv6.
    pub ipv6: u8,
}

impl Default for Floors {
    /// A 256th of the IPv4 Internet; what a provider gets in IPv6.
    fn default() -> Self {
        Self { ipv4: 8, ipv6: 32 }
    }
}

impl Floors {
    /// The shortest prefix in the family of this address.
    #[must_use]
    pub fn of(self, address: IpAddr) -> u8 {
        if address.is_ipv4() { self.ipv4 } else { self.ipv6 }
    }

    /// Whether so wide a network may be banned.
    #[must_use]
    pub fn allow(self, network: &IpNet) -> bool {
        network.prefix_len() >= self.of(network.addr())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_floor_is_for_its_family() {
        let floors = Floors { ipv4: 16, ipv6: 48 };
        let check = |network: &str, allowed| {
            assert_eq!(floors.allow(&network.parse().unwrap()), allowed, "{network}");
        };
        check("192.0.2.7/32", true);
        check("198.51.0.0/16", true);
        check("198.50.0.0/15", false);
        check("2001:db8::/48", true);
        check("2001:db8::/47", false);
        check("::/0", false);
    }
}
