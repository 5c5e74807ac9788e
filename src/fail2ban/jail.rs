//! Jails: what `jail.conf`, `jail.d` and `jail.local` say of each that is enabled.

use std::collections::BTreeSet;

use super::error::{Place, Problem, ReadError};
use super::filter::{self, Logtype, Reader, Reading};
use super::layers::{Directory, Layers};
use super::section::{Section, Value};
use super::spec::{self, Spec};

/// The options of jail.conf(5). Any other is there to be put into these.
const OPTIONS: [&str; 29] = [
    "enabled",
    "backend",
    "maxretry",
    "maxmatches",
    "findtime",
    "bantime",
    "bantime.increment",
    "bantime.factor",
    "bantime.formula",
    "bantime.multipliers",
    "bantime.maxtime",
    "bantime.rndtime",
    "bantime.overalljails",
    "ignorecommand",
    "ignoreself",
    "ignoreip",
    "ignorecache",
    "filter",
    "logtimezone",
    "logencoding",
    "logpath",
    "action",
    "usedns",
    "skip_if_nologs",
    "systemd_if_nologs",
    // What jail.conf puts into `action`.
    "port",
    "protocol",
    "mode",
    "banaction",
];

/// The version that `%(fail2ban_version)s` stands for: it goes into reports' user agents only.
const VERSION: &str = "1.1";

/// One jail that is enabled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jail {
    /// Its name.
    pub name: String,
    /// Where it is enabled.
    pub place: Place,
    /// The options of jail.conf(5) that are given, interpolated; the jail's own `failregex` and kin
    /// among them.
    pub options: Section,
    /// Its filter, by name and parameters; `None` where `filter` is empty.
    pub spec: Option<Spec>,
    /// What the filter comes to in this jail.
    pub filter: Option<Reading>,
    /// Whether it is to read the journal.
    pub journal: bool,
    /// What it does to whom it bans.
    pub actions: Vec<Spec>,
    /// Options of its section that nothing reads.
    pub unread: Vec<(String, Place)>,
}

impl Jail {
    /// The text of an option: the jail's, or else the filter's.
    #[must_use]
    pub fn text(&self, option: &str) -> Option<&str> {
        let filters = || self.filter.as_ref()?.options.text(option);
        self.options.text(option).or_else(filters)
    }

    /// Where an option is given; the jail's place if it is not.
    #[must_use]
    pub fn place(&self, option: &str) -> &Place {
        self.options.get(option).map_or(&self.place, |value| &value.place)
    }

    /// The lines of `failregex` and its like, as the server gets them: the filter's, unless the
    /// jail has its own.
    #[must_use]
    pub fn lines(&self, option: &str) -> Vec<String> {
        filter::lines(self.text(option).unwrap_or_default())
    }

    /// What the filter and the jail say together, as gaoler's engine takes it.
    #[must_use]
    pub fn definition(&self) -> crate::filter::Definition {
        let mut reading = self
            .filter
            .clone()
            .unwrap_or_else(|| Reading { name: self.name.clone(), options: Section::default() });
        for option in filter::OPTIONS {
            if let Some(value) = self.options.get(option) {
                reading.options.set(option, value.clone());
            }
        }
        reading.definition()
    }
}

/// The jails that are enabled, in the order in which they are met.
///
/// # Errors
///
/// All that is wrong with them.
pub fn jails(directory: &mut Directory) -> Result<Vec<Jail>, Vec<ReadError>> {
    let mut layers = layers(directory).map_err(|error| vec![error])?;
    let names: Vec<String> = layers.names().map(str::to_owned).collect();
    let (mut jails, mut errors) = (Vec::new(), Vec::new());
    for name in names.iter().filter(|name| *name != "INCLUDES") {
        match jail(directory, &mut layers, name) {
            Ok(jail) => jails.extend(jail),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(jails) } else { Err(errors) }
}

/// What `fail2ban.conf` says for the server as a whole.
///
/// # Errors
///
/// A file cannot be read or is wrong.
pub fn server(directory: &mut Directory) -> Result<Section, ReadError> {
    const OPTIONS: [&str; 6] =
        ["loglevel", "logtarget", "dbfile", "dbpurgeage", "dbmaxmatches", "allowipv6"];
    let mut server = Section::default();
    let Some(layers) = directory.layers("fail2ban")? else { return Ok(server) };
    for option in OPTIONS {
        let own = layers.get("Definition", option, &Section::default())?;
        let given = match own {
            Some(value) => Some(value),
            None => layers.get("DEFAULT", option, &Section::default())?,
        };
        if let Some(value) = given {
            server.set(option, value);
        }
    }
    Ok(server)
}

fn layers(directory: &mut Directory) -> Result<Layers, ReadError> {
    let path = directory.path().to_owned();
    let Some(mut layers) = directory.layers("jail")? else {
        let problem = Problem::NoFile("jail".to_owned(), path.display().to_string());
        return Err(ReadError::new(Place::file(&path), problem));
    };
    let place = Place::file(&path);
    let confpath = path.display().to_string();
    for (name, text) in [("fail2ban_version", VERSION), ("fail2ban_confpath", &confpath)] {
        layers.defaults.set(name, Value { text: text.to_owned(), place: place.clone() });
    }
    Ok(layers)
}

/// One jail; `None` if it is not enabled.
fn jail(
    directory: &mut Directory,
    layers: &mut Layers,
    name: &str,
) -> Result<Option<Jail>, ReadError> {
    let first = options(layers, name, &["enabled", "backend", "filter"])?;
    let Some(enabled) = first.get("enabled").filter(|value| is_on(&value.text)) else {
        return Ok(None);
    };
    let place = enabled.place.clone();
    let spec = match first.get("filter").filter(|value| !value.text.is_empty()) {
        Some(value) => Some(parsed(value)?),
        None => None,
    };
    let mut jail = Jail {
        name: name.to_owned(),
        unread: unread(layers, name),
        place,
        journal: first.text("backend").is_some_and(|text| text.starts_with("systemd")),
        spec,
        options: Section::default(),
        filter: None,
        actions: Vec::new(),
    };
    jail.read(directory, layers, &first)?;
    let instead = if jail.journal { jail.reads_all_in_vain() } else { jail.falls_back() };
    if instead {
        jail.journal = !jail.journal;
        jail.read(directory, layers, &first)?;
    }
    Ok(Some(jail))
}

impl Jail {
    /// Reads the filter and all options, which may refer to the filter's.
    fn read(
        &mut self,
        directory: &mut Directory,
        layers: &mut Layers,
        first: &Section,
    ) -> Result<(), ReadError> {
        let logtype = if self.journal { Logtype::Journal } else { Logtype::File };
        let place = first.get("filter").map_or(&self.place, |value| &value.place);
        let mut reader = match &self.spec {
            Some(spec) => Some(Reader::open(directory, spec, place)?),
            None => None,
        };
        if let Some(reader) = &mut reader {
            reader.choose_logtype(logtype);
            let all = reader.read_all(first)?;
            let mut known = Section::default();
            for (option, value) in all.options.iter() {
                if !option.starts_with("known/") {
                    known.set(&format!("known/{option}"), value.clone());
                }
            }
            layers.add(&self.name, &known);
        }
        let names: Vec<&str> = OPTIONS.into_iter().chain(filter::OPTIONS).collect();
        self.options = options(layers, &self.name, &names)?;
        if let Some(reader) = &mut reader {
            self.filter = Some(reader.read(&self.options)?);
        }
        let actions = self.options.get("action").cloned();
        self.actions = match &actions {
            Some(value) => spec::split(&value.text)
                .into_iter()
                .map(|text| parsed(&Value { text: text.to_owned(), place: value.place.clone() }))
                .collect::<Result<_, _>>()?,
            None => Vec::new(),
        };
        Ok(())
    }

    /// Whether it names logs, and yet reads all of the journal, which is never meant: `backend =
    /// systemd` for all jails, and no match for this one.
    fn reads_all_in_vain(&self) -> bool {
        self.lines("journalmatch").is_empty() && !self.lines("logpath").is_empty()
    }

    /// Whether no log file is there, and the journal is to be read instead, as fail2ban does from
    /// 1.1.1 on.
    fn falls_back(&self) -> bool {
        let auto = self.options.text("backend").is_none_or(|backend| backend == "auto");
        let allowed = self.options.text("systemd_if_nologs").is_none_or(is_on);
        let paths = self.lines("logpath");
        let is_there = |path: &String| {
            let path = path.rsplit_once(' ').map_or(path.as_str(), |(path, _)| path);
            glob::glob(path).is_ok_and(|mut found| found.next().is_some())
        };
        auto && allowed && !self.lines("journalmatch").is_empty() && !paths.iter().any(is_there)
    }
}

/// These options of a jail, interpolated, as far as they are given.
fn options(layers: &Layers, jail: &str, names: &[&str]) -> Result<Section, ReadError> {
    let mut given = Section::default();
    for name in names {
        if let Some(value) = layers.get(jail, name, &Section::default())? {
            given.set(name, value);
        }
    }
    Ok(given)
}

fn parsed(value: &Value) -> Result<Spec, ReadError> {
    spec::parse(&value.text).map_err(|error| ReadError::new(value.place.clone(), error.into()))
}

/// fail2ban's words for yes.
#[must_use]
pub fn is_on(text: &str) -> bool {
    ["1", "on", "true", "yes"].contains(&text.to_lowercase().as_str())
}

/// Options of a jail's section that nothing refers to: most likely misspelt.
fn unread(layers: &Layers, jail: &str) -> Vec<(String, Place)> {
    let Some(own) = layers.section(jail) else { return Vec::new() };
    let all = own.iter().chain(layers.defaults.iter());
    let text: Vec<String> = all.map(|(_, value)| value.text.to_lowercase()).collect();
    let referred = |name: &str| text.iter().any(|text| text.contains(&format!("%({name})s")));
    let read: BTreeSet<&str> = OPTIONS.into_iter().chain(filter::OPTIONS).collect();
    own.iter()
        .filter(|(name, _)| !read.contains(name) && !name.starts_with("known/") && !referred(name))
        .map(|(name, value)| (name.to_owned(), value.place.clone()))
        .collect()
}
