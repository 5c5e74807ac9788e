//! When the reader of a journal looks, and how long it may wait.
//!
//! journald announces an entry 250 to 500 ms late (`POST_CHANGE_TIMER_INTERVAL_USEC` in its source, and
//! sd-event's accuracy), and a ban is to be in force within 15 ms. So while the journal speaks the reader looks for itself: that
//! is one comparison in mapped memory for each file. While it is silent, it waits to be told: whoever
//! breaks the silence does not get far in half a second, and the line that makes a ban comes after others.

use std::time::{Duration, Instant};

/// How often the reader looks for [`ATTENTION`] after an entry.
const LOOK: Duration = Duration::from_millis(5);

/// Long enough for what follows: a password that sshd refuses is an entry of PAM's, and two to three
/// seconds later (`pam_fail_delay(3)`) one of sshd's.
const ATTENTION: Duration = Duration::from_secs(5);

/// How often it looks where nobody tells of all changes.
const GLANCE: Duration = Duration::from_millis(150);

/// How soon after a change it is seen whether the files still are those that are read.
const CHECK: Duration = Duration::from_secs(1);

/// How often that is seen, whatever is told.
const ROUND: Duration = Duration::from_mins(1);

/// Once so long has passed without a change, look again from the last entry. journald counts an
/// entry in its file before it links it to its fields: a look in those microseconds sees that
/// there is something new, does not find it, and would not look at that file again until the next
/// entry comes.
const SETTLE: Duration = Duration::from_millis(300);

/// When to do what.
pub(super) struct Pace {
    /// Whether all changes are told of.
    told: bool,
    attentive_until: Instant,
    settle_at: Option<Instant>,
    check_at: Instant,
}

impl Pace {
    /// `told`: whether all changes are told of.
    pub(super) fn new(now: Instant, told: bool) -> Self {
        Self { told, attentive_until: now, settle_at: None, check_at: now + CHECK }
    }

    /// Entries were read.
    pub(super) fn spoken(&mut self, now: Instant) {
        self.attentive_until = now + ATTENTION;
    }

    /// The journal has changed.
    pub(super) fn changed(&mut self, now: Instant) {
        self.settle_at = Some(now + SETTLE);
        self.check_at = self.check_at.min(now + CHECK);
    }

    /// How long to wait at most.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        let due = self.settle_at.map_or(self.check_at, |at| at.min(self.check_at));
        let look = match (now < self.attentive_until, self.told) {
            (true, _) => LOOK,
            (false, false) => GLANCE,
            (false, true) => ROUND,
        };
        due.saturating_duration_since(now).min(look)
    }

    /// Whether to look again from the last entry, once.
    pub(super) fn settles(&mut self, now: Instant) -> bool {
        self.settle_at.take_if(|at| *at <= now).is_some()
    }

    /// Whether to see if the files are those that are read.
    pub(super) fn checks(&self, now: Instant) -> bool {
        self.check_at <= now
    }

    /// That was seen; `told`: whether all changes are told of now, `doubtful`: to be seen again soon.
    pub(super) fn checked(&mut self, now: Instant, told: bool, doubtful: bool) {
        self.told = told;
        self.check_at = now + if told && !doubtful { ROUND } else { CHECK };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What it has gone through, and how long it then waits, in milliseconds.
    #[track_caller]
    fn check(told: bool, before: impl FnOnce(&mut Pace, Instant), after: u64, expected: u64) {
        let begin = Instant::now();
        let mut pace = Pace::new(begin, told);
        pace.checked(begin, told, false);
        before(&mut pace, begin);
        let wait = pace.wait(begin + Duration::from_millis(after));
        assert_eq!(wait, Duration::from_millis(expected));
    }

    #[test]
    fn waits_a_minute_while_nothing_is_told_and_looks_often_while_it_is_spoken_to() {
        check(true, |_, _| {}, 0, 60_000);
        check(false, |_, _| {}, 0, 150);
        check(true, Pace::spoken, 4_999, 5);
        check(true, Pace::spoken, 5_000, 55_000);
        check(false, Pace::spoken, 0, 5);
    }

    #[test]
    fn looks_again_after_a_change_and_then_at_the_files() {
        check(true, Pace::changed, 0, 300);
        let settled = |pace: &mut Pace, now| {
            pace.changed(now);
            assert!(!pace.settles(now + Duration::from_millis(299)));
            assert!(pace.settles(now + Duration::from_millis(300)));
        };
        check(true, settled, 300, 700);
        let checked = |pace: &mut Pace, now| {
            settled(pace, now);
            assert!(!pace.checks(now + Duration::from_millis(999)) && pace.checks(now + CHECK));
            pace.checked(now + CHECK, true, false);
        };
        check(true, checked, 1_000, 60_000);
        let doubted = |pace: &mut Pace, now: Instant| pace.checked(now, true, true);
        check(true, doubted, 0, 1_000);
    }

    #[test]
    fn a_journal_that_never_rests_is_looked_at_every_second() {
        let begin = Instant::now();
        let mut pace = Pace::new(begin, true);
        let changes = (0..20).map(|n| begin + Duration::from_millis(100 * n));
        let checks = changes.filter(|now| {
            pace.changed(*now);
            let due = pace.checks(*now);
            if due {
                pace.checked(*now, true, false);
            }
            due
        });
        assert_eq!(checks.count(), 1);
    }
}
