//! Who was banned before, and how often: what `bantime.increment` goes by.
//!
//! A book of addresses, each with the number of its bans and the end of the last. It is bounded, and
//! an address that has kept quiet for long enough leaves it, as `dbpurgeage` of fail2ban.conf(5) has
//! it. The store remembers bans too; nothing here asks it, the daemon fills the book at a start.

use std::collections::{BTreeSet, HashMap};

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};

use super::crowded;
use super::key::Key;

/// The earlier bans of all addresses that a jail cares about.
#[derive(Debug)]
pub struct Book {
    by_address: HashMap<Key, Record>,
    /// Whose last ban ends when: who leaves the book first.
    by_end: BTreeSet<(Timestamp, Key)>,
    cap: usize, // Invariant: positive.
    forgotten: u64,
}

/// What is known of one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Record {
    bans: u32,
    /// When the last of them ends, or ended.
    until: Timestamp,
}

impl Book {
    /// A book of at most `cap` addresses; at least one.
    #[must_use]
    pub fn new(cap: usize) -> Self {
        let (by_address, by_end) = (HashMap::new(), BTreeSet::new());
        Self { by_address, by_end, cap: cap.max(1), forgotten: 0 }
    }

    /// Changes the cap, as a reload may.
    pub fn set_cap(&mut self, cap: usize) {
        self.cap = cap.max(1);
        while self.by_address.len() > self.cap {
            self.make_room();
        }
    }

    /// Notes so many more bans, of which the last ends at `until`.
    pub fn add(&mut self, address: IpNet, bans: u32, until: Timestamp) {
        let key = Key::from(address);
        let known = self.remove(&key);
        if known.is_none() && self.by_address.len() >= self.cap {
            self.make_room();
        }
        let Record { bans: earlier, until: known } = known.unwrap_or(Record { bans: 0, until });
        let record = Record { bans: earlier.saturating_add(bans), until: known.max(until) };
        self.by_end.insert((record.until, key));
        self.by_address.insert(key, record);
    }

    /// How many bans an address has had, those in force included.
    #[must_use]
    pub fn count(&self, address: &IpNet) -> u32 {
        self.by_address.get(&Key::from(*address)).map_or(0, |record| record.bans)
    }

    /// Forgets what it has against an address or any part of a network, as an unban does.
    pub fn forgive(&mut self, network: &IpNet) {
        if network.prefix_len() == network.max_prefix_len() {
            self.remove(&Key::from(*network));
        } else {
            self.by_address.retain(|key, _| !network.contains(&key.net()));
            self.by_end.retain(|(_, key)| !network.contains(&key.net()));
        }
    }

    /// Forgets whose last ban ended longer ago than `age`.
    pub fn purge(&mut self, age: SignedDuration, now: Timestamp) {
        while let Some(&(until, key)) = self.by_end.first()
            && now.duration_since(until) > age
        {
            self.remove(&key);
        }
        if self.by_address.capacity() > 1024 && self.by_address.capacity() / 4 > self.len() {
            self.by_address.shrink_to_fit();
        }
    }

    /// How many addresses the cap has made it forget since the last time.
    pub fn take_forgotten(&mut self) -> u64 {
        std::mem::take(&mut self.forgotten)
    }

    /// How many addresses it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_address.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_address.is_empty()
    }

    fn remove(&mut self, key: &Key) -> Option<Record> {
        let record = self.by_address.remove(key)?;
        self.by_end.remove(&(record.until, *key));
        Some(record)
    }

    /// Forgets some of the addresses: the fewest bans first, of those the longest past.
    fn make_room(&mut self) {
        let ranks = self.by_address.iter().map(|(&key, record)| (record.bans, record.until, key));
        for (_, _, key) in crowded::least(ranks, self.by_address.len()) {
            self.remove(&key);
            self.forgotten += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn counts_bans_until_the_last_is_long_past() {
        let mut book = Book::new(10);
        let day = SignedDuration::from_hours(24);
        book.add(net("192.0.2.1/32"), 1, second(600));
        book.add(net("192.0.2.1/32"), 2, second(300));
        assert_eq!(book.count(&net("192.0.2.1/32")), 3);
        assert_eq!(book.count(&net("192.0.2.2/32")), 0);
        book.purge(day, second(600 + 86_400));
        assert_eq!(book.count(&net("192.0.2.1/32")), 3);
        book.purge(day, second(601 + 86_400));
        assert!(book.is_empty());
    }

    #[test]
    fn forgives_an_address_and_all_of_a_network() {
        let mut book = Book::new(10);
        for address in ["192.0.2.1/32", "192.0.2.2/32", "192.0.3.1/32"] {
            book.add(net(address), 1, second(0));
        }
        book.forgive(&net("192.0.2.1/32"));
        assert_eq!(book.len(), 2);
        book.forgive(&net("192.0.2.0/24"));
        assert_eq!(book.count(&net("192.0.3.1/32")), 1);
        assert_eq!((book.len(), book.by_end.len()), (1, 1));
    }

    #[test]
    fn past_its_cap_the_worst_stay() {
        let mut book = Book::new(100);
        book.add(net("203.0.113.7/32"), 5, second(0));
        for host in 0..10_000u32 {
            let address = std::net::IpAddr::from(std::net::Ipv4Addr::from(0x0a00_0000 + host));
            book.add(address.into(), 1, second(1));
            assert!(book.len() <= 100);
        }
        assert_eq!(book.count(&net("203.0.113.7/32")), 5);
        book.set_cap(3);
        assert!(book.len() <= 3);
        assert_eq!(book.count(&net("203.0.113.7/32")), 5);
    }
}
