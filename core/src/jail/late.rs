//! Failures that are read late because nobody was there to read them.
//!
//! The daemon was stopped, killed or suspended while the log was written. What it finds there
//! afterwards is judged as of its own time, so that a ban begins and ends when it would have, had
//! the daemon been there. A failure that somebody else delivers late (a relay, a restored file) is
//! another matter: that is [`Verdict::Stale`] once it is older than `findtime`.

use std::net::IpAddr;

use jiff::SignedDuration;

use super::{Jail, Verdict};
use crate::failure::Failure;
use crate::moment::Moment;

impl Jail {
    /// As of when a failure that is read late is judged: now, as long as it is not older than
    /// `findtime`.
    #[must_use]
    pub fn judged(&self, failure: Failure, now: Moment) -> Moment {
        let age = now.wall.duration_since(failure.time);
        if age <= self.policy.threshold.findtime() {
            return now;
        }
        Moment { wall: failure.time, boot: now.boot.after(-age) }
    }

    /// Decides what a failure means that is read late. One of which a ban would be over by now bans
    /// nobody, and counts with those that follow it.
    pub fn on_late_failure(&mut self, failure: Failure, now: Moment) -> Verdict {
        let then = self.judged(failure, now);
        let findtime = self.policy.threshold.findtime();
        let left = self.left(failure.address, now.boot.since(then.boot));
        if then == now || left.is_none_or(|left| left.is_positive()) {
            return self.on_failure(failure, then);
        }
        let counts = left.is_some_and(|left| -findtime < left);
        let address = failure.address.into();
        if counts && self.ignores(&address).is_none() && self.ledger.covering(address).is_none() {
            let _ = self.count(address, failure.time);
        }
        Verdict::Stale
    }

    /// How much would be left now of a ban that began so long ago; `None`: it would never end.
    fn left(&mut self, address: IpAddr, ago: SignedDuration) -> Option<SignedDuration> {
        let network = self.prefixes.of(&address.into());
        Some(self.next_bantime(&network)?.saturating_sub(ago))
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::jail::Policy;
    use crate::jail::ban::JailName;
    use crate::jail::breaker::Rate;
    use crate::jail::window::Threshold;
    use crate::moment::Boot;

    fn seconds(seconds: i64) -> SignedDuration {
        SignedDuration::from_secs(seconds)
    }

    fn at(second: i64) -> Moment {
        let wall = Timestamp::from_second(1_000_000 + second).unwrap();
        Moment { wall, boot: Boot(seconds(second)) }
    }

    /// Two failures within 30 s make a ban; one within 10 s is enough.
    fn jail(bantime: Option<SignedDuration>) -> Jail {
        let policy = Policy {
            ignoreip: vec!["198.51.100.0/24".parse().unwrap()],
            max_new_bans: Rate::new(1, seconds(10)),
            ..Policy::plain(Threshold::new(2, seconds(30)).unwrap(), bantime)
        };
        Jail::new(JailName::new("sshd"), policy)
    }

    /// Failures of these hosts at these seconds, all read at second 0; what the verdicts come to,
    /// and how long the bans still last.
    #[track_caller]
    fn check(bantime: Option<i64>, failures: &[(&str, i64)], expected: &[&str]) {
        let mut jail = jail(bantime.map(seconds));
        let now = at(0);
        let verdicts = failures.iter().map(|&(host, second)| {
            let failure = Failure { address: host.parse().unwrap(), time: at(second).wall };
            match jail.on_late_failure(failure, now) {
                Verdict::Banned(ban) => match jail.ledger().end(&ban.key.address) {
                    Some(end) => format!("for {}", end.since(now.boot).as_secs()),
                    None => "for ever".to_owned(),
                },
                Verdict::Counted { failures, .. } => failures.to_string(),
                Verdict::Stale => "stale".to_owned(),
                Verdict::AlreadyBanned { .. } => "already".to_owned(),
                Verdict::Ignored(_) => "ignored".to_owned(),
                Verdict::Withheld { .. } => "withheld".to_owned(),
            }
        });
        assert_eq!(verdicts.collect::<Vec<_>>(), expected);
    }

    const A: &str = "192.0.2.1";
    const B: &str = "192.0.2.2";

    #[test]
    fn a_ban_lasts_as_long_as_it_would_have() {
        check(Some(60), &[(A, -20), (A, -10)], &["1", "for 60"]);
        check(Some(60), &[(A, -55), (A, -40), (A, -5)], &["1", "for 20", "already"]);
        check(Some(60), &[(A, -55), (A, -24)], &["1", "1"]);
        check(None, &[(A, -90_000), (A, -89_990)], &["1", "for ever"]);
    }

    #[test]
    fn a_ban_that_would_be_over_is_none_and_its_failures_still_count() {
        check(Some(60), &[(A, -100), (A, -90), (A, -80)], &["stale", "stale", "stale"]);
        check(Some(60), &[(A, -70), (A, -50)], &["stale", "for 10"]);
    }

    #[test]
    fn the_breaker_counts_bans_at_their_own_time() {
        let apart = [(A, -100), (A, -95), (B, -80), (B, -80)];
        check(Some(600), &apart, &["1", "for 505", "1", "for 520"]);
        let together = [(A, -100), (A, -95), (B, -90), (B, -90)];
        check(Some(600), &together, &["1", "for 505", "1", "withheld"]);
    }

    #[test]
    fn whom_it_never_bans_it_never_bans() {
        check(Some(60), &[("198.51.100.1", -50), ("198.51.100.1", -50)], &["ignored", "ignored"]);
        check(Some(60), &[("198.51.100.1", -70), ("198.51.100.1", -70)], &["stale", "stale"]);
    }
}
