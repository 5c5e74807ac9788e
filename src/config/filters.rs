//! Finds filters by name, and compiles each only once.
//!
//! A file `NAME.yaml` in `filters/` beside `gaoler.yaml` comes before the built-in filter of that
//! name.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{ConfigError, Place, Problem};
use super::{builtin, filter_file, walk};
use crate::filter::Filter;
use crate::filter::definition::Definition;

/// The filters that a configuration can name.
#[derive(Debug)]
pub struct Filters {
    directory: PathBuf,
    found: HashMap<String, Result<Arc<Found>, Vec<ConfigError>>>,
    compiled: HashMap<(String, String, Option<String>), Result<Arc<Filter>, String>>,
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
    pub fn find(&mut self, name: &str, named: &Place) -> Result<Arc<Found>, Vec<ConfigError>> {
        if let Some(found) = self.found.get(name) {
            return found.clone();
        }
        let found = match self.read(name)? {
            Some(found) => found,
            None => return Err(vec![self.unknown(name, named)]),
        };
        self.found.insert(name.to_owned(), Ok(found.clone()));
        Ok(found)
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
        datepattern: Option<&str>,
    ) -> Result<Arc<Filter>, String> {
        let name = found.definition.name.clone();
        let key = (name, mode.to_owned(), datepattern.map(str::to_owned));
        let compile = || {
            let mut definition = found.definition.clone();
            if let Some(datepattern) = datepattern {
                definition.datepattern = Some(datepattern.to_owned());
            }
            Filter::compile(&definition, mode).map(Arc::new).map_err(|error| error.to_string())
        };
        self.compiled.entry(key).or_insert_with(compile).clone()
    }

    fn read(&self, name: &str) -> Result<Option<Arc<Found>>, Vec<ConfigError>> {
        let file = self.directory.join(format!("{name}.yaml"));
        let found = |file: Option<PathBuf>, path: &Path, yaml: &[u8]| {
            let definition = filter_file::parse(name, path, yaml)?;
            Ok(Some(Arc::new(Found { definition, file })))
        };
        match super::read(&file) {
            Ok(yaml) => found(Some(file.clone()), &file, &yaml),
            Err(error) if error.kind() == io::ErrorKind::NotFound => match builtin::yaml(name) {
                Some(yaml) => {
                    found(None, Path::new(&format!("(built in) {name}")), yaml.as_bytes())
                }
                None => Ok(None),
            },
            Err(error) => Err(vec![ConfigError {
                place: Place::file(&file),
                key: String::new(),
                problem: Problem::Unreadable(error.to_string()),
            }]),
        }
    }

    fn unknown(&self, name: &str, named: &Place) -> ConfigError {
        let names = self.names();
        let advice = match walk::nearest(name, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are: {}", names.join(", ")),
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
