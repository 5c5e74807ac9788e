//! The keys of `telemetry.otlp`.
//!
//! None has a default here: whatever stands in a file asks for something, and what is not given is
//! first looked for in the environment.

use super::{Key, Keys, Kind, Text};
use crate::config::values;

// Somebody may write a password into it.
static ENDPOINT: Text = Text {
    secret: true,
    ..Text::new(
        "an http or https URL without a user name",
        "http://127.0.0.1:4317",
        values::endpoint,
    )
};
static HEADER: Text = Text {
    secret: true,
    ..Text::new("a header, `name=value`", "x-token=${TOKEN}", values::header)
};
static FILE: Text = Text::new("an absolute path", "/etc/pki/tls/certs/ca.pem", values::path);

pub(super) const OTLP: Keys = &[&[
    Key::new(
        "endpoint",
        Kind::Text(&ENDPOINT),
        "The collector: scheme, host and port; `https` is TLS. With `http/protobuf`, `/v1/traces` and \
         its like are added. Not given, nor `OTEL_EXPORTER_OTLP_ENDPOINT`: nothing is pushed.",
    ),
    Key::new(
        "protocol",
        Kind::Choice(&["grpc", "http/protobuf"]),
        "How requests are carried. Not given: `grpc`, or `http/protobuf` where the endpoint too comes \
         from the environment.",
    ),
    Key::new(
        "headers",
        Kind::Texts(&HEADER),
        "What is sent along with each request, such as a token: `name=value`, each an item of its \
         own. Take secrets from the environment (`${TOKEN}`). They are never shown.",
    ),
    Key::new(
        "timeout",
        Kind::Duration { permanent: false },
        "How long a request may take. Not given: `10s`. No ban waits for it.",
    ),
    Key::new(
        "compression",
        Kind::Choice(&["none", "gzip"]),
        "Whether requests are compressed. Not given: `none`.",
    ),
    Key::new(
        "ca_file",
        Kind::Text(&FILE),
        "The authority that signed the collector's certificate, in PEM. Not given: those that the \
         system trusts.",
    ),
    Key::new("cert_file", Kind::Text(&FILE), "Our own certificate, in PEM, if it asks for one."),
    Key::new("key_file", Kind::Text(&FILE), "The key of our own certificate, in PEM."),
    Key::new("traces", Kind::Flag, "Whether each ban is pushed as a trace. Not given: `true`."),
    Key::new(
        "logs",
        Kind::Flag,
        "Whether each failure, ban and unban is pushed as an event. Not given: `true`.",
    ),
    Key::new(
        "metrics",
        Kind::Flag,
        "Whether the metrics are pushed, besides being served. Not given: `false`.",
    ),
    Key::new(
        "interval",
        Kind::Duration { permanent: false },
        "How often metrics are pushed. Not given: `1m`.",
    ),
]];
