//! What a real daemon tells a collector of bans that a real firewalld enforces.

use std::collections::BTreeMap;
use std::time::Duration;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::trace::v1::Span;

use gaoler::trace::TraceId;

use super::receiver::{Answer, Came, Receiver};
use super::stage::Stage;

const ATTACKER: &str = "203.0.113.7";

/// All that a collector has heard.
#[derive(Default)]
struct Heard {
    resource: BTreeMap<String, String>,
    spans: Vec<Span>,
    events: Vec<LogRecord>,
    metrics: Vec<Metric>,
    token: Option<String>,
}

impl Heard {
    fn take(&mut self, came: Came) {
        match came {
            Came::Traces(request, token) => {
                self.token = token;
                for of in request.resource_spans {
                    self.resource = attributes(&of.resource.unwrap().attributes);
                    self.spans.extend(of.scope_spans.into_iter().flat_map(|scope| scope.spans));
                }
            }
            Came::Logs(request) => {
                let scopes = request.resource_logs.into_iter().flat_map(|of| of.scope_logs);
                self.events.extend(scopes.flat_map(|scope| scope.log_records));
            }
            Came::Metrics(request) => {
                let scopes = request.resource_metrics.into_iter().flat_map(|of| of.scope_metrics);
                self.metrics.extend(scopes.flat_map(|scope| scope.metrics));
            }
        }
    }

    /// Hears more until it is so. What never comes fails in [`Receiver::next`].
    async fn until(&mut self, receiver: &mut Receiver, so: impl Fn(&Self) -> bool) {
        while !so(self) {
            self.take(receiver.next().await);
        }
    }

    fn span(&self, name: &str) -> &Span {
        let names: Vec<_> = self.spans.iter().map(|span| &span.name).collect();
        let span = self.spans.iter().find(|span| span.name == name);
        span.unwrap_or_else(|| panic!("no {name} among {names:?}"))
    }

    fn has_span(&self, name: &str) -> bool {
        self.spans.iter().any(|span| span.name == name)
    }

    /// The traces that the samples of a metric name.
    fn exemplars(&self, name: &str) -> Vec<Vec<u8>> {
        let metrics = self.metrics.iter().filter(|metric| metric.name == name);
        let exemplars = metrics.flat_map(|metric| match metric.data.as_ref().unwrap() {
            Data::Sum(sum) => {
                sum.data_points.iter().flat_map(|point| point.exemplars.clone()).collect()
            }
            Data::Histogram(histogram) => {
                histogram.data_points.iter().flat_map(|point| point.exemplars.clone()).collect()
            }
            _ => Vec::new(),
        });
        exemplars.map(|exemplar| exemplar.trace_id).collect()
    }

    fn events(&self, name: &str) -> Vec<&LogRecord> {
        self.events.iter().filter(|event| event.event_name == name).collect()
    }
}

/// As texts.
fn attributes(pairs: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |pair: &KeyValue| match pair.value.as_ref().and_then(|value| value.value.clone()) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => panic!("{other:?}"),
    };
    pairs.iter().map(|pair| (pair.key.clone(), text(pair))).collect()
}

#[track_caller]
fn has(attributes: &BTreeMap<String, String>, expected: &[(&str, &str)]) {
    for (key, value) in expected {
        assert_eq!(
            attributes.get(*key).map(String::as_str),
            Some(*value),
            "{key}: {attributes:#?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ban_its_failures_and_its_end_reach_the_collector() {
    let mut receiver = Receiver::grpc(None).await;
    let url = receiver.url.clone();
    let otlp = format!(
        "  otlp: {{endpoint: '{url}', headers: ['x-token=${{TOKEN}}'], compression: gzip, \
         metrics: true, interval: 1s}}"
    );
    let resource = ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=box");
    let stage = Stage::start(&otlp, &[("TOKEN", "hunter2"), resource]);
    stage.attack(ATTACKER);
    let mut heard = Heard::default();
    heard.until(&mut receiver, |heard| heard.has_span("ban")).await;
    heard.until(&mut receiver, |heard| !heard.events("gaoler.ban").is_empty()).await;
    assert_eq!(heard.token.as_deref(), Some("hunter2"));
    has(&heard.resource, &[("service.name", "gaoler"), ("deployment.environment", "box")]);
    for key in ["host.name", "service.version", "service.instance.id"] {
        assert!(heard.resource.contains_key(key), "{key}: {:#?}", heard.resource);
    }

    let root = heard.span("ban").clone();
    let said = attributes(&root.attributes);
    has(&said, &[("client.address", ATTACKER), ("gaoler.jail", "sshd"), ("user.name", "root")]);
    has(&said, &[("gaoler.failures", "2"), ("gaoler.outcome", "in_force")]);
    let [detect, persist, enforce] =
        ["detect", "persist", "enforce"].map(|name| heard.span(name).clone());
    let call = heard.span("firewalld.add_rich_rule");
    for child in [&detect, &persist, &enforce] {
        assert_eq!((&child.trace_id, &child.parent_span_id), (&root.trace_id, &root.span_id));
    }
    assert_eq!(call.parent_span_id, enforce.span_id);
    assert!(root.status.is_none(), "{root:#?}");
    // By the log, the failures were two seconds apart.
    assert!(detect.end_time_unix_nano - detect.start_time_unix_nano >= 2_000_000_000);
    assert_eq!(detect.start_time_unix_nano, root.start_time_unix_nano);
    assert!(enforce.start_time_unix_nano <= call.start_time_unix_nano);
    assert!(call.end_time_unix_nano <= enforce.end_time_unix_nano);
    assert_eq!(enforce.end_time_unix_nano, root.end_time_unix_nano);
    let failures = heard.events("gaoler.failure");
    assert_eq!(failures.len(), 2);
    for event in failures.into_iter().chain(heard.events("gaoler.ban")) {
        assert_eq!((&event.trace_id, &event.span_id), (&root.trace_id, &root.span_id));
        has(&attributes(&event.attributes), &[("client.address", ATTACKER)]);
    }
    // The log's lines bear the same name.
    let name = TraceId::new(u128::from_be_bytes(root.trace_id[..].try_into().unwrap()));
    assert!(stage.said().contains(&format!("trace_id={name}")), "{name}\n{}", stage.said());

    stage.ask(&["unban", ATTACKER]);
    heard.until(&mut receiver, |heard| heard.has_span("unban")).await;
    heard.until(&mut receiver, |heard| !heard.events("gaoler.unban").is_empty()).await;
    let unban = heard.span("unban");
    assert_ne!(unban.trace_id, root.trace_id);
    assert_eq!(unban.links[0].trace_id, root.trace_id);
    let call = heard.span("firewalld.remove_rich_rule");
    assert_eq!(call.parent_span_id, unban.span_id);
    heard
        .until(&mut receiver, |heard| heard.exemplars("gaoler_bans").contains(&root.trace_id))
        .await;
    let took = "gaoler_ban_enforcement_duration";
    heard.until(&mut receiver, |heard| heard.exemplars(took).contains(&root.trace_id)).await;
    assert!(!stage.said().contains("hunter2"), "{}", stage.said());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_at_the_end_is_sent() {
    let mut receiver = Receiver::http().await;
    // Nothing would leave by itself for an hour.
    let environment = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url.as_str()),
        ("OTEL_BSP_SCHEDULE_DELAY", "3600000"),
        ("OTEL_LOGS_EXPORTER", "none"),
    ];
    let mut stage = Stage::start("", &environment);
    stage.attack(ATTACKER);
    stage.until("it is banned", || stage.sample("gaoler_bans_enforced{jail=\"sshd\"") > 0.5);
    stage.stop();
    let mut heard = Heard::default();
    heard.until(&mut receiver, |heard| heard.has_span("ban")).await;
    assert!(heard.has_span("enforce"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_hangs_delays_no_ban_and_no_end() {
    let mut receiver = Receiver::grpc(None).await;
    receiver.answer(&[Answer::Silence; 50]);
    let otlp = format!("  otlp: {{endpoint: '{}', timeout: 1h}}", receiver.url);
    let environment = [("OTEL_BSP_MAX_QUEUE_SIZE", "16"), ("OTEL_BSP_SCHEDULE_DELAY", "10")];
    let mut stage = Stage::start(&otlp, &environment);
    stage.attack(ATTACKER);
    receiver.next().await;
    for host in 1..30 {
        stage.attack(&format!("198.51.100.{host}"));
    }
    let banned = || stage.sample("gaoler_bans_enforced{jail=\"sshd\",family=\"ipv4\"}");
    stage.until("all are banned", || banned() > 29.5);
    let dropped =
        |signal| stage.sample(&format!("gaoler_otlp_dropped_total{{signal=\"{signal}\"}}"));
    assert!(dropped("traces") >= 1.0, "{}", dropped("traces"));
    assert!(dropped("logs") >= 1.0, "{}", dropped("logs"));
    stage.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_pushed_to_keeps_no_host_unguarded() {
    let otlp = "  otlp: {endpoint: 'https://localhost:1', ca_file: /nonexistent/ca.pem}";
    let mut stage = Stage::start(otlp, &[]);
    stage.attack(ATTACKER);
    stage.until("it is banned", || stage.sample("gaoler_bans_enforced{jail=\"sshd\"") > 0.5);
    assert!(stage.said().contains("/nonexistent/ca.pem"), "{}", stage.said());
    stage.stop();
    let disabled = [("OTEL_SDK_DISABLED", "true"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://x:1")];
    let stage = Stage::start("", &disabled);
    assert!(!stage.said().contains("collector"), "{}", stage.said());
    tokio::time::sleep(Duration::ZERO).await;
}
