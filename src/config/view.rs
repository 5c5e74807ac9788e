//! Reads the values of a section, by key.
//!
//! A section has layers (the jail, the defaults, what the table says); the first that gives a key
//! wins. A value that the check refused reads as one that is not given: it has been reported.

use std::path::Path;

use jiff::SignedDuration;

use super::duration::{self, Length};
use super::error::Place;
use super::keys::{self, Key, Keys, Kind, Text};
use super::tree::{Entry, Node, Value};

/// A section, in layers.
#[derive(Clone, Debug)]
pub(super) struct View<'a> {
    layers: Vec<&'a Node>,
    keys: Keys,
}

/// A text and where it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) text: String,
    pub(super) place: Place,
}

impl<'a> View<'a> {
    /// A section with these keys; what comes first wins.
    pub(super) fn new(layers: Vec<&'a Node>, keys: Keys) -> Self {
        Self { layers, keys }
    }

    /// The same with one more layer before all others.
    pub(super) fn under(mut self, layer: &'a Node) -> Self {
        self.layers.insert(0, layer);
        self
    }

    /// Whether somebody wrote the key: it is given by more than the table.
    pub(super) fn is_written(&self, name: &str) -> bool {
        self.entry(name).is_some_and(|entry| *entry.place.file != *Path::new(DEFAULTS))
    }

    /// The key and its value, if given.
    pub(super) fn entry(&self, name: &str) -> Option<&'a Entry> {
        debug_assert!(keys::find(self.keys, name).is_some(), "`{name}` is not in the table");
        self.layers
            .iter()
            .filter_map(|layer| layer.get(name))
            .find(|entry| entry.node.value != Value::Null)
    }

    /// The section of that name, as the first layer that gives it has it: like a list, it is
    /// replaced as a whole.
    pub(super) fn section(&self, name: &str) -> View<'a> {
        let keys: Keys = match self.key(name).map(|key| &key.kind) {
            Some(Kind::Section(keys)) => keys,
            _ => &[],
        };
        View { layers: self.entry(name).map(|entry| &entry.node).into_iter().collect(), keys }
    }

    /// The sections of a list, or by name.
    pub(super) fn sections(&self, name: &str) -> Vec<(&'a str, View<'a>)> {
        let Some(entry) = self.entry(name) else { return Vec::new() };
        match (self.key(name).map(|key| &key.kind), &entry.node.value) {
            (Some(Kind::Sections(keys)), Value::List(items)) => {
                items.iter().map(|item| ("", View { layers: vec![item], keys })).collect()
            }
            (Some(Kind::Named(_, keys)), Value::Map(entries)) => entries
                .iter()
                .map(|e| (e.key.as_str(), View { layers: vec![&e.node], keys }))
                .collect(),
            _ => Vec::new(),
        }
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        matches!(self.value(name), Some(Value::Bool(true)))
    }

    /// As [`View::flag`], where the table has no default.
    pub(super) fn flag_or(&self, name: &str, default: bool) -> bool {
        self.entry(name).map_or(default, |_| self.flag(name))
    }

    /// Whether nothing stands in it.
    pub(super) fn is_empty(&self) -> bool {
        self.layers.iter().all(|layer| layer.entries().is_empty())
    }

    /// A count; 0 if it was refused.
    pub(super) fn count(&self, name: &str) -> usize {
        match self.value(name) {
            Some(Value::Int(number)) => usize::try_from(*number).unwrap_or(0),
            _ => 0,
        }
    }

    /// A duration; `None` for one that is permanent, or was refused.
    pub(super) fn duration(&self, name: &str) -> Option<SignedDuration> {
        match duration::parse(&self.entry(name)?.node.scalar()?) {
            Ok(Length::Of(duration)) => Some(duration),
            Ok(Length::Permanent) | Err(_) => None,
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<Item> {
        self.texts(name).into_iter().next()
    }

    /// Texts of a list, or the one text, or none. Refused ones are left out.
    pub(super) fn texts(&self, name: &str) -> Vec<Item> {
        let Some(node) = self.entry(name).map(|entry| &entry.node) else { return Vec::new() };
        let items = if let Value::List(items) = &node.value {
            items.as_slice()
        } else {
            std::slice::from_ref(node)
        };
        let form = self.key(name).and_then(form);
        items.iter().flat_map(|item| self::texts(item, form)).collect()
    }

    fn key(&self, name: &str) -> Option<&'static Key> {
        keys::find(self.keys, name)
    }

    fn value(&self, name: &str) -> Option<&'a Value> {
        self.entry(name).map(|entry| &entry.node.value)
    }
}

/// What stands for the file of what no file says.
pub(super) const DEFAULTS: &str = "(default)";

/// What the table says holds when a file says nothing, as a tree.
pub(super) fn defaults(keys: Keys) -> Node {
    let place = Place::file(Path::new(DEFAULTS));
    let entries = keys::all(keys).filter(|key| !key.later).filter_map(|key| {
        let node = match &key.kind {
            Kind::Section(keys) => defaults(keys),
            _ if key.default.is_empty() => return None,
            _ => Node::parse(&place.file, key.default.as_bytes()).ok()?,
        };
        Some(Entry { key: key.name.to_owned(), place: place.clone(), node })
    });
    let value = Value::Map(entries.collect());
    Node { place, value }
}

fn form(key: &'static Key) -> Option<&'static Text> {
    match key.kind {
        Kind::Text(form) | Kind::Texts(form) => Some(form),
        _ => None,
    }
}

fn texts(node: &Node, form: Option<&Text>) -> Vec<Item> {
    let item = |text: &str| Item { text: text.to_owned(), place: node.place.clone() };
    let written = match (&node.value, form) {
        (Value::Int(_), Some(form)) if !form.numbers => None,
        (Value::Float(_), Some(form)) if form.fractions => node.scalar(),
        (Value::Text(_) | Value::Int(_), _) => node.scalar(),
        _ => None,
    };
    match (written, form) {
        (Some(text), Some(form)) => form
            .split(&text)
            .into_iter()
            .filter(|part| (form.check)(part).is_ok())
            .map(item)
            .collect(),
        (Some(text), None) => vec![item(&text)],
        (None, _) => Vec::new(),
    }
}
