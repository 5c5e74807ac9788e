//! Bans of one set that overlap: firewalld takes only one of such entries, so the wider ban stands
//! for the narrower ones.

use std::net::{IpAddr, Ipv6Addr};
use std::ops::RangeInclusive;

use ipnet::{IpNet, Ipv4Net};

use super::Desired;
use crate::enforcer::firewalld::element::{Element, Holder, Need, Zone, within};
use crate::enforcer::shard::SetName;
use crate::jail::ban::BanKey;

impl Desired {
    /// What should be in a holder.
    pub fn belonging<'a>(
        &'a self,
        holder: &'a Holder,
        zones: &'a [Zone],
    ) -> impl Iterator<Item = Element> + 'a {
        let needs: Box<dyn Iterator<Item = &Need>> = match holder {
            Holder::Set(set) => Box::new(self.range(set, everything())),
            Holder::Zone(zone) if zones.contains(zone) => {
                // Rules sort before entries.
                let needs = self.needed_by.keys();
                Box::new(needs.take_while(|need| matches!(need, Need::Rule(_))))
            }
            Holder::Zone(_) => Box::new(std::iter::empty()),
        };
        let covered =
            |need: &&Need| matches!(need, Need::Entry(set, net) if self.is_covered(set, *net));
        needs.filter(move |need| !covered(need)).map(Need::element)
    }

    /// What is needed in the set and overlaps `net`, which itself is not among it.
    #[must_use]
    pub fn overlapping(&self, set: &SetName, net: IpNet) -> Vec<Need> {
        let wider = self.wider(set, net);
        let narrower =
            self.range(set, within(net)).filter(|need| need.element() != Element::Entry(net));
        wider.chain(narrower.cloned()).collect()
    }

    /// The bans that are in force, once `need` is met.
    #[must_use]
    pub fn bans_of(&self, need: &Need) -> Vec<BanKey> {
        let covered = match need {
            Need::Entry(set, net) => self.range(set, within(*net)).cloned().collect(),
            Need::Rule(_) => vec![need.clone()],
        };
        covered.iter().filter_map(|need| self.needed_by.get(need)).flatten().cloned().collect()
    }

    /// Whether a wider entry stands for this one.
    pub(super) fn is_covered(&self, set: &SetName, net: IpNet) -> bool {
        self.wider(set, net).next().is_some()
    }

    /// What is needed in the set and is wider than `net`.
    fn wider(&self, set: &SetName, net: IpNet) -> impl Iterator<Item = Need> {
        let entries = self.entries.get(set).into_iter();
        let wider = entries.flat_map(move |entries| entries.widths.wider(net));
        wider.map(|wider| Need::Entry(set.clone(), wider)).filter(|need| self.needs(need))
    }

    /// What is needed in the set and lies in the range.
    fn range(&self, set: &SetName, nets: RangeInclusive<IpNet>) -> impl Iterator<Item = &Need> {
        let (first, last) = nets.into_inner();
        let entry = |net| Need::Entry(set.clone(), net);
        self.needed_by.range(entry(first)..=entry(last)).map(|(need, _)| need)
    }
}

/// Every network, in their order.
fn everything() -> RangeInclusive<IpNet> {
    let first = IpNet::V4(Ipv4Net::default());
    let last = IpNet::from(IpAddr::from(Ipv6Addr::from_bits(u128::MAX)));
    first..=last
}
