//! What firewalld holds for our bans, and where.
//!
//! A ban needs rules, each in every zone that is in use, or one entry in one provisioned set. To
//! firewalld an entry is text, and it takes `A` and `A/32` for two; there is one spelling here.

use std::ops::RangeInclusive;
use std::sync::Arc;

use ipnet::IpNet;

use super::rule::Rule;
use crate::enforcer::shard::SetName;

/// A zone's name.
pub type Zone = Arc<str>;

/// One thing that firewalld holds for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Element {
    /// A rich rule.
    Rule(Rule),
    /// An entry of a set.
    Entry(IpNet),
}

/// Where it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holder {
    /// Rules are in zones.
    Zone(Zone),
    /// Entries are in sets.
    Set(SetName),
}

/// What a ban needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// The rule, in every zone in which bans must be in force.
    Rule(Rule),
    /// The address in the set, or a wider one that covers it: firewalld takes no entry that
    /// overlaps another of the same set.
    Entry(SetName, IpNet),
}

impl Element {
    /// What needs it, if it is in `holder`; `None` if it cannot be there.
    #[must_use]
    pub fn need(&self, holder: &Holder) -> Option<Need> {
        match (self, holder) {
            (Self::Rule(rule), Holder::Zone(_)) => Some(Need::Rule(*rule)),
            (Self::Entry(net), Holder::Set(set)) => Some(Need::Entry(set.clone(), *net)),
            _ => None,
        }
    }
}

impl Need {
    /// Where it must be held; rules in each of `zones`.
    #[must_use]
    pub fn holders(&self, zones: &[Zone]) -> Vec<Holder> {
        match self {
            Self::Rule(_) => zones.iter().cloned().map(Holder::Zone).collect(),
            Self::Entry(set, _) => vec![Holder::Set(set.clone())],
        }
    }

    /// What must be held.
    #[must_use]
    pub fn element(&self) -> Element {
        match self {
            Self::Rule(rule) => Element::Rule(*rule),
            Self::Entry(_, net) => Element::Entry(*net),
        }
    }
}

/// What `net` holds, itself included, as a range in the order of addresses that have no host bits.
#[must_use]
pub fn within(net: IpNet) -> RangeInclusive<IpNet> {
    net..=IpNet::from(net.broadcast())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::jail::widths::Widths;

    fn any_net() -> impl Strategy<Value = IpNet> {
        let v4 = (0u32..64, 26u8..=32).prop_map(|(a, n)| {
            IpNet::new(std::net::Ipv4Addr::from_bits(0xC000_0200 | a).into(), n)
        });
        let v6 = (0u128..64, 122u8..=128)
            .prop_map(|(a, n)| IpNet::new(std::net::Ipv6Addr::from_bits(a).into(), n));
        prop_oneof![v4, v6].prop_map(|net| net.unwrap().trunc())
    }

    proptest! {
        #[test]
        fn both_ways_of_looking_for_overlaps_agree_with_containing(one in any_net(), two in any_net()) {
            prop_assert_eq!(within(one).contains(&two), one.contains(&two));
            let mut widths = Widths::default();
            widths.add(one);
            prop_assert_eq!(widths.wider(two).any(|net| net == one), one != two && one.contains(&two));
            widths.remove(one);
            prop_assert_eq!(widths.wider(two).count(), 0);
        }
    }
}
