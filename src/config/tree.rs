//! YAML as a tree in which every node knows its place.
//!
//! Says nothing of what keys mean. Strictly YAML 1.2: `yes`, `off` and `0755` are text. Repeated
//! keys are kept, for the checker to report with both places. Aliases and merge keys (`<<`) work;
//! how much they may expand to, how deep and how long a document may be, is bounded.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::budget::BudgetBreach;
use serde_yaml::options::DuplicateKeyPolicy;
use serde_yaml::{DefaultMessageFormatter, Location, MessageFormatter, Spanned};

use super::error::{ConfigError, Place, Problem};

/// A value and where it is written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
}

/// What is written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key, where it is written, and what it is given.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) place: Place,
    pub(super) node: Node,
}

impl Node {
    /// Reads a document. An empty one is `Null`.
    pub(super) fn parse(file: &Path, bytes: &[u8]) -> Result<Self, ConfigError> {
        let file: Arc<Path> = file.into();
        let text = std::str::from_utf8(bytes).map_err(|error| not_utf8(&file, bytes, &error))?;
        let raw: Spanned<Raw> = serde_yaml::from_str_with_options(text, options())
            .map_err(|error| syntax(&file, &error))?;
        Ok(place_all(&file, raw))
    }

    /// What `key` is given; nothing if this is no map.
    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The entries; none if this is no map.
    pub(super) fn entries(&self) -> &[Entry] {
        if let Value::Map(entries) = &self.value { entries } else { &[] }
    }

    /// The scalar as text: numbers as they would be written.
    pub(super) fn scalar(&self) -> Option<String> {
        match &self.value {
            Value::Text(text) => Some(text.clone()),
            Value::Int(number) => Some(number.to_string()),
            Value::Float(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }
}

fn syntax(file: &Arc<Path>, error: &serde_yaml::Error) -> ConfigError {
    let place = error.location().map_or_else(|| Place::file(file), |at| place(file, at));
    let mut error = error;
    // What is wrong is inside; the wrapping only says by which way it was reached.
    while let serde_yaml::Error::AliasError { error: inner, .. } = error {
        error = inner;
    }
    let message = bound(error)
        .map_or_else(|| DefaultMessageFormatter.format_message(error), std::borrow::Cow::Borrowed);
    ConfigError {
        place,
        key: String::new(),
        problem: Problem::Syntax(super::error::shown(&message)),
    }
}

/// Which of our bounds the document passes, if that is what is wrong.
fn bound(error: &serde_yaml::Error) -> Option<&'static str> {
    use serde_yaml::Error as E;
    match error {
        E::Budget { breach: BudgetBreach::Depth { .. }, .. } => {
            Some("it is nested deeper than 32 levels")
        }
        E::Budget { breach: BudgetBreach::Documents { .. }, .. } => {
            Some("it is more than one document; take out the `---`")
        }
        E::Budget { .. }
        | E::AliasReplayCounterOverflow { .. }
        | E::AliasReplayLimitExceeded { .. }
        | E::AliasExpansionLimitExceeded { .. }
        | E::AliasReplayStackDepthExceeded { .. } => {
            Some("it is, or its aliases expand to, more than a configuration needs")
        }
        _ => None,
    }
}

fn not_utf8(file: &Arc<Path>, bytes: &[u8], error: &std::str::Utf8Error) -> ConfigError {
    let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
    let line = before.matches('\n').count() as u64 + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() as u64 + 1;
    let byte = bytes[error.valid_up_to()];
    let problem =
        Problem::Syntax(format!("byte 0x{byte:02x} is not UTF-8; save the file as UTF-8"));
    ConfigError { place: Place { file: file.clone(), line, column }, key: String::new(), problem }
}

fn options() -> serde_yaml::Options {
    serde_yaml::options! {
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        reject_unsupported_tags: true,
        with_snippet: false,
        budget: serde_yaml::budget! {
            max_depth: 32,
            max_documents: 1,
            max_nodes: 100_000,
            max_aliases: 1_000,
            max_merge_keys: 1_000,
        },
        alias_limits: serde_yaml::alias_limits! { max_total_replayed_events: 100_000 },
    }
}

/// As the parser hands it over, places still without a file.
enum Raw {
    Scalar(Value),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

fn place(file: &Arc<Path>, at: Location) -> Place {
    Place { file: file.clone(), line: at.line(), column: at.column() }
}

fn place_all(file: &Arc<Path>, raw: Spanned<Raw>) -> Node {
    let value = match raw.value {
        Raw::Scalar(value) => value,
        Raw::List(items) => {
            Value::List(items.into_iter().map(|raw| place_all(file, raw)).collect())
        }
        Raw::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(key, raw)| Entry {
                    place: place(file, key.defined),
                    key: key.value,
                    node: place_all(file, raw),
                })
                .collect(),
        ),
    };
    Node { place: place(file, raw.defined), value }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Null))
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Bool(flag)))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Int(number.into())))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Int(number.into())))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Float(number)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Text(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<Node, String> {
        Node::parse(Path::new("f.yaml"), text.as_bytes()).map_err(|error| error.to_string())
    }

    /// Where each scalar is: `line:column value`.
    fn places(node: &Node, out: &mut Vec<String>) {
        match &node.value {
            Value::List(items) => items.iter().for_each(|item| places(item, out)),
            Value::Map(entries) => {
                for entry in entries {
                    out.push(format!("{}:{} {}", entry.place.line, entry.place.column, entry.key));
                    places(&entry.node, out);
                }
            }
            value => out.push(format!("{}:{} {value:?}", node.place.line, node.place.column)),
        }
    }

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let mut actual = Vec::new();
        places(&parse(text).unwrap(), &mut actual);
        assert_eq!(actual, expected);
    }

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        let error = parse(text).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn every_key_and_value_knows_its_place() {
        check(
            "a: 1\nb:\n  - x\n  - {c: 2.5}\n",
            &["1:1 a", "1:4 Int(1)", "2:1 b", "3:5 Text(\"x\")", "4:6 c", "4:9 Float(2.5)"],
        );
    }

    #[test]
    fn reads_yaml_1_2_and_nothing_older() {
        check("a: yes", &["1:1 a", "1:4 Text(\"yes\")"]);
        check("a: off", &["1:1 a", "1:4 Text(\"off\")"]);
        check("a: true", &["1:1 a", "1:4 Bool(true)"]);
        check("a: 0755", &["1:1 a", "1:4 Text(\"0755\")"]);
        check("a: 1_000", &["1:1 a", "1:4 Text(\"1_000\")"]);
        check("a: 18446744073709551615", &["1:1 a", "1:4 Int(18446744073709551615)"]);
        check("a: -5", &["1:1 a", "1:4 Int(-5)"]);
        check("a: ~", &["1:1 a", "1:4 Null"]);
        check("22: x", &["1:1 22", "1:5 Text(\"x\")"]);
    }

    #[test]
    fn keeps_repeated_keys() {
        check("a: 1\na: 2", &["1:1 a", "1:4 Int(1)", "2:1 a", "2:4 Int(2)"]);
    }

    #[test]
    fn an_alias_is_where_its_anchor_is() {
        check("a: &x 1\nb: *x", &["1:1 a", "1:7 Int(1)", "2:1 b", "1:7 Int(1)"]);
    }

    #[test]
    fn an_empty_document_is_null() {
        assert_eq!(parse("").unwrap().value, Value::Null);
        assert_eq!(parse("# nothing\n").unwrap().value, Value::Null);
    }

    #[test]
    fn bounds_what_a_document_may_cost() {
        refused(&"[".repeat(5000), "recursion limit exceeded");
        refused(&format!("{}1{}", "[".repeat(40), "]".repeat(40)), "deeper than 32 levels");
        let nested = (0..2000).fold(String::new(), |all, depth| all + &" ".repeat(depth) + "a:\n");
        refused(&nested, "deeper than 32 levels");
        let bomb: String = std::iter::once("a0: &a0 [x, x]\n".to_owned())
            .chain((1..30).map(|i| format!("a{i}: &a{i} [*a{0}, *a{0}]\n", i - 1)))
            .collect();
        refused(&bomb, "more than a configuration needs");
    }

    #[test]
    fn one_document_only() {
        refused("a: 1\n---\nb: 2\n", "more than one document");
    }

    #[test]
    fn names_the_byte_that_is_not_utf8() {
        let error = Node::parse(Path::new("f.yaml"), b"a: 1\nb: \xe9t\xe9\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "f.yaml:2:4: not valid YAML: byte 0xe9 is not UTF-8; save the file as UTF-8"
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Node::parse(Path::new("f.yaml"), &bytes);
        }

        #[test]
        fn anything_like_yaml_is_read_or_refused(text in "[a-c0-9:{}\\[\\]&*<>|!?'\"#%@,\n -]{0,80}") {
            let _ = Node::parse(Path::new("f.yaml"), text.as_bytes());
        }
    }
}
