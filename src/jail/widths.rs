//! Which prefix lengths a collection of networks has: what to try when one looks for a network that
//! holds another.

use std::collections::BTreeMap;

use ipnet::IpNet;

/// How many networks there are of each prefix length. Nearly always there are one or two lengths, so
/// that looking for what is wider than a network costs next to nothing.
#[derive(Clone, Debug, Default)]
pub struct Widths(BTreeMap<u8, usize>);

impl Widths {
    /// Notes one more.
    pub fn add(&mut self, net: IpNet) {
        *self.0.entry(net.prefix_len()).or_default() += 1;
    }

    /// Notes one less.
    pub fn remove(&mut self, net: IpNet) {
        if let Some(count) = self.0.get_mut(&net.prefix_len()) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(&net.prefix_len());
            }
        }
    }

    /// Every network that could be among them, is wider than `net` and holds it; the widest first.
    #[must_use]
    pub fn wider(&self, net: IpNet) -> impl DoubleEndedIterator<Item = IpNet> + '_ {
        let shorter = self.0.range(..net.prefix_len());
        shorter.filter_map(move |(&length, _)| Some(IpNet::new(net.addr(), length).ok()?.trunc()))
    }
}
