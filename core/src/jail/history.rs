//! The failures of many jails, held until they can be put in order for a replay.
//!
//! Four bytes each, 24 for each instant, since logs tell of many failures in one second, and some 50 for each
//! address of a jail.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::ops::Range;

use hashbrown::HashTable;
use jiff::Timestamp;

use crate::failure::Failure;
use crate::jail::key::Key;

/// So many failures are numbered together: while one offender is waited for in memory, the next are
/// looked up.
const TOGETHER: usize = 256;

/// A guess that nobody has made.
const NOBODY: u32 = u32::MAX;

/// The failures of all jails.
#[derive(Debug, Default)]
pub struct History {
    instants: Vec<Instant>,
    /// Whose each failure is, by the offender's number, as they were read.
    failures: Vec<u32>,
    /// How many there are of each jail, by its number.
    by_jail: Vec<u64>,
    offenders: Offenders,
    /// Whose the latest are, which have no number yet.
    waiting: Vec<Offender>,
}

/// Failures that were read one after the other, all of one instant.
#[derive(Debug)]
struct Instant {
    time: Timestamp,
    /// Which failures, by their places.
    failures: Range<u32>,
}

/// An address that fails in a jail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offender {
    /// The host, as the failure has it.
    pub address: IpAddr,
    /// The jail's number.
    pub jail: u32,
}

/// Offenders, numbered in the order in which they came.
#[derive(Debug, Default)]
struct Offenders {
    all: Vec<Offender>,
    numbers: HashTable<u32>,
    random: RandomState,
    /// Who it may be, by a quick mix of the address's bits: two to four places an offender. Nobody relies on
    /// that mix: who chooses addresses that make guesses fail gains that the table is asked, whose hash has
    /// a key.
    guesses: Vec<u32>,
}

impl History {
    /// Adds a failure of the jail of that number.
    ///
    /// # Panics
    ///
    /// It would be the 4,294,967,296th: whoever reads logs stops long before.
    pub fn push(&mut self, jail: u32, failure: Failure) {
        let Failure { address, time } = failure;
        let place = u32::try_from(self.len()).expect("far fewer failures can be held");
        match self.instants.last_mut() {
            Some(instant) if instant.time == time => instant.failures.end = place + 1,
            _ => self.instants.push(Instant { time, failures: place..place + 1 }),
        }
        let number = jail as usize;
        if self.by_jail.len() <= number {
            self.by_jail.resize(number + 1, 0);
        }
        self.by_jail[number] += 1;
        self.waiting.push(Offender { address, jail });
        if self.waiting.len() >= TOGETHER {
            self.settle();
        }
    }

    /// How many failures there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.failures.len() + self.waiting.len()
    }

    /// How many are of the jail of that number.
    #[must_use]
    pub fn of_jail(&self, number: usize) -> u64 {
        self.by_jail.get(number).copied().unwrap_or_default()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.instants.is_empty()
    }

    /// When the first failure was, and the last; `None`: there is none.
    #[must_use]
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let times = || self.instants.iter().map(|instant| instant.time);
        times().min().zip(times().max())
    }

    /// Whose failures there are, by their numbers; nothing that was added since the last
    /// [`sort`](Self::sort).
    #[must_use]
    pub fn offenders(&self) -> &[Offender] {
        &self.offenders.all
    }

    /// Puts the failures into the order of time; those of one instant stay as they were read.
    pub fn sort(&mut self) {
        self.settle();
        self.instants.sort_by_key(|instant| instant.time);
    }

    /// The failures, as they were last sorted: an instant, and whose are of it, by the offenders' numbers. The
    /// same instant may follow again.
    pub fn iter(&self) -> impl Iterator<Item = (Timestamp, &[u32])> {
        self.instants.iter().map(|Instant { time, failures }| {
            (*time, &self.failures[failures.start as usize..failures.end as usize])
        })
    }

    /// Gives those that wait their numbers.
    fn settle(&mut self) {
        let Self { failures, offenders, waiting, .. } = self;
        offenders.make_room();
        failures.extend(waiting.drain(..).map(|offender| offenders.number(offender)));
    }
}

impl Offenders {
    /// The number of an offender, who has one from now on.
    fn number(&mut self, offender: Offender) -> u32 {
        let place = guess(&offender) & (self.guesses.len() - 1);
        let number = self.guesses[place];
        if self.all.get(number as usize) == Some(&offender) {
            return number;
        }
        let number = self.look_up(offender);
        self.guesses[place] = number;
        number
    }

    fn look_up(&mut self, offender: Offender) -> u32 {
        let Self { all, numbers, random, .. } = self;
        let hash = hash(random, &offender);
        if let Some(&number) = numbers.find(hash, |&number| all[number as usize] == offender) {
            return number;
        }
        let number = u32::try_from(all.len()).expect("far fewer failures can be held");
        all.push(offender);
        numbers.insert_unique(hash, number, |&other| self::hash(random, &all[other as usize]));
        number
    }

    /// Makes room for guesses, a power of two of them.
    fn make_room(&mut self) {
        let wanted = self.all.len().max(TOGETHER).next_power_of_two();
        if self.guesses.len() < wanted {
            self.guesses = vec![NOBODY; 2 * wanted];
        }
    }
}

/// Some bits of an offender's, quickly mixed.
fn guess(offender: &Offender) -> usize {
    let bits = match offender.address {
        IpAddr::V4(address) => u64::from(u32::from(address)),
        IpAddr::V6(address) => {
            let [network @ .., _, _, _, _, _, _, _, _] = address.octets();
            let [_, _, _, _, _, _, _, _, host @ ..] = address.octets();
            u64::from_be_bytes(network).rotate_left(29) ^ u64::from_be_bytes(host)
        }
    };
    // By the golden ratio, whose upper bits depend on all bits below.
    let mixed = (bits ^ u64::from(offender.jail) << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    usize::try_from(mixed >> 32).unwrap_or_default()
}

/// The address's, keyed; turned by the jail, so that an address is not in one place for all jails.
fn hash(random: &RandomState, offender: &Offender) -> u64 {
    random.hash_one(Key::from(offender.address)).rotate_left(offender.jail % 64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The oracle is the list of what was found, sorted.
        #[test]
        fn tells_what_it_was_told_in_order(
            failures in prop::collection::vec((0..3u32, 0..20u32, any::<bool>(), 0..50i64), 0..3 * TOGETHER),
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
            let mut offenders: Vec<(u32, IpAddr)> =
                oracle.iter().map(|(jail, it)| (*jail, it.address)).collect();
            let told = history.iter().flat_map(|(time, numbers)| {
                let offenders = numbers.iter().map(|number| history.offenders()[*number as usize]);
                offenders.map(move |it| (it.jail, Failure { address: it.address, time }))
            });
            prop_assert_eq!(told.collect::<Vec<_>>(), oracle);
            for jail in 0..4 {
                let count = offenders.iter().filter(|(of, _)| *of == jail).count() as u64;
                prop_assert_eq!(history.of_jail(jail as usize), count);
            }
            offenders.sort();
            offenders.dedup();
            prop_assert_eq!(history.offenders().len(), offenders.len());
        }
    }
}
