//! Fills in `${NAME}` from the environment, in values that are text.
//!
//! Meant for secrets. Keys are never filled in, nor are filters' files, where `$` has its own
//! meaning. `$${` stands for `${` itself.

use std::ffi::OsString;

use super::error::{ConfigError, Problem, shown};
use super::tree::{Node, Value};

/// Looks a variable up.
pub(super) type Lookup = fn(&str) -> Option<OsString>;

/// Fills in every text of the tree, and reports what cannot be.
pub(super) fn fill(node: &mut Node, path: &str, lookup: Lookup, errors: &mut Vec<ConfigError>) {
    match &mut node.value {
        Value::Text(text) => match filled(text, lookup) {
            Ok(new) => *text = new,
            Err(why) => errors.push(ConfigError {
                place: node.place.clone(),
                key: path.to_owned(),
                problem: Problem::Environment(why),
            }),
        },
        Value::List(items) => {
            for item in items {
                fill(item, path, lookup, errors);
            }
        }
        Value::Map(entries) => {
            for entry in entries {
                let dot = if path.is_empty() { "" } else { "." };
                fill(&mut entry.node, &format!("{path}{dot}{}", entry.key), lookup, errors);
            }
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {}
    }
}

fn filled(text: &str, lookup: Lookup) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            rest = &from[2..];
            continue;
        }
        out.push_str(before);
        let (name, after) = from[2..]
            .split_once('}')
            .ok_or("`${` lacks its closing `}`; if no variable is meant, write `$${`")?;
        out.push_str(&value(name, lookup)?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn value(name: &str, lookup: Lookup) -> Result<String, String> {
    let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty();
    if !is_name {
        return Err(format!(
            "`{}` is not the name of an environment variable; if none is meant, write `$${{`",
            shown(name)
        ));
    }
    let value = lookup(name).ok_or_else(|| {
        format!("the environment variable `{name}` is not set; set it, or write `$${{` for `${{`")
    })?;
    value.into_string().map_err(|_| format!("the environment variable `{name}` is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lookup(name: &str) -> Option<OsString> {
        (name == "SECRET").then(|| "${SECRET} $x".into())
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(filled(text, lookup).as_deref(), Ok(expected));
    }

    #[test]
    fn fills_in_once_and_only_what_is_asked() {
        check("plain", "plain");
        check("a ${SECRET} b", "a ${SECRET} $x b");
        check("$${SECRET}", "${SECRET}");
        check("$x $$ ${SECRET}$", "$x $$ ${SECRET} $x$");
    }

    #[test]
    fn names_what_is_missing() {
        assert!(filled("${NOPE}", lookup).unwrap_err().contains("`NOPE` is not set"));
        assert!(filled("${SECRET", lookup).unwrap_err().contains("closing"));
        assert!(filled("${}", lookup).unwrap_err().contains("not the name"));
        assert!(filled("${1a}", lookup).unwrap_err().contains("not the name"));
    }

    proptest! {
        #[test]
        fn any_text_is_filled_in_or_refused(text in "[${}A-Z\u{e9} ]{0,30}") {
            let _ = filled(&text, lookup);
        }

        #[test]
        fn text_without_a_dollar_is_left_alone(text in "[^$]{0,30}") {
            prop_assert_eq!(filled(&text, lookup), Ok(text));
        }
    }
}
