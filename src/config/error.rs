//! What is wrong with a configuration: everything at once, each with its place and its remedy.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

pub(super) use crate::fail2ban::shown;
use crate::printable::PrintableLines;

/// Where something is written. Lines and columns count from 1, columns in characters; line 0 means
/// the file as a whole.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file, as it was named or found.
    pub file: Arc<Path>,
    /// The line.
    pub line: u64,
    /// The column.
    pub column: u64,
}

/// One thing that is wrong. Displayed as `gaoler.yaml:3:5: key …: what, and what to do`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{place}: {}{problem}", key_prefix(.key))]
pub struct ConfigError {
    /// Where.
    pub place: Place,
    /// Which key, from the top: `jails.sshd.maxretry`; empty when no key is to blame.
    pub key: String,
    /// What, with the value and the remedy.
    pub problem: Problem,
}

/// What can be wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// There is no configuration to read.
    #[error(
        "there is no such file; write one (`gaoler.yaml` in the documentation is an example), or name yours with `--config FILE`"
    )]
    NoFile,
    /// It is there and cannot be read.
    #[error("cannot be read: {}", PrintableLines(.0))]
    Unreadable(String),
    /// It is not YAML.
    #[error("not valid YAML: {}", PrintableLines(.0))]
    Syntax(String),
    /// No key has this name.
    #[error("unknown key{}", PrintableLines(.0))]
    UnknownKey(String),
    /// The same key stands twice in one map.
    #[error("given twice, first at {0}; keep one of them")]
    Duplicate(Place),
    /// The value is not of the kind that the key takes, or not one that it takes.
    #[error("{}", PrintableLines(.0))]
    Value(String),
    /// Something that must be given is not, or two things contradict each other.
    #[error("{}", PrintableLines(.0))]
    Meaning(String),
    /// A `${NAME}` that cannot be filled in.
    #[error("{}", PrintableLines(.0))]
    Environment(String),
    /// The filter does not work.
    #[error("{}", PrintableLines(.0))]
    Filter(String),
    /// A key or value of a later version, or one that only fail2ban has.
    #[error("{}", PrintableLines(.0))]
    Unsupported(String),
}

/// All that is wrong with a configuration, sorted by file and place. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    errors: Vec<ConfigError>,
}

impl Place {
    /// A file as a whole.
    #[must_use]
    pub fn file(path: &Path) -> Self {
        Self { file: path.into(), line: 0, column: 0 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", shown(&self.file.display().to_string()))?;
        if self.line > 0 { write!(f, ":{}:{}", self.line, self.column) } else { Ok(()) }
    }
}

impl ConfigErrors {
    /// All of them; `None` when there are none.
    #[must_use]
    pub fn new(mut errors: Vec<ConfigError>) -> Option<Self> {
        errors.sort();
        errors.dedup();
        (!errors.is_empty()).then_some(Self { errors })
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &ConfigError> {
        self.errors.iter()
    }
}

impl fmt::Display for ConfigErrors {
    /// One a line, then how many.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for error in &self.errors {
            writeln!(f, "{error}")?;
        }
        match self.errors.len() {
            1 => f.write_str("1 error"),
            many => write!(f, "{many} errors"),
        }
    }
}

impl std::error::Error for ConfigErrors {}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self { errors: vec![error] }
    }
}

impl IntoIterator for ConfigErrors {
    type Item = ConfigError;
    type IntoIter = std::vec::IntoIter<ConfigError>;

    fn into_iter(self) -> Self::IntoIter {
        self.errors.into_iter()
    }
}

fn key_prefix(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!("key `{}`: ", shown(key)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_message_quotes_cannot_talk_to_the_terminal() {
        let told = Problem::Meaning("`a\u{1b}[2J`:\nis none\0".to_owned()).to_string();
        assert_eq!(told, "`a\\u{1b}[2J`:\nis none\\u{0}");
    }
}
