//! Checks a tree against the table of keys, and reports everything that is wrong with it.
//!
//! Each value is looked at by itself. What values mean together is for [`super::meaning`].

use super::duration::{self, Length};
use super::error::{ConfigError, Place, Problem, shown};
use super::keys::{self, Key, Keys, Kind, Text, foreign};
use super::tree::{Entry, Node, Value};

/// Everything wrong with a file whose top level has these keys.
pub(super) fn walk(root: &Node, keys: Keys) -> Vec<ConfigError> {
    let mut walk = Walk { root: keys, errors: Vec::new() };
    walk.section(root, keys, "");
    walk.errors
}

struct Walk {
    root: Keys,
    errors: Vec<ConfigError>,
}

impl Walk {
    fn error(&mut self, place: &Place, key: &str, problem: Problem) {
        self.errors.push(ConfigError { place: place.clone(), key: key.to_owned(), problem });
    }

    fn section(&mut self, node: &Node, keys: Keys, path: &str) {
        let Some(entries) = self.entries(node, path) else { return };
        for entry in entries {
            let path = join(path, &entry.key);
            match keys::find(keys, &entry.key) {
                Some(key) if key.later => self.unsupported(entry, &path),
                Some(key) => self.value(&entry.node, key, &path),
                None => self.unknown(entry, keys, &path),
            }
        }
    }

    /// The entries of a section; an empty section may be left blank.
    fn entries<'a>(&mut self, node: &'a Node, path: &str) -> Option<&'a [Entry]> {
        match &node.value {
            Value::Map(entries) => {
                self.duplicates(entries, path);
                Some(entries)
            }
            Value::Null => None,
            _ => {
                let what = format!("must be a section of keys, not {}", describe(node));
                self.error(&node.place, path, Problem::Value(what));
                None
            }
        }
    }

    fn duplicates(&mut self, entries: &[Entry], path: &str) {
        for (index, entry) in entries.iter().enumerate() {
            if let Some(first) = entries[..index].iter().find(|other| other.key == entry.key) {
                let problem = Problem::Duplicate(first.place.clone());
                self.error(&entry.place, &join(path, &entry.key), problem);
            }
        }
    }

    fn unsupported(&mut self, entry: &Entry, path: &str) {
        let problem = "not supported by this version yet; leave it out".to_owned();
        self.error(&entry.place, path, Problem::Unsupported(problem));
    }

    fn unknown(&mut self, entry: &Entry, keys: Keys, path: &str) {
        let problem = match foreign::remedy(&entry.key) {
            Some(remedy) => Problem::Unsupported(format!(
                "a key of fail2ban's that has no place here; {remedy}"
            )),
            None => Problem::UnknownKey(suggestion(&entry.key, keys, self.root)),
        };
        self.error(&entry.place, path, problem);
    }

    fn value(&mut self, node: &Node, key: &Key, path: &str) {
        match &key.kind {
            Kind::Section(keys) => self.section(node, keys, path),
            Kind::Named(name, keys) => self.named(node, name, keys, path),
            Kind::Sections(keys) => self.sections(node, keys, path),
            Kind::Texts(text) => self.texts(node, text, path),
            Kind::Pairs(name, text) => self.pairs(node, name, text, path),
            kind => self.check(node, path, scalar(node, kind)),
        }
    }

    fn named(&mut self, node: &Node, name: &Text, keys: Keys, path: &str) {
        for entry in self.entries(node, path).unwrap_or_default() {
            let path = join(path, &entry.key);
            if let Err(why) = (name.check)(&entry.key) {
                self.error(&entry.place, &path, Problem::Value(format!("the name {why}")));
            }
            self.section(&entry.node, keys, &path);
        }
    }

    fn pairs(&mut self, node: &Node, name: &Text, text: &Text, path: &str) {
        for entry in self.entries(node, path).unwrap_or_default() {
            let path = join(path, &entry.key);
            if let Err(why) = (name.check)(&entry.key) {
                self.error(&entry.place, &path, Problem::Value(format!("the name {why}")));
            }
            // It may be a secret in the wrong place: it is not shown.
            let refused = |why: String| Problem::Value(format!("the value {why}"));
            let result = match entry.node.scalar() {
                Some(value) => (text.check)(&value).map_err(refused),
                None => in_text(&entry.node, text),
            };
            self.check(&entry.node, &path, result);
        }
    }

    fn sections(&mut self, node: &Node, keys: Keys, path: &str) {
        let Value::List(items) = &node.value else {
            let what = format!("must be a list of sections, not {}", describe(node));
            return self.error(&node.place, path, Problem::Value(what));
        };
        for (index, item) in items.iter().enumerate() {
            self.section(item, keys, &format!("{path}[{index}]"));
        }
    }

    fn texts(&mut self, node: &Node, text: &Text, path: &str) {
        let Value::List(items) = &node.value else {
            return self.check(node, path, in_text(node, text));
        };
        for (index, item) in items.iter().enumerate() {
            self.check(item, &format!("{path}[{index}]"), in_text(item, text));
        }
    }

    fn check(&mut self, node: &Node, path: &str, result: Result<(), Problem>) {
        if let Err(problem) = result {
            self.error(&node.place, path, problem);
        }
    }
}

/// What is wrong with a value that is no section.
fn scalar(node: &Node, kind: &Kind) -> Result<(), Problem> {
    match kind {
        Kind::Flag => flag(node),
        Kind::Count(least, most) => count(node, *least, *most),
        Kind::Duration { permanent } => length(node, *permanent),
        Kind::Choice(words) => choice(node, words),
        Kind::Text(text) => in_text(node, text),
        Kind::Texts(_)
        | Kind::Section(_)
        | Kind::Named(..)
        | Kind::Sections(_)
        | Kind::Pairs(..) => Ok(()),
    }
}

fn flag(node: &Node) -> Result<(), Problem> {
    match &node.value {
        Value::Bool(_) => Ok(()),
        _ => Err(Problem::Value(format!("must be `true` or `false`, not {}", describe(node)))),
    }
}

fn count(node: &Node, least: u64, most: u64) -> Result<(), Problem> {
    match &node.value {
        Value::Int(number) if (i128::from(least)..=i128::from(most)).contains(number) => Ok(()),
        Value::Int(number) => {
            Err(Problem::Value(format!("must be from {least} to {most}, not {number}")))
        }
        _ => Err(Problem::Value(format!("must be a whole number, not {}", describe(node)))),
    }
}

fn length(node: &Node, permanent: bool) -> Result<(), Problem> {
    let text = match &node.value {
        Value::Int(_) | Value::Float(_) | Value::Text(_) => node.scalar().unwrap_or_default(),
        _ => return Err(Problem::Value(format!("must be a duration, not {}", describe(node)))),
    };
    match duration::parse(&text) {
        Ok(Length::Permanent) if !permanent => {
            Err(Problem::Value("`permanent` cannot be; write for example `10m`".to_owned()))
        }
        Ok(_) => Ok(()),
        Err(error) => Err(Problem::Value(format!("`{}` {error}", shown(&text)))),
    }
}

fn choice(node: &Node, words: &[&str]) -> Result<(), Problem> {
    if let Value::Text(text) = &node.value
        && words.contains(&text.as_str())
    {
        return Ok(());
    }
    let listed: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    let (listed, found) = (listed.join(", "), describe(node));
    Err(Problem::Value(format!("must be one of {listed}, not {found}")))
}

fn in_text(node: &Node, text: &Text) -> Result<(), Problem> {
    let written = match &node.value {
        Value::Text(written) => written.clone(),
        Value::Int(number) if text.numbers => number.to_string(),
        Value::Float(_) if text.fractions => node.scalar().unwrap_or_default(),
        _ => return Err(Problem::Value(not_a_text(node, text))),
    };
    let parts = text.split(&written);
    if text.secret && parts.iter().any(|part| (text.check)(part).is_err()) {
        return Err(Problem::Value(secret(text)));
    }
    if parts.is_empty() {
        return Err(Problem::Value(format!("is empty; it must be {}", text.what)));
    }
    for part in parts {
        (text.check)(part).map_err(|why| Problem::Value(format!("`{}` {why}", shown(part))))?;
    }
    Ok(())
}

/// What is wrong with a value that must not be shown.
fn secret(text: &Text) -> String {
    format!("must be {} (such as `{}`); what stands here is not shown", text.what, text.example)
}

fn not_a_text(node: &Node, text: &Text) -> String {
    if text.secret {
        return secret(text);
    }
    let would_do_quoted = !matches!(node.value, Value::Text(_))
        && node.scalar().is_some_and(|written| (text.check)(&written).is_ok());
    let hint = if would_do_quoted { "; if that is what you mean, quote it" } else { "" };
    format!("must be {} (such as `{}`), not {}{hint}", text.what, text.example, describe(node))
}

/// The value, in the words of a message.
fn describe(node: &Node) -> String {
    match &node.value {
        Value::Null => "nothing at all".to_owned(),
        Value::Text(text) => format!("the text `{}`", shown(text)),
        Value::List(_) => "a list".to_owned(),
        Value::Map(_) => "a section of keys".to_owned(),
        _ => format!("`{}`", node.scalar().unwrap_or_default()),
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// What follows "unknown key": the nearest known one, or where the key belongs, or what there is.
fn suggestion(key: &str, keys: Keys, root: Keys) -> String {
    if let Some(near) = nearest(key, keys::all(keys).map(|key| key.name)) {
        return format!("; did you mean `{near}`?");
    }
    if let Some(section) = keys::all(root).find(|section| has(section, key)) {
        // Deep inside another section a key of the same name is mere chance.
        if std::ptr::eq(keys, root) || matches!(section.kind, Kind::Named(..)) {
            return format!("; it belongs in `{}`", section.name);
        }
    }
    let known: Vec<_> =
        keys::all(keys).filter(|k| !k.later).map(|k| format!("`{}`", k.name)).collect();
    if known.is_empty() { String::new() } else { format!("; known here: {}", known.join(", ")) }
}

fn has(section: &Key, name: &str) -> bool {
    match section.kind {
        Kind::Section(keys) | Kind::Named(_, keys) => keys::find(keys, name).is_some(),
        _ => false,
    }
}

/// The nearest of some words, if it is near enough to be meant.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let word = plain(word);
    known
        .map(|other| (strsim::damerau_levenshtein(&word, &plain(other)), other))
        .filter(|(distance, other)| *distance <= (other.len() / 3).max(1))
        .min()
        .map(|(_, other)| other)
}
