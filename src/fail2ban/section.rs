//! A section: options in their order, each with its value and where that is written.

use super::error::Place;

/// What an option is given, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// As written, lines joined by `\n`; or as it came out, after interpolation.
    pub text: String,
    /// Where it is written.
    pub place: Place,
}

/// Options by name. Names out of files are in lower case; those of parameters are as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    options: Vec<(String, Value)>,
}

impl Section {
    /// The option of exactly that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.options.iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    /// The same, whatever its case.
    #[must_use]
    pub fn get_folded(&self, name: &str) -> Option<&Value> {
        // What is given last is what Python's dict of lower-cased names would hold.
        let mut same = self.options.iter().rev().filter(|(own, _)| own.to_lowercase() == name);
        same.next().map(|(_, value)| value)
    }

    /// The text of an option.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).map(|value| value.text.as_str())
    }

    /// Whether there is such an option.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Gives an option a value; one that is there keeps its position.
    pub fn set(&mut self, name: &str, value: Value) {
        match self.options.iter_mut().find(|(own, _)| own == name) {
            Some((_, old)) => *old = value,
            None => self.options.push((name.to_owned(), value)),
        }
    }

    /// All options of another, over those that are here.
    pub fn update(&mut self, other: &Self) {
        for (name, value) in &other.options {
            self.set(name, value.clone());
        }
    }

    /// The options, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.options.iter().map(|(name, value)| (name.as_str(), value))
    }
}
