//! Spans and events in OTLP's words.
//!
//! Source: opentelemetry-proto, `trace/v1/trace.proto` and `logs/v1/logs.proto`.

use jiff::Timestamp;
use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyOf;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, SeverityNumber};
use opentelemetry_proto::tonic::trace::v1::span::{Link as LinkTo, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span as SpanMessage, Status};

use super::resource::text;
use super::sampler::Sampler;
use crate::telemetry::event::Event;
use crate::telemetry::trace::{Attribute, Kind, Link, Span, Value};

/// W3C Trace Context's flag `sampled`.
const SAMPLED: u32 = 1;

/// No attribute that comes from a log is longer, in bytes.
const LONGEST: usize = 1024;

/// A span that was sampled.
pub(super) fn span(span: Span) -> SpanMessage {
    let kind = match span.kind {
        Kind::Internal => SpanKind::Internal,
        Kind::Client => SpanKind::Client,
    };
    let status = span.error.map(|message| Status { message, code: StatusCode::Error.into() });
    SpanMessage {
        trace_id: span.trace.to_bytes().into(),
        span_id: span.id.to_bytes().into(),
        parent_span_id: span.parent.map(|id| id.to_bytes().into()).unwrap_or_default(),
        flags: SAMPLED,
        name: span.name.into_owned(),
        kind: kind.into(),
        start_time_unix_nano: nanos(span.start),
        end_time_unix_nano: nanos(span.end),
        attributes: span.attributes.into_iter().map(attribute).collect(),
        links: span.links.into_iter().map(link).collect(),
        status,
        ..SpanMessage::default()
    }
}

/// An event; `sampler` says whether the trace that it names is sent.
pub(super) fn event(event: Event, sampler: Sampler) -> LogRecord {
    let trace = event.trace;
    let is_sent = trace.is_some_and(|trace| sampler.takes(trace.to_bytes()));
    LogRecord {
        event_name: event.name.to_owned(),
        time_unix_nano: nanos(event.time),
        observed_time_unix_nano: nanos(event.observed),
        severity_number: SeverityNumber::Info.into(),
        severity_text: "INFO".to_owned(),
        body: Some(AnyValue { value: Some(AnyOf::StringValue(event.words)) }),
        attributes: event.attributes.into_iter().map(attribute).collect(),
        trace_id: trace.map(|trace| trace.to_bytes().into()).unwrap_or_default(),
        span_id: trace.map(|trace| trace.root().to_bytes().into()).unwrap_or_default(),
        flags: if is_sent { SAMPLED } else { 0 },
        ..LogRecord::default()
    }
}

fn link(link: Link) -> LinkTo {
    LinkTo {
        trace_id: link.trace.to_bytes().into(),
        span_id: link.trace.root().to_bytes().into(),
        attributes: vec![text("gaoler.link", link.why)],
        flags: SAMPLED,
        ..LinkTo::default()
    }
}

fn attribute(attribute: Attribute) -> KeyValue {
    let value = match attribute.value {
        Value::Text(text) => AnyOf::StringValue(bounded(text)),
        Value::Number(number) => AnyOf::IntValue(number),
        Value::Fraction(fraction) => AnyOf::DoubleValue(fraction),
        Value::Flag(flag) => AnyOf::BoolValue(flag),
    };
    KeyValue {
        key: attribute.key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn bounded(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(LONGEST));
    text
}

/// Nanoseconds since 1970; 0, which stands for none, before.
fn nanos(time: Timestamp) -> u64 {
    u64::try_from(time.as_nanosecond()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::trace;
    use crate::trace::TraceId;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_span_keeps_its_names_times_links_and_error() {
        let id = TraceId::new(0xab);
        let message = span(Span {
            trace: id,
            id: id.span(2),
            parent: Some(id.root()),
            name: "enforce".into(),
            kind: Kind::Client,
            start: at(1),
            end: at(2),
            attributes: vec![
                trace::number("gaoler.calls", 3),
                trace::text("user.name", "é".repeat(9999)),
            ],
            links: vec![Link { trace: TraceId::new(7), why: "ban" }],
            error: Some("refused".to_owned()),
        });
        assert_eq!(message.trace_id, id.to_bytes());
        assert_eq!(message.span_id, id.span(2).to_bytes());
        assert_eq!(message.parent_span_id, id.root().to_bytes());
        assert_eq!(
            (message.start_time_unix_nano, message.end_time_unix_nano),
            (1_000_000_000, 2_000_000_000)
        );
        assert_eq!(message.kind, i32::from(SpanKind::Client));
        assert_eq!(message.links[0].trace_id, TraceId::new(7).to_bytes());
        assert_eq!(message.links[0].span_id, TraceId::new(7).root().to_bytes());
        let status = message.status.unwrap();
        assert_eq!((status.code, status.message.as_str()), (StatusCode::Error.into(), "refused"));
        let long = message.attributes[1].value.as_ref().unwrap();
        let Some(AnyOf::StringValue(long)) = &long.value else { panic!("{long:?}") };
        assert_eq!(long.len(), LONGEST);
    }

    #[test]
    fn an_event_names_its_trace_and_says_whether_it_is_sent() {
        let of = |trace, sampler| {
            let (name, words) = ("gaoler.ban", "[sshd] Ban 192.0.2.1".to_owned());
            let said =
                Event { name, time: at(1), observed: at(2), trace, words, attributes: vec![] };
            event(said, sampler)
        };
        let id = TraceId::new(7);
        let record = of(Some(id), Sampler::AlwaysOn);
        assert_eq!((record.event_name.as_str(), record.flags), ("gaoler.ban", 1));
        assert_eq!(
            (record.trace_id, record.span_id),
            (id.to_bytes().into(), id.root().to_bytes().into())
        );
        assert_eq!(of(Some(id), Sampler::AlwaysOff).flags, 0);
        let record = of(None, Sampler::AlwaysOn);
        assert_eq!((record.flags, record.trace_id, record.span_id), (0, vec![], vec![]));
    }
}
