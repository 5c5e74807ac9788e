//! All failures that were found, held until they can be put in order: 24 bytes each, and some 60 for each
//! address.

use std::collections::HashMap;
use std::net::IpAddr;

use jiff::Timestamp;

use crate::failure::Failure;
use crate::jail::key::Key;

/// The failures of all jails.
#[derive(Debug, Default)]
pub struct History {
    failures: Vec<Found>,
    addresses: Addresses,
}

/// A failure that a jail's filter found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    /// When.
    pub(super) time: Timestamp,
    /// Which jail, by its number.
    pub(super) jail: u32,
    /// Whose, by the address's number in this history.
    pub(super) address: u32,
}

/// Addresses, numbered in the order in which they came.
#[derive(Debug, Default)]
struct Addresses {
    all: Vec<IpAddr>,
    numbers: HashMap<Key, u32>,
}

impl History {
    /// Adds a failure of the jail of that number.
    pub fn push(&mut self, jail: u32, failure: Failure) {
        let Failure { address, time } = failure;
        let address = self.addresses.number(address);
        self.failures.push(Found { time, jail, address });
    }

    /// How many failures there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.failures.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.failures.is_empty()
    }

    /// When the first failure was, and the last; `None`: there is none.
    #[must_use]
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let times = || self.failures.iter().map(|found| found.time);
        times().min().zip(times().max())
    }

    /// How many addresses there are.
    pub(super) fn addresses(&self) -> usize {
        self.addresses.all.len()
    }

    /// Puts the failures into the order of time; those of one instant stay as they were read.
    pub(super) fn sort(&mut self) {
        self.failures.sort_by_key(|found| found.time);
    }

    /// The failures.
    pub(super) fn iter(&self) -> impl Iterator<Item = Found> {
        self.failures.iter().copied()
    }

    /// The address of that number.
    pub(super) fn address(&self, number: u32) -> IpAddr {
        self.addresses.all[number as usize]
    }
}

impl Addresses {
    fn number(&mut self, address: IpAddr) -> u32 {
        *self.numbers.entry(Key::from(address)).or_insert_with(|| {
            self.all.push(address);
            u32::try_from(self.all.len() - 1).expect("far fewer failures can be held")
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The oracle is the list of what was found, sorted.
        #[test]
        fn tells_what_it_was_told_in_order(
            failures in prop::collection::vec((0..3u32, 0..20u32, any::<bool>(), 0..50i64), 0..100),
        ) {
            let mut history = History::default();
            let mut oracle: Vec<(u32, Failure)> = Vec::new();
            for (jail, host, ipv4, second) in failures {
                let ipv6 = IpAddr::from(std::net::Ipv6Addr::from(u128::from(host) << 96));
                let address = if ipv4 { std::net::Ipv4Addr::from(host).into() } else { ipv6 };
                let failure = Failure { address, time: Timestamp::new(second, 1).unwrap() };
                history.push(jail, failure);
                oracle.push((jail, failure));
            }
            history.sort();
            oracle.sort_by_key(|(_, failure)| failure.time);
            let ends = oracle.first().zip(oracle.last());
            prop_assert_eq!(history.span(), ends.map(|(a, b)| (a.1.time, b.1.time)));
            let mut addresses: Vec<IpAddr> = oracle.iter().map(|(_, it)| it.address).collect();
            let told = history.iter().map(|Found { time, jail, address }| {
                (jail, Failure { address: history.address(address), time })
            });
            prop_assert_eq!(told.collect::<Vec<_>>(), oracle);
            addresses.sort();
            addresses.dedup();
            prop_assert_eq!(history.addresses(), addresses.len());
        }
    }
}
