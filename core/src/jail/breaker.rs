//! The breaker: a jail that suddenly bans the world is stopped.
//!
//! What goes wrong on a large scale (a filter that takes every line for a failure, a proxy whose
//! address hides everybody, a log with a forged client field) shows as many new bans at once. Past
//! its limit a jail only watches, until an operator has looked and says [`Breaker::resume`]: nothing
//! but a person can tell a flood of attackers from a flood of mistakes.
//!
//! Only bans that the jail itself decides and that are new count. An operator's are his own
//! business, and those that an earlier run left have counted already.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

use crate::moment::{Boot, Moment};

/// So many within so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    most: usize, // Invariant: at least 1.
    within: SignedDuration,
}

/// How many there have been within the last of a span of time. Holds at most as many instants as
/// its rate allows.
#[derive(Debug)]
pub struct Recent {
    rate: Rate,
    times: VecDeque<Boot>,
}

/// A breaker, closed or open.
#[derive(Debug)]
pub struct Breaker {
    /// None: there is no limit, and it never opens.
    recent: Option<Recent>,
    open: Option<Open>,
}

/// An open breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    /// Since when.
    pub since: Timestamp,
    /// How many bans it has held back; counted from a restart on.
    pub withheld: u64,
}

/// What a breaker says to a new ban.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may begin.
    Admitted,
    /// It is one too many: the breaker is open from now on.
    Tripped,
    /// The breaker is open already.
    Withheld,
}

impl Rate {
    /// At most `most` within `within`; `None` unless there may be one, within some time.
    #[must_use]
    pub fn new(most: usize, within: SignedDuration) -> Option<Self> {
        (most > 0 && within.is_positive()).then_some(Self { most, within })
    }

    /// How many.
    #[must_use]
    pub fn most(self) -> usize {
        self.most
    }

    /// Within how long.
    #[must_use]
    pub fn within(self) -> SignedDuration {
        self.within
    }
}

impl std::fmt::Display for Rate {
    /// In words: `200 within 1m`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} within {:#}", self.most, self.within)
    }
}

impl Recent {
    /// Nothing yet.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self { rate, times: VecDeque::new() }
    }

    /// What it goes by.
    #[must_use]
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Counts one more, now, if the rate allows it; says whether it does.
    pub fn admits(&mut self, now: Boot) -> bool {
        while let Some(&oldest) = self.times.front()
            && now.since(oldest) >= self.rate.within
        {
            self.times.pop_front();
        }
        let admits = self.times.len() < self.rate.most;
        if admits {
            self.times.push_back(now);
        }
        admits
    }
}

impl Breaker {
    /// A closed one; without a limit it stays so.
    #[must_use]
    pub fn new(limit: Option<Rate>) -> Self {
        Self { recent: limit.map(Recent::new), open: None }
    }

    /// Goes by another limit. What was counted and whether it is open stays, unless there is no
    /// limit any more: then there is no breaker.
    pub fn set_limit(&mut self, limit: Option<Rate>) {
        match (&mut self.recent, limit) {
            (Some(recent), Some(rate)) => recent.rate = rate,
            (recent, limit) => {
                *recent = limit.map(Recent::new);
                self.open = self.open.filter(|_| limit.is_some());
            }
        }
    }

    /// Whether there is a limit at all.
    #[must_use]
    pub fn limit(&self) -> Option<Rate> {
        self.recent.as_ref().map(|recent| recent.rate)
    }

    /// Whether a new ban may begin, which counts it.
    pub fn admit(&mut self, now: Moment) -> Admission {
        if let Some(open) = &mut self.open {
            open.withheld += 1;
            return Admission::Withheld;
        }
        if self.recent.as_mut().is_none_or(|recent| recent.admits(now.boot)) {
            return Admission::Admitted;
        }
        self.open = Some(Open { since: now.wall, withheld: 1 });
        Admission::Tripped
    }

    /// Opens it, whatever it has counted, where there is a limit: all jails together have banned
    /// too many, or it was open when an earlier run ended. Says whether it is open now.
    pub fn trip(&mut self, since: Timestamp) -> bool {
        if self.recent.is_some() {
            self.open.get_or_insert(Open { since, withheld: 0 });
        }
        self.open.is_some()
    }

    /// Closes it, and counts from nothing. Returns how it was open; `None` if it was not.
    pub fn resume(&mut self) -> Option<Open> {
        if let Some(recent) = &mut self.recent {
            recent.times.clear();
        }
        self.open.take()
    }

    /// How it is open, if it is.
    #[must_use]
    pub fn open(&self) -> Option<Open> {
        self.open
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Moment {
        Moment {
            wall: Timestamp::from_second(1_000_000 + second).unwrap(),
            boot: Boot(SignedDuration::from_secs(second)),
        }
    }

    fn rate(most: usize, seconds: i64) -> Rate {
        Rate::new(most, SignedDuration::from_secs(seconds)).unwrap()
    }

    #[test]
    fn one_too_many_opens_it_until_somebody_says_so() {
        let mut breaker = Breaker::new(Some(rate(2, 60)));
        let mut check = |second, expected| assert_eq!(breaker.admit(at(second)), expected);
        check(0, Admission::Admitted);
        check(1, Admission::Admitted);
        check(59, Admission::Tripped);
        check(60, Admission::Withheld);
        check(6000, Admission::Withheld);
        assert_eq!(breaker.resume(), Some(Open { since: at(59).wall, withheld: 3 }));
        assert_eq!(breaker.resume(), None);
        assert_eq!(breaker.admit(at(6001)), Admission::Admitted);
        assert_eq!(breaker.admit(at(6002)), Admission::Admitted);
        assert_eq!(breaker.admit(at(6003)), Admission::Tripped);
    }

    #[test]
    fn a_resumed_one_has_forgotten_what_it_counted() {
        let mut breaker = Breaker::new(Some(rate(1, 60)));
        assert_eq!(breaker.admit(at(0)), Admission::Admitted);
        assert_eq!(breaker.admit(at(1)), Admission::Tripped);
        breaker.resume();
        assert_eq!(breaker.admit(at(2)), Admission::Admitted);
    }

    #[test]
    fn without_a_limit_there_is_none() {
        let mut breaker = Breaker::new(None);
        assert!((0..1000).all(|_| breaker.admit(at(0)) == Admission::Admitted));
        assert!(!breaker.trip(at(0).wall));
        let mut open = Breaker::new(Some(rate(1, 60)));
        assert!(open.trip(at(0).wall));
        open.set_limit(Some(rate(5, 60)));
        assert!(open.open().is_some(), "another limit does not close it");
        open.set_limit(None);
        assert_eq!(open.open(), None);
    }

    #[test]
    fn there_is_no_rate_of_nothing() {
        assert_eq!(Rate::new(0, SignedDuration::from_secs(1)), None);
        assert_eq!(Rate::new(1, SignedDuration::ZERO), None);
    }

    proptest! {
        /// The oracle searches all instants ever admitted.
        #[test]
        fn never_more_than_the_rate_within_any_span(
            most in 1..5usize,
            within in 1..40i64,
            waits in prop::collection::vec((0..20i64, prop::option::weighted(0.05, Just(()))), 0..120),
        ) {
            let mut recent = Recent::new(rate(most, within));
            let mut admitted: Vec<i64> = Vec::new();
            let mut now = 0;
            for (wait, leap) in waits {
                now += if leap.is_some() { 10 * within } else { wait };
                let expected =
                    admitted.iter().filter(|&&then| now - then < within).count() < most;
                if expected {
                    admitted.push(now);
                }
                prop_assert_eq!(recent.admits(at(now).boot), expected);
                prop_assert!(recent.times.len() <= most);
            }
        }
    }
}
