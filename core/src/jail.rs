//! A jail: failures in, verdicts out.
//!
//! It owns the failure windows and the ledger of one policy, and decides. It meets no log text, no
//! firewall and no clock; what follows from a [`Verdict`] is the daemon's business.

pub mod ban;
mod bans;
pub mod bantime;
pub mod breaker;
mod counting;
mod crowded;
pub mod guards;
pub mod history;
pub mod ignore;
mod judge;
pub mod key;
mod late;
pub mod ledger;
pub mod offences;
mod policy;
pub mod prefix;
pub mod recent;
pub mod scope;
#[cfg(test)]
mod tests;
mod verdict;
pub mod widen;
pub mod widths;
pub mod window;
pub mod windows;

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;

use self::ban::JailName;
use self::breaker::{Breaker, Open};
use self::guards::Guards;
use self::ignore::{IgnoreList, IgnoreReason};
use self::ledger::Ledger;
use self::offences::Book;
pub use self::policy::Policy;
use self::prefix::Prefixes;
pub use self::verdict::{Refusal, Verdict};
use self::windows::Windows;
use crate::trace::TraceId;

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

    /// Only watches from now on, if it has a breaker at all; says whether it does.
    pub fn trip(&mut self, since: Timestamp) -> bool {
        self.breaker.trip(since)
    }

    /// Bans again. Returns how its breaker was open; `None` if it was not.
    pub fn resume(&mut self) -> Option<Open> {
        self.breaker.resume()
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
