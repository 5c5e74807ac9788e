//! What is found of ours while nobody knows all that was banned: it is spared, and told of. Which jail
//! it is of the names of chains and sets say, and its end the kernel.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, IpSubnets, Ipv4Subnets, Ipv6Subnets};

use super::Plan;
use crate::enforcer::nftables::desired::SetId;
use crate::enforcer::nftables::group::{Group, Kind};
use crate::enforcer::nftables::span::{Elements, End, Span};
use crate::enforcer::order::Report;
use crate::moment::Boot;

/// Whether what is found is spared.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sparing {
    pub(super) on: bool,
    /// Whether the look under way tells what it finds.
    telling: bool,
    told: bool,
}

impl Plan {
    /// Spares what it finds of ours, until it is told to clear it away.
    #[must_use]
    pub fn spare(mut self) -> Self {
        self.sparing.on = true;
        self
    }

    /// All that is wanted has been said: the rest may go.
    pub(super) fn clear(&mut self, now: Boot) {
        if std::mem::take(&mut self.sparing.on) {
            self.look_at(now, "asked");
        }
    }

    /// The jails are known: what is in their sets can be told.
    pub(super) fn know_groups(&mut self, now: Boot) {
        if !self.sparing.on || self.sparing.told {
            return;
        }
        for (jail, scope) in self.jails.clone() {
            self.desired.group(Group { jail, scope });
        }
        self.look_at(now, "asked");
    }

    /// A look begins to list the sets of all jails, if they are known.
    pub(super) fn begin_telling(&mut self) {
        let sparing = &mut self.sparing;
        sparing.telling = sparing.on && !sparing.told && !self.jails.is_empty();
    }

    /// Tells what a set holds that nobody asked for. Says whether that is spared.
    pub(super) fn tell_found(&mut self, set: SetId, seen: &Elements, now: Boot) {
        if !self.sparing.telling {
            return;
        }
        let wanted = self.desired.elements(set, now);
        let jails = vec![self.desired.groups()[set.group].jail.clone()];
        for (span, end) in seen.iter().filter(|(span, _)| !wanted.contains_key(span)) {
            let left = match end {
                End::At(at) => Some(at.since(now)),
                End::Never => None,
            };
            for address in networks(*span, set.kind, self.ipv6_prefix) {
                self.reports.push(Report::Found { address, jails: jails.clone(), left });
            }
        }
    }

    /// A look has ended.
    pub(super) fn end_telling(&mut self) {
        if std::mem::take(&mut self.sparing.telling) {
            self.sparing.told = true;
            self.reports.push(Report::FoundAll);
        }
    }
}

/// The networks that an element of such a set refuses.
fn networks(span: Span, kind: Kind, ipv6_prefix: u8) -> Vec<IpNet> {
    let v4 = |number: u128| Ipv4Addr::from(u32::try_from(number).unwrap_or(u32::MAX));
    let v6 = Ipv6Addr::from;
    match kind {
        Kind::Hosts4 => vec![IpAddr::from(v4(span.first)).into()],
        Kind::Hosts6 => IpNet::new(v6(span.first).into(), ipv6_prefix).into_iter().collect(),
        Kind::Nets4 => {
            IpSubnets::from(Ipv4Subnets::new(v4(span.first), v4(span.last), 0)).collect()
        }
        Kind::Nets6 => {
            IpSubnets::from(Ipv6Subnets::new(v6(span.first), v6(span.last), 0)).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: Kind, first: &str, last: &str, expected: &[&str]) {
        let [first, last] = [first, last].map(|text| match text.parse().unwrap() {
            IpAddr::V4(v4) => u128::from(u32::from(v4)),
            IpAddr::V6(v6) => u128::from(v6),
        });
        let networks = networks(Span { first, last }, kind, 64);
        let networks: Vec<String> = networks.iter().map(ToString::to_string).collect();
        assert_eq!(networks, expected);
    }

    #[test]
    fn elements_are_read_as_the_networks_that_they_refuse() {
        check(Kind::Hosts4, "192.0.2.7", "192.0.2.7", &["192.0.2.7/32"]);
        check(Kind::Hosts6, "2001:db8:1::", "2001:db8:1::", &["2001:db8:1::/64"]);
        check(Kind::Nets4, "10.0.0.0", "10.2.255.255", &["10.0.0.0/15", "10.2.0.0/16"]);
        check(Kind::Nets6, "2001:db8::", "2001:db8::ffff", &["2001:db8::/112"]);
    }
}
