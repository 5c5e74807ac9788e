//! A filter's regexes, by kind.

use std::fmt;

/// Which of a filter's regexes used up its budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `prefregex`: what follows was not even looked at.
    Prefregex,
    /// This failregex, numbered as [`Match::pattern`](super::Match::pattern).
    Failregex(u16),
    /// `ignoreregex`. It saves no line then.
    Ignoreregex,
    /// A regex of an httpd rule.
    Httpd,
}

impl Part {
    /// Every [`word`](Self::word), by [`index`](Self::index).
    pub const WORDS: [&'static str; 4] = ["prefregex", "failregex", "ignoreregex", "httpd"];

    /// Its place among the [`WORDS`](Self::WORDS).
    #[must_use]
    pub fn index(self) -> usize {
        match self {
            Self::Prefregex => 0,
            Self::Failregex(_) => 1,
            Self::Ignoreregex => 2,
            Self::Httpd => 3,
        }
    }

    /// Its name in filters and metrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS[self.index()]
    }
}

impl fmt::Display for Part {
    /// With its number, counted from 1 as error messages do: `failregex 3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failregex(pattern) => write!(f, "failregex {}", u32::from(*pattern) + 1),
            part => f.write_str(part.word()),
        }
    }
}
