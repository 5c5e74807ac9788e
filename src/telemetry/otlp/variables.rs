//! The `OTEL_*` variables of the environment, read as OpenTelemetry has them.
//!
//! An empty variable is one that is not set. A value that cannot be read is passed over with a
//! warning, as the specification asks: telemetry must not keep a host unguarded.
//!
//! Source: the OpenTelemetry specification, "Environment Variable Specification" and "OTLP Exporter
//! Configuration".

use std::time::Duration;

use percent_encoding::percent_decode_str;

use super::settings::Signal;
use crate::config::checked::OtlpProtocol as Protocol;
use crate::printable::Printable;

/// A way to look a variable up; the real one in the daemon, a table in tests.
pub(super) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The environment, and what was found wrong in it.
pub(super) struct Variables<'a> {
    lookup: Lookup<'a>,
    pub(super) warnings: Vec<String>,
}

impl<'a> Variables<'a> {
    pub(super) fn new(lookup: Lookup<'a>) -> Self {
        Self { lookup, warnings: Vec::new() }
    }

    /// A variable that is set and not empty.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        (self.lookup)(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// `OTEL_EXPORTER_OTLP_<SIGNAL>_<KEY>`, or else `OTEL_EXPORTER_OTLP_<KEY>`.
    pub(super) fn of_signal(&self, signal: Signal, key: &str) -> Option<String> {
        self.own(signal, key).or_else(|| self.text(&format!("OTEL_EXPORTER_OTLP_{key}")))
    }

    /// `OTEL_EXPORTER_OTLP_<SIGNAL>_<KEY>` alone.
    pub(super) fn own(&self, signal: Signal, key: &str) -> Option<String> {
        self.text(&format!("OTEL_EXPORTER_OTLP_{}_{key}", signal.word()))
    }

    /// `true` in any case is true; anything else is false, as the specification says.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.text(name).is_some_and(|text| text.eq_ignore_ascii_case("true"))
    }

    /// Whether `OTEL_<SIGNAL>_EXPORTER` asks for OTLP; `None` if it says nothing.
    pub(super) fn exporter(&mut self, signal: Signal) -> Option<bool> {
        let name = format!("OTEL_{}_EXPORTER", signal.word());
        let text = self.text(&name)?;
        let words: Vec<&str> = text.split(',').map(str::trim).collect();
        if words.contains(&"otlp") {
            return Some(true);
        }
        if !words.contains(&"none") {
            self.warn(&name, &text, "gaoler has the exporters `otlp` and `none`");
            return None;
        }
        Some(false)
    }

    pub(super) fn protocol(&mut self, signal: Signal) -> Option<Protocol> {
        let text = self.of_signal(signal, "PROTOCOL")?;
        match text.as_str() {
            "grpc" => Some(Protocol::Grpc),
            "http/protobuf" => Some(Protocol::Http),
            _ => {
                self.warn(
                    "OTEL_EXPORTER_OTLP_PROTOCOL",
                    &text,
                    "gaoler has `grpc` and `http/protobuf`",
                );
                None
            }
        }
    }

    /// A number of milliseconds.
    pub(super) fn millis(&mut self, name: &str, text: Option<String>) -> Option<Duration> {
        let text = text?;
        let millis = text.parse().ok().map(Duration::from_millis);
        if millis.is_none() {
            self.warn(name, &text, "it takes a number of milliseconds");
        }
        millis
    }

    /// A count of at least one.
    pub(super) fn count(&mut self, name: &str) -> Option<usize> {
        let text = self.text(name)?;
        let count = text.parse().ok().filter(|&count| count > 0);
        if count.is_none() {
            self.warn(name, &text, "it takes a number greater than 0");
        }
        count
    }

    /// Whether to compress; `None` if it says nothing.
    pub(super) fn gzip(&mut self, signal: Signal) -> Option<bool> {
        let text = self.of_signal(signal, "COMPRESSION")?;
        match text.as_str() {
            "gzip" => Some(true),
            "none" => Some(false),
            _ => {
                self.warn("OTEL_EXPORTER_OTLP_COMPRESSION", &text, "gaoler has `gzip` and `none`");
                None
            }
        }
    }

    /// `key=value,key=value`, values percent-encoded.
    pub(super) fn pairs(&mut self, name: &str, text: &str) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let value = part.split_once('=').and_then(|(key, value)| {
                let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
                (!key.trim().is_empty()).then(|| (key.trim().to_owned(), value.into_owned()))
            });
            match value {
                Some(pair) => pairs.push(pair),
                // The value may be a secret: it is not shown.
                None => self.warnings.push(format!(
                    "{name}: one of its parts is not `key=value`; it is passed over"
                )),
            }
        }
        pairs
    }

    pub(super) fn warn(&mut self, name: &str, text: &str, remedy: &str) {
        self.warnings
            .push(format!("{name}: `{}` is passed over: {remedy}", Printable(text.as_bytes())));
    }
}
