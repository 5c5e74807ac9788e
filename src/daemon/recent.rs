//! What is remembered of verdicts, to be shown.

use ipnet::IpNet;
use jiff::Timestamp;

use super::running::RunningJail;
use crate::jail::Verdict;
use crate::jail::ban::Ban;
use crate::telemetry::metrics::reason::Withheld;
use crate::telemetry::verdicts::{RecentVerdict, Word};
use crate::trace::TraceId;

/// How a verdict on a failure reads; `None` for a ban, which is told of when it begins.
pub(super) fn on_failure(
    running: &RunningJail,
    address: IpNet,
    verdict: &Verdict,
    time: Timestamp,
) -> Option<RecentVerdict> {
    let told = |word, reason: Option<&str>, failures| {
        let trace = verdict.trace();
        Some(recent(running, address, (word, reason), (failures, trace), time))
    };
    match verdict {
        Verdict::Banned(_) => None,
        Verdict::Ignored(reason) => told(Word::Ignored, Some(reason.as_str()), 0),
        Verdict::Stale => told(Word::Stale, None, 0),
        Verdict::Counted { failures, .. } => told(Word::Counted, None, *failures),
        Verdict::AlreadyBanned { .. } => told(Word::AlreadyBanned, None, 0),
        Verdict::Withheld { failures, .. } => {
            told(Word::Withheld, Some(Withheld::Breaker.word()), *failures)
        }
    }
}

/// How the beginning or the end of a ban reads.
pub(super) fn of_ban(
    running: &RunningJail,
    ban: &Ban,
    word: Word,
    reason: &str,
    time: Timestamp,
) -> RecentVerdict {
    let counted = (ban.failures, Some(ban.trace));
    recent(running, ban.key.address, (word, Some(reason)), counted, time)
}

fn recent(
    running: &RunningJail,
    address: IpNet,
    (verdict, reason): (Word, Option<&str>),
    (failures, trace_id): (u32, Option<TraceId>),
    time: Timestamp,
) -> RecentVerdict {
    RecentVerdict {
        time,
        jail: running.settings.name.clone(),
        address,
        verdict,
        reason: reason.map(str::to_owned),
        failures,
        maxretry: u32::try_from(running.settings.threshold.maxretry()).unwrap_or(u32::MAX),
        times: 1,
        trace_id,
    }
}
