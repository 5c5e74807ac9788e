//! Where a jail's records come from, as configured. Two jails with equal origins share one reader.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use super::journalmatch::JournalMatch;

/// A place that records come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// Entries of a systemd journal.
    Journal(JournalOrigin),
    /// Lines of log files.
    Files(FilesOrigin),
    /// The bans of other jails: no records are read for it.
    Bans(BansOrigin),
}

/// Which entries of which journal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct JournalOrigin {
    /// The entries wanted.
    pub matches: JournalMatch,
    /// Whether entries of processes other than root's count. Off unless the jail says
    /// `trust_unprivileged: true`: any local user can run a program that calls itself sshd.
    pub trust_unprivileged: bool,
    /// Which journal.
    pub location: JournalLocation,
}

/// Which journal, as `sd_journal_open(3)` distinguishes them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum JournalLocation {
    /// This machine's system journal.
    #[default]
    System,
    /// The journal files below a directory, such as `/var/log/journal/remote`.
    Directory(PathBuf),
    /// A journal namespace (systemd-journald.service(8)): `/{var,run}/log/journal/MACHINE-ID.NAME`.
    Namespace(String),
}

/// Whose bans count in a jail.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BansOrigin {
    /// The jail that counts; its own bans never do.
    pub of: String,
    /// The jails whose bans count; all others when `None`.
    pub jails: Option<BTreeSet<String>>,
}

impl BansOrigin {
    /// Whether bans of this jail count.
    #[must_use]
    pub fn counts(&self, jail: &str) -> bool {
        jail != self.of && self.jails.as_ref().is_none_or(|jails| jails.contains(jail))
    }
}

impl fmt::Display for BansOrigin {
    /// In words: `bans of every other jail`, `bans of sshd, web`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(jails) = &self.jails else { return f.write_str("bans of every other jail") };
        let names: Vec<&str> = jails.iter().map(String::as_str).collect();
        write!(f, "bans of {}", names.join(", "))
    }
}

/// Which files.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FilesOrigin {
    /// glob(7) patterns of absolute paths, looked at again and again: files may come later.
    pub patterns: Vec<String>,
}

impl fmt::Display for Origin {
    /// The name of the source in metrics, logs and the store: unique for each origin.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Journal(journal) => {
                match &journal.location {
                    JournalLocation::System => f.write_str("journal:")?,
                    JournalLocation::Directory(path) => write!(f, "journal[{}]:", path.display())?,
                    JournalLocation::Namespace(name) => write!(f, "journal[{name}]:")?,
                }
                write!(f, "{}", journal.matches)?;
                if journal.trust_unprivileged { f.write_str(" (any uid)") } else { Ok(()) }
            }
            Self::Files(files) => f.write_str(&files.patterns.join(" ")),
            Self::Bans(bans) => write!(f, "{bans}"),
        }
    }
}
