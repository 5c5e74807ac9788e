//! Every address that should have been banned was.
//!
//! Only what is certain counts here: failures that a reader could find in time, clearly within
//! `findtime`, clearly after the last ban.

use super::evidence::{Evidence, Failure, Micros};
use super::period::Period;
use super::{SECOND, Slack};

/// What the failures of one address or network lead to.
#[derive(Debug, Default)]
pub(crate) struct Due {
    /// How often they certainly met the threshold.
    pub(crate) met: usize,
    /// When they did, and no ban came of it in time.
    pub(crate) missed: Vec<Micros>,
}

/// Counts them.
pub(crate) fn due(evidence: &Evidence, slack: Slack, failures: &[Failure], bans: &[Period]) -> Due {
    let mut due = Due::default();
    let mut counting: Vec<Failure> = Vec::new();
    for failure in failures {
        let last = bans.iter().rev().find(|ban| ban.begun < failure.early);
        if let Some(last) = last {
            counting.retain(|earlier| earlier.early > last.begun);
        }
        let free = last
            .is_none_or(|ban| ban.ended.is_some_and(|ended| ended + slack.edge < failure.early));
        if !free || !is_certain(evidence, slack, failure) {
            continue;
        }
        counting.push(*failure);
        if !meets(evidence, slack, &counting, failure) {
            continue;
        }
        due.met += 1;
        let until = evidence.put_off(failure.late, slack.acting);
        let banned =
            |ban: &Period| counting[0].early <= ban.begun + slack.stamp && ban.begun <= until;
        if until < evidence.end && !bans.iter().any(banned) {
            due.missed.push(failure.late);
        }
        counting.clear();
    }
    due
}

/// Whether enough of them are within `findtime`, this one among them.
fn meets(evidence: &Evidence, slack: Slack, counting: &[Failure], newest: &Failure) -> bool {
    let span = evidence.rule.findtime - slack.stamp;
    let before = counting.iter().filter(|one| (0..=span).contains(&(newest.wall - one.wall)));
    let after = counting.iter().filter(|one| (0..=span).contains(&(one.wall - newest.wall)));
    before.count().max(after.count()) >= evidence.rule.maxretry
}

/// Whether a reader had it while it still counted: not older than `findtime` by the wall clock when
/// it was read, whatever held the reader up, and however that clock jumped.
fn is_certain(evidence: &Evidence, slack: Slack, failure: &Failure) -> bool {
    let read = match evidence.trouble_at(failure.late) {
        Some(trouble) => trouble.over,
        None => failure.late,
    } + slack.stamp;
    let ahead: Micros =
        evidence.jumps(failure.early - slack.stamp, read).map(|(_, by)| by.max(0)).sum();
    let age = read - failure.early + ahead;
    failure.sure && age <= evidence.rule.findtime - SECOND
}
