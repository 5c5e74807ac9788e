//! JSON Schemas of the files, for editors: from the same tables that the checker uses.
//!
//! Source: JSON Schema draft 2020-12. What a schema cannot say (that a port is known, that two keys
//! exclude each other) `gaoler check` still does. Keys that this version refuses are left out.

use serde_json::{Map, Value, json};

use super::keys::{self, Key, Keys, Kind, Text, filter, gaoler};

/// The schema of `gaoler.yaml` and of the files in `conf.d`.
#[must_use]
pub fn schema() -> Value {
    document("gaoler.yaml", "The configuration of gaoler.", gaoler::FILE)
}

/// The schema of a filter's file.
#[must_use]
pub fn filter_schema() -> Value {
    document("A filter", "What a failure looks like in a log.", filter::FILE)
}

fn document(title: &str, description: &str, keys: Keys) -> Value {
    let mut schema = section(keys);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!(title);
    schema["description"] = json!(description);
    schema
}

fn section(keys: Keys) -> Value {
    let properties: Map<String, Value> = keys::all(keys)
        .filter(|key| !key.later)
        .map(|key| (key.name.to_owned(), property(key)))
        .collect();
    json!({"type": ["object", "null"], "properties": properties, "additionalProperties": false})
}

fn property(key: &Key) -> Value {
    let mut schema = kind(&key.kind);
    schema["description"] = json!(key.doc);
    if let Some(default) = default(key) {
        schema["default"] = default;
    }
    schema
}

/// The default as JSON.
fn default(key: &Key) -> Option<Value> {
    let parsed = serde_yaml::from_str(key.default);
    if key.default.is_empty() { None } else { parsed.ok() }
}

fn kind(kind: &Kind) -> Value {
    match kind {
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Count(least, most) => {
            json!({"type": "integer", "minimum": least, "maximum": most})
        }
        Kind::Duration { permanent } => duration(*permanent),
        Kind::Choice(words) => json!({"enum": words}),
        Kind::Text(form) => text(form),
        Kind::Texts(form) => {
            let one = text(form);
            json!({"anyOf": [one, {"type": "array", "items": one}]})
        }
        Kind::Section(keys) => section(keys),
        Kind::Named(_, keys) => {
            json!({"type": ["object", "null"], "additionalProperties": section(keys)})
        }
        Kind::Sections(keys) => json!({"type": "array", "items": section(keys)}),
        Kind::Pairs(_, form) => {
            json!({"type": ["object", "null"], "additionalProperties": text(form)})
        }
    }
}

fn duration(permanent: bool) -> Value {
    let term = r"[0-9]+(\.[0-9]+)?\s*[A-Za-z]*";
    let pattern =
        if permanent { format!(r"^(permanent|({term}\s*)+)$") } else { format!(r"^({term}\s*)+$") };
    json!({"anyOf": [
        {"type": "number", "exclusiveMinimum": 0},
        {"type": "string", "pattern": pattern, "examples": ["10m", "1d12h"]},
    ]})
}

fn text(form: &Text) -> Value {
    let mut schema = json!({"type": "string"});
    if form.numbers {
        let number = if form.fractions { "number" } else { "integer" };
        schema["type"] = json!(["string", number]);
    }
    if form.example != "…" {
        schema["examples"] = json!([form.example]);
    }
    schema
}
