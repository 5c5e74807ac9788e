//! Telemetry on its way to a collector: contents, faults, and that nobody waits for it.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::disallowed_methods, reason = "the tests run what users run: gaoler, a collector")]
#![expect(unreachable_pub, reason = "a test has no outside")]

mod daemon;
mod receiver;
#[path = "../firewalld/rig.rs"]
#[allow(dead_code, reason = "the enforcer's own tests need more of it")]
mod rig;
mod rotel;
mod rotel_agent;
mod stage;

use std::sync::Arc;
use std::time::Duration;

use gaoler::config::checked::{Headers, OtlpProtocol};
use gaoler::moment::{Boot, Moment};
use gaoler::telemetry::event::Event;
use gaoler::telemetry::metrics::Metrics;
use gaoler::telemetry::otlp::exporters::Exporters;
use gaoler::telemetry::otlp::sampler::Sampler;
use gaoler::telemetry::otlp::settings::{Settings, Target};
use gaoler::telemetry::trace::{Kind, Span};
use gaoler::trace::TraceId;
use jiff::Timestamp;
use opentelemetry_proto::tonic::common::v1::any_value::Value;

use receiver::{Answer, Came, Receiver};

fn clock() -> Moment {
    Moment { wall: Timestamp::UNIX_EPOCH, boot: Boot::default() }
}

fn book() -> Arc<Metrics> {
    Arc::new(Metrics::new("1.2.3", "r", clock(), "/proc/self".into()))
}

fn target(protocol: OtlpProtocol, url: &str) -> Target {
    Target {
        protocol,
        url: url.to_owned(),
        headers: Headers(vec![("x-token".to_owned(), "secret".to_owned())]),
        timeout: Duration::from_secs(2),
        gzip: false,
        certificate: None,
        client: None,
    }
}

/// Traces alone, to one receiver.
fn settings(target: Target) -> Settings {
    Settings {
        traces: Some(target),
        logs: None,
        metrics: None,
        interval: Duration::from_millis(50),
        sampler: Sampler::AlwaysOn,
        resource: vec![("deployment.environment".to_owned(), "test".to_owned())],
        queue: 8,
        batch: 4,
        delay: Duration::from_millis(20),
    }
}

fn span(name: &str) -> Span {
    let trace = TraceId::new(7);
    Span {
        trace,
        id: trace.root(),
        parent: None,
        name: name.to_owned().into(),
        kind: Kind::Internal,
        start: Timestamp::UNIX_EPOCH,
        end: Timestamp::UNIX_EPOCH,
        attributes: Vec::new(),
        links: Vec::new(),
        error: None,
    }
}

fn event() -> Event {
    let time = Timestamp::UNIX_EPOCH;
    let (name, words) = ("gaoler.ban", "[sshd] Ban 192.0.2.1".to_owned());
    Event { name, time, observed: time, trace: None, words, attributes: Vec::new() }
}

fn names(came: &Came) -> Vec<String> {
    let Came::Traces(request, token) = came else { panic!("{came:?}") };
    assert_eq!(token.as_deref(), Some("secret"));
    let spans = request.resource_spans.iter().flat_map(|of| &of.scope_spans);
    spans.flat_map(|scope| scope.spans.iter().map(|span| span.name.clone())).collect()
}

/// The value of a counter with these label values.
fn counter(metrics: &Metrics, name: &str, labels: &[&str]) -> f64 {
    let families = metrics.families();
    let family = families.iter().find(|family| family.name == name).unwrap();
    let series = family.metric.iter().find(|metric| {
        metric.label.iter().map(|pair| pair.value.as_str()).eq(labels.iter().copied())
    });
    series.unwrap().counter.as_ref().unwrap().value
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), wait).await.expect(what);
}

#[tokio::test]
async fn a_span_arrives_over_grpc_and_over_http_compressed_or_not() {
    for gzip in [false, true] {
        for protocol in [OtlpProtocol::Grpc, OtlpProtocol::Http] {
            let mut receiver = match protocol {
                OtlpProtocol::Grpc => Receiver::grpc(None).await,
                OtlpProtocol::Http => Receiver::http().await,
            };
            let path = if protocol == OtlpProtocol::Http { "/v1/traces" } else { "" };
            let target = target(protocol, &format!("{}{path}", receiver.url));
            let metrics = book();
            let exporters =
                Exporters::start(&settings(Target { gzip, ..target }), &metrics, clock).unwrap();
            exporters.trace(vec![span("ban"), span("detect")]);
            let came = receiver.next().await;
            assert_eq!(names(&came), ["ban", "detect"]);
            let Came::Traces(request, _) = came else { unreachable!("names() has looked") };
            let resource = request.resource_spans[0].resource.as_ref().unwrap();
            let value = |key: &str| {
                let pair = resource.attributes.iter().find(|pair| pair.key == key);
                match pair.unwrap().value.as_ref().unwrap().value.as_ref().unwrap() {
                    Value::StringValue(text) => text.clone(),
                    other => panic!("{other:?}"),
                }
            };
            assert_eq!(value("service.name"), "gaoler");
            assert_eq!(value("service.version"), "1.2.3");
            assert_eq!(value("deployment.environment"), "test");
            assert!(!value("host.name").is_empty());
            exporters.close(Duration::from_secs(5)).await;
            let taken = counter(&metrics, "gaoler_otlp_exports_total", &["traces", "ok"]);
            assert!(taken >= 1.0);
        }
    }
}

#[tokio::test]
async fn a_receiver_that_asks_for_patience_gets_it_and_then_everything() {
    for protocol in [OtlpProtocol::Grpc, OtlpProtocol::Http] {
        let mut receiver = match protocol {
            OtlpProtocol::Grpc => Receiver::grpc(None).await,
            OtlpProtocol::Http => Receiver::http().await,
        };
        let path = if protocol == OtlpProtocol::Http { "/v1/traces" } else { "" };
        receiver.answer(&[Answer::Later(Duration::ZERO), Answer::Later(Duration::ZERO)]);
        let metrics = book();
        let target = target(protocol, &format!("{}{path}", receiver.url));
        let exporters = Exporters::start(&settings(target), &metrics, clock).unwrap();
        exporters.trace(vec![span("ban")]);
        for _ in 0..3 {
            assert_eq!(names(&receiver.next().await), ["ban"]);
        }
        let count = |outcome| counter(&metrics, "gaoler_otlp_exports_total", &["traces", outcome]);
        until("it is taken", || count("ok") > 0.5).await;
        assert!((count("error") - 2.0).abs() < 0.5);
        assert!(counter(&metrics, "gaoler_otlp_dropped_total", &["traces"]) < 0.5);
        exporters.close(Duration::from_secs(5)).await;
    }
}

#[tokio::test]
async fn what_is_refused_is_dropped_and_counted() {
    let mut receiver = Receiver::http().await;
    receiver.answer(&[Answer::Refuse, Answer::Take(1)]);
    let metrics = book();
    let target = target(OtlpProtocol::Http, &format!("{}/v1/traces", receiver.url));
    let exporters = Exporters::start(&settings(target), &metrics, clock).unwrap();
    let dropped = || counter(&metrics, "gaoler_otlp_dropped_total", &["traces"]);
    exporters.trace(vec![span("a"), span("b")]);
    receiver.next().await;
    until("two are dropped", || (dropped() - 2.0).abs() < 0.5).await;
    exporters.trace(vec![span("c"), span("d")]);
    receiver.next().await;
    until("one more is dropped", || (dropped() - 3.0).abs() < 0.5).await;
    exporters.close(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_receiver_that_is_silent_costs_a_full_queue_and_no_more() {
    let mut receiver = Receiver::grpc(None).await;
    receiver.answer(&[Answer::Silence]);
    let metrics = book();
    let target = target(OtlpProtocol::Grpc, &receiver.url);
    let exporters = Exporters::start(&settings(target), &metrics, clock).unwrap();
    exporters.trace(vec![span("first")]);
    receiver.next().await;
    // Nobody answers. The queue takes 8, the rest is dropped, and handing over never waits: no await
    // is between this line and the next.
    for number in 0..100 {
        exporters.trace(vec![span(&number.to_string())]);
    }
    assert!(counter(&metrics, "gaoler_otlp_dropped_total", &["traces"]) >= 92.0);
    exporters.close(Duration::from_millis(100)).await;
}

#[tokio::test]
async fn nobody_listens_at_all() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for protocol in [OtlpProtocol::Grpc, OtlpProtocol::Http] {
        let metrics = book();
        let target = target(protocol, &format!("http://127.0.0.1:{port}"));
        let exporters = Exporters::start(&settings(target), &metrics, clock).unwrap();
        exporters.trace(vec![span("ban")]);
        let errors = || counter(&metrics, "gaoler_otlp_exports_total", &["traces", "error"]);
        until("it is tried again", || errors() >= 2.0).await;
        exporters.close(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn metrics_are_pushed_again_and_again() {
    let mut receiver = Receiver::http().await;
    let metrics = book();
    let target = target(OtlpProtocol::Http, &format!("{}/v1/metrics", receiver.url));
    let settings = Settings { traces: None, metrics: Some(target.clone()), ..settings(target) };
    let exporters = Exporters::start(&settings, &metrics, clock).unwrap();
    for _ in 0..2 {
        let Came::Metrics(request) = receiver.next().await else { panic!("no metrics") };
        let pushed = &request.resource_metrics[0].scope_metrics[0].metrics;
        assert!(pushed.iter().any(|metric| metric.name == "gaoler_build_info"), "{pushed:#?}");
    }
    exporters.close(Duration::from_millis(100)).await;
}

#[tokio::test]
async fn an_event_arrives() {
    let mut receiver = Receiver::http().await;
    let target = target(OtlpProtocol::Http, &format!("{}/v1/logs", receiver.url));
    let settings = Settings { traces: None, logs: Some(target.clone()), ..settings(target) };
    let exporters = Exporters::start(&settings, &book(), clock).unwrap();
    exporters.event(event);
    let Came::Logs(request) = receiver.next().await else { panic!("no logs") };
    let records = &request.resource_logs[0].scope_logs[0].log_records;
    assert_eq!(records[0].event_name, "gaoler.ban");
    exporters.close(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn tls_trusts_the_authority_it_is_given_and_no_other() {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let (ca, other) = (directory.path().join("ca.pem"), directory.path().join("other.pem"));
    std::fs::write(&ca, cert.pem()).unwrap();
    let stranger = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(&other, stranger.cert.pem()).unwrap();
    let mut receiver = Receiver::grpc(Some((&cert.pem(), &signing_key.serialize_pem()))).await;

    let trusting = |ca: &std::path::Path| {
        let target = target(OtlpProtocol::Grpc, &receiver.url);
        settings(Target { certificate: Some(ca.to_owned()), ..target })
    };
    let (deaf, metrics) = (trusting(&other), book());
    let exporters = Exporters::start(&deaf, &metrics, clock).unwrap();
    exporters.trace(vec![span("to a stranger")]);
    let errors = || counter(&metrics, "gaoler_otlp_exports_total", &["traces", "error"]);
    until("it is refused", || errors() >= 1.0).await;
    exporters.close(Duration::from_millis(100)).await;

    let exporters = Exporters::start(&trusting(&ca), &book(), clock).unwrap();
    exporters.trace(vec![span("to whom we know")]);
    assert_eq!(names(&receiver.next().await), ["to whom we know"]);
    exporters.close(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn tls_over_http_and_a_certificate_of_our_own_where_one_is_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let made = || rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (theirs, ours) = (made(), made());
    let ca = file("ca.pem", &theirs.cert.pem());
    let pair =
        (file("me.pem", &ours.cert.pem()), file("me.key", &ours.signing_key.serialize_pem()));
    let key = theirs.signing_key.serialize_pem();
    let mut receiver = Receiver::https(&theirs.cert.pem(), &key, &ours.cert.pem()).await;
    let target = Target {
        certificate: Some(ca),
        ..target(OtlpProtocol::Http, &format!("{}/v1/traces", receiver.url))
    };
    let metrics = book();
    let exporters = Exporters::start(&settings(target.clone()), &metrics, clock).unwrap();
    exporters.trace(vec![span("of nobody")]);
    let errors = || counter(&metrics, "gaoler_otlp_exports_total", &["traces", "error"]);
    until("it is refused", || errors() >= 1.0).await;
    exporters.close(Duration::from_millis(100)).await;

    let known = Target { client: Some(pair), ..target };
    let exporters = Exporters::start(&settings(known), &book(), clock).unwrap();
    exporters.trace(vec![span("of one who is known")]);
    assert_eq!(names(&receiver.next().await), ["of one who is known"]);
    exporters.close(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn what_came_while_nobody_listened_arrives_once_somebody_does() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let metrics = book();
    let target = target(OtlpProtocol::Http, &format!("http://127.0.0.1:{port}/v1/traces"));
    let exporters = Exporters::start(&settings(target), &metrics, clock).unwrap();
    exporters.trace(vec![span("early")]);
    let errors = || counter(&metrics, "gaoler_otlp_exports_total", &["traces", "error"]);
    until("it was tried", || errors() >= 1.0).await;
    let mut receiver = Receiver::http_at(port).await;
    assert_eq!(names(&receiver.next().await), ["early"]);
    assert!(counter(&metrics, "gaoler_otlp_dropped_total", &["traces"]) < 0.5);
    exporters.close(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_target_that_cannot_be_tried_says_what_is_wrong() {
    let why = |target: Target| {
        Exporters::start(&settings(target), &book(), clock).unwrap_err().to_string()
    };
    for protocol in [OtlpProtocol::Grpc, OtlpProtocol::Http] {
        let said = why(target(protocol, "nonsense"));
        assert!(said.contains("`nonsense`"), "{said}");
        let good = target(protocol, "https://localhost:1");
        let said =
            why(Target { headers: Headers(vec![("a b".into(), "c".into())]), ..good.clone() });
        assert!(said.contains("`a b`"), "{said}");
        let said = why(Target { certificate: Some("/nonexistent/ca.pem".into()), ..good });
        assert!(said.contains("/nonexistent/ca.pem"), "{said}");
    }
}
