//! How each ban stands with the firewall.
//!
//! The ledger says what should be; this says what is known to be. A ban counts as enforced only
//! while the firewall is known to have it.

use std::collections::HashMap;

use crate::jail::ban::{BanKey, JailName};
use crate::moment::Moment;

/// How one ban stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Asked for, not confirmed.
    Pending,
    /// The firewall has it.
    Enforced,
    /// The firewall will not have it, and why.
    Refused(String),
}

impl State {
    /// The state in the API's words.
    #[must_use]
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Enforced => "enforced",
            Self::Refused(_) => "refused",
        }
    }
}

/// One ban's standing.
#[derive(Clone, Debug)]
struct Standing {
    state: State,
    /// When the record that decided was read, until the delay has been measured.
    decided: Option<Moment>,
}

/// Bans of one jail, by family: IPv4, IPv6.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Bans that should be in force.
    pub(super) desired: [u32; 2],
    /// Bans that are.
    pub(super) enforced: [u32; 2],
}

/// All bans' standings.
#[derive(Debug, Default)]
pub(super) struct Standings {
    bans: HashMap<BanKey, Standing>,
    counts: HashMap<JailName, Counts>,
}

impl Standings {
    /// A ban should be in force from now on. `decided` is when the record that decided was read;
    /// `None` where the delay to enforcement says nothing (a restored or a manual ban).
    pub(super) fn want(&mut self, key: BanKey, decided: Option<Moment>) {
        self.drop(&key);
        self.counts_of(&key).desired[family(&key)] += 1;
        self.bans.insert(key, Standing { state: State::Pending, decided });
    }

    /// The firewall has it. Returns the moment of decision the first time, to measure from.
    pub(super) fn enforced(&mut self, key: &BanKey) -> Option<Moment> {
        let standing = self.bans.get_mut(key)?;
        let decided = standing.decided.take();
        self.set(key, State::Enforced);
        decided
    }

    /// The firewall does not have it any more, or not yet.
    pub(super) fn pending(&mut self, key: &BanKey) {
        self.set(key, State::Pending);
    }

    /// The firewall will not have it.
    pub(super) fn refused(&mut self, key: &BanKey, why: String) {
        self.set(key, State::Refused(why));
    }

    /// It need not be in force any more.
    pub(super) fn drop(&mut self, key: &BanKey) {
        let Some(standing) = self.bans.remove(key) else { return };
        let counts = self.counts_of(key);
        counts.desired[family(key)] -= 1;
        if standing.state == State::Enforced {
            counts.enforced[family(key)] -= 1;
        }
    }

    /// How a ban stands; `None` if nobody wants it.
    #[must_use]
    pub(super) fn state(&self, key: &BanKey) -> Option<&State> {
        self.bans.get(key).map(|standing| &standing.state)
    }

    /// A jail's counts.
    #[must_use]
    pub(super) fn counts(&self, jail: &JailName) -> Counts {
        self.counts.get(jail).copied().unwrap_or_default()
    }

    /// How many bans should be in force and are not known to be.
    #[must_use]
    pub(super) fn pending_bans(&self) -> usize {
        let sum = |of: fn(&Counts) -> [u32; 2]| -> usize {
            self.counts.values().flat_map(of).map(|bans| bans as usize).sum()
        };
        sum(|counts| counts.desired) - sum(|counts| counts.enforced)
    }

    fn set(&mut self, key: &BanKey, state: State) {
        let Some(standing) = self.bans.get_mut(key) else { return };
        let was = standing.state == State::Enforced;
        let is = state == State::Enforced;
        standing.state = state;
        let enforced = &mut self.counts_of(key).enforced[family(key)];
        match (was, is) {
            (false, true) => *enforced += 1,
            (true, false) => *enforced -= 1,
            _ => {}
        }
    }

    fn counts_of(&mut self, key: &BanKey) -> &mut Counts {
        self.counts.entry(key.jail.clone()).or_default()
    }
}

/// The index of the ban's family in [`Counts`].
fn family(key: &BanKey) -> usize {
    usize::from(key.address.addr().is_ipv6())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(address: &str) -> BanKey {
        BanKey { jail: JailName::new("sshd"), address: address.parse().unwrap() }
    }

    #[track_caller]
    fn check(standings: &Standings, desired: [u32; 2], enforced: [u32; 2]) {
        assert_eq!(standings.counts(&JailName::new("sshd")), Counts { desired, enforced });
    }

    #[test]
    fn a_ban_is_enforced_only_while_the_firewall_has_it() {
        let (four, six) = (key("192.0.2.1/32"), key("2001:db8::1/128"));
        let mut standings = Standings::default();
        standings.want(four.clone(), None);
        standings.want(six.clone(), None);
        check(&standings, [1, 1], [0, 0]);
        standings.enforced(&four);
        standings.enforced(&four);
        check(&standings, [1, 1], [1, 0]);
        assert_eq!(standings.pending_bans(), 1);
        standings.pending(&four);
        check(&standings, [1, 1], [0, 0]);
        standings.enforced(&four);
        standings.drop(&four);
        standings.refused(&six, "full".into());
        check(&standings, [0, 1], [0, 0]);
        assert_eq!(standings.state(&six).map(State::as_str), Some("refused"));
        assert_eq!(standings.state(&four), None);
    }

    #[test]
    fn news_of_a_ban_that_nobody_wants_changes_nothing() {
        let mut standings = Standings::default();
        assert!(standings.enforced(&key("192.0.2.1/32")).is_none());
        standings.pending(&key("192.0.2.1/32"));
        standings.drop(&key("192.0.2.1/32"));
        check(&standings, [0, 0], [0, 0]);
    }

    #[test]
    fn wanting_it_again_starts_over() {
        let mut standings = Standings::default();
        standings.want(key("192.0.2.1/32"), None);
        standings.enforced(&key("192.0.2.1/32"));
        standings.want(key("192.0.2.1/32"), None);
        check(&standings, [1, 0], [0, 0]);
    }
}
