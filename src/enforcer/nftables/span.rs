//! Runs of addresses, and how networks that lie within each other become runs that do not.
//!
//! The kernel refuses intervals that overlap. So the networks of a set are cut into disjoint spans,
//! and each span stays until the last ban that covers it ends: a wider ban may end first, and the
//! narrower ones within it go on, also where nobody is there to put them back.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use jiff::SignedDuration;

use crate::moment::Boot;

/// Addresses of one family from `first` to `last`, both included, as numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The lowest.
    pub first: u128, // Invariant: first <= last.
    /// The highest.
    pub last: u128,
}

/// When something ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// Then.
    At(Boot),
    /// Never.
    Never,
}

/// What a set holds, or should hold: disjoint spans, and when each ends.
pub type Elements = BTreeMap<Span, End>;

impl Span {
    /// The addresses of a network.
    #[must_use]
    pub fn of(net: &IpNet) -> Self {
        Self { first: number(net.network()), last: number(net.broadcast()) }
    }

    /// One address.
    #[must_use]
    pub fn point(address: u128) -> Self {
        Self { first: address, last: address }
    }
}

impl End {
    /// The end of a ban that ends at `until`, or never.
    #[must_use]
    pub fn new(until: Option<Boot>) -> Self {
        until.map_or(Self::Never, Self::At)
    }

    /// Whether it has come by `now`.
    #[must_use]
    pub fn is_past(self, now: Boot) -> bool {
        matches!(self, Self::At(at) if at <= now)
    }

    /// Whether the two are at most `tolerance` apart.
    #[must_use]
    pub fn is_about(self, other: Self, tolerance: SignedDuration) -> bool {
        match (self, other) {
            (Self::Never, Self::Never) => true,
            (Self::At(a), Self::At(b)) => a.since(b).abs() <= tolerance,
            _ => false,
        }
    }
}

/// An address as a number.
#[must_use]
pub fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

/// A number as an address of a family; an IPv4 address has 32 bits, and what is above is ignored.
#[must_use]
pub fn address(number: u128, ipv6: bool) -> IpAddr {
    if ipv6 {
        return Ipv6Addr::from(number).into();
    }
    #[expect(clippy::cast_possible_truncation, reason = "said above")]
    Ipv4Addr::from(number as u32).into()
}

/// Disjoint spans that cover what the networks cover, each until the last of those that cover it
/// ends. All networks are of one family. Neighbours that end together are one span.
#[must_use]
pub fn disjoint(nets: impl Iterator<Item = (IpNet, End)>) -> Elements {
    let mut nets: Vec<(Span, End)> = nets.map(|(net, end)| (Span::of(&net), end)).collect();
    // Networks are disjoint or one within the other; so the wider comes first.
    nets.sort_unstable_by_key(|(span, _)| (span.first, std::cmp::Reverse(span.last)));
    let mut sweep = Sweep::default();
    for (span, end) in nets {
        sweep.close_before(span.first);
        sweep.open(span, end);
    }
    sweep.close_before(u128::MAX);
    sweep.close_last();
    sweep.spans
}

/// Whether all of `span` is covered until `end`, or longer, by what is held.
#[must_use]
pub fn covers(held: &Elements, span: Span, end: End) -> bool {
    let start = Span { first: span.first, last: u128::MAX };
    let Some((before, _)) = held.range(..=start).next_back() else { return false };
    let mut next = Some(span.first);
    for (held, until) in held.range(before..) {
        let Some(wanted) = next.filter(|next| *next <= span.last) else { return true };
        if held.first > wanted || held.last < wanted || *until < end {
            return false;
        }
        next = held.last.checked_add(1);
    }
    next.is_none_or(|next| next > span.last)
}

/// Walks from the lowest address up; `open` holds the networks around `at`, the innermost last.
#[derive(Default)]
struct Sweep {
    spans: Elements,
    open: Vec<(u128, End)>, // Up to where; until when, counting those around it.
    at: Option<u128>,       // `None`: past the highest address there is.
}

impl Sweep {
    fn open(&mut self, span: Span, end: End) {
        if let (Some(&(_, around)), Some(at)) = (self.open.last(), self.at)
            && at < span.first
        {
            self.emit(Span { first: at, last: span.first - 1 }, around);
        }
        let around = self.open.last().map_or(end, |&(_, around)| around.max(end));
        self.open.push((span.last, around));
        self.at = Some(span.first);
    }

    /// Closes the networks that end before `first`.
    fn close_before(&mut self, first: u128) {
        while self.open.last().is_some_and(|&(last, _)| last < first) {
            self.close();
        }
    }

    fn close_last(&mut self) {
        while !self.open.is_empty() {
            self.close();
        }
    }

    fn close(&mut self) {
        let Some((last, end)) = self.open.pop() else { return };
        if let Some(first) = self.at.filter(|at| *at <= last) {
            self.emit(Span { first, last }, end);
            self.at = last.checked_add(1);
        }
    }

    fn emit(&mut self, span: Span, end: End) {
        let before = self.spans.last_key_value().map(|(before, end)| (*before, *end));
        let first = match before {
            Some((before, until))
                if until == end && before.last.checked_add(1) == Some(span.first) =>
            {
                self.spans.remove(&before);
                before.first
            }
            _ => span.first,
        };
        self.spans.insert(Span { first, last: span.last }, end);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> End {
        End::At(Boot(SignedDuration::from_secs(second)))
    }

    fn check(nets: &[(&str, End)], expected: &[(&str, &str, End)]) {
        let spans = disjoint(nets.iter().map(|(net, end)| (net.parse().unwrap(), *end)));
        let shown: Vec<(String, String, End)> = spans
            .iter()
            .map(|(span, end)| {
                let ipv6 = nets[0].0.contains(':');
                let show = |number| address(number, ipv6).to_string();
                (show(span.first), show(span.last), *end)
            })
            .collect();
        let expected: Vec<(String, String, End)> =
            expected.iter().map(|&(a, b, end)| (a.to_owned(), b.to_owned(), end)).collect();
        assert_eq!(shown, expected, "{nets:?}");
    }

    #[test]
    fn a_network_within_another_is_cut_out_only_where_it_ends_later() {
        let wide = ("10.0.0.0/8", at(10));
        check(&[wide], &[("10.0.0.0", "10.255.255.255", at(10))]);
        check(&[wide, ("10.1.0.0/16", at(5))], &[("10.0.0.0", "10.255.255.255", at(10))]);
        check(
            &[("10.1.0.0/16", End::Never), wide],
            &[
                ("10.0.0.0", "10.0.255.255", at(10)),
                ("10.1.0.0", "10.1.255.255", End::Never),
                ("10.2.0.0", "10.255.255.255", at(10)),
            ],
        );
    }

    #[test]
    fn the_last_address_has_nothing_after_it() {
        let last = ("255.255.255.0/24", at(1));
        check(&[last], &[("255.255.255.0", "255.255.255.255", at(1))]);
        check(
            &[("ff00::/8", at(1)), ("ffff::/16", at(2))],
            &[
                ("ff00::", "fffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", at(1)),
                ("ffff::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", at(2)),
            ],
        );
    }

    #[test]
    fn neighbours_stay_apart_unless_they_end_together() {
        let [a, b] = ["192.0.2.0/25", "192.0.2.128/25"];
        check(
            &[(a, at(1)), (b, at(2))],
            &[("192.0.2.0", "192.0.2.127", at(1)), ("192.0.2.128", "192.0.2.255", at(2))],
        );
        check(&[(a, at(1)), (b, at(1))], &[("192.0.2.0", "192.0.2.255", at(1))]);
    }

    /// Networks of a small part of the address space, its highest end included.
    fn nets() -> impl Strategy<Value = Vec<(IpNet, End)>> {
        let net = (0u32..256, 24u8..=32, 0i64..4).prop_map(|(low, width, end)| {
            let net = IpNet::new(address((0xffff_ff00 | low).into(), false), width).unwrap();
            (net.trunc(), if end == 0 { End::Never } else { at(end) })
        });
        proptest::collection::vec(net, 0..12)
    }

    /// Until when an address is covered, asked of each network.
    fn naive(nets: &[(IpNet, End)], address: IpAddr) -> Option<End> {
        nets.iter().filter(|(net, _)| net.contains(&address)).map(|(_, end)| *end).max()
    }

    proptest! {
        #[test]
        fn each_address_is_covered_until_the_last_of_its_bans_ends(nets in nets()) {
            let spans = disjoint(nets.iter().copied());
            for low in 0..256u32 {
                let number = u128::from(0xffff_ff00 | low);
                let holds = |span: &&Span| (span.first..=span.last).contains(&number);
                let of: Vec<&Span> = spans.keys().filter(holds).collect();
                prop_assert!(of.len() <= 1, "spans overlap");
                let until = of.first().map(|span| spans[*span]);
                prop_assert_eq!(until, naive(&nets, address(number, false)));
            }
        }

        #[test]
        fn what_is_covered_is_what_every_address_says(nets in nets(), ask in nets()) {
            let spans = disjoint(nets.iter().copied());
            for (net, end) in ask {
                let hosts = u32::try_from(number(net.network())).unwrap()
                    ..=u32::try_from(number(net.broadcast())).unwrap();
                let expected = hosts.into_iter().all(|host| {
                    naive(&nets, address(host.into(), false)).is_some_and(|until| until >= end)
                });
                prop_assert_eq!(covers(&spans, Span::of(&net), end), expected);
            }
        }
    }
}
