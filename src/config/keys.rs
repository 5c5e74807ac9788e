//! What may stand in a file: every section and key, said once.
//!
//! From these tables come the check of what is written ([`super::walk`]), the JSON Schemas
//! ([`super::schema()`]), the reference in the documentation ([`super::reference`]), and the defaults
//! that [`super::view`] falls back on.

pub(super) mod filter;
pub(super) mod foreign;
pub(super) mod gaoler;
mod otlp;
mod policy;
pub(super) mod web;

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    /// What it means, in Markdown; its first sentence is the schema's.
    pub(super) doc: &'static str,
    pub(super) kind: Kind,
    /// What holds when it is not given, as YAML; empty when nothing does.
    pub(super) default: &'static str,
    /// Whether this version does not do it yet: known, and refused with that reason.
    pub(super) later: bool,
}

/// What a key may be given.
#[derive(Debug)]
pub(super) enum Kind {
    /// `true` or `false`.
    Flag,
    /// A whole number, from the first to the second.
    Count(u64, u64),
    /// A duration; `permanent` too if so said.
    Duration { permanent: bool },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A text of some form.
    Text(&'static Text),
    /// One such text, or a list of them.
    Texts(&'static Text),
    /// A section of its own.
    Section(Keys),
    /// A section for each name that the file chooses.
    Named(&'static Text, Keys),
    /// A list of sections.
    Sections(Keys),
    /// Texts of the second form, by names of the first.
    Pairs(&'static Text, &'static Text),
}

/// The keys of a section, in groups, since two sections may share some.
pub(super) type Keys = &'static [&'static [Key]];

/// A form of text.
#[derive(Debug)]
pub(super) struct Text {
    /// Such as `an absolute path`.
    pub(super) what: &'static str,
    pub(super) example: &'static str,
    /// Whether a number may stand for its digits: `port: 22`.
    pub(super) numbers: bool,
    /// Whether such a number may have a fraction: `bantime.factor: 1.5`.
    pub(super) fractions: bool,
    /// Where one text becomes several in a list, as in fail2ban: `http,https`.
    pub(super) separators: &'static [char],
    /// Whether it may hold a secret: no message shows it.
    pub(super) secret: bool,
    /// What is wrong with a text, to be read after it.
    pub(super) check: fn(&str) -> Result<(), String>,
}

impl Key {
    pub(super) const fn new(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self { name, doc, kind, default: "", later: false }
    }

    pub(super) const fn or(mut self, default: &'static str) -> Self {
        self.default = default;
        self
    }

    pub(super) const fn later(mut self) -> Self {
        self.later = true;
        self
    }

    /// The keys of the section that this one is, and the section's name, at `path` (`jails.NAME.`).
    pub(super) fn inner(&self, path: &str) -> Option<(Keys, String)> {
        let (keys, suffix) = match self.kind {
            Kind::Section(keys) => (keys, ""),
            Kind::Named(_, keys) => (keys, ".NAME"),
            Kind::Sections(keys) => (keys, "[]"),
            _ => return None,
        };
        Some((keys, format!("{path}{}{suffix}", self.name)))
    }
}

impl Text {
    /// A form of one text, that no number stands for.
    pub(super) const fn new(
        what: &'static str,
        example: &'static str,
        check: fn(&str) -> Result<(), String>,
    ) -> Self {
        Self {
            what,
            example,
            numbers: false,
            fractions: false,
            separators: &[],
            secret: false,
            check,
        }
    }

    /// The texts that one text stands for.
    pub(super) fn split<'a>(&self, text: &'a str) -> Vec<&'a str> {
        if self.separators.is_empty() {
            return vec![text];
        }
        text.split(self.separators).map(str::trim).filter(|part| !part.is_empty()).collect()
    }
}

/// The key of that name.
pub(super) fn find(keys: Keys, name: &str) -> Option<&'static Key> {
    all(keys).find(|key| key.name == name)
}

/// Every key of a section, in the table's order.
pub(super) fn all(keys: Keys) -> impl Iterator<Item = &'static Key> {
    keys.iter().flat_map(|group| group.iter())
}
