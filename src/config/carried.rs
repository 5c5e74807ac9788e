//! fail2ban's jails, carried over: what its files say, as the entries of `jails` that say the same.
//!
//! The entries are checked and given their meaning like those of `gaoler.yaml`, with fail2ban's own
//! files and lines as their places. What has no counterpart is named in a note: nothing is lost
//! silently. `gaoler run` runs what comes out, `gaoler import-fail2ban` prints it.

mod action;
mod addresses;
mod merged;
mod node;
mod options;
mod origin;
pub(super) mod written;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::node::Fields;
use super::error::{ConfigError, Place, Problem};
use super::filters::Found;
use super::tree::{Entry, Node};
use crate::fail2ban::jail::{self, Jail};
use crate::fail2ban::{self, Directory, Section};

/// What an installation comes to.
#[derive(Debug, Default)]
pub(super) struct Carried {
    /// The jails that are enabled, in fail2ban's order.
    pub(super) jails: Vec<CarriedJail>,
    /// What concerns all of it.
    pub(super) notes: Vec<Note>,
    /// `fail2ban.conf`'s `dbpurgeage`, if it says any.
    pub(super) dbpurgeage: Option<Node>,
}

/// One jail.
#[derive(Debug)]
pub(super) struct CarriedJail {
    /// As it would stand in `jails`; without `filter`, unless the filter is one of ours.
    pub(super) entry: Entry,
    /// What it looks for; `None` where the entry names a filter of ours.
    pub(super) found: Option<Arc<Found>>,
    /// How fail2ban names the filter.
    pub(super) filter: String,
    /// Whether the jail has patterns of its own, besides or instead of the filter's.
    pub(super) own_patterns: bool,
    /// What is not carried over, or is otherwise.
    pub(super) notes: Vec<Note>,
}

/// Something that a person should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    /// Where it is written.
    pub(super) place: Place,
    /// What it means here, and what to do instead.
    pub(super) text: String,
}

/// Our filter that counts gaoler's own bans.
const RECIDIVE: &str = "recidive";

/// Reads an installation.
///
/// # Errors
///
/// All that is wrong with its files.
pub(super) fn read(dir: &Path) -> Result<Carried, Vec<ConfigError>> {
    let mut directory = Directory::new(dir);
    let server = jail::server(&mut directory).map_err(|error| vec![wrong(error)])?;
    let jails = jail::jails(&mut directory)
        .map_err(|errors| errors.into_iter().map(wrong).collect::<Vec<_>>())?;
    let mut carried = Carried::default();
    let mut errors = Vec::new();
    for jail in &jails {
        match carry(jail, dir) {
            Ok(jail) => carried.jails.push(jail),
            Err(wrong) => errors.extend(wrong),
        }
    }
    carried.dbpurgeage = options::dbpurgeage(&server, &mut errors);
    carried.notes = notes(&jails, dir);
    if errors.is_empty() { Ok(carried) } else { Err(errors) }
}

/// An error of fail2ban's files, as one of the configuration.
fn wrong(error: fail2ban::ReadError) -> ConfigError {
    let problem = Problem::Meaning(error.problem.to_string());
    ConfigError { place: place(&error.place), key: String::new(), problem }
}

/// A place in fail2ban's files.
fn place(place: &fail2ban::Place) -> Place {
    Place { file: place.file.clone(), line: place.line, column: u64::from(place.line > 0) }
}

/// A jail that is being carried over.
struct Draft<'a> {
    jail: &'a Jail,
    fields: Fields,
    notes: Vec<Note>,
    errors: Vec<ConfigError>,
}

impl Draft<'_> {
    /// Notes something about an option.
    fn note(&mut self, option: &str, text: impl Into<String>) {
        self.notes.push(Note { place: place(self.jail.place(option)), text: text.into() });
    }

    /// Refuses an option's value.
    fn refuse(&mut self, option: &str, why: String) {
        let place = place(self.jail.place(option));
        let key = format!("jails.{}.{option}", self.jail.name);
        self.errors.push(ConfigError { place, key, problem: Problem::Value(why) });
    }
}

fn carry(jail: &Jail, dir: &Path) -> Result<CarriedJail, Vec<ConfigError>> {
    let at = place(&jail.place);
    let mut draft =
        Draft { jail, fields: Fields::new(at.clone()), notes: Vec::new(), errors: Vec::new() };
    let found = draft.filter(dir);
    if found.is_some() {
        draft.origin();
    }
    draft.numbers();
    draft.growth();
    draft.addresses();
    draft.actions();
    draft.rest();
    if !draft.errors.is_empty() {
        return Err(draft.errors);
    }
    let entry = Entry { key: jail.name.clone(), place: at, node: draft.fields.node() };
    let filter = jail.options.text("filter").unwrap_or_default().to_owned();
    let own_patterns = ["failregex", "ignoreregex", "prefregex", "datepattern"]
        .iter()
        .any(|option| jail.options.has(option));
    Ok(CarriedJail { entry, found, filter, own_patterns, notes: draft.notes })
}

impl Draft<'_> {
    /// fail2ban's filter; but who reads fail2ban's own log counts our bans here.
    fn filter(&mut self, dir: &Path) -> Option<Arc<Found>> {
        let name = self.jail.spec.as_ref().map_or(self.jail.name.as_str(), |spec| &spec.name);
        let logpath = self.jail.options.text("logpath").unwrap_or_default();
        if name == RECIDIVE && (logpath.is_empty() || logpath.contains("fail2ban")) {
            let at = place(self.jail.place("filter"));
            self.fields.text("filter", RECIDIVE, at);
            self.note("filter", "counts gaoler's own bans, of all other jails, and reads no log");
            return None;
        }
        let file = match &self.jail.spec {
            Some(spec) => dir.join("filter.d").join(format!("{}.conf", spec.name)),
            None => PathBuf::from(&*self.jail.place.file),
        };
        Some(Arc::new(Found { definition: self.jail.definition(), file: Some(file) }))
    }
}

/// What concerns all jails, said once.
fn notes(jails: &[Jail], dir: &Path) -> Vec<Note> {
    let mut notes = Vec::new();
    let at = Place::file(dir);
    if jails.iter().any(|jail| matches!(jail.text("usedns"), Some("yes" | "warn"))) {
        let text = "usedns: names in logs are never resolved; a failure that tells of a name only \
                    is nobody's";
        notes.push(Note { place: at.clone(), text: text.to_owned() });
    }
    let firewalls = jails.iter().flat_map(|jail| &jail.actions);
    let mut others = firewalls.filter(|spec| action::is_other_firewall(&spec.name));
    if let Some(spec) = others.next() {
        let text = format!(
            "action `{}`: bans go through firewalld; where that does not run, write `enforcement: \
             {{backend: nftables}}` in gaoler.yaml",
            spec.name
        );
        notes.push(Note { place: at, text });
    }
    notes
}

/// The text of an option, where it is not blank.
fn given<'a>(section: &'a Section, option: &str) -> Option<&'a str> {
    section.text(option).map(str::trim).filter(|text| !text.is_empty())
}
