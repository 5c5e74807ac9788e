//! A jail: failures in, verdicts out.
//!
//! It owns the failure windows and the ledger of one policy, and decides. It meets no log text, no
//! firewall and no clock; what follows from a [`Verdict`] is the daemon's business.

pub mod ban;
pub mod bantime;
pub mod breaker;
mod crowded;
pub mod guards;
pub mod ignore;
mod judge;
pub mod key;
mod late;
pub mod ledger;
pub mod offences;
pub mod prefix;
pub mod recent;
pub mod scope;
#[cfg(test)]
mod tests;
pub mod widen;
pub mod widths;
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
use self::windows::{Count, Kept, Windows};
use crate::moment::Moment;
use crate::trace::TraceId;

/// How late a line may be read: it still counts with failures that it was within `findtime` of.
const DELAY: SignedDuration = SignedDuration::from_mins(1);

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
    Counted {
        /// How many count together by now.
        failures: u32,
        /// Their trace, which a ban that they lead to will have.
        trace: TraceId,
    },
    /// The address is banned already.
    AlreadyBanned {
        /// The trace of that ban.
        trace: TraceId,
    },
    /// That was one too many.
    Banned(Ban),
    /// That was one too many, but the breaker is open: nobody is banned.
    Withheld {
        /// Whether this is what opened it.
        tripped: bool,
        /// How many failures there were.
        failures: u32,
        /// Their trace.
        trace: TraceId,
    },
}

impl Verdict {
    /// The trace that the failure belongs to; `None`: it does not count.
    #[must_use]
    pub fn trace(&self) -> Option<TraceId> {
        match self {
            Self::Ignored(_) | Self::Stale => None,
            Self::Counted { trace, .. }
            | Self::AlreadyBanned { trace }
            | Self::Withheld { trace, .. } => Some(*trace),
            Self::Banned(ban) => Some(ban.trace),
        }
    }
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
    /// Whether a sweep that has begun has seen all hosts, and all networks.
    swept: [bool; 2],
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
            swept: [false; 2],
            prefixes: Prefixes::new(ipv6_prefix(&policy)),
            ledger: Ledger::default(),
            book: Book::new(policy.max_addresses),
            breaker: Breaker::new(policy.max_new_bans),
            random: fastrand::Rng::with_seed(0),
            policy,
        }
    }

    /// Seeds what `bantime.rndtime` draws from, and the names of traces. The same seed leads to the
    /// same bans.
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
        let trace = self.new_trace();
        Ok(self.imprison(address, BanOrigin::Manual, bantime, (0, trace), now))
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

    /// Forgets all failures counted so far: what they were found in is read again.
    pub fn forget_failures(&mut self) {
        self.windows.forget_all();
        self.networks.forget_all();
    }

    /// Takes up the failures that an earlier run counted; those that can no longer count go with
    /// the next sweep.
    pub fn restore_window(&mut self, kept: &Kept) {
        let of_host = self.policy.recidive || is_host(&kept.address);
        let windows = if of_host { &mut self.windows } else { &mut self.networks };
        windows.restore(self.policy.threshold, kept, || new_trace(&mut self.random));
    }

    /// How many addresses with failures the cap has made it forget since the last time.
    pub fn take_forgotten(&mut self) -> u64 {
        self.windows.take_forgotten() + self.networks.take_forgotten()
    }

    /// How many addresses with earlier bans likewise.
    pub fn take_forgiven(&mut self) -> u64 {
        self.book.take_forgotten()
    }

    /// Ends the ban that would end first, to make room.
    pub fn evict(&mut self) -> Option<Ban> {
        let address = self.ledger.first_to_end()?.key.address;
        self.ledger.remove(&address)
    }

    /// All failure windows count as changed.
    pub fn retell_windows(&mut self) {
        self.windows.retell();
        self.networks.retell();
    }

    /// The failure windows that have changed since the last time, those that are gone among them.
    pub fn take_changed_windows(&mut self) -> Vec<Kept> {
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

    /// Drops windows that can no longer count, of the next some thousand addresses. Returns whether
    /// these were the last; then the next sweep begins anew.
    pub fn sweep(&mut self, now: Moment) -> bool {
        let patience = self.policy.threshold.findtime().saturating_add(DELAY);
        self.book.purge(self.policy.dbpurgeage, now.wall);
        let [hosts, networks] = self.swept;
        let hosts = hosts || self.windows.sweep(patience, now.wall);
        let networks = networks || self.networks.sweep(patience, now.wall);
        let through = hosts && networks;
        self.swept = if through { [false; 2] } else { [hosts, networks] };
        through
    }

    /// Why this address or network is never banned, if so.
    #[must_use]
    pub fn ignores(&self, address: &IpNet) -> Option<IgnoreReason> {
        self.ignore.overlap(address)
    }

    /// The failures of an address, or of the network that it stands for, that count now.
    #[must_use]
    pub fn counting(&self, address: &IpNet) -> Option<Count> {
        let findtime = self.policy.threshold.findtime();
        let network = self.prefixes.of(address);
        let of_network = self.networks.count(findtime, &network);
        let of_host = self.windows.count(findtime, address);
        let of_host = of_host.or_else(|| self.windows.count(findtime, &network));
        of_network.or(of_host)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &JailName {
        &self.name
    }

    /// When the first failure was that counts together with one of `offender` at `at`, if there is one
    /// already: of the host, or of the IPv6 network that it stands for.
    #[must_use]
    pub fn first_failure(&self, offender: IpNet, at: Timestamp) -> Option<Timestamp> {
        let findtime = self.policy.threshold.findtime();
        if self.policy.recidive {
            return self.windows.first(findtime, &self.prefixes.of(&offender), at);
        }
        match self.prefixes.counted(offender.addr()) {
            Some(network) => self.networks.first(findtime, &network, at),
            None => self.windows.first(findtime, &offender, at),
        }
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
        (failures, trace): (u32, TraceId),
        now: Moment,
    ) -> Ban {
        let key = BanKey { jail: self.name.clone(), address };
        let ban = Ban { key, origin, since: now.wall, bantime, failures, trace };
        self.ledger.insert(ban.clone(), now);
        ban
    }

    /// Names a trace.
    pub fn new_trace(&mut self) -> TraceId {
        new_trace(&mut self.random)
    }
}

fn new_trace(random: &mut fastrand::Rng) -> TraceId {
    TraceId::new(random.u128(..))
}

/// How much of an IPv6 address names the attacker, where no ban may be wider than the floor.
fn ipv6_prefix(policy: &Policy) -> u8 {
    policy.ipv6_prefix.max(policy.floors.ipv6)
}

fn is_host(address: &IpNet) -> bool {
    address.prefix_len() == address.max_prefix_len()
}
