//! Which files the patterns name now, and what is wrong with the others.

use std::collections::BTreeSet;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern, glob_with};
use rustix::fs::{Mode, OFlags, open};

use super::super::batch::Trouble;

/// What a look at the patterns showed.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Regular files, each path once.
    pub(super) files: Vec<(PathBuf, Metadata)>,
    /// Why others cannot be followed.
    pub(super) troubles: Vec<Trouble>,
    /// Directories in which a change of names matters.
    pub(super) directories: BTreeSet<PathBuf>,
}

impl Scan {
    /// Looks at every pattern.
    pub(super) fn new(patterns: &[String]) -> Self {
        let mut scan = Self::default();
        let mut seen = BTreeSet::new();
        for pattern in patterns {
            scan.directories.insert(base(pattern));
            for path in scan.paths(pattern) {
                if seen.insert(path.clone()) {
                    scan.look(path);
                }
            }
        }
        scan
    }

    fn paths(&mut self, pattern: &str) -> Vec<PathBuf> {
        if Pattern::escape(pattern) == pattern {
            return vec![pattern.into()];
        }
        // As the shell has it: `*` stops at `/`, and leaves hidden files alone.
        let options = MatchOptions {
            require_literal_separator: true,
            require_literal_leading_dot: true,
            ..MatchOptions::new()
        };
        self.directories.extend(between(pattern, options));
        let mut paths = Vec::new();
        match glob_with(pattern, options) {
            Ok(found) => found.for_each(|path| match path {
                Ok(path) => paths.push(path),
                Err(error) => self.troubles.push(trouble(error.path(), error.error())),
            }),
            Err(error) => self
                .troubles
                .push(Trouble { reason: "pattern", detail: format!("{pattern}: {error}") }),
        }
        if paths.is_empty() {
            self.troubles.push(no_match(pattern));
        }
        paths
    }

    fn look(&mut self, path: PathBuf) {
        self.directories.extend(path.parent().map(Path::to_owned));
        self.directories.extend(target(&path).and_then(|path| path.parent().map(Path::to_owned)));
        match fs::metadata(&path) {
            Ok(meta) if meta.is_file() => self.files.push((path, meta)),
            Ok(_) => self.troubles.push(irregular(&path)),
            Err(error) => self.troubles.push(trouble(&path, &error)),
        }
    }
}

/// Opens a log file to read. Never waits: what was a file a moment ago may be a pipe by now.
///
/// # Errors
///
/// Says what is wrong with it.
pub(super) fn open_log(path: &Path) -> Result<(File, Metadata), Trouble> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = open(path, flags, Mode::empty()).map(File::from).map_err(io::Error::from);
    let opened = file.and_then(|file| file.metadata().map(|meta| (file, meta)));
    match opened {
        Ok((_, meta)) if !meta.is_file() => Err(irregular(path)),
        Ok(opened) => Ok(opened),
        Err(error) => Err(trouble(path, &error)),
    }
}

/// What an error says of the file at `path`, in a metric's word and in full.
pub(super) fn trouble(path: &Path, error: &io::Error) -> Trouble {
    let path = path.display();
    match error.kind() {
        ErrorKind::NotFound => {
            Trouble { reason: "missing", detail: format!("{path}: there is no such file (yet)") }
        }
        ErrorKind::PermissionDenied => Trouble {
            reason: "permission",
            detail: format!("{path}: permission denied; gaoler's user must be allowed to read it"),
        },
        ErrorKind::StaleNetworkFileHandle => {
            let detail = format!("{path}: the server has another file there now; opening that");
            Trouble { reason: "replaced", detail }
        }
        _ => Trouble { reason: "io", detail: format!("{path}: {error}") },
    }
}

fn irregular(path: &Path) -> Trouble {
    let detail = format!("{}: not a regular file, and only such can be followed", path.display());
    Trouble { reason: "not_a_file", detail }
}

fn no_match(pattern: &str) -> Trouble {
    match fs::read_dir(base(pattern)) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            trouble(&base(pattern), &error)
        }
        _ => Trouble { reason: "missing", detail: format!("{pattern}: no file matches (yet)") },
    }
}

/// The directory in which a pattern begins to be one.
fn base(pattern: &str) -> PathBuf {
    let literal = pattern.find(['*', '?', '[']).map_or(pattern, |at| &pattern[..at]);
    let end = literal.rfind('/').map_or(0, |at| at.max(1));
    literal[..end].into()
}

/// The directories that a pattern leads through now, below where it begins to be one.
fn between(pattern: &str, options: MatchOptions) -> BTreeSet<PathBuf> {
    let base = base(pattern);
    let above = Path::new(pattern).ancestors().skip(1).filter_map(Path::to_str);
    let below = above.take_while(|pattern| Path::new(pattern) != base);
    let found = below.filter_map(|pattern| glob_with(pattern, options).ok());
    found.flat_map(Iterator::flatten).filter(|path| path.is_dir()).collect()
}

/// Where a symbolic link leads: there, too, files come and go.
fn target(path: &Path) -> Option<PathBuf> {
    let link = fs::read_link(path).ok()?;
    Some(fs::canonicalize(path).unwrap_or_else(|_| path.parent().unwrap_or(path).join(link)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_where_a_pattern_begins() {
        let check = |pattern, expected: &str| assert_eq!(base(pattern), Path::new(expected));
        check("/var/log/httpd/access_log", "/var/log/httpd");
        check("/var/log/httpd/*access_log", "/var/log/httpd");
        check("/srv/*/logs/a?", "/srv");
        check("/srv/a[0-9]/log", "/srv");
        check("/*", "/");
    }

    /// Of each pattern, the directories in which names matter, below a new one.
    #[test]
    fn knows_the_directories_that_lead_to_a_file() {
        let home = tempfile::tempdir().unwrap();
        for path in ["a/logs", "b/logs", "b/other", "far"] {
            fs::create_dir_all(home.path().join(path)).unwrap();
        }
        fs::write(home.path().join("far/log"), "").unwrap();
        for (target, link) in [("../far/log", "a/log"), ("../far/gone/log", "b/log")] {
            std::os::unix::fs::symlink(target, home.path().join(link)).unwrap();
        }
        let check = |pattern: &str, expected: &[&str]| {
            let pattern = home.path().join(pattern).to_str().unwrap().to_owned();
            let expected = expected.iter().map(|path| home.path().join(path));
            assert_eq!(Scan::new(&[pattern]).directories, expected.collect());
        };
        check("none/log", &["none"]);
        check("*/logs/*.log", &["", "a", "b", "far", "a/logs", "b/logs"]);
        check("far/*", &["far"]);
        check("a/log", &["a", "far"]);
        check("b/log", &["b", "b/../far/gone"]);
    }
}
