//! A ban's trace: what it holds, and when each part was.

use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;
use crate::enforcer::order::Outcome;
use crate::jail::ban::{BanKey, JailName};
use crate::moment::Boot;
use crate::telemetry::trace::Value;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

fn wall(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(1_000_000 + millis).unwrap()
}

/// So many milliseconds after the decision was read.
fn at(millis: i64) -> Moment {
    Moment { wall: wall(millis), boot: Boot(SignedDuration::from_millis(5000 + millis)) }
}

fn story() -> Story {
    let address = "192.0.2.7/32".parse().unwrap();
    let ban = Ban {
        key: BanKey { jail: JailName::new("sshd"), address },
        origin: BanOrigin::Detected,
        since: wall(1),
        bantime: Some(SignedDuration::from_secs(60)),
        failures: 2,
        trace: TRACE.parse().unwrap(),
    };
    Story {
        ban,
        filter: "sshd".to_owned(),
        backend: "firewalld",
        user: Some("root".to_owned()),
        first: wall(-3000),
        read: at(0),
        decided: at(1),
        earlier: vec![TraceId::new(7)],
    }
}

fn call(outcome: Outcome, ended: i64, took: i64) -> CallMade {
    let took = SignedDuration::from_millis(took);
    let operation = "add_rich_rule";
    CallMade { backend: "firewalld", operation, outcome, why: None, ended: at(ended), took }
}

/// Name, parent's name, start and end of each span, in milliseconds after the decision was read.
fn outline(spans: &[Span]) -> Vec<(String, String, i64, i64)> {
    let millis = |time: Timestamp| time.as_millisecond() - 1_000_000;
    let name = |id| spans.iter().find(|span| Some(span.id) == id).map(|span| span.name.to_string());
    let line = |span: &Span| {
        let parent = name(span.parent).unwrap_or_default();
        (span.name.to_string(), parent, millis(span.start), millis(span.end))
    };
    spans.iter().map(line).collect()
}

fn value<'a>(span: &'a Span, key: &str) -> Option<&'a Value> {
    span.attributes.iter().find(|attribute| attribute.key == key).map(|a| &a.value)
}

fn is_text(span: &Span, key: &str, expected: &str) -> bool {
    matches!(value(span, key), Some(Value::Text(text)) if text == expected)
}

#[test]
fn from_the_first_failure_to_the_rule_in_force() {
    let mut progress = Progress::new(story());
    progress.ordered(Kept::Durable, at(4));
    progress.called(call(Outcome::Ok, 15, 10));
    let spans = progress.spans(&End::InForce, at(16));
    let expected = [
        ("ban", "", -3000, 16),
        ("detect", "ban", -3000, 0),
        ("persist", "ban", 1, 4),
        ("enforce", "ban", 4, 16),
        ("firewalld.add_rich_rule", "enforce", 5, 15),
    ];
    let expected = expected.map(|(name, of, start, end)| (name.into(), of.into(), start, end));
    assert_eq!(outline(&spans), expected);
    assert!(spans.iter().all(|span| span.error.is_none()));
    assert!(spans.iter().all(|span| span.trace.to_string() == TRACE));
    let root = &spans[0];
    assert_eq!(root.id, root.trace.root());
    for (key, expected) in [
        ("client.address", "192.0.2.7"),
        ("network.type", "ipv4"),
        ("gaoler.jail", "sshd"),
        ("gaoler.filter", "sshd"),
        ("gaoler.origin", "detected"),
        ("gaoler.backend", "firewalld"),
        ("gaoler.outcome", "in_force"),
        ("user.name", "root"),
    ] {
        assert!(is_text(root, key, expected), "{key}: {root:#?}");
    }
    assert_eq!(value(root, "gaoler.failures"), Some(&Value::Number(2)));
    assert_eq!(value(root, "gaoler.bantime_seconds"), Some(&Value::Number(60)));
    assert_eq!(root.links, [Link { trace: TraceId::new(7), why: "earlier_offence" }]);
    assert_eq!(spans[4].kind, Kind::Client);
    assert!(is_text(&spans[4], "rpc.method", "addRichRule"));
}

#[test]
fn what_went_wrong_is_told_where_it_did() {
    let mut progress = Progress::new(story());
    progress.ordered(Kept::Late, at(50));
    progress.called(call(Outcome::Unknown, 90, 30));
    progress.failed("no answer within 30 s");
    progress.called(call(Outcome::Error, 120, 10));
    let spans = progress.spans(&End::Refused("INVALID_RULE".to_owned()), at(121));
    let error = |index: usize| spans[index].error.as_deref();
    assert_eq!(error(0), Some("INVALID_RULE"));
    assert_eq!(error(1), None, "detecting went well");
    assert!(error(2).is_some_and(|why| why.contains("volatile")));
    assert_eq!(error(3), Some("INVALID_RULE"));
    assert_eq!(error(4), Some("no answer within 30 s"));
    assert_eq!(error(5), Some("refused"));
    assert!(is_text(&spans[0], "error.type", "refused"));
    assert!(is_text(&spans[4], "error.type", "unknown"));
}

#[test]
fn a_ban_that_was_never_ordered_was_not_enforced() {
    let spans = Progress::new(story()).spans(&End::Lifted, at(2));
    let names: Vec<_> = spans.iter().map(|span| span.name.as_ref()).collect();
    assert_eq!(names, ["ban", "detect"]);
    assert_eq!(spans[0].error, None);
    let manual = Ban { origin: BanOrigin::Manual, bantime: None, ..story().ban };
    let spans = Progress::new(Story { ban: manual, ..story() }).spans(&End::Stopped, at(2));
    assert_eq!(spans.len(), 1, "nobody detected it: {spans:#?}");
    assert!(spans[0].error.is_some());
    assert_eq!(value(&spans[0], "gaoler.permanent"), Some(&Value::Flag(true)));
}

#[test]
fn a_firewall_asked_without_end_fills_no_memory() {
    let mut progress = Progress::new(story());
    progress.ordered(Kept::Durable, at(4));
    for _ in 0..1000 {
        progress.called(call(Outcome::Error, 15, 10));
    }
    let spans = progress.spans(&End::Overdue, at(16));
    assert_eq!(spans.len(), 4 + CALLS);
    assert_eq!(value(&spans[3], "gaoler.calls"), Some(&Value::Number(1000)));
    let story = Story { earlier: (1..100).map(TraceId::new).collect(), ..story() };
    let links = Progress::new(story).spans(&End::InForce, at(16)).remove(0).links;
    assert_eq!(links.len(), LINKS);
    assert_eq!(links[0].trace, TraceId::new(99), "the latest come first");
}

#[test]
fn no_span_ends_before_it_begins_whatever_is_reported() {
    let mut progress = Progress::new(story());
    progress.ordered(Kept::Durable, at(-10));
    let spans = progress.spans(&End::InForce, at(-5000));
    assert!(spans.iter().all(|span| span.start <= span.end), "{spans:#?}");
}

proptest! {
    /// Whatever the clocks did: no span ends before it begins, and the root holds all that is ours.
    #[test]
    fn spans_lie_within_their_root(
        first in -100_000..100_000_i64,
        [decided, kept, asked, took, over] in prop::array::uniform5(0..10_000_i64),
        set in -1_000_000..1_000_000_i64,
    ) {
        let ordered = decided + kept;
        let later = |millis: i64| Moment { wall: wall(millis + set), ..at(millis) };
        let mut progress = Progress::new(Story { first: wall(first), decided: at(decided), ..story() });
        progress.ordered(Kept::Durable, later(ordered));
        let ended = ordered + asked + took;
        progress.called(CallMade { ended: later(ended), ..call(Outcome::Ok, 0, took) });
        let spans = progress.spans(&End::InForce, later(ended + over));
        for span in &spans {
            prop_assert!(span.start <= span.end, "{span:#?}");
            prop_assert!(spans[0].start <= span.start && span.end <= spans[0].end, "{spans:#?}");
        }
    }
}
