//! Who sends: the resource that all telemetry is of.
//!
//! Source: the OpenTelemetry semantic conventions for resources (`service.*`, `host.*`, `os.*`,
//! `process.*`).

use std::path::Path;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;

/// What this process is, with `set` over it, as `OTEL_RESOURCE_ATTRIBUTES` has it.
#[must_use]
pub fn of_this_process(version: &str, set: &[(String, String)]) -> Resource {
    let mut attributes = vec![
        ("service.name".to_owned(), "gaoler".to_owned()),
        ("service.version".to_owned(), version.to_owned()),
        ("os.type".to_owned(), "linux".to_owned()),
        ("process.pid".to_owned(), std::process::id().to_string()),
    ];
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    attributes.push(("host.name".to_owned(), host));
    if let Some(id) = machine_id(Path::new("/etc/machine-id")) {
        attributes.push(("host.id".to_owned(), id.clone()));
        attributes.push(("service.instance.id".to_owned(), id));
    }
    attributes.retain(|(key, _)| !set.iter().any(|(name, _)| name == key));
    attributes.extend(set.iter().cloned());
    let attributes = attributes.into_iter().map(|(key, value)| text(&key, value)).collect();
    Resource { attributes, ..Resource::default() }
}

/// What in this process speaks.
#[must_use]
pub fn scope(version: &str) -> InstrumentationScope {
    InstrumentationScope {
        name: "gaoler".to_owned(),
        version: version.to_owned(),
        ..InstrumentationScope::default()
    }
}

/// An attribute that is a text.
#[must_use]
pub fn text(key: &str, value: impl Into<String>) -> KeyValue {
    attribute(key, Value::StringValue(value.into()))
}

/// An attribute that is a whole number.
#[must_use]
pub fn number(key: &str, value: impl TryInto<i64>) -> KeyValue {
    attribute(key, Value::IntValue(value.try_into().unwrap_or(i64::MAX)))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

/// The host's own id, machine-id(5): 32 hexadecimal digits.
fn machine_id(path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let id = text.trim();
    (id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| id.to_owned())
}
