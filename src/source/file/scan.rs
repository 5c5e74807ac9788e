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
}
