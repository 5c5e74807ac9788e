//! What a failure costs a jail, in time and in memory, with 10 to 10 million addresses: `make cost`, or with
//! `BENCH=1000000` no more than so many. It prints, and judges memory alone.
#![allow(clippy::print_stdout, reason = "its figures are what it is for")]

use std::net::{IpAddr, Ipv4Addr};

use gaoler::failure::Failure;
use gaoler::jail::ban::JailName;
use gaoler::jail::window::Threshold;
use gaoler::jail::{Jail, Policy, Verdict};
use gaoler::moment::{Boot, Moment};
use jiff::{SignedDuration, Timestamp};

const SIZES: [u32; 5] = [10, 1000, 100_000, 1_000_000, 10_000_000];
/// How many failures are timed, beside the first of each address.
const FAILURES: u32 = 1_000_000;
/// So far apart, in seconds, that four failures count together, and five do not.
const APART: u32 = 200;
/// What scatters numbers: odd, and no multiple of 5.
const ODD: u32 = 2_654_435_769;
/// Bytes an address, at most.
const BOUND: usize = 200;

fn main() {
    let most = std::env::args().skip(1).find_map(|argument| argument.parse::<u32>().ok());
    println!("                       ns a failure        ns an address");
    println!("addresses   first   again   flood   banned   tell   sweep   bytes/address");
    for size in SIZES.into_iter().filter(|size| most.is_none_or(|most| *size <= most)) {
        measure(size);
    }
}

fn measure(size: u32) {
    let mut jail = jail(size as usize, 5);
    let before = resident();
    let first = timed(size, || fail(&mut jail, 0..size, 0, "counted"));
    let rounds = FAILURES.div_ceil(size);
    let of = size.min(FAILURES);
    let again = timed(rounds * of, || {
        for round in 1..=rounds {
            let some = scattered(size).take(of as usize);
            fail(&mut jail, some, round * APART, "counted");
        }
    });
    let bytes = resident().saturating_sub(before) / size as usize;
    let tell = timed(size, || assert!(jail.take_changed_windows().len() >= of as usize));
    let last = rounds * APART;
    let flood = timed(FAILURES, || fail(&mut jail, size..size + FAILURES, last, "counted"));
    let sweep = timed(size, || while !jail.sweep(at(last + 10_000)) {});
    assert_eq!(jail.windows().len(), 0);
    drop(jail);
    let banned = banned(of, rounds);
    println!(
        "{size:9} {first:7.0} {again:7.0} {flood:7.0} {banned:8.0} {tell:6.0} {sweep:7.0} {bytes:15}"
    );
    assert!(size < 100_000 || bytes <= BOUND, "more than {BOUND} bytes an address");
}

/// What a failure costs of an address that is banned; of so many.
fn banned(size: u32, rounds: u32) -> f64 {
    let mut jail = jail(10, 1);
    fail(&mut jail, 0..size, 0, "banned");
    timed(rounds * size, || {
        for _ in 0..rounds {
            fail(&mut jail, scattered(size), 0, "already");
        }
    })
}

/// So many hosts in no order.
fn scattered(size: u32) -> impl Iterator<Item = u32> {
    let nth = move |host| u64::from(host) * u64::from(ODD) % u64::from(size);
    (0..size).map(move |host| u32::try_from(nth(host)).unwrap_or_default())
}

/// Failures of these hosts.
fn fail(jail: &mut Jail, hosts: impl Iterator<Item = u32>, second: u32, expected: &str) {
    let now = at(second);
    for host in hosts {
        // No two hosts have one address, and none one that is never banned.
        let bits = 0xb000_0000 | (host.wrapping_mul(ODD) & 0x0fff_ffff);
        let failure = Failure { address: IpAddr::from(Ipv4Addr::from(bits)), time: now.wall };
        let said = match jail.on_failure(failure, now) {
            Verdict::Counted { .. } => "counted",
            Verdict::AlreadyBanned { .. } => "already",
            Verdict::Banned(_) => "banned",
            other => panic!("{other:?}"),
        };
        assert_eq!(said, expected);
    }
}

/// Nanoseconds of CPU for each of so many.
fn timed(many: u32, work: impl FnOnce()) -> f64 {
    let begin = running();
    work();
    #[expect(clippy::cast_precision_loss, reason = "it is printed without a fraction")]
    let took = (running() - begin) as f64;
    took / f64::from(many)
}

/// How many nanoseconds this thread has run, whatever else the machine does: `/proc/self/schedstat`.
fn running() -> u64 {
    let schedstat = std::fs::read_to_string("/proc/self/schedstat").expect("procfs is mounted");
    let first = schedstat.split(' ').next().and_then(|first| first.parse().ok());
    first.expect("its first field is a number of nanoseconds")
}

fn at(second: u32) -> Moment {
    let wall = Timestamp::from_second(1_000_000 + i64::from(second)).expect("it is in range");
    Moment { wall, boot: Boot(SignedDuration::from_secs(second.into())) }
}

/// Bytes in memory: `/proc/self/statm`, proc(5).
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("procfs is mounted");
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.expect("its second field is a number of pages") * 4096
}

fn jail(max_addresses: usize, maxretry: usize) -> Jail {
    let threshold = Threshold::new(maxretry, SignedDuration::from_secs(600));
    let bantime = Some(SignedDuration::from_secs(3600));
    let policy = Policy {
        ignoreip: vec!["198.51.100.0/24".parse().expect("a network")],
        max_addresses,
        ..Policy::plain(threshold.expect("both are positive"), bantime)
    };
    Jail::new(JailName::new("sshd"), policy)
}
