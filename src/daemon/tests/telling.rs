//! What a collector is told of bans.

use jiff::SignedDuration;

use super::*;
use crate::daemon::telling::Telling;
use crate::enforcer::order::Outcome;
use crate::telemetry::event;
use crate::telemetry::trace::{Link, Span, Value, text};

/// What was told since the last look: events by their names, then spans by theirs.
fn told(stage: &mut Stage) -> (Vec<event::Event>, Vec<Span>) {
    let (mut events, mut spans) = (Vec::new(), Vec::new());
    while let Ok(event) = stage.told.events.try_recv() {
        events.push(event);
    }
    while let Ok(span) = stage.told.spans.try_recv() {
        spans.push(span);
    }
    (events, spans)
}

fn names(spans: &[Span]) -> Vec<&str> {
    spans.iter().map(|span| span.name.as_ref()).collect()
}

fn outcome(root: &Span) -> Option<&Value> {
    let attribute = root.attributes.iter().find(|attribute| attribute.key == "gaoler.outcome");
    attribute.map(|attribute| &attribute.value)
}

fn called(stage: &mut Stage, operation: &'static str, address: &str) {
    let report = Report::Operation {
        operation,
        outcome: Outcome::Ok,
        took: SignedDuration::from_millis(5),
        ended: stage.now,
        bans: vec![key("sshd", address)],
    };
    stage.turn(Event::Firewall(report));
}

#[tokio::test]
async fn a_ban_is_a_trace_once_it_is_in_force_and_so_is_its_end() {
    let mut stage = Stage::new(JAILS, false);
    let first = stage.now.wall;
    stage.failures("sshd", "203.0.113.7", 1).after(5000);
    stage.failures("sshd", "203.0.113.7", 1).kept().await;
    stage.after(20);
    called(&mut stage, "add_rich_rule", "203.0.113.7");
    let (events, spans) = told(&mut stage);
    let kinds: Vec<_> = events.iter().map(|event| event.name).collect();
    assert_eq!(kinds, ["gaoler.failure", "gaoler.failure", "gaoler.ban"]);
    assert_eq!(spans, [], "nothing is told before it is in force");
    stage.enforced("sshd", "203.0.113.7");
    let (_, spans) = told(&mut stage);
    let expected = ["ban", "detect", "persist", "enforce", "firewalld.add_rich_rule"];
    assert_eq!(names(&spans), expected);
    let trace = spans[0].trace;
    let user = text("user.name", "\\u{1b}[2J");
    assert!(spans[0].attributes.contains(&user), "{spans:#?}");
    assert!(events[0].attributes.contains(&user), "{events:#?}");
    assert!(events.iter().all(|event| event.trace == Some(trace)), "{events:#?}");
    assert_eq!(spans[0].start, first);
    assert_eq!(spans[0].end, stage.now.wall);
    assert_eq!(outcome(&spans[0]), Some(&Value::Text("in_force".into())));
    assert!(spans.iter().all(|span| span.error.is_none()), "{spans:#?}");

    stage.after(60_000).kept().await;
    called(&mut stage, "remove_rich_rule", "203.0.113.7");
    stage.turn(Event::Firewall(Report::Released { key: key("sshd", "203.0.113.7") }));
    let (events, spans) = told(&mut stage);
    assert_eq!((events[0].name, events[0].trace), ("gaoler.unban", Some(trace)));
    assert_eq!(names(&spans), ["unban", "firewalld.remove_rich_rule"]);
    assert_ne!(spans[0].trace, trace);
    assert_eq!(spans[0].links, [Link { trace, why: "ban" }]);

    stage.failures("sshd", "203.0.113.7", 2).kept().await;
    stage.enforced("sshd", "203.0.113.7");
    let (_, spans) = told(&mut stage);
    assert_eq!(spans[0].links, [Link { trace, why: "earlier_offence" }]);
}

#[tokio::test]
async fn bans_before_a_restart_are_linked_too() {
    let mut stage = Stage::new(JAILS, false);
    stage.failures("sshd", "203.0.113.7", 2).kept().await;
    stage.enforced("sshd", "203.0.113.7");
    let trace = told(&mut stage).1[0].trace;
    stage.after(60_000).kept().await;
    let mut stage = Stage::resumed(stage.end(), JAILS, false);
    // Each stage throws the same dice: without another before it the ban would have the same name.
    stage.after(120_000).failures("sshd", "203.0.113.9", 1);
    stage.failures("sshd", "203.0.113.7", 2).kept().await;
    stage.enforced("sshd", "203.0.113.7");
    let (_, spans) = told(&mut stage);
    assert_eq!(spans[0].links, [Link { trace, why: "earlier_offence" }]);
}

#[tokio::test]
async fn a_ban_that_is_refused_or_lifted_says_so() {
    let mut stage = Stage::new(JAILS, false);
    stage.failures("sshd", "203.0.113.7", 2).kept().await;
    let (key, why) = (key("sshd", "203.0.113.7"), "there is no room".to_owned());
    stage.turn(Event::Firewall(Report::Failed { key, why, gives_up: true }));
    let (_, spans) = told(&mut stage);
    assert_eq!(spans[0].error.as_deref(), Some("there is no room"));
    stage.failures("sshd", "203.0.113.8", 2);
    stage.after(60_000);
    let (_, spans) = told(&mut stage);
    assert_eq!(outcome(&spans[0]), Some(&Value::Text("lifted".into())));
}

#[tokio::test]
async fn a_ban_that_stays_pending_is_told_as_it_stands() {
    let long = JAILS.replace("bantime: 60s", "bantime: 1h");
    let mut stage = Stage::new(&long, false);
    stage.failures("sshd", "203.0.113.7", 2).kept().await;
    stage.after(290_000);
    assert_eq!(told(&mut stage).1, []);
    stage.after(40_000);
    let (_, spans) = told(&mut stage);
    assert_eq!(outcome(&spans[0]), Some(&Value::Text("overdue".into())));
    stage.enforced("sshd", "203.0.113.7");
    assert_eq!(told(&mut stage).1, [], "once is enough");
}

#[tokio::test]
async fn where_nothing_is_enforced_a_decision_is_the_whole_story() {
    let mut stage = Stage::new(&format!("enforcement: {{backend: none}}{JAILS}"), false);
    stage.failures("sshd", "203.0.113.7", 2).kept().await;
    let (_, spans) = told(&mut stage);
    assert_eq!(outcome(&spans[0]), Some(&Value::Text("watched".into())));
    stage.after(60_000);
    assert_eq!(names(&told(&mut stage).1), ["unban"]);
}

#[tokio::test]
async fn a_trace_that_is_not_sampled_is_not_told_nor_is_its_end() {
    let mut stage = Stage::new(JAILS, false);
    let (exporters, told_) = Exporters::kept(&stage.daemon.metrics, Sampler::AlwaysOff);
    stage.daemon.telling = Telling::new(exporters, "firewalld", 0);
    stage.told = told_;
    stage.failures("sshd", "203.0.113.7", 2).kept().await;
    stage.enforced("sshd", "203.0.113.7").after(60_000);
    stage.turn(Event::Firewall(Report::Released { key: key("sshd", "203.0.113.7") }));
    let (events, spans) = told(&mut stage);
    assert_eq!(events.len(), 4, "events are not sampled: {events:#?}");
    assert_eq!(spans, []);
    let page = stage.openmetrics();
    assert!(page.contains("gaoler_bans_total{jail=\"sshd\",origin=\"detected\"} 1\n"), "{page}");
    assert!(!page.contains("trace_id"), "an exemplar that leads nowhere: {page}");
}

#[tokio::test]
async fn without_a_collector_exemplars_lead_to_the_log() {
    let mut stage = Stage::new(JAILS, false);
    stage.daemon.telling = Telling::new(Exporters::default(), "firewalld", 0);
    stage.failures("sshd", "203.0.113.7", 2).kept().await;
    stage.enforced("sshd", "203.0.113.7");
    assert!(stage.openmetrics().contains("trace_id"));
}

#[tokio::test]
async fn a_collector_that_takes_nothing_costs_a_counter() {
    let mut stage = Stage::new(JAILS, false);
    for host in 0..=255 {
        for block in 0..8 {
            stage.failures("sshd", &format!("203.0.{block}.{host}"), 1);
        }
    }
    let (events, _) = told(&mut stage);
    assert_eq!(events.len(), 1000, "the queue takes no more");
    assert_eq!(stage.sample("gaoler_otlp_dropped_total", "logs"), 256 * 8 - 1000);
}
