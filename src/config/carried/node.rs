//! Nodes of the tree, made and not read.

use crate::config::error::Place;
use crate::config::tree::{Entry, Node, Value};

/// The keys of a section, as they are given.
#[derive(Debug)]
pub(super) struct Fields {
    place: Place,
    entries: Vec<Entry>,
}

impl Fields {
    /// A section that begins here.
    pub(super) fn new(place: Place) -> Self {
        Self { place, entries: Vec::new() }
    }

    pub(super) fn text(&mut self, key: &str, text: impl Into<String>, place: Place) {
        self.put(key, Value::Text(text.into()), place);
    }

    pub(super) fn flag(&mut self, key: &str, flag: bool, place: Place) {
        self.put(key, Value::Bool(flag), place);
    }

    pub(super) fn count(&mut self, key: &str, count: i128, place: Place) {
        self.put(key, Value::Int(count), place);
    }

    /// A list of texts.
    pub(super) fn list<T: Into<String>>(
        &mut self,
        key: &str,
        texts: impl IntoIterator<Item = T>,
        place: &Place,
    ) {
        let texts = texts
            .into_iter()
            .map(|text| Node { place: place.clone(), value: Value::Text(text.into()) });
        self.put(key, Value::List(texts.collect()), place.clone());
    }

    pub(super) fn section(&mut self, key: &str, fields: Self) {
        let place = fields.place.clone();
        self.put(key, fields.node().value, place);
    }

    pub(super) fn put(&mut self, key: &str, value: Value, place: Place) {
        let node = Node { place: place.clone(), value };
        self.entries.push(Entry { key: key.to_owned(), place, node });
    }

    pub(super) fn node(self) -> Node {
        Node { place: self.place, value: Value::Map(self.entries) }
    }
}
