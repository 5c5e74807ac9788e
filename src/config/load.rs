//! Reads `gaoler.yaml` and what lies beside it.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::carried;
use super::checked::Config;
use super::environment;
use super::error::{ConfigError, ConfigErrors, Place, Problem};
use super::filters::{Filters, Found};
use super::keys::gaoler::FILE;
use super::meaning::Meaning;
use super::merge::merge;
use super::ports::Services;
use super::tree::Node;
use super::view::{self, View};
use super::walk::walk;

/// No configuration file is longer than that.
const LONGEST_FILE: u64 = 1 << 20;

/// What of the host a configuration depends on, other than its own files.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The names of ports (services(5)).
    pub services: PathBuf,
    /// Environment variables.
    pub environment: fn(&str) -> Option<OsString>,
}

impl Default for Surroundings {
    /// This process's own.
    fn default() -> Self {
        Self { services: "/etc/services".into(), environment: |name| std::env::var_os(name) }
    }
}

/// Reads and checks a configuration: the file at `path`, then `conf.d/*.yaml` beside it in the
/// order of their names, and the filters it names. Changes nothing and keeps nothing, so it serves
/// a reload as well: on an error the caller keeps what it has.
///
/// # Errors
///
/// Everything that is wrong, in every file.
pub fn load(path: &Path) -> Result<Config, ConfigErrors> {
    load_in(path, &Surroundings::default())
}

/// As [`load`], with other surroundings.
///
/// # Errors
///
/// As [`load`].
pub fn load_in(path: &Path, surroundings: &Surroundings) -> Result<Config, ConfigErrors> {
    load_from(&Location::of(path), surroundings)
}

/// Where a configuration is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// `gaoler.yaml`.
    pub file: PathBuf,
    /// A fail2ban installation whose enabled jails run as well, as if `fail2ban.dir` named it. With
    /// one, there need not be a `file`.
    pub fail2ban_dir: Option<PathBuf>,
}

impl Location {
    /// A file alone.
    #[must_use]
    pub fn of(file: &Path) -> Self {
        Self { file: file.to_owned(), fail2ban_dir: None }
    }
}

/// As [`load`], from elsewhere and with other surroundings.
///
/// # Errors
///
/// As [`load`].
pub fn load_from(location: &Location, surroundings: &Surroundings) -> Result<Config, ConfigErrors> {
    let path = location.file.as_path();
    let beside = path.parent().unwrap_or(Path::new(""));
    let mut written = Written { tree: view::defaults(FILE), errors: Vec::new(), whole: true };
    if location.fail2ban_dir.is_none() || path.exists() {
        written.add(path, read(path), surroundings);
    }
    let mut warnings = Vec::new();
    match drop_ins(&beside.join("conf.d"), &mut warnings) {
        Ok(files) => {
            for file in files {
                written.add(&file, read(&file), surroundings);
            }
        }
        Err(error) => written.errors.push(error),
    }
    let given = fail2bans(&mut written, location.fail2ban_dir.as_deref(), &mut warnings);
    let (config, contradictions) = meaning(&written, given, beside, surroundings, &mut warnings);
    let mut errors = written.errors;
    if written.whole {
        errors.extend(contradictions);
    }
    match ConfigErrors::new(errors) {
        Some(errors) => Err(errors),
        None => Ok(Config { warnings, ..config }),
    }
}

/// What was read so far.
struct Written {
    /// Every file over the table's defaults.
    tree: Node,
    errors: Vec<ConfigError>,
    /// Whether every file could be read; if not, what is missing would only mislead.
    whole: bool,
}

impl Written {
    fn add(&mut self, file: &Path, bytes: io::Result<Vec<u8>>, surroundings: &Surroundings) {
        let read = bytes.map_err(|error| unreadable(file, &error));
        match read.and_then(|bytes| Node::parse(file, &bytes)) {
            Ok(mut node) => {
                let mut errors = Vec::new();
                environment::fill(&mut node, "", surroundings.environment, &mut errors);
                let unfilled: Vec<Place> = errors.iter().map(|error| error.place.clone()).collect();
                // What could not be filled in is no value to find fault with.
                let refused = walk(&node, FILE).into_iter();
                self.errors.extend(refused.filter(|error| !unfilled.contains(&error.place)));
                self.errors.extend(errors);
                let blank = Node { place: node.place.clone(), value: super::tree::Value::Null };
                let base = std::mem::replace(&mut self.tree, blank);
                self.tree = merge(base, node);
            }
            Err(error) => {
                self.errors.push(error);
                self.whole = false;
            }
        }
    }
}

/// Adds the jails of the fail2ban installation that is named, if one is, and returns their filters.
fn fail2bans(
    written: &mut Written,
    dir: Option<&Path>,
    warnings: &mut Vec<String>,
) -> HashMap<String, Arc<Found>> {
    let section = View::new(vec![&written.tree], FILE).section("fail2ban");
    let named = section.text("dir").map(|item| PathBuf::from(item.text));
    let Some(dir) = dir.map(Path::to_owned).or(named) else { return HashMap::new() };
    match carried::read(&dir) {
        Ok(carried) => {
            let given = carried.add_to(&mut written.tree, warnings);
            written.errors.extend(given.errors);
            given.filters
        }
        Err(errors) => {
            written.errors.extend(errors);
            written.whole = false;
            HashMap::new()
        }
    }
}

fn meaning(
    written: &Written,
    given: HashMap<String, Arc<Found>>,
    beside: &Path,
    surroundings: &Surroundings,
    warnings: &mut Vec<String>,
) -> (Config, Vec<ConfigError>) {
    let mut errors = Vec::new();
    let services = Services::read(&surroundings.services).unwrap_or_else(|error| {
        errors.push(unreadable(&surroundings.services, &error));
        Services::well_known()
    });
    let mut meaning = Meaning {
        filters: Filters::new(beside.join("filters")),
        services,
        refused: &written.errors,
        errors,
        warnings: std::mem::take(warnings),
        given,
    };
    let config = meaning.config(&written.tree);
    *warnings = meaning.warnings;
    (config, meaning.errors)
}

/// The files of `conf.d`, by name. Hidden ones are left alone; a `.yml` gets a warning, since its
/// author surely meant it to be read.
fn drop_ins(directory: &Path, warnings: &mut Vec<String>) -> Result<Vec<PathBuf>, ConfigError> {
    let listing = match std::fs::read_dir(directory) {
        Ok(listing) => listing,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(directory, &error)),
    };
    let mut files = Vec::new();
    for entry in listing {
        let path = entry.map_err(|error| unreadable(directory, &error))?.path();
        let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes()[0] == b'.');
        match path.extension().and_then(|extension| extension.to_str()) {
            _ if is_hidden => {}
            Some("yaml") => files.push(path),
            Some("yml") => {
                warnings
                    .push(format!("{} is not read: its name must end in `.yaml`", path.display()));
            }
            _ => {}
        }
    }
    files.sort();
    Ok(files)
}

pub(super) fn unreadable(path: &Path, error: &io::Error) -> ConfigError {
    let problem = match error.kind() {
        io::ErrorKind::NotFound => Problem::NoFile,
        _ => Problem::Unreadable(error.to_string()),
    };
    ConfigError { place: Place::file(path), key: String::new(), problem }
}

/// Reads a file, unless it is too long to be a configuration.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(LONGEST_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST_FILE {
        let why = "it is longer than 1 MiB, which no configuration is";
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    Ok(bytes)
}
