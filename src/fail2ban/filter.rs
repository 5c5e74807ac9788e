//! One filter, with everything put into it: what `filter.d/NAME` says, for one jail.
//!
//! An option's value is the jail's parameter (`NAME[option=value]`), else the jail's option of that
//! name, else that of `[Init]`, else that of `[Definition]`.

use std::collections::HashMap;

use super::error::{Place, Problem, ReadError};
use super::layers::{Directory, Layers};
use super::section::{Section, Value};
use super::spec::Spec;
use super::tags;
use crate::filter::Definition;
use crate::filter::definition::{Defaults, Language, UseDns};

/// The options of a filter that mean something to the server; all others are there to be put into
/// these.
pub(super) const OPTIONS: [&str; 7] =
    ["usedns", "prefregex", "ignoreregex", "failregex", "maxlines", "datepattern", "journalmatch"];

/// What lines a filter is to read: it chooses its prefix by that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logtype {
    /// A file's.
    File,
    /// A journal's.
    Journal,
}

/// What a filter comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Its name.
    pub name: String,
    /// Every option, with all that was put into it.
    pub options: Section,
}

impl Reading {
    /// The lines of an option such as `failregex`; blank ones are none.
    #[must_use]
    pub fn lines(&self, option: &str) -> Vec<String> {
        lines(self.options.text(option).unwrap_or_default())
    }

    /// As gaoler's engine takes it.
    #[must_use]
    pub fn definition(&self) -> Definition {
        let text =
            |option| self.options.text(option).filter(|text| !text.is_empty()).map(str::to_owned);
        Definition {
            name: self.name.clone(),
            language: Language::Fail2ban,
            prefregex: text("prefregex"),
            failregex: self.lines("failregex"),
            ignoreregex: self.lines("ignoreregex"),
            datepattern: text("datepattern"),
            maxlines: text("maxlines").and_then(|number| number.parse().ok()).unwrap_or_default(),
            usedns: match text("usedns").as_deref() {
                None | Some("yes" | "warn" | "raw") => UseDns::Names,
                Some(_) => UseDns::No,
            },
            defaults: Defaults { journalmatch: self.lines("journalmatch"), ..Defaults::default() },
            ..Definition::default()
        }
    }
}

/// The lines of a value that are not blank.
pub(super) fn lines(text: &str) -> Vec<String> {
    text.split('\n').filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// A filter that is being read.
#[derive(Debug)]
pub(super) struct Reader {
    name: String,
    layers: Layers,
    /// The parameters, `[Init]`'s options, and `known/…`.
    init: Section,
    /// What tags of `[Definition]` were looked up.
    cache: HashMap<String, Option<String>>,
}

impl Reader {
    /// Reads the files of a filter. `place` is where it is named.
    pub(super) fn open(
        directory: &mut Directory,
        spec: &Spec,
        place: &Place,
    ) -> Result<Self, ReadError> {
        let name = format!("filter.d/{}", spec.name);
        let Some(layers) = directory.layers(&name)? else {
            let problem = Problem::NoFile(name, directory.path().display().to_string());
            return Err(ReadError::new(place.clone(), problem));
        };
        let mut init = Section::default();
        for (option, text) in &spec.options {
            init.set(option, Value { text: text.clone(), place: place.clone() });
        }
        Ok(Self { name: spec.name.clone(), layers, init, cache: HashMap::new() })
    }

    /// Says what is read, unless the filter or the jail does.
    pub(super) fn choose_logtype(&mut self, logtype: Logtype) {
        let given = self.init.text("logtype").is_some_and(|text| !text.is_empty());
        let own = self.layers.section("Definition").is_some_and(|own| own.has("logtype"));
        if !given && !own {
            let text = match logtype {
                Logtype::File => "file",
                Logtype::Journal => "journal",
            };
            let value = Value { text: text.to_owned(), place: Place::command_line() };
            self.init.set("logtype", value);
        }
    }

    /// What it comes to where the jail has these options.
    pub(super) fn read(&mut self, jail: &Section) -> Result<Reading, ReadError> {
        self.combined(jail, false)
    }

    /// The same with every option of `[Definition]`, for a jail to refer to as `known/…`.
    pub(super) fn read_all(&mut self, jail: &Section) -> Result<Reading, ReadError> {
        self.combined(jail, true)
    }

    fn combined(&mut self, jail: &Section, all: bool) -> Result<Reading, ReadError> {
        let mut vars = jail.clone();
        vars.update(&self.init);
        let mut options = self.own(&vars)?;
        self.take_init()?;
        if all {
            self.add_rest(&mut options)?;
        }
        options.update(&self.init);
        let (layers, cache) = (&self.layers, &mut self.cache);
        tags::substitute(&mut options, |name| {
            if let Some(known) = cache.get(name) {
                return Ok(known.clone());
            }
            let found = layers.get_of("Definition", name, &vars)?.map(|value| value.text);
            cache.insert(name.to_owned(), found.clone());
            Ok(found)
        })?;
        Ok(Reading { name: self.name.clone(), options })
    }

    /// The server's options in `[Definition]`, but for those that come from elsewhere.
    fn own(&self, vars: &Section) -> Result<Section, ReadError> {
        let mut own = Section::default();
        for option in OPTIONS.iter().filter(|option| !vars.has(option)) {
            if let Some(value) = self.layers.get("Definition", option, vars)? {
                own.set(option, value);
            }
        }
        Ok(own)
    }

    /// `[Init]`: what the parameters do not say.
    fn take_init(&mut self) -> Result<(), ReadError> {
        let Some(section) = self.layers.section("Init") else { return Ok(()) };
        let none = Section::default();
        for (option, _) in section.iter().filter(|(option, _)| !option.starts_with("known/")) {
            let Some(value) = self.layers.get("Init", option, &none)? else { continue };
            if !self.init.has(option) {
                self.init.set(option, value.clone());
            }
            self.init.set(&format!("known/{option}"), value);
        }
        Ok(())
    }

    fn add_rest(&self, options: &mut Section) -> Result<(), ReadError> {
        let Some(section) = self.layers.section("Definition") else { return Ok(()) };
        let none = Section::default();
        for (option, _) in section.iter() {
            if !options.has(option)
                && let Some(value) = self.layers.get("Definition", option, &none)?
            {
                options.set(option, value);
            }
        }
        Ok(())
    }
}
