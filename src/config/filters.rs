//! Finds filters by name, and compiles each only once.
//!
//! A file `NAME.yaml` in `filters/` beside `gaoler.yaml` comes before the built-in filter of that
//! name.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ipnet::IpNet;

use super::error::{ConfigError, ConfigErrors, Place, Problem};
use super::{builtin, filter_file, values, walk};
use crate::filter::Filter;
use crate::filter::definition::{Definition, HttpdFormat};

/// The filters that a configuration can name.
#[derive(Debug)]
pub struct Filters {
    directory: PathBuf,
    found: HashMap<String, Arc<Found>>,
    compiled: HashMap<Variant, Result<Arc<Filter>, String>>,
}

/// A filter's name, its mode, and what the jail says for itself.
type Variant = (String, String, Adapted);

/// What a jail has otherwise than its filter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Adapted {
    /// How the date is written.
    pub datepattern: Option<String>,
    /// How the access log is written; only for a filter of access logs.
    pub logformat: Option<String>,
    /// The proxies whose word on their clients counts; only for a filter of access logs.
    pub trusted_proxies: Vec<IpNet>,
}

/// A filter's definition, and the file it is from.
#[derive(Debug)]
pub struct Found {
    /// What it says.
    pub definition: Definition,
    /// Its file; `None` for one that is built in.
    pub file: Option<PathBuf>,
}

impl Filters {
    /// Filters of this directory, which need not exist, and those that are built in.
    #[must_use]
    pub fn new(directory: PathBuf) -> Self {
        Self { directory, found: HashMap::new(), compiled: HashMap::new() }
    }

    /// The filter of that name.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with its file; or, placed at `named`, that there is none.
    pub fn find(&mut self, name: &str, named: &Place) -> Result<Arc<Found>, ConfigErrors> {
        if let Some(found) = self.found.get(name) {
            return Ok(found.clone());
        }
        let Some(found) = self.read(name)? else { return Err(self.unknown(name, named).into()) };
        self.found.insert(name.to_owned(), found.clone());
        Ok(found)
    }

    /// Finds and compiles what a command line names: `sshd`, `sshd[mode=aggressive]`, or a file
    /// such as `./mine.yaml`.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, with the name or with the filter.
    pub fn named(&mut self, spec: &str) -> Result<(Arc<Found>, Arc<Filter>), ConfigErrors> {
        let file = Path::new(spec);
        let place = Place::file(file);
        let error = |problem| ConfigError { place: place.clone(), key: String::new(), problem };
        let (found, mode) = if file.extension().is_some_and(|extension| extension == "yaml") {
            let name = file.file_stem().unwrap_or_default().to_string_lossy();
            let yaml = super::read(file).map_err(|why| error(unreadable(&why)))?;
            (Arc::new(parse(&name, Some(file), &yaml)?), None)
        } else {
            let (name, mode) =
                values::filter_spec(spec).map_err(|why| error(Problem::Value(why)))?;
            (self.find(name, &place)?, mode)
        };
        let filter = self.compile(&found, mode.unwrap_or("normal"), &Adapted::default());
        Ok((found, filter.map_err(|why| error(Problem::Filter(why)))?))
    }

    /// Compiles a filter that [`find`](Self::find) found.
    ///
    /// # Errors
    ///
    /// The compiler's own words.
    pub fn compile(
        &mut self,
        found: &Found,
        mode: &str,
        adapted: &Adapted,
    ) -> Result<Arc<Filter>, String> {
        let name = found.definition.name.clone();
        let key = (name, mode.to_owned(), adapted.clone());
        let compile = || {
            let definition = adapted.of(&found.definition);
            Filter::compile(&definition, mode).map(Arc::new).map_err(|error| error.to_string())
        };
        self.compiled.entry(key).or_insert_with(compile).clone()
    }

    /// The file of that name, or else what is built in; `None` if there is neither.
    fn read(&self, name: &str) -> Result<Option<Arc<Found>>, ConfigErrors> {
        let file = self.directory.join(format!("{name}.yaml"));
        let found = match super::read(&file) {
            Ok(yaml) => Some(parse(name, Some(&file), &yaml)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => match builtin::yaml(name) {
                Some(yaml) => Some(parse(name, None, yaml.as_bytes())?),
                None => None,
            },
            Err(error) => {
                let (place, problem) = (Place::file(&file), unreadable(&error));
                return Err(ConfigError { place, key: String::new(), problem }.into());
            }
        };
        Ok(found.map(Arc::new))
    }

    fn unknown(&self, name: &str, named: &Place) -> ConfigError {
        let known = self.names();
        let advice = match walk::nearest(name, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are: {}", known.join(", ")),
        };
        let problem = Problem::Meaning(format!(
            "there is no filter `{name}`, neither in {} nor built in; {advice}",
            self.directory.display()
        ));
        ConfigError { place: named.clone(), key: String::new(), problem }
    }

    /// Every name that [`find`](Self::find) finds, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = builtin::names().map(str::to_owned).collect();
        for file in std::fs::read_dir(&self.directory).into_iter().flatten().flatten() {
            let path = file.path();
            if let (Some(stem), Some("yaml")) = (
                path.file_stem().and_then(|s| s.to_str()),
                path.extension().and_then(|e| e.to_str()),
            ) {
                names.push(stem.to_owned());
            }
        }
        names.sort();
        names.dedup();
        names
    }
}

impl Adapted {
    /// A definition with these changes. Its samples stay as the file means them.
    fn of(&self, definition: &Definition) -> Definition {
        let mut definition = definition.clone();
        if let Some(datepattern) = &self.datepattern {
            definition.datepattern = Some(datepattern.clone());
        }
        if let Some(rule) = &mut definition.httpd {
            rule.trusted_proxies.clone_from(&self.trusted_proxies);
            if let Some(logformat) = &self.logformat {
                for sample in &mut definition.samples {
                    sample.logformat.get_or_insert_with(|| rule.format.clone());
                }
                rule.format = HttpdFormat::named(logformat);
            }
        }
        definition
    }
}

fn parse(name: &str, file: Option<&Path>, yaml: &[u8]) -> Result<Found, ConfigErrors> {
    let built_in = PathBuf::from(format!("(built in) {name}.yaml"));
    let definition = filter_file::parse(name, file.unwrap_or(&built_in), yaml)?;
    Ok(Found { definition, file: file.map(Path::to_owned) })
}

fn unreadable(error: &io::Error) -> Problem {
    Problem::Unreadable(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_names_a_filter_by_name_mode_or_file() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("mine.yaml");
        let yaml = "failregex: '^bad <HOST>$'\nmodes: {loud: {failregex: '^<HOST>$'}}\n";
        std::fs::write(&file, yaml).unwrap();
        let mut filters = Filters::new(directory.path().to_owned());
        let mut named = |spec: &str| {
            let found = filters.named(spec).map(|(found, _)| found.definition.name.clone());
            found.map_err(|errors| errors.to_string())
        };
        assert_eq!(named("sshd"), Ok("sshd".to_owned()));
        assert_eq!(named("mine[mode=loud]"), Ok("mine".to_owned()));
        assert_eq!(named(file.to_str().unwrap()), Ok("mine".to_owned()));
        assert!(named("min").unwrap_err().contains("did you mean `mine`?"));
        assert!(named("/none.yaml").unwrap_err().starts_with("/none.yaml: cannot be read: "));
    }

    #[test]
    fn a_jails_datepattern_replaces_the_filters() {
        let mut filters = Filters::new("/nonexistent".into());
        let found = filters.find("sshd", &Place::file(Path::new("x"))).unwrap();
        let datepattern = Some("%Y-%m-%d %H:%M:%S".to_owned());
        let adapted = Adapted { datepattern, ..Adapted::default() };
        let filter = filters.compile(&found, "normal", &adapted).unwrap();
        assert_eq!(filter.definition.datepattern.as_deref(), Some("%Y-%m-%d %H:%M:%S"));
        let filter = filters.compile(&found, "normal", &Adapted::default()).unwrap();
        assert_eq!(filter.definition.datepattern, found.definition.datepattern);
    }

    #[test]
    fn a_file_comes_before_the_built_in_filter_of_its_name() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("sshd.yaml");
        std::fs::write(&file, "description: mine\nfailregex: '^bad <HOST>$'\n").unwrap();
        let (found, _) = Filters::new(directory.path().to_owned()).named("sshd").unwrap();
        assert_eq!((found.definition.description.as_str(), &found.file), ("mine", &Some(file)));
        let (found, _) = Filters::new("/nonexistent".into()).named("sshd").unwrap();
        assert_eq!(found.file, None);
    }
}
