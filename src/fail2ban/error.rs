//! What can be wrong with fail2ban's files, and where.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::spec::SpecError;
use crate::printable::excerpt;

/// Where something is written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file; empty for a command line.
    pub file: Arc<Path>,
    /// The line, from 1; 0 means the file as a whole.
    pub line: u64,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}{problem}")]
pub struct ReadError {
    /// Where.
    pub place: Place,
    /// What, and what to do about it.
    pub problem: Problem,
}

/// What can be wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The directory is not one of fail2ban's.
    #[error("there is no such directory; name the one that holds jail.conf and filter.d")]
    NoDirectory,
    /// None of the files that could say it is there.
    #[error(
        "there is no {}.conf and no {}.local in {}; correct the name, or put the file there",
        shown(.0), shown(.0), shown(.1)
    )]
    NoFile(String, String),
    /// It is there and cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// It is not text.
    #[error("is not UTF-8; save the file as UTF-8")]
    NotUtf8,
    /// An option before any section.
    #[error("`{}` stands before any [section]", shown(.0))]
    NoSection(String),
    /// A line that is no option, and no continuation of one.
    #[error(
        "`{}` is neither `name = value` nor a [section]; indent the line if it continues the one before",
        shown(.0)
    )]
    NoOption(String),
    /// The same section twice in one file.
    #[error("the section [{}] is there twice in this file; make them one", shown(.0))]
    DuplicateSection(String),
    /// The same option twice in one section of one file.
    #[error("`{}` stands twice in [{}] of this file; keep one of them", shown(.1), shown(.0))]
    DuplicateOption(String, String),
    /// A file includes too many others.
    #[error("includes more than {0} files, or files that include it again and again")]
    TooManyFiles(usize),
    /// `%(name)s`, and nothing has that name.
    #[error(
        "`{}` refers to `%({})s`, which is not given anywhere it could be; give it",
        shown(option),
        shown(name)
    )]
    Missing {
        /// Whose value it is.
        option: String,
        /// What it refers to.
        name: String,
    },
    /// A `%` that begins nothing.
    #[error(
        "`{}` has a `%` that is followed by neither `%` nor `(name)s`; write `%%` for a `%`",
        shown(.0)
    )]
    Percent(String),
    /// Values that refer to each other, or grow without end.
    #[error("`{}` refers to itself, or to too much else, by way of `%(…)s`", shown(.0))]
    Depth(String),
    /// Tags that refer to each other, or grow without end.
    #[error("`{}` refers to itself by way of `<{}>`", shown(.0), shown(.1))]
    TagDepth(String, String),
    /// `name[option=value]` of a form that is none.
    #[error("{0}")]
    Spec(#[from] SpecError),
    /// A number that is none.
    #[error("`{}` is `{}`, which is not a whole number", shown(.0), shown(.1))]
    NotANumber(String, String),
}

impl Place {
    /// A file as a whole.
    #[must_use]
    pub fn file(file: &Path) -> Self {
        Self { file: file.into(), line: 0 }
    }

    /// What was typed.
    #[must_use]
    pub fn command_line() -> Self {
        Self::file(Path::new(""))
    }
}

impl fmt::Display for Place {
    /// `/etc/fail2ban/jail.local:12: `, to be followed by what is wrong; nothing for a command line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.file.as_os_str().is_empty(), self.line) {
            (true, _) => Ok(()),
            (false, 0) => write!(f, "{}: ", shown(&self.file.to_string_lossy())),
            (false, line) => write!(f, "{}:{line}: ", shown(&self.file.to_string_lossy())),
        }
    }
}

impl ReadError {
    pub(super) fn new(place: Place, problem: Problem) -> Self {
        Self { place, problem }
    }
}

/// Text from a file as it may stand in a message.
pub(crate) fn shown(text: &str) -> String {
    excerpt(text, 200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_a_file_cannot_talk_to_the_terminal() {
        assert_eq!(shown("a\u{1b}[2Jb\nc\u{202e}"), "a\\u{1b}[2Jb\\nc\\u{202e}");
        assert_eq!(shown(&"x".repeat(500)).chars().count(), 201);
        let told = [
            Problem::NoOption("\0".into()),
            Problem::DuplicateOption("\0".into(), "\0".into()),
            Problem::Missing { option: "\0".into(), name: "\0".into() },
        ];
        assert_eq!(Place::file(Path::new("\x1b.conf")).to_string(), "\\u{1b}.conf: ");
        for problem in told {
            assert!(problem.to_string().contains("\\u{0}"), "{problem}");
            assert!(!problem.to_string().contains('\0'), "{problem:?}");
        }
    }
}
