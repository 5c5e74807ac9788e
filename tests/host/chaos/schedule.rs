//! What happens when, all of it drawn from one seed: who attacks, and which faults befall the host.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use fastrand::Rng;
use ipnet::IpNet;

use crate::fault::Fault;

/// One try of one attacker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    /// Tells it from all others; a line of httpd's log holds it.
    pub(crate) id: u32,
    /// Since the attack began.
    pub(crate) at: Duration,
    pub(crate) door: Door,
    pub(crate) address: IpAddr,
}

/// What is attacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// sshd, by a wrong password.
    Ssh,
    /// httpd, by a GET.
    Web,
}

/// One fault, and what is before and during it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    pub(crate) fault: Fault,
    /// How long all is well before it.
    pub(crate) pause: Duration,
    /// How long it lasts, where it does not end by itself.
    pub(crate) hold: Duration,
}

/// How an attacker goes about it.
#[derive(Clone, Copy)]
enum Habit {
    /// As often as it takes for a ban, and never again: whoever misses one line misses the ban.
    Enough,
    /// Once less: whoever counts a line twice bans it.
    OneLess,
    /// Often enough, but never within `findtime`.
    Slow,
    /// On and on, whatever happens.
    Stubborn,
}

/// What it takes for a ban: the jails' `maxretry`.
pub(crate) const MAXRETRY: u32 = 3;
/// The jails' `findtime`.
pub(crate) const FINDTIME: Duration = Duration::from_secs(30);

/// Numbers of attackers from here on are [`canary`]'s.
const CANARIES: u16 = 50_000;

/// All attempts of an attack of this length, the first one first. A new attacker begins every
/// `pace` or so.
pub(crate) fn attack(seed: u64, length: Duration, pace: Duration) -> Vec<Attempt> {
    let mut rng = Rng::with_seed(seed);
    let mut attempts = Vec::new();
    let mut begins = Duration::ZERO;
    for number in 1..CANARIES {
        begins += pace.mul_f64(0.5 + rng.f64());
        if begins > length {
            break;
        }
        let door = if rng.u8(..100) < 35 { Door::Ssh } else { Door::Web };
        let v6 = rng.u8(..100) < 25;
        for (nth, at) in times(&mut rng).into_iter().enumerate() {
            // Hosts of an IPv6 network take turns, and count together.
            let host = u16::try_from(nth % 4 + 1).unwrap_or(1);
            let address = address(door, number, v6.then_some(host));
            attempts.push(Attempt { id: 0, at: begins + at, door, address });
        }
    }
    attempts.retain(|attempt| attempt.at <= length);
    attempts.sort_by_key(|attempt| attempt.at);
    for (id, attempt) in (1..).zip(&mut attempts) {
        attempt.id = id;
    }
    attempts
}

/// When one attacker tries, since it began.
fn times(rng: &mut Rng) -> Vec<Duration> {
    let habit = match rng.u8(..100) {
        0..50 => Habit::Enough,
        50..72 => Habit::OneLess,
        72..86 => Habit::Slow,
        _ => Habit::Stubborn,
    };
    let even = |count: u32, apart: Duration| (0..count).map(|nth| apart * nth).collect();
    match habit {
        Habit::Enough => even(MAXRETRY, Duration::from_millis(rng.u64(200..6000))),
        Habit::OneLess => even(MAXRETRY - 1, Duration::from_millis(rng.u64(200..8000))),
        // Two thirds of `findtime` apart, any three are a third longer than it.
        Habit::Slow => even(MAXRETRY + 1, FINDTIME.mul_f64(0.67)),
        Habit::Stubborn => even(30, Duration::from_millis(rng.u64(1500..4000))),
    }
}

/// Whoever proves that gaoler works again.
pub(crate) fn canary(number: u16) -> IpAddr {
    address(Door::Web, CANARIES + number, None)
}

/// Addresses that nobody has (RFC 2544, RFC 3849), other ones for each door.
fn address(door: Door, number: u16, host: Option<u16>) -> IpAddr {
    let [high, low] = number.to_be_bytes();
    match (door, host) {
        (Door::Ssh, None) => Ipv4Addr::new(198, 18, high, low).into(),
        (Door::Web, None) => Ipv4Addr::new(198, 19, high, low).into(),
        (Door::Ssh, Some(host)) => Ipv6Addr::new(0x2001, 0xdb8, 0x66, number, 0, 0, 0, host).into(),
        (Door::Web, Some(host)) => Ipv6Addr::new(0x2001, 0xdb8, 0x67, number, 0, 0, 0, host).into(),
    }
}

/// Of whom a ban is: of one IPv4 host, or an IPv6 network.
pub(crate) fn subject(address: IpAddr) -> IpNet {
    let length = if address.is_ipv4() { 32 } else { 64 };
    IpNet::new(address, length).expect("both lengths are valid").trunc()
}

/// One round of faults: each kind once, in some order. Hours are the wall clock's from then on.
pub(crate) fn round(rng: &mut Rng, longest: Duration) -> Vec<Turn> {
    // Far from what it was, both ways: an hour is more than any window or ban.
    let mut hours = [rng.i32(1..12), -rng.i32(1..12), rng.i32(12..30), -rng.i32(12..30)];
    rng.shuffle(&mut hours);
    let mut faults = vec![
        Fault::Kill,
        Fault::Journald,
        Fault::Firewalld,
        Fault::Dbus,
        Fault::Rename,
        Fault::Copytruncate,
        Fault::Disk,
        Fault::Collector,
        Fault::Clock { hours: hours[0] },
        Fault::Clock { hours: hours[1] },
        Fault::ClockAndKill { hours: hours[2] },
        Fault::ClockAndKill { hours: hours[3] },
        Fault::Suspend,
    ];
    rng.shuffle(&mut faults);
    let turn = |fault| {
        let pause = Duration::from_millis(rng.u64(1500..3500));
        let most = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
        // Short ones as well as long ones, so that bans end during some and not during others.
        let hold = Duration::from_millis(rng.u64(most / 4..=most));
        Turn { fault, pause, hold }
    };
    faults.into_iter().map(turn).collect()
}
