//! The failure windows of all the addresses, or networks, a jail counts: bounded, whoever attacks.
//!
//! An address costs memory only while its failures are recent. Past the cap, those furthest from
//! a ban go first, the oldest of them first: a flood of addresses with one failure each does not
//! make the jail forget one that is about to be banned.

use std::collections::{HashMap, HashSet};

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};

use super::crowded;
use super::window::{FailureWindow, Threshold};

/// The windows, by address.
#[derive(Debug)]
pub struct Windows {
    // The hash is keyed (std's SipHash): attackers choose the addresses.
    by_address: HashMap<IpNet, FailureWindow>,
    /// Whose windows have changed since somebody last asked.
    changed: HashSet<IpNet>,
    cap: usize, // Invariant: positive.
    forgotten: u64,
}

impl Windows {
    /// Windows for at most `cap` addresses at a time; at least one.
    #[must_use]
    pub fn new(cap: usize) -> Self {
        Self { by_address: HashMap::new(), changed: HashSet::new(), cap: cap.max(1), forgotten: 0 }
    }

    /// Changes the cap, as a reload may.
    pub fn set_cap(&mut self, cap: usize) {
        self.cap = cap.max(1);
        while self.by_address.len() > self.cap {
            self.make_room();
        }
    }

    /// Counts a failure. Returns how many the window holds if the threshold is met; the window is
    /// then gone, since those failures have had their effect.
    pub fn record(&mut self, threshold: Threshold, host: IpNet, at: Timestamp) -> Option<u32> {
        if self.by_address.len() >= self.cap && !self.by_address.contains_key(&host) {
            self.make_room();
        }
        self.changed.insert(host);
        let window = self.by_address.entry(host).or_default();
        if !window.record(threshold, at) {
            return None;
        }
        let failures = u32::try_from(window.len()).unwrap_or(u32::MAX);
        self.by_address.remove(&host);
        Some(failures)
    }

    /// Forgets an address, as an unban does.
    pub fn forget(&mut self, host: &IpNet) {
        if self.by_address.remove(host).is_some() {
            self.changed.insert(*host);
        }
    }

    /// Takes up the failures that an earlier run counted.
    pub fn restore(&mut self, threshold: Threshold, host: IpNet, times: &[Timestamp]) {
        for &time in times {
            // They did not meet the threshold then; where a lower one holds now, the next does.
            let _ = self.by_address.entry(host).or_default().record(threshold, time);
        }
    }

    /// The windows that have changed since the last time, with their failures' times; none for
    /// one that is gone.
    pub fn take_changed(&mut self) -> Vec<(IpNet, Vec<Timestamp>)> {
        let times = |host: &IpNet| {
            self.by_address.get(host).map(|window| window.times().collect()).unwrap_or_default()
        };
        let changed = self.changed.iter().map(|host| (*host, times(host))).collect();
        self.changed = HashSet::new();
        changed
    }

    /// Drops windows whose newest failure is older than `findtime`.
    pub fn sweep(&mut self, findtime: SignedDuration, now: Timestamp) {
        self.by_address.retain(|host, window| {
            let newest = window.newest();
            let counts = newest.is_some_and(|newest| now.duration_since(newest) <= findtime);
            if !counts {
                self.changed.insert(*host);
            }
            counts
        });
        crowded::shrink(&mut self.by_address);
    }

    /// How many addresses are counted now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_address.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_address.is_empty()
    }

    /// How many addresses the cap has made it forget so far.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Forgets some of the addresses: those furthest from a ban, the oldest of them first.
    fn make_room(&mut self) {
        let least = crowded::least(&self.by_address, |window| (window.len(), window.newest()));
        for host in &least {
            self.by_address.remove(host);
        }
        self.forgotten += least.len() as u64;
        self.changed.extend(least);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(number: u32) -> IpNet {
        std::net::IpAddr::from(std::net::Ipv4Addr::from(0x0a00_0000 + number)).into()
    }

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn threshold(maxretry: usize) -> Threshold {
        Threshold::new(maxretry, SignedDuration::from_secs(600)).unwrap()
    }

    #[test]
    fn a_flood_does_not_save_whom_a_ban_is_near() {
        let mut windows = Windows::new(100);
        for at in 0..4 {
            assert_eq!(windows.record(threshold(5), host(0), second(at)), None);
        }
        for other in 1..10_000 {
            assert_eq!(windows.record(threshold(5), host(other), second(5)), None);
            assert!(windows.len() <= 100);
        }
        assert!(windows.forgotten() >= 9_900);
        assert_eq!(windows.record(threshold(5), host(0), second(6)), Some(5));
    }

    #[test]
    fn a_met_threshold_starts_over() {
        let mut windows = Windows::new(10);
        assert_eq!(windows.record(threshold(2), host(1), second(0)), None);
        assert_eq!(windows.record(threshold(2), host(1), second(1)), Some(2));
        assert_eq!(windows.record(threshold(2), host(1), second(2)), None);
    }

    #[test]
    fn a_sweep_drops_what_can_no_longer_count() {
        let mut windows = Windows::new(10);
        let findtime = SignedDuration::from_secs(600);
        let _ = windows.record(threshold(5), host(1), second(0));
        let _ = windows.record(threshold(5), host(2), second(1));
        windows.sweep(findtime, second(600));
        assert_eq!(windows.len(), 2);
        windows.sweep(findtime, second(601));
        assert_eq!(windows.len(), 1);
    }

    #[test]
    fn what_has_changed_is_told_once_and_can_be_taken_up() {
        let mut windows = Windows::new(10);
        let _ = windows.record(threshold(3), host(1), second(0));
        let _ = windows.record(threshold(3), host(1), second(1));
        let _ = windows.record(threshold(1), host(2), second(1));
        let mut changed = windows.take_changed();
        changed.sort();
        assert_eq!(changed, [(host(1), vec![second(0), second(1)]), (host(2), vec![])]);
        assert_eq!(windows.take_changed(), []);
        windows.sweep(SignedDuration::from_secs(600), second(602));
        assert_eq!(windows.take_changed(), [(host(1), vec![])]);
        let mut restarted = Windows::new(10);
        restarted.restore(threshold(3), host(1), &[second(0), second(1)]);
        assert_eq!(restarted.take_changed(), []);
        assert_eq!(restarted.record(threshold(3), host(1), second(2)), Some(3));
    }

    #[test]
    fn a_lowered_cap_holds_at_once() {
        let mut windows = Windows::new(100);
        for number in 0..100 {
            let _ = windows.record(threshold(5), host(number), second(0));
        }
        windows.set_cap(10);
        assert!(windows.len() <= 10);
    }
}
