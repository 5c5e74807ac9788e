//! Which prefix lengths a collection of networks has: what to try when one looks for a network that
//! holds another.

use ipnet::IpNet;

/// How many networks there are of each prefix length. Nearly always there are one or two lengths, so
/// that looking for what is wider than a network costs next to nothing.
#[derive(Clone, Debug, Default)]
pub struct Widths {
    ipv4: Vec<Width>,
    ipv6: Vec<Width>,
}

/// A length, and how many networks have it. A family's stand in order, and none has no network.
type Width = (u8, usize);

impl Widths {
    /// Notes one more.
    pub fn add(&mut self, net: IpNet) {
        let widths = if is_ipv4(&net) { &mut self.ipv4 } else { &mut self.ipv6 };
        match widths.binary_search_by_key(&net.prefix_len(), |&(length, _)| length) {
            Ok(idx) => widths[idx].1 += 1,
            Err(idx) => widths.insert(idx, (net.prefix_len(), 1)),
        }
    }

    /// Notes one less.
    pub fn remove(&mut self, net: IpNet) {
        let widths = if is_ipv4(&net) { &mut self.ipv4 } else { &mut self.ipv6 };
        let found = widths.binary_search_by_key(&net.prefix_len(), |&(length, _)| length);
        let Ok(idx) = found else { return };
        widths[idx].1 -= 1;
        if widths[idx].1 == 0 {
            widths.remove(idx);
        }
    }

    /// Every network that could be among them, is wider than `net` and holds it; the widest first.
    #[must_use]
    pub fn wider(&self, net: IpNet) -> impl DoubleEndedIterator<Item = IpNet> + '_ {
        self.up_to(net).filter(move |wider| wider.prefix_len() < net.prefix_len())
    }

    /// The same, with `net` itself at the end, if there is any of its length.
    #[must_use]
    pub fn up_to(&self, net: IpNet) -> impl DoubleEndedIterator<Item = IpNet> + '_ {
        let widths = if is_ipv4(&net) { &self.ipv4 } else { &self.ipv6 };
        let longer = widths.partition_point(|&(length, _)| length <= net.prefix_len());
        let part = move |&(length, _): &Width| Some(IpNet::new(net.addr(), length).ok()?.trunc());
        widths[..longer].iter().filter_map(part)
    }
}

fn is_ipv4(net: &IpNet) -> bool {
    matches!(net, IpNet::V4(_))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The oracle looks for the networks themselves.
        #[test]
        fn every_network_that_holds_another_is_tried(
            nets in prop::collection::vec((any::<bool>(), 0..=32u8), 0..8),
            gone in 0..8usize,
            length in 0..=32u8,
        ) {
            let net = |(ipv4, length): (bool, u8)| {
                let address = if ipv4 { "255.255.255.255" } else { "ffff:ffff::" };
                IpNet::new(address.parse().unwrap(), length).unwrap().trunc()
            };
            let mut widths = Widths::default();
            let nets: Vec<IpNet> = nets.into_iter().map(net).collect();
            for net in &nets {
                widths.add(*net);
            }
            let gone = gone.min(nets.len());
            for net in &nets[..gone] {
                widths.remove(*net);
            }
            for ipv4 in [true, false] {
                let inner = net((ipv4, length));
                let mut expected: Vec<IpNet> =
                    nets[gone..].iter().copied().filter(|net| net.contains(&inner)).collect();
                expected.sort_by_key(IpNet::prefix_len);
                expected.dedup();
                prop_assert_eq!(widths.up_to(inner).collect::<Vec<_>>(), expected.clone());
                expected.retain(|net| *net != inner);
                prop_assert_eq!(widths.wider(inner).collect::<Vec<_>>(), expected);
            }
        }
    }
}
