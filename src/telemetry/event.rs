//! Failures, bans and unbans as events: what the log says in words, said in attributes, for whoever
//! collects them over OTLP.
//!
//! An event's name is from a closed set; the trace it bears is the ban's, also where no span of that
//! trace is ever sent.

use jiff::Timestamp;

use super::trace::ban::{lasts, origin};
use super::trace::{Attribute, number, text, whom};
use crate::jail::Verdict;
use crate::jail::ban::{Ban, BanKey, JailName, show};
use crate::source::batch::Finding;
use crate::trace::TraceId;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// `gaoler.failure`, `gaoler.ban` or `gaoler.unban`.
    pub name: &'static str,
    /// When it happened: for a failure, by the log's own time.
    pub time: Timestamp,
    /// When gaoler saw it.
    pub observed: Timestamp,
    /// The trace that it belongs to.
    pub trace: Option<TraceId>,
    /// In fail2ban's words, as in the log.
    pub words: String,
    /// What is said of it.
    pub attributes: Vec<Attribute>,
}

/// A failure that a jail has judged, with the user that was tried, where the filter says so.
#[must_use]
pub fn failure(
    jail: &JailName,
    filter: &str,
    finding: &Finding,
    verdict: &Verdict,
    user: Option<&str>,
) -> Event {
    let address = finding.failure.address;
    let mut attributes = whom(&BanKey { jail: jail.clone(), address: address.into() });
    attributes.extend([text("gaoler.filter", filter), text("gaoler.verdict", word(verdict))]);
    attributes.extend(failures(verdict).map(|failures| number("gaoler.failures", failures)));
    attributes.extend(user.map(|user| text("user.name", user)));
    Event {
        name: "gaoler.failure",
        time: finding.failure.time,
        observed: finding.read.wall,
        trace: verdict.trace(),
        words: format!("[{jail}] Found {address}"),
        attributes,
    }
}

/// A ban that began.
#[must_use]
pub fn ban(ban: &Ban, filter: &str, backend: &'static str) -> Event {
    let mut attributes = whom(&ban.key);
    attributes.extend([
        text("gaoler.filter", filter),
        text("gaoler.origin", origin(ban.origin)),
        number("gaoler.failures", ban.failures),
        text("gaoler.backend", backend),
        lasts(ban),
    ]);
    event("gaoler.ban", ban, "Ban", ban.since, attributes)
}

/// A ban that ended at `time`, for a reason in the words of metrics.
#[must_use]
pub fn unban(ban: &Ban, reason: &'static str, time: Timestamp) -> Event {
    let mut attributes = whom(&ban.key);
    attributes.push(text("gaoler.reason", reason));
    event("gaoler.unban", ban, "Unban", time, attributes)
}

fn event(
    name: &'static str,
    ban: &Ban,
    what: &str,
    time: Timestamp,
    attributes: Vec<Attribute>,
) -> Event {
    let words = format!("[{}] {what} {}", ban.key.jail, show(&ban.key.address));
    Event { name, time, observed: time, trace: Some(ban.trace), words, attributes }
}

/// What a jail said, in a word.
fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Ignored(_) => "ignored",
        Verdict::Stale => "stale",
        Verdict::Counted { .. } => "counted",
        Verdict::AlreadyBanned { .. } => "already_banned",
        Verdict::Banned(_) => "banned",
        Verdict::Withheld { .. } => "withheld",
    }
}

/// How many failures count together by now, where the jail counts.
fn failures(verdict: &Verdict) -> Option<u32> {
    match verdict {
        Verdict::Counted { failures, .. } | Verdict::Withheld { failures, .. } => Some(*failures),
        Verdict::Banned(ban) => Some(ban.failures),
        Verdict::Ignored(_) | Verdict::Stale | Verdict::AlreadyBanned { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::failure::Failure;
    use crate::jail::ban::BanOrigin;
    use crate::jail::ignore::IgnoreReason;
    use crate::moment::{Boot, Moment};
    use crate::source::excerpt::Excerpt;
    use crate::telemetry::trace::Value;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn banned() -> Ban {
        Ban {
            key: BanKey { jail: JailName::new("sshd"), address: "192.0.2.1/32".parse().unwrap() },
            origin: BanOrigin::Detected,
            since: at(100),
            bantime: Some(SignedDuration::from_secs(60)),
            failures: 2,
            trace: TraceId::new(7),
        }
    }

    #[track_caller]
    fn check(verdict: &Verdict, word: &str, failures: Option<i64>, trace: Option<TraceId>) {
        let read = Moment { wall: at(101), boot: Boot::default() };
        let failure = Failure { address: "192.0.2.1".parse().unwrap(), time: at(99) };
        let excerpt = Excerpt::default();
        let finding = Finding { listener: 0, pattern: 0, failure, read, text: excerpt, user: None };
        let event = super::failure(&JailName::new("sshd"), "door", &finding, verdict, Some("root"));
        assert_eq!((event.time, event.observed), (at(99), at(101)));
        assert_eq!(event.words, "[sshd] Found 192.0.2.1");
        assert_eq!(event.trace, trace);
        assert!(event.attributes.contains(&text("gaoler.verdict", word)), "{event:#?}");
        assert!(event.attributes.contains(&text("client.address", "192.0.2.1")));
        assert!(event.attributes.contains(&text("user.name", "root")));
        let counted = event.attributes.iter().find(|a| a.key == "gaoler.failures");
        assert_eq!(counted.map(|a| a.value.clone()), failures.map(Value::Number));
    }

    #[test]
    fn a_failure_says_what_was_made_of_it() {
        let trace = TraceId::new(7);
        check(&Verdict::Counted { failures: 1, trace }, "counted", Some(1), Some(trace));
        check(&Verdict::Banned(banned()), "banned", Some(2), Some(trace));
        check(&Verdict::AlreadyBanned { trace }, "already_banned", None, Some(trace));
        check(&Verdict::Stale, "stale", None, None);
        check(&Verdict::Ignored(IgnoreReason::IgnoreIp), "ignored", None, None);
    }

    #[test]
    fn a_ban_and_its_end_bear_the_same_trace() {
        let began = ban(&banned(), "door", "firewalld");
        assert_eq!((began.name, began.words.as_str()), ("gaoler.ban", "[sshd] Ban 192.0.2.1"));
        assert!(began.attributes.contains(&number("gaoler.bantime_seconds", 60)));
        let ended = unban(&banned(), "expired", at(160));
        assert_eq!((ended.name, ended.words.as_str()), ("gaoler.unban", "[sshd] Unban 192.0.2.1"));
        assert_eq!((began.trace, ended.trace), (Some(TraceId::new(7)), Some(TraceId::new(7))));
        assert!(ended.attributes.contains(&text("gaoler.reason", "expired")));
        assert_eq!((began.time, ended.time), (at(100), at(160)));
    }
}
