//! No other address was banned.
//!
//! Whatever may have counted counts here.

use ipnet::IpNet;

use super::evidence::{Evidence, Failure, Micros};
use super::period::Period;
use super::{Finding, Slack};

/// The bans of one address or network that its failures do not explain.
pub(crate) fn unfounded(
    evidence: &Evidence,
    slack: Slack,
    subject: IpNet,
    bans: &[Period],
) -> Vec<Finding> {
    let none = Vec::new();
    let failures = evidence.failures.get(&subject).unwrap_or(&none);
    let mut since = Micros::MIN;
    let mut findings = Vec::new();
    for ban in bans {
        let counting: Vec<&Failure> = failures
            .iter()
            .filter(|one| since <= one.late && one.early <= ban.begun + slack.stamp)
            .collect();
        if !is_founded(evidence, slack, &counting) {
            findings.push(Finding::Unfounded { subject, at: ban.begun });
        }
        // The kernel may have ended it in time, though gaoler could not say so before it was let go on.
        let over = ban.begun + evidence.rule.bantime;
        since = ban.ended.map_or(ban.begun, |said| said.min(over)) - slack.edge;
    }
    findings
}

/// Whether some of them, `maxretry` together, may have been within `findtime`.
fn is_founded(evidence: &Evidence, slack: Slack, counting: &[&Failure]) -> bool {
    let maxretry = evidence.rule.maxretry;
    let span = evidence.rule.findtime + slack.stamp;
    let by_log = |first: &Failure| {
        let within = counting.iter().filter(|one| (0..=span).contains(&(one.wall - first.wall)));
        within.count() >= maxretry
    };
    // A line that was logged before the clock jumped and read after it counts at another time.
    let across_a_jump = |first: &Failure| {
        let within: Vec<_> =
            counting.iter().filter(|one| (0..=span).contains(&(one.early - first.early))).collect();
        let last = within.iter().map(|one| one.late).max().unwrap_or(first.late);
        within.len() >= maxretry && evidence.jumps(first.early, last + slack.acting).count() > 0
    };
    counting.iter().any(|first| by_log(first) || across_a_jump(first))
}
