//! The traces of earlier bans, so that those of one address can be linked.

use std::collections::{HashMap, VecDeque};

use ipnet::IpNet;

use crate::telemetry::trace::ban::LINKS;
use crate::trace::TraceId;

/// How many addresses are remembered. Then those whose last ban is longest ago are forgotten.
const CAP: usize = 16_384;

/// The latest traces of each address.
#[derive(Debug)]
pub(super) struct Earlier {
    // The hash is keyed (std's SipHash): attackers choose the addresses.
    traces: HashMap<IpNet, (u64, VecDeque<TraceId>)>,
    /// Counts the bans, to know which are the latest.
    bans: u64,
    cap: usize,
    forgotten: u64,
}

impl Default for Earlier {
    fn default() -> Self {
        Self { traces: HashMap::new(), bans: 0, cap: CAP, forgotten: 0 }
    }
}

impl Earlier {
    /// Notes a ban; gives the traces of those before it, latest last.
    pub(super) fn note(&mut self, address: IpNet, trace: TraceId) -> Vec<TraceId> {
        if self.traces.len() >= self.cap && !self.traces.contains_key(&address) {
            self.make_room();
        }
        self.bans += 1;
        let (last, traces) = self.traces.entry(address).or_default();
        *last = self.bans;
        let earlier = traces.iter().copied().filter(|other| *other != trace).collect();
        if traces.len() >= LINKS {
            traces.pop_front();
        }
        traces.push_back(trace);
        earlier
    }

    /// Forgets the older half, so that a flood of addresses seldom pays for it.
    fn make_room(&mut self) {
        let mut lasts: Vec<u64> = self.traces.values().map(|(last, _)| *last).collect();
        let middle = lasts.len() / 2;
        let (_, median, _) = lasts.select_nth_unstable(middle);
        let median = *median;
        let before = self.traces.len();
        self.traces.retain(|_, (last, _)| *last >= median);
        self.forgotten += (before - self.traces.len()) as u64;
    }

    /// How many addresses were forgotten for want of room since the last time.
    pub(super) fn take_forgotten(&mut self) -> u64 {
        std::mem::take(&mut self.forgotten)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(number: u32) -> IpNet {
        std::net::IpAddr::from(std::net::Ipv4Addr::from(number)).into()
    }

    #[test]
    fn bans_of_one_address_are_known_by_their_traces() {
        let mut earlier = Earlier::default();
        let trace = |number: u128| TraceId::new(number);
        assert_eq!(earlier.note(host(1), trace(1)), []);
        assert_eq!(earlier.note(host(2), trace(2)), []);
        assert_eq!(earlier.note(host(1), trace(3)), [trace(1)]);
        for number in 4..100 {
            earlier.note(host(1), trace(number));
        }
        let latest: Vec<TraceId> = (100 - LINKS as u128..100).map(trace).collect();
        assert_eq!(earlier.note(host(1), trace(100)), latest);
    }

    #[test]
    fn it_is_bounded_and_forgets_the_oldest_first() {
        let mut earlier = Earlier { cap: 10, ..Earlier::default() };
        for number in 0..1000 {
            earlier.note(host(number), TraceId::new(u128::from(number)));
            assert!(earlier.traces.len() <= 10);
        }
        assert_eq!(earlier.note(host(999), TraceId::new(7)), [TraceId::new(999)]);
        assert_eq!(earlier.note(host(0), TraceId::new(7)), []);
    }
}
