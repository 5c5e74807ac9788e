//! The addresses of a family, cut where the answer changes: whether a host is left alone, and why, is one
//! binary search, however many networks are listed.

use std::net::IpAddr;

use ipnet::IpNet;

use super::IgnoreReason;

/// What holds of which addresses.
#[derive(Clone, Debug, Default)]
pub(super) struct Segments {
    ipv4: Vec<Segment>,
    ipv6: Vec<Segment>,
}

/// From which address on what holds, up to where the next segment begins; before the first, nothing
/// does. In ascending order.
type Segment = (u128, Option<IgnoreReason>);

/// Where a network begins or ends, and how much it counts for.
type Edge = (u128, usize, i32);

impl Segments {
    /// Networks, and why each is left alone. Where they overlap, the reason that comes first in
    /// `order` holds.
    pub(super) fn new(listed: &[(IpNet, IgnoreReason)], order: &[IgnoreReason]) -> Self {
        let edges = |ipv4: bool| {
            let of_family =
                listed.iter().filter(move |(net, _)| matches!(net, IpNet::V4(_)) == ipv4);
            of_family.flat_map(|(net, reason)| {
                let rank = order.iter().position(|other| other == reason).unwrap_or_default();
                let begin = (bits(net.network()), rank, 1);
                let end = bits(net.broadcast()).checked_add(1).map(|end| (end, rank, -1));
                [Some(begin), end].into_iter().flatten()
            })
        };
        Self {
            ipv4: segments(edges(true).collect(), order),
            ipv6: segments(edges(false).collect(), order),
        }
    }

    /// What holds of a host.
    pub(super) fn reason(&self, host: IpAddr) -> Option<IgnoreReason> {
        let segments = if host.is_ipv4() { &self.ipv4 } else { &self.ipv6 };
        let host = bits(host);
        let later = segments.partition_point(|&(begin, _)| begin <= host);
        segments.get(later.checked_sub(1)?)?.1
    }
}

fn segments(mut edges: Vec<Edge>, order: &[IgnoreReason]) -> Vec<Segment> {
    edges.sort_unstable();
    let mut open = vec![0; order.len()];
    let mut segments: Vec<Segment> = Vec::new();
    for (at, rank, change) in edges {
        open[rank] += change;
        let reason = open.iter().position(|&open| open > 0).map(|rank| order[rank]);
        if segments.last().is_some_and(|&(begin, _)| begin == at) {
            segments.pop();
        }
        if segments.last().and_then(|&(_, reason)| reason) != reason {
            segments.push((at, reason));
        }
    }
    segments
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}
