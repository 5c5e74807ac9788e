//! The files that together say what `jail` or `filter.d/sshd` is: each layer over those before it.
//!
//! `X.conf`, `X.d/*.conf`, `X.local`, `X.d/*.local`; before each what it includes with `before`,
//! after it what it includes with `after`, and next to each such file its own `.local`. What a later
//! file overrides is still there as *known*.
//!
//! Source: jail.conf(5), "CONFIGURATION FILES FORMAT".

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{Place, Problem, ReadError};
use super::ini::Ini;
use super::section::{Section, Value};

/// No real configuration reads more files at once.
const MOST_FILES: usize = 1000;

/// No configuration file is longer than that.
const LONGEST_FILE: u64 = 4 << 20;

/// A configuration directory. Reads each file once.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    files: HashMap<PathBuf, Option<Arc<Ini>>>,
}

/// What a stack of files says together.
#[derive(Clone, Debug, Default)]
pub(super) struct Layers {
    /// `[DEFAULT]`.
    pub(super) defaults: Section,
    /// The sections, in the order in which they were met; `KNOWN/…` among them.
    sections: Vec<(String, Section)>,
}

impl Directory {
    /// A directory such as `/etc/fail2ban`. Nothing is read yet.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), files: HashMap::new() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All layers of `name`, such as `jail` or `filter.d/sshd`; `None` if there is no file of it.
    ///
    /// # Errors
    ///
    /// The directory is none, or a file cannot be read or is wrong.
    pub(super) fn layers(&mut self, name: &str) -> Result<Option<Layers>, ReadError> {
        if !self.path.is_dir() {
            return Err(ReadError::new(Place::file(&self.path), Problem::NoDirectory));
        }
        let base = self.path.join(name);
        let with = |suffix: &str| PathBuf::from(format!("{}{suffix}", base.display()));
        let dropped = |extension| listed(&with(".d"), extension);
        let mut files = vec![with(".conf")];
        files.extend(dropped("conf"));
        files.push(with(".local"));
        files.extend(dropped("local"));
        files.retain(|file| file.exists());
        let files = self.included(&files, &[])?;
        let mut layers = Layers::default();
        let mut read = false;
        for file in files {
            if let Some(ini) = self.file(&file)? {
                layers.lay(&ini);
                read = true;
            }
        }
        Ok(read.then_some(layers))
    }

    /// These files and what they include, in the order in which they are laid.
    fn included(&mut self, files: &[PathBuf], seen: &[PathBuf]) -> Result<Vec<PathBuf>, ReadError> {
        let mut all = Vec::new();
        for file in with_locals(files) {
            all.extend(self.around(&file, seen)?);
            if all.len() > MOST_FILES || seen.len() > MOST_FILES {
                let problem = Problem::TooManyFiles(MOST_FILES);
                return Err(ReadError::new(Place::file(&file), problem));
            }
        }
        Ok(all)
    }

    /// A file between what it includes; nothing if it is not there.
    fn around(&mut self, file: &Path, seen: &[PathBuf]) -> Result<Vec<PathBuf>, ReadError> {
        let Some(ini) = self.file(file)? else { return Ok(Vec::new()) };
        let mut single = Layers::default();
        single.lay(&ini);
        let seen_now = [seen, &[file.to_owned()]].concat();
        let beside = file.parent().unwrap_or(Path::new(""));
        let mut parts = [Vec::new(), Vec::new()];
        for (part, key) in parts.iter_mut().zip(["before", "after"]) {
            let Some(names) = single.get("INCLUDES", key, &Section::default())? else { continue };
            for name in names.text.split('\n').filter(|name| !name.is_empty()) {
                let included = beside.join(name);
                if !seen.contains(&included) {
                    part.extend(self.included(&[included], &seen_now)?);
                }
            }
        }
        let [mut all, after] = parts;
        all.push(file.to_owned());
        all.extend(after);
        Ok(all)
    }

    /// What a file says; `None` if it is not there.
    fn file(&mut self, path: &Path) -> Result<Option<Arc<Ini>>, ReadError> {
        if let Some(known) = self.files.get(path) {
            return Ok(known.clone());
        }
        let ini = match read(path) {
            Ok(bytes) => Some(Arc::new(Ini::parse(path, &bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                let problem = Problem::Unreadable(error.to_string());
                return Err(ReadError::new(Place::file(path), problem));
            }
        };
        self.files.insert(path.to_owned(), ini.clone());
        Ok(ini)
    }
}

impl Layers {
    /// The section of that name.
    pub(super) fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|(own, _)| own == name).map(|(_, section)| section)
    }

    /// The names of the sections, without those that hold what is known.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let names = self.sections.iter().map(|(name, _)| name.as_str());
        names.filter(|name| !name.starts_with("KNOWN/"))
    }

    /// Adds options to a section, over those that are there.
    pub(super) fn add(&mut self, name: &str, options: &Section) {
        match self.sections.iter_mut().find(|(own, _)| own == name) {
            Some((_, section)) => section.update(options),
            None => self.sections.push((name.to_owned(), options.clone())),
        }
    }

    /// Lays a file over what is there.
    fn lay(&mut self, ini: &Ini) {
        self.defaults.update(&ini.defaults);
        for (name, section) in &ini.sections {
            let (name, section) = unconditional(name, section);
            if let Some(old) = self.section(name) {
                let mut known = Section::default();
                for (option, value) in old.iter().filter(|(option, _)| section.has(option)) {
                    known.set(option, value.clone());
                }
                self.add(&format!("KNOWN/{name}"), &known);
            }
            self.add(name, &section);
        }
    }
}

/// `[Init?family=inet6]` is `[Init]` whose options all bear that condition.
fn unconditional<'a>(name: &'a str, section: &Section) -> (&'a str, Section) {
    let is_word = |word: &str| word.chars().all(|c| c.is_alphanumeric() || c == '_');
    let Some(at) = name.find('?').filter(|at| *at > 0 && is_word(&name[..*at])) else {
        return (name, section.clone());
    };
    let (plain, condition) = name.split_at(at);
    let mut bearing = Section::default();
    for (option, value) in section.iter() {
        bearing.set(&format!("{option}{condition}"), Value::clone(value));
    }
    (plain, bearing)
}

/// Each file, and its `.local` right after it unless that has a place of its own.
fn with_locals(files: &[PathBuf]) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for file in files {
        all.push(file.clone());
        let local = file.with_extension("local");
        if !files.contains(&local) && local.is_file() {
            all.push(local);
        }
    }
    all
}

/// The files of a directory with this extension, by name; none if there is no such directory.
fn listed(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|own| own == extension))
        .filter(|path| path.file_name().is_some_and(|name| name.as_encoded_bytes()[0] != b'.'))
        .collect();
    files.sort();
    files
}

/// Reads a file, unless it is too long to be a configuration.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    use io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(LONGEST_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST_FILE {
        let why = "it is longer than 4 MiB, which no configuration is";
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    Ok(bytes)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Files laid over each other, the first lowest.
    pub(in crate::fail2ban) fn layers(files: &[&str]) -> Layers {
        let mut layers = Layers::default();
        for (number, file) in files.iter().enumerate() {
            let name = format!("f{number}.conf");
            layers.lay(&Ini::parse(Path::new(&name), file.as_bytes()).unwrap());
        }
        layers
    }

    fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = directory.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        directory
    }

    fn value(files: &[(&str, &str)], option: &str) -> Option<String> {
        let directory = directory(files);
        let layers = Directory::new(directory.path()).layers("jail").unwrap()?;
        layers.get("s", option, &Section::default()).unwrap().map(|value| value.text)
    }

    #[test]
    fn later_files_win_option_by_option() {
        let files = [
            ("jail.conf", "[s]\na = conf\nb = conf\n"),
            ("jail.d/20.conf", "[s]\nc = 20\nd = 20\n"),
            ("jail.d/10.conf", "[s]\na = 10\nc = 10\n"),
            ("jail.local", "[s]\nd = local %(known/d)s\n"),
            ("jail.d/10.local", "[s]\ne = 10.local\n"),
            ("jail.d/.hidden.conf", "[s]\na = hidden\n"),
        ];
        for (option, expected) in
            [("a", "10"), ("b", "conf"), ("c", "20"), ("d", "local 20"), ("e", "10.local")]
        {
            assert_eq!(value(&files, option).as_deref(), Some(expected), "{option}");
        }
    }

    #[test]
    fn includes_stand_around_the_file_with_their_locals() {
        let files = [
            (
                "jail.conf",
                "[INCLUDES]\nbefore = one.conf\n   none.conf\nafter = sub/two.conf\n[s]\na = self\nb = self\n",
            ),
            ("one.conf", "[s]\na = one\nc = one\nd = one\n"),
            ("one.local", "[s]\nd = one.local\n"),
            ("sub/two.conf", "[INCLUDES]\nbefore = three.conf\n[s]\nb = two\n"),
            ("sub/three.conf", "[s]\nb = three\ne = three\n"),
        ];
        for (option, expected) in
            [("a", "self"), ("b", "two"), ("c", "one"), ("d", "one.local"), ("e", "three")]
        {
            assert_eq!(value(&files, option).as_deref(), Some(expected), "{option}");
        }
    }

    #[test]
    fn files_that_include_each_other_come_to_an_end() {
        let files = [
            ("jail.conf", "[INCLUDES]\nbefore = one.conf\n[s]\na = 1\n"),
            ("one.conf", "[INCLUDES]\nbefore = jail.conf\n[s]\na = 2\n"),
        ];
        assert_eq!(value(&files, "a").as_deref(), Some("1"));
    }

    #[test]
    fn options_of_a_conditional_section_bear_its_condition() {
        let layers = layers(&["[Init]\nset = a\n[Init?family=inet6]\nset = b\n"]);
        assert_eq!(layers.names().collect::<Vec<_>>(), ["Init"]);
        let section = layers.section("Init").unwrap();
        assert_eq!(section.text("set"), Some("a"));
        assert_eq!(section.text("set?family=inet6"), Some("b"));
    }

    #[test]
    fn a_directory_that_is_none_is_said() {
        let error = Directory::new(Path::new("/nonexistent/f2b")).layers("jail").unwrap_err();
        assert!(error.to_string().starts_with("/nonexistent/f2b: there is no such directory"));
        let empty = directory(&[]);
        assert!(Directory::new(empty.path()).layers("jail").unwrap().is_none());
    }
}
