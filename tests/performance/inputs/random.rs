//! Chance that is the same everywhere and always: a generator of random numbers, and who attacks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// `SplitMix64` (Steele, Lea and Flood, 2014). Written out here, since no crate promises that its
/// numbers stay the same.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: u32) -> u32 {
        u32::try_from((u128::from(self.next()) * u128::from(limit)) >> 64)
            .expect("less than the limit")
    }

    /// Whether it comes to pass, of a thousand times so many.
    pub(crate) fn in_thousand(&mut self, times: u32) -> bool {
        self.below(1000) < times
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(u32::try_from(from.len()).expect("few")) as usize]
    }
}

/// Picks the first of many often, the last hardly ever: the nth is picked in proportion to 1/n.
pub(crate) struct Zipf {
    /// In 2^32ths, ascending.
    sums: Vec<u64>,
}

impl Zipf {
    pub(crate) fn new(length: usize) -> Self {
        let mut sum = 0;
        // In whole numbers: no platform rounds them otherwise.
        let sums = (1..=length as u64).map(|nth| {
            sum += (1 << 32) / nth;
            sum
        });
        Self { sums: sums.collect() }
    }

    pub(crate) fn pick(&self, random: &mut Random) -> usize {
        let all = u128::from(*self.sums.last().expect("there is one at least"));
        let at = (u128::from(random.next()) * all) >> 64;
        self.sums.partition_point(|&sum| u128::from(sum) <= at)
    }
}

/// So many addresses, of a thousand so many IPv6. They are only ever written and read.
pub(crate) fn addresses(random: &mut Random, count: usize, ipv6: u32) -> Vec<IpAddr> {
    (0..count)
        .map(|_| if random.in_thousand(ipv6) { host6(random) } else { host4(random) })
        .collect()
}

fn host4(random: &mut Random) -> IpAddr {
    loop {
        let first = 1 + random.below(222);
        if matches!(first, 10 | 100 | 127 | 169 | 172 | 192 | 198 | 203) {
            continue;
        }
        let rest = (random.below(1 << 16) << 8) | (1 + random.below(254));
        return Ipv4Addr::from((first << 24) | rest).into();
    }
}

fn host6(random: &mut Random) -> IpAddr {
    let networks = [0x2001_0db8_u128, 0x2a01_04f8, 0x2600_1f18, 0x2a02_0908];
    let network = *random.pick(&networks) << 96;
    let site = u128::from(random.below(u32::MAX)) << 64;
    Ipv6Addr::from(network | site | u128::from(1 + random.below(65_535))).into()
}
