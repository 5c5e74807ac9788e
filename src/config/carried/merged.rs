//! Carried jails beside those of `gaoler.yaml`.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::{Carried, CarriedJail, Note};
use crate::config::error::{ConfigError, Place};
use crate::config::filters::Found;
use crate::config::keys::gaoler::FILE;
use crate::config::merge::merge;
use crate::config::tree::{Entry, Node, Value};
use crate::config::view::{DEFAULTS, View};
use crate::config::walk::walk;

/// What the tree itself does not hold.
#[derive(Debug, Default)]
pub(in crate::config) struct Given {
    /// The jails' filters, by the jails' names.
    pub(in crate::config) filters: HashMap<String, Arc<Found>>,
    /// Values that mean nothing here.
    pub(in crate::config) errors: Vec<ConfigError>,
}

impl Carried {
    /// Adds the jails to a configuration; those that it has itself stay as they are.
    pub(in crate::config) fn add_to(self, tree: &mut Node, warnings: &mut Vec<String>) -> Given {
        let own = own_jails(tree);
        let spared = spared(tree);
        let mut given = Given::default();
        let mut entries = Vec::new();
        let mut noted = Noted::default();
        warnings.extend(self.notes.iter().map(Note::to_string));
        for jail in self.jails {
            let name = jail.entry.key.clone();
            if is_switched_off(tree, &name) {
                remove_jail(tree, &name);
                continue;
            }
            if own.contains(&name) {
                warnings.push(format!(
                    "jail {name}: gaoler.yaml's is run, and not the one of {}",
                    jail.entry.place.file.display()
                ));
                continue;
            }
            noted.add(&name, &jail.notes);
            let CarriedJail { mut entry, found, .. } = jail;
            given.filters.extend(found.map(|found| (name, found)));
            spare(&mut entry, &spared);
            entries.push(entry);
        }
        warnings.extend(noted.lines());
        let jails = map(vec![("jails", map_of(entries))]);
        given.errors = walk(&jails, FILE);
        lay(tree, jails);
        if let Some(age) = self.dbpurgeage.filter(|_| is_default(tree, "state", "dbpurgeage")) {
            lay(tree, map(vec![("state", map(vec![("dbpurgeage", age)]))]));
        }
        given
    }
}

/// Notes on jails, each once: what `[DEFAULT]` says concerns many.
#[derive(Debug, Default)]
pub(super) struct Noted {
    notes: Vec<(Note, Vec<String>)>,
}

impl Noted {
    pub(super) fn add(&mut self, jail: &str, notes: &[Note]) {
        for note in notes {
            match self.notes.iter_mut().find(|(other, _)| other == note) {
                Some((_, jails)) => jails.push(jail.to_owned()),
                None => self.notes.push((note.clone(), vec![jail.to_owned()])),
            }
        }
    }

    /// Each note, with the jails that it is about.
    pub(super) fn lines(self) -> impl Iterator<Item = String> {
        self.notes.into_iter().map(|(note, jails)| {
            let which = if jails.len() == 1 { "jail" } else { "jails" };
            format!("{which} {}: {note}", jails.join(", "))
        })
    }
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.text, self.place)
    }
}

fn own_jails(tree: &Node) -> Vec<String> {
    let jails = tree.get("jails").map(|entry| entry.node.entries()).unwrap_or_default();
    jails.iter().map(|entry| entry.key.clone()).collect()
}

/// Whether gaoler.yaml says nothing of a jail but that it is not to run.
fn is_switched_off(tree: &Node, name: &str) -> bool {
    let jail = tree.get("jails").and_then(|jails| jails.node.get(name));
    let entries = jail.map(|jail| jail.node.entries()).unwrap_or_default();
    matches!(entries, [entry] if entry.key == "enabled" && entry.node.value == Value::Bool(false))
}

/// Takes a jail out: it names no filter that could be checked.
fn remove_jail(tree: &mut Node, name: &str) {
    let Value::Map(entries) = &mut tree.value else { return };
    let jails = entries.iter_mut().find(|entry| entry.key == "jails");
    if let Some(Entry { node: Node { value: Value::Map(jails), .. }, .. }) = jails {
        jails.retain(|jail| jail.key != name);
    }
}

/// Whom every jail of gaoler.yaml spares.
fn spared(tree: &Node) -> Vec<Node> {
    let items = View::new(vec![tree], FILE).section("defaults").texts("ignoreip");
    items
        .into_iter()
        .map(|item| Node { place: item.place, value: Value::Text(item.text) })
        .collect()
}

/// Adds whom gaoler.yaml spares to a jail's own list, which would replace it.
fn spare(jail: &mut Entry, spared: &[Node]) {
    let Value::Map(entries) = &mut jail.node.value else { return };
    let own = entries.iter_mut().find(|entry| entry.key == "ignoreip");
    if let Some(Entry { node: Node { value: Value::List(items), .. }, .. }) = own {
        items.extend_from_slice(spared);
    }
}

/// Whether no file says anything of a key.
fn is_default(tree: &Node, section: &str, key: &str) -> bool {
    let written = tree.get(section).and_then(|entry| entry.node.get(key));
    written.is_none_or(|entry| &*entry.place.file == Path::new(DEFAULTS))
}

fn lay(tree: &mut Node, over: Node) {
    let blank = Node { place: over.place.clone(), value: Value::Null };
    let base = std::mem::replace(tree, blank);
    *tree = merge(base, over);
}

fn map(entries: Vec<(&str, Node)>) -> Node {
    let entries = entries.into_iter().map(|(key, node)| Entry {
        key: key.to_owned(),
        place: node.place.clone(),
        node,
    });
    map_of(entries.collect())
}

fn map_of(entries: Vec<Entry>) -> Node {
    Node { place: Place::file(Path::new("(fail2ban)")), value: Value::Map(entries) }
}
