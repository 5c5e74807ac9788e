//! None is banned past its deadline, none is let go before it, and what is banned is refused.

use std::collections::BTreeSet;

use ipnet::IpNet;

use super::evidence::{Evidence, Micros};
use super::period::{Period, Periods};
use super::{Finding, Slack};

/// Between when and when a ban is to end, on the boot clock: two times where the wall clock jumped
/// just when gaoler looked at it.
pub(crate) fn deadline(evidence: &Evidence, slack: Slack, ban: &Period) -> (Micros, Micros) {
    let bantime = evidence.rule.bantime;
    let since = evidence.walls(ban.begun, slack.stamp);
    let mut ends = vec![ban.begun + bantime];
    for start in evidence.starts.iter().filter(|start| ban.begun < start.at) {
        // One that ended before gaoler did is none of this start's business.
        let died = (start.died - slack.stamp, start.died + slack.stamp);
        let over = ends.iter().copied().filter(|end| *end < died.1).collect();
        if ends.iter().all(|end| *end < died.0) {
            break;
        }
        ends = over;
        for since in &since {
            let walls = evidence.walls(start.at, slack.stamp);
            let left = walls.iter().map(|wall| (since + bantime - wall).clamp(0, bantime));
            ends.extend(left.map(|left| start.at + left));
        }
    }
    let earliest = ends.iter().copied().min().unwrap_or(ban.begun);
    (earliest, ends.iter().copied().max().unwrap_or(ban.begun))
}

/// The bans of one address that gaoler says it ended at the wrong time, or never.
pub(crate) fn ended(
    evidence: &Evidence,
    slack: Slack,
    subject: IpNet,
    bans: &[Period],
) -> Vec<Finding> {
    let wrong = |ban: &Period| {
        let due = deadline(evidence, slack, ban);
        let latest = evidence.put_off(due.1, slack.acting);
        let at = ban.ended.unwrap_or(evidence.end);
        let early = ban.ended.is_some() && at < due.0 - slack.edge;
        (early || latest < at).then_some(Finding::Ended { subject, at, due })
    };
    bans.iter().filter_map(wrong).collect()
}

/// What the kernel was seen to do otherwise. Each address is told of once.
pub(crate) fn seen(evidence: &Evidence, slack: Slack, bans: &Periods) -> Vec<Finding> {
    let all: Vec<Standing> = bans
        .iter()
        .flat_map(|(subject, bans)| {
            bans.iter().map(|ban| Standing::of(evidence, slack, *subject, ban))
        })
        .collect();
    let mut findings: Vec<Finding> = Vec::new();
    for look in &evidence.looks {
        let at = look.from;
        for subject in &look.refused {
            let begun = all
                .iter()
                .filter(|ban| ban.subject == *subject && ban.begun <= look.to + slack.stamp);
            let over = begun.max_by_key(|ban| ban.gone);
            if over.is_none_or(|ban| ban.gone < at) {
                let over = over.map(|ban| ban.over);
                findings.push(Finding::Overlong { subject: *subject, at, over });
            }
        }
        if evidence.troubled(look.from, look.to, slack.acting) {
            continue;
        }
        let standing = all.iter().filter(|ban| ban.must_from < at && look.to < ban.must_to);
        let let_in = standing.filter(|ban| !look.refused.contains(&ban.subject));
        findings.extend(let_in.map(|ban| Finding::LetIn { subject: ban.subject, at }));
    }
    let mut told = BTreeSet::new();
    findings.retain(|finding| {
        told.insert((finding.subject(), matches!(finding, Finding::LetIn { .. })))
    });
    findings
}

/// What a look must show of a ban.
struct Standing {
    subject: IpNet,
    begun: Micros,
    /// When it is over, and until when it must have gone.
    over: Micros,
    gone: Micros,
    /// Between these it must be there, except in trouble.
    must_from: Micros,
    must_to: Micros,
}

impl Standing {
    fn of(evidence: &Evidence, slack: Slack, subject: IpNet, ban: &Period) -> Self {
        let (earliest, over) = deadline(evidence, slack, ban);
        Self {
            subject,
            begun: ban.begun,
            over,
            gone: evidence.put_off(over, slack.acting),
            must_from: evidence.put_off(ban.begun, slack.acting),
            must_to: earliest - slack.edge,
        }
    }
}
