//! Which connections the bans of a round meet.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use ipnet::IpNet;

use super::Cut;
use crate::jail::ban::JailName;
use crate::jail::scope::{Protocol, Scope};

/// Bans, to be found by an address that they hold.
#[derive(Debug, Default)]
pub(super) struct Targets {
    bans: HashMap<IpNet, Vec<(JailName, Scope)>>,
    /// The lengths of their prefixes, longest first: what must be tried for an address.
    lengths: BTreeSet<std::cmp::Reverse<u8>>,
}

/// One end of a connection: a transport protocol, where it has one of ours, and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OurEnd {
    /// `None`: another than TCP and UDP.
    pub(super) protocol: Option<Protocol>,
    /// 0 where the protocol has none.
    pub(super) port: u16,
}

impl Targets {
    pub(super) fn new(cuts: impl IntoIterator<Item = Cut>) -> Self {
        let mut targets = Self::default();
        for Cut { jail, address, scope } in cuts {
            targets.lengths.insert(std::cmp::Reverse(address.prefix_len()));
            let bans = targets.bans.entry(address.trunc()).or_default();
            if !bans.iter().any(|(other, wanted)| *other == jail && *wanted == scope) {
                bans.push((jail, scope));
            }
        }
        targets
    }

    /// The jail whose ban closes a connection with `peer`, whose end here is one of `ours`: a
    /// published port has two, before and after its translation. `None`: it lives on.
    pub(super) fn meets(&self, peer: IpAddr, ours: &[OurEnd]) -> Option<&JailName> {
        let peer = peer.to_canonical();
        self.lengths.iter().find_map(|length| {
            let network = IpNet::new(peer, length.0).ok()?.trunc();
            let mut bans = self.bans.get(&network)?.iter();
            let met = bans.find(|(_, scope)| ours.iter().any(|end| refuses(scope, *end)));
            met.map(|(jail, _)| jail)
        })
    }
}

/// Whether a ban of this scope refuses what comes to that end.
fn refuses(scope: &Scope, end: OurEnd) -> bool {
    if scope.ports.is_empty() {
        return true;
    }
    end.protocol.is_some_and(|protocol| scope.protocols.contains(&protocol))
        && scope.ports.iter().any(|ports| (ports.first()..=ports.last()).contains(&end.port))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::jail::scope::PortRange;

    fn scope(ports: &[(u16, u16)], protocols: &[Protocol]) -> Scope {
        let ports = ports.iter().map(|&(first, last)| PortRange::new(first, last).unwrap());
        Scope { ports: ports.collect(), protocols: protocols.iter().copied().collect() }
    }

    fn cut(jail: &str, address: &str, scope: Scope) -> Cut {
        Cut { jail: JailName::new(jail), address: address.parse().unwrap(), scope }
    }

    fn targets() -> Targets {
        Targets::new([
            cut("ssh", "192.0.2.7/32", scope(&[(22, 22)], &[Protocol::Tcp])),
            cut("web", "192.0.2.7/32", scope(&[(80, 80), (8000, 8010)], &[Protocol::Tcp])),
            cut("dns", "198.51.100.0/24", scope(&[(53, 53)], &[Protocol::Tcp, Protocol::Udp])),
            cut("all", "2001:db8::/64", scope(&[], &[Protocol::Tcp])),
        ])
    }

    #[track_caller]
    fn check(peer: &str, protocol: Option<Protocol>, port: u16, expected: Option<&str>) {
        let targets = targets();
        let jail = targets.meets(peer.parse().unwrap(), &[OurEnd { protocol, port }]);
        assert_eq!(jail.map(JailName::as_str), expected, "{peer} {port}");
    }

    #[test]
    fn only_the_banned_peer_and_the_jails_ports() {
        let (tcp, udp) = (Some(Protocol::Tcp), Some(Protocol::Udp));
        check("192.0.2.7", tcp, 22, Some("ssh"));
        check("::ffff:192.0.2.7", tcp, 22, Some("ssh"));
        check("192.0.2.7", tcp, 8010, Some("web"));
        check("192.0.2.7", tcp, 8011, None);
        check("192.0.2.7", udp, 22, None);
        check("192.0.2.8", tcp, 22, None);
        check("198.51.100.255", udp, 53, Some("dns"));
        check("198.51.101.0", udp, 53, None);
        check("198.51.100.1", None, 0, None);
    }

    #[test]
    fn every_port_and_protocol_where_the_scope_is_all() {
        check("2001:db8::1", Some(Protocol::Udp), 4711, Some("all"));
        check("2001:db8::1", None, 0, Some("all"));
        check("2001:db8:0:1::1", Some(Protocol::Tcp), 1, None);
    }

    #[test]
    fn a_published_port_is_met_at_either_end() {
        let end = |port| OurEnd { protocol: Some(Protocol::Tcp), port };
        let peer = "192.0.2.7".parse().unwrap();
        let targets = targets();
        assert!(targets.meets(peer, &[end(8080), end(80)]).is_some());
        assert!(targets.meets(peer, &[end(80), end(8080)]).is_some());
        assert!(targets.meets(peer, &[end(8080), end(8081)]).is_none());
    }

    proptest! {
        /// The oracle asks every ban in turn.
        #[test]
        fn agrees_with_a_look_at_every_ban(
            bans in prop::collection::vec((0..8u8, 28..=32u8, 0..3u16), 0..12),
            peers in prop::collection::vec((0..16u8, 0..4u16), 1..12),
        ) {
            let cuts: Vec<Cut> = bans.iter().map(|&(host, length, port)| {
                let scope = match port {
                    0 => scope(&[], &[Protocol::Tcp]),
                    port => scope(&[(port, port)], &[Protocol::Tcp]),
                };
                let address = IpNet::new([192, 0, 2, host].into(), length).unwrap().trunc();
                Cut { jail: JailName::new("x"), address, scope }
            }).collect();
            let targets = Targets::new(cuts.iter().cloned());
            for (host, port) in peers {
                let peer: IpAddr = [192, 0, 2, host].into();
                let end = OurEnd { protocol: Some(Protocol::Tcp), port };
                let expected = cuts.iter().any(|cut| {
                    let ports = &cut.scope.ports;
                    cut.address.contains(&peer)
                        && (ports.is_empty() || ports.iter().any(|range| range.first() == port))
                });
                prop_assert_eq!(targets.meets(peer, &[end]).is_some(), expected);
            }
        }
    }
}
