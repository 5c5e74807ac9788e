//! A jail: failures in, verdicts out.
//!
//! It owns the failure windows and the ledger of one policy, and decides. It meets no log text, no
//! firewall and no clock; what follows from a [`Verdict`] is the daemon's business.

pub mod ban;
pub mod bantime;
pub mod breaker;
pub mod guards;
pub mod ignore;
mod judge;
pub mod ledger;
pub mod offences;
pub mod prefix;
pub mod scope;
pub mod widen;
pub mod window;
pub mod windows;

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};

use self::ban::{Ban, BanKey, BanOrigin, JailName};
use self::bantime::Increment;
use self::breaker::{Breaker, Open, Rate};
use self::guards::{Floors, Guards};
use self::ignore::{IgnoreList, IgnoreReason};
use self::ledger::Ledger;
use self::offences::Book;
use self::prefix::Prefixes;
use self::widen::Widening;
use self::window::Threshold;
use self::windows::Windows;
use crate::moment::Moment;

/// What a jail goes by.
#[derive(Clone, Debug)]
pub struct Policy {
    /// How much is too much.
    pub threshold: Threshold,
    /// How long a ban lasts; for ever when `None`.
    pub bantime: Option<SignedDuration>,
    /// Never banned.
    pub ignoreip: Vec<IpNet>,
    /// Whether the host's own addresses are never banned.
    pub ignoreself: bool,
    /// Whether addresses that administrators are logged in from are never banned.
    pub ignoresessions: bool,
    /// Proxies, which are never banned.
    pub trusted_proxies: Vec<IpNet>,
    /// How wide a ban may be.
    pub floors: Floors,
    /// How many new bans are too many; `None`: there is no breaker.
    pub max_new_bans: Option<Rate>,
    /// How many addresses are counted at most at a time.
    pub max_addresses: usize,
    /// How bans grow for whom was banned before; not at all when `None`.
    pub increment: Option<Increment>,
    /// How long after its last ban an address counts as never banned (`dbpurgeage`).
    pub dbpurgeage: SignedDuration,
    /// How much of an IPv6 address names the attacker.
    pub ipv6_prefix: u8,
    /// When bans become wider; never when `None`.
    pub widen: Option<Widening>,
    /// Whether it counts the bans of other jails, and no failures of hosts.
    pub recidive: bool,
}

/// All that a jail can say of a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The address is never banned.
    Ignored(IgnoreReason),
    /// The failure is older than `findtime`: it cannot count any more.
    Stale,
    /// It counts, and there are not enough yet.
    Counted,
    /// The address is banned already.
    AlreadyBanned,
    /// That was one too many.
    Banned(Ban),
    /// That was one too many, but the breaker is open: nobody is banned.
    Withheld {
        /// Whether this is what opened it.
        tripped: bool,
    },
}

/// Why an operator's ban was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It would hit an address that is never banned.
    #[error("{} {}", ban::show(.0), match .1 {
        IgnoreReason::IgnoreIp => "is in the jail's ignoreip, or holds an address that is",
        IgnoreReason::IgnoreSelf => "is, or holds, one of this host's own addresses",
        IgnoreReason::Special => "is, or holds, a loopback, link-local, multicast or unspecified address",
        IgnoreReason::Proxy => "is in the jail's trusted_proxies, or holds an address that is",
        IgnoreReason::Gateway => "is, or holds, one of this host's default gateways",
        IgnoreReason::Session => "is, or holds, an address that an administrator is logged in from now",
    })]
    Ignored(IpNet, IgnoreReason),
    /// A prefix this short is most of the Internet.
    #[error(
        "{0} is too wide: at least /{floor}, as `enforcement.widest` says",
        floor = .1.of(.0.addr())
    )]
    TooWide(IpNet, Floors),
}

impl Refusal {
    /// Why the address is never banned; `None`: the network is too wide.
    #[must_use]
    pub fn reason(&self) -> Option<IgnoreReason> {
        match self {
            Self::Ignored(_, reason) => Some(*reason),
            Self::TooWide(..) => None,
        }
    }
}

/// The failures, the bans and the policy of one jail.
#[derive(Debug)]
pub struct Jail {
    name: JailName,
    policy: Policy,
    ignore: IgnoreList,
    windows: Windows,
    /// The failures of IPv6 networks, beside those of their hosts.
    networks: Windows,
    prefixes: Prefixes,
    ledger: Ledger,
    book: Book,
    random: fastrand::Rng,
    breaker: Breaker,
}

impl Jail {
    /// A jail with nobody in it.
    #[must_use]
    pub fn new(name: JailName, policy: Policy) -> Self {
        let ignore = IgnoreList::new(&policy.ignoreip, &policy.trusted_proxies);
        Self {
            name,
            ignore,
            windows: Windows::new(policy.max_addresses),
            networks: Windows::new(policy.max_addresses),
            prefixes: Prefixes::new(ipv6_prefix(&policy)),
            ledger: Ledger::default(),
            book: Book::new(policy.max_addresses),
            breaker: Breaker::new(policy.max_new_bans),
            random: fastrand::Rng::with_seed(0),
            policy,
        }
    }

    /// Seeds what `bantime.rndtime` draws from. The same seed leads to the same bans.
    pub fn seed(&mut self, seed: u64) {
        self.random = fastrand::Rng::with_seed(seed);
    }

    /// Goes by another policy from now on. Windows and bans stay as they are, and an open breaker
    /// stays open.
    pub fn set_policy(&mut self, policy: Policy) {
        self.ignore = IgnoreList::new(&policy.ignoreip, &policy.trusted_proxies);
        self.breaker.set_limit(policy.max_new_bans);
        self.windows.set_cap(policy.max_addresses);
        self.networks.set_cap(policy.max_addresses);
        self.book.set_cap(policy.max_addresses);
        self.prefixes.set_ipv6(ipv6_prefix(&policy));
        self.policy = policy;
    }

    /// Learns whom the host must go on hearing; the policy says which of them matter. Call it after
    /// [`Jail::set_policy`] too. Bans that stand already are not lifted: see [`Jail::ignores`].
    pub fn set_guards(&mut self, guards: &Guards) {
        let if_asked = |asked, addresses: &Vec<IpAddr>| {
            if asked { addresses.clone() } else { Vec::new() }
        };
        self.ignore.set_guards(Guards {
            own: if_asked(self.policy.ignoreself, &guards.own),
            gateways: guards.gateways.clone(),
            sessions: if_asked(self.policy.ignoresessions, &guards.sessions),
            on_link: guards.on_link.clone(),
        });
        self.prefixes.set_on_link(&guards.on_link);
    }

    /// Bans on an operator's word. `bantime` replaces the jail's own. A network that holds bans
    /// already banned is banned beside them.
    ///
    /// # Errors
    ///
    /// Refuses what would hit an address that is never banned, and prefixes too wide.
    pub fn ban(
        &mut self,
        address: IpNet,
        bantime: Option<Option<SignedDuration>>,
        now: Moment,
    ) -> Result<Ban, Refusal> {
        let address = address.trunc();
        if let Some(reason) = self.ignore.overlap(&address) {
            return Err(Refusal::Ignored(address, reason));
        }
        if !self.policy.floors.allow(&address) {
            return Err(Refusal::TooWide(address, self.policy.floors));
        }
        let bantime = bantime.unwrap_or(self.policy.bantime);
        Ok(self.imprison(address, BanOrigin::Manual, bantime, 0, now))
    }

    /// Takes up a ban of an earlier run. Returns whether it is still to be enforced: it is not if
    /// it has expired meanwhile, or its address must not be banned any more.
    pub fn restore(&mut self, ban: Ban, now: Moment) -> bool {
        !self.forbids(&ban) && self.ledger.restore(ban, now)
    }

    /// Whether a ban must not be: it would hit an address that is never banned, it is too wide, or
    /// the jail banned a network by itself that is one of our own links now.
    #[must_use]
    pub fn forbids(&self, ban: &Ban) -> bool {
        let address = &ban.key.address;
        self.ignore.overlap(address).is_some()
            || !self.policy.floors.allow(address)
            || self.is_of_link(ban)
    }

    /// Whether the jail banned a network by itself that is one of our own links now.
    #[must_use]
    pub fn is_of_link(&self, ban: &Ban) -> bool {
        let address = &ban.key.address;
        let by_itself = ban.origin == BanOrigin::Detected && !is_host(address);
        by_itself && self.prefixes.meets_link(address)
    }
    /// Only watches from now on, if it has a breaker at all; says whether it does.
    pub fn trip(&mut self, since: Timestamp) -> bool {
        self.breaker.trip(since)
    }

    /// Bans again. Returns how its breaker was open; `None` if it was not.
    pub fn resume(&mut self) -> Option<Open> {
        self.breaker.resume()
    }

    /// Takes up the failures that an earlier run counted; those that can no longer count go with
    /// the next sweep.
    pub fn restore_window(&mut self, address: IpNet, times: &[Timestamp]) {
        let of_host = self.policy.recidive || is_host(&address);
        let windows = if of_host { &mut self.windows } else { &mut self.networks };
        windows.restore(self.policy.threshold, address, times);
    }

    /// The failure windows that have changed since the last time; none for one that is gone.
    pub fn take_changed_windows(&mut self) -> Vec<(IpNet, Vec<Timestamp>)> {
        let mut changed = self.windows.take_changed();
        changed.extend(self.networks.take_changed());
        changed
    }

    /// Ends a ban on an operator's word, and forgets the failures of its address.
    ///
    /// An address stands for the IPv6 network that the jail banned for it: that ban ends, too. A
    /// network that an operator banned, or that [`Jail::widen`] did, ends only by its own name.
    pub fn unban(&mut self, address: &IpNet) -> Option<Ban> {
        let address = address.trunc();
        let network = self.prefixes.of(&address);
        for windows in [&mut self.windows, &mut self.networks] {
            windows.forget(&address);
            windows.forget(&network);
        }
        let covering = self.ledger.covering(address)?;
        let banned = covering.key.address;
        let stands_for_it = covering.origin == BanOrigin::Detected && network.contains(&banned);
        if banned != address && !stands_for_it {
            return None;
        }
        self.ledger.remove(&banned)
    }

    /// Ends the bans that have run their time.
    #[must_use]
    pub fn release_expired(&mut self, now: Moment) -> Vec<Ban> {
        self.ledger.release_expired(now.boot)
    }

    /// Drops windows that can no longer count.
    pub fn sweep(&mut self, now: Moment) {
        self.windows.sweep(self.policy.threshold.findtime(), now.wall);
        self.networks.sweep(self.policy.threshold.findtime(), now.wall);
        self.book.purge(self.policy.dbpurgeage, now.wall);
    }

    /// Why this address or network is never banned, if so.
    #[must_use]
    pub fn ignores(&self, address: &IpNet) -> Option<IgnoreReason> {
        self.ignore.overlap(address)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &JailName {
        &self.name
    }

    /// What it goes by.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The bans that should be in force.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Its breaker.
    #[must_use]
    pub fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// The addresses it counts; the networks around them are not among these.
    #[must_use]
    pub fn windows(&self) -> &Windows {
        &self.windows
    }

    fn imprison(
        &mut self,
        address: IpNet,
        origin: BanOrigin,
        bantime: Option<SignedDuration>,
        failures: u32,
        now: Moment,
    ) -> Ban {
        let key = BanKey { jail: self.name.clone(), address };
        let ban = Ban { key, origin, since: now.wall, bantime, failures };
        self.ledger.insert(ban.clone(), now);
        ban
    }
}

/// How much of an IPv6 address names the attacker, where no ban may be wider than the floor.
fn ipv6_prefix(policy: &Policy) -> u8 {
    policy.ipv6_prefix.max(policy.floors.ipv6)
}

fn is_host(address: &IpNet) -> bool {
    address.prefix_len() == address.max_prefix_len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure;
    use crate::moment::Boot;

    fn at(second: i64) -> Moment {
        Moment {
            wall: Timestamp::from_second(1_000_000 + second).unwrap(),
            boot: Boot(SignedDuration::from_secs(second)),
        }
    }

    fn jail() -> Jail {
        let mut jail = Jail::new(
            JailName::new("sshd"),
            Policy {
                threshold: Threshold::new(2, SignedDuration::from_secs(30)).unwrap(),
                bantime: Some(SignedDuration::from_secs(60)),
                ignoreip: vec!["198.51.100.0/24".parse().unwrap()],
                ignoreself: true,
                ignoresessions: true,
                trusted_proxies: Vec::new(),
                floors: Floors::default(),
                max_new_bans: Rate::new(3, SignedDuration::from_secs(60)),
                max_addresses: 100,
                increment: None,
                dbpurgeage: SignedDuration::from_hours(24),
                ipv6_prefix: 64,
                widen: None,
                recidive: false,
            },
        );
        jail.set_guards(&Guards {
            own: vec!["192.0.2.16".parse().unwrap()],
            gateways: vec!["192.0.2.1".parse().unwrap()],
            sessions: vec!["192.0.2.99".parse().unwrap()],
            on_link: Vec::new(),
        });
        jail
    }

    /// Failures of `address` at `(logged, read)` seconds; the words their verdicts come to.
    #[track_caller]
    fn check(jail: &mut Jail, address: &str, failures: &[(i64, i64)], expected: &[&str]) {
        let address = address.parse().unwrap();
        let verdicts: Vec<&str> = failures
            .iter()
            .map(|&(logged, read)| {
                let failure = Failure { address, time: at(logged).wall };
                match jail.on_failure(failure, at(read)) {
                    Verdict::Ignored(reason) => reason.as_str(),
                    Verdict::Stale => "stale",
                    Verdict::Counted => "counted",
                    Verdict::AlreadyBanned => "already",
                    Verdict::Banned(ban) => {
                        assert_eq!(ban.key.address, IpNet::from(address));
                        "banned"
                    }
                    Verdict::Withheld { tripped: true } => "tripped",
                    Verdict::Withheld { tripped: false } => "withheld",
                }
            })
            .collect();
        assert_eq!(verdicts, expected);
    }

    #[test]
    fn the_second_failure_is_one_too_many() {
        check(
            &mut jail(),
            "192.0.2.213",
            &[(0, 0), (5, 5), (6, 6)],
            &["counted", "banned", "already"],
        );
    }

    #[test]
    fn failures_too_far_apart_do_not_add_up() {
        check(
            &mut jail(),
            "192.0.2.213",
            &[(0, 0), (31, 31), (61, 61)],
            &["counted", "counted", "banned"],
        );
    }

    #[test]
    fn an_old_line_is_stale_and_a_future_one_counts_now() {
        check(
            &mut jail(),
            "192.0.2.213",
            &[(0, 31), (900, 31), (40, 40)],
            &["stale", "counted", "banned"],
        );
    }

    #[test]
    fn whom_it_ignores_it_never_counts() {
        check(&mut jail(), "198.51.100.7", &[(0, 0), (1, 1)], &["ignoreip", "ignoreip"]);
        check(&mut jail(), "192.0.2.16", &[(0, 0), (1, 1)], &["ignoreself", "ignoreself"]);
        check(&mut jail(), "127.0.0.1", &[(0, 0), (1, 1)], &["special", "special"]);
        check(&mut jail(), "192.0.2.1", &[(0, 0), (1, 1)], &["gateway", "gateway"]);
        check(&mut jail(), "192.0.2.99", &[(0, 0), (1, 1)], &["session", "session"]);
    }

    #[test]
    fn what_is_not_asked_for_does_not_guard() {
        let mut jail = jail();
        let policy = Policy { ignoreself: false, ignoresessions: false, ..jail.policy().clone() };
        jail.set_policy(policy);
        jail.set_guards(&Guards {
            own: vec!["192.0.2.16".parse().unwrap()],
            gateways: vec!["192.0.2.1".parse().unwrap()],
            sessions: vec!["192.0.2.99".parse().unwrap()],
            on_link: Vec::new(),
        });
        check(&mut jail, "192.0.2.16", &[(0, 0)], &["counted"]);
        check(&mut jail, "192.0.2.99", &[(0, 0)], &["counted"]);
        check(&mut jail, "192.0.2.1", &[(0, 0)], &["gateway"]);
    }

    #[test]
    fn past_its_limit_it_only_watches_and_an_operator_may_still_ban() {
        let mut jail = jail();
        for host in 0..3 {
            check(
                &mut jail,
                &format!("192.0.2.{}", 100 + host),
                &[(0, 0), (0, 0)],
                &["counted", "banned"],
            );
        }
        check(&mut jail, "192.0.2.103", &[(1, 1), (1, 1)], &["counted", "tripped"]);
        check(&mut jail, "192.0.2.104", &[(1, 1), (1, 1)], &["counted", "withheld"]);
        check(&mut jail, "192.0.2.100", &[(1, 1)], &["already"]);
        assert_eq!(jail.ledger().len(), 3, "bans stay, and none is new");
        jail.ban("192.0.2.104/32".parse().unwrap(), None, at(2)).unwrap();
        assert_eq!(jail.release_expired(at(90)).len(), 4, "bans end though it is open");
        assert_eq!(jail.resume().map(|open| open.withheld), Some(2));
        check(&mut jail, "192.0.2.103", &[(91, 91), (92, 92)], &["counted", "banned"]);
    }

    #[test]
    fn bans_by_hand_and_of_an_earlier_run_do_not_count() {
        let mut jail = jail();
        for host in 0..5 {
            let address = format!("192.0.2.{}/32", 100 + host).parse().unwrap();
            let ban = jail.ban(address, None, at(0)).unwrap();
            jail.unban(&address).unwrap();
            assert!(jail.restore(ban, at(0)));
        }
        check(&mut jail, "192.0.2.110", &[(1, 1), (1, 1)], &["counted", "banned"]);
        assert_eq!(jail.breaker().open(), None);
    }

    #[test]
    fn a_released_address_starts_over() {
        let mut jail = jail();
        check(&mut jail, "192.0.2.213", &[(0, 0), (1, 1)], &["counted", "banned"]);
        assert_eq!(jail.release_expired(at(61)).len(), 1);
        check(&mut jail, "192.0.2.213", &[(62, 62)], &["counted"]);
        assert_eq!(jail.unban(&"192.0.2.213/32".parse().unwrap()), None);
        check(&mut jail, "192.0.2.213", &[(63, 63), (64, 64)], &["counted", "banned"]);
    }

    #[test]
    fn an_operator_may_ban_networks_but_not_his_own_feet() {
        let mut jail = jail();
        let mut refused = |address: &str| jail.ban(address.parse().unwrap(), None, at(0)).is_err();
        assert!(!refused("203.0.113.0/24"));
        assert!(refused("198.51.100.9/32"));
        assert!(refused("192.0.2.0/24"));
        assert!(refused("0.0.0.0/0"));
        assert!(refused("1.0.0.0/7"));
        check(&mut jail, "203.0.113.77", &[(1, 1)], &["already"]);
    }

    #[test]
    fn a_ban_of_an_earlier_run_obeys_todays_ignoreip() {
        let mut other = jail();
        let ban = other.ban("203.0.113.7/32".parse().unwrap(), None, at(0)).unwrap();
        let mut restarted = jail();
        assert!(restarted.restore(ban.clone(), at(30)));
        let policy =
            Policy { ignoreip: vec!["203.0.113.0/24".parse().unwrap()], ..jail().policy().clone() };
        restarted.set_policy(policy);
        assert!(!restarted.restore(ban, at(30)));
    }

    #[test]
    fn a_ban_of_an_earlier_run_obeys_todays_floor() {
        let ban = jail().ban("203.0.0.0/16".parse().unwrap(), None, at(0)).unwrap();
        let mut restarted = jail();
        assert!(restarted.restore(ban.clone(), at(30)));
        let floors = Floors { ipv4: 24, ipv6: 48 };
        restarted.set_policy(Policy { floors, ..jail().policy().clone() });
        assert!(!restarted.restore(ban, at(30)));
        let refused = restarted.ban("203.0.0.0/16".parse().unwrap(), None, at(30)).unwrap_err();
        assert!(refused.to_string().contains("at least /24"), "{refused}");
    }
}
