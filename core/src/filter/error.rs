//! Why a filter was refused, in words for whoever wrote it.

use std::fmt;

use super::date::datepattern::DatePatternError;
use super::fail2ban::PythonError;
use super::httpd::logformat::LogFormatError;
use super::tags::TagError;

/// Why a filter does not compile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// The jail asks for a mode that the filter does not have.
    #[error("filter {filter} has no mode `{mode}`; it has {}", known.join(", "))]
    UnknownMode {
        /// The filter.
        filter: String,
        /// What was asked for.
        mode: String,
        /// What there is.
        known: Vec<String>,
    },
    /// One of its patterns is wrong.
    #[error("filter {filter}, {place} `{pattern}`: {problem}")]
    Pattern {
        /// The filter.
        filter: String,
        /// Which of its patterns.
        place: Place,
        /// The pattern as written.
        pattern: String,
        /// What is wrong with it, and what to do.
        problem: Problem,
    },
    /// It recognises nothing, by patterns or otherwise.
    #[error("filter {0} recognises nothing: give it failregex or httpd")]
    Empty(String),
    /// It says twice what it recognises.
    #[error(
        "filter {0} has both patterns and httpd: keep one, and make another filter of the other"
    )]
    Both(String),
    /// More patterns than we can number.
    #[error("filter {0} has over 65535 patterns: make several filters of it")]
    TooMany(String),
}

/// Which of a filter's patterns; numbers count from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `prefregex`.
    Prefregex,
    /// The filter's own `failregex`.
    Failregex(usize),
    /// A `failregex` of one of its modes.
    ModeFailregex(String, usize),
    /// `ignoreregex`.
    Ignoreregex(usize),
    /// `datepattern`.
    Datepattern,
    /// `httpd.format`, or the jail's `logformat`.
    HttpdFormat,
    /// `httpd.path`.
    HttpdPath(usize),
    /// `httpd.user_agent`.
    HttpdUserAgent(usize),
    /// `httpd.referer`.
    HttpdReferer(usize),
    /// `httpd.user`.
    HttpdUser(usize),
    /// `httpd.status`.
    HttpdStatus(usize),
}

/// What is wrong with a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A tag.
    #[error(transparent)]
    Tag(#[from] TagError),
    /// It is in fail2ban's language, and no regex of Python's.
    #[error("{0}")]
    Python(#[from] PythonError),
    /// The date's form.
    #[error(transparent)]
    Date(#[from] DatePatternError),
    /// The log's form.
    #[error(transparent)]
    LogFormat(Box<LogFormatError>),
    /// It says nothing of whose failure it is.
    #[error("it has no address; put <ADDR> where the log has it")]
    NoAddress,
    /// No regex engine takes it.
    #[error("{0}")]
    Syntax(String),
    /// It compiles to more than we keep in memory.
    #[error("it is too large; repeat less, or make several patterns of it")]
    TooLarge,
    /// `httpd.status` is none of the three spellings.
    #[error("it is no status; write 404, 4xx or 400-499")]
    Status,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefregex => f.write_str("prefregex"),
            Self::Failregex(number) => write!(f, "failregex {number}"),
            Self::ModeFailregex(mode, number) => write!(f, "modes.{mode}.failregex {number}"),
            Self::Ignoreregex(number) => write!(f, "ignoreregex {number}"),
            Self::Datepattern => f.write_str("datepattern"),
            Self::HttpdFormat => f.write_str("logformat"),
            Self::HttpdPath(number) => write!(f, "httpd.path {number}"),
            Self::HttpdUserAgent(number) => write!(f, "httpd.user_agent {number}"),
            Self::HttpdReferer(number) => write!(f, "httpd.referer {number}"),
            Self::HttpdUser(number) => write!(f, "httpd.user {number}"),
            Self::HttpdStatus(number) => write!(f, "httpd.status {number}"),
        }
    }
}
