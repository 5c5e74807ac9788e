//! Which files make a journal, and which of them libsystemd does not read.
//!
//! libsystemd passes over a file that it finds corrupt, at opening or amid it, and says nothing: the
//! entries in it are missing, and where it is the file that journald writes to, all that come. What
//! it says is how much space the files take that it reads (`sd_journal_get_usage(3)`); what is
//! missing there is a file it gave up.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// A journal file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct JournalFile {
    pub(super) path: PathBuf,
    /// Its device and inode: it may get another name.
    pub(super) id: (u64, u64),
    /// The space it takes, in bytes.
    usage: u64,
}

/// The journal files in `directories`; of the system alone (no user's), if so.
pub(super) fn list(directories: &[PathBuf], system_only: bool) -> Vec<JournalFile> {
    let wanted = |name: &str| {
        // Archived files end so, and `~` marks those that were not closed.
        let journal = name.ends_with(".journal") || name.ends_with(".journal~");
        journal && (!system_only || name.starts_with("system.") || name.starts_with("system@"))
    };
    let mut files = Vec::new();
    for directory in directories {
        let Ok(entries) = fs::read_dir(directory) else { continue };
        for entry in entries.flatten() {
            if entry.file_name().to_str().is_some_and(wanted)
                && let Ok(meta) = entry.metadata()
                && meta.is_file()
            {
                let id = (meta.dev(), meta.ino());
                files.push(JournalFile { path: entry.path(), id, usage: meta.blocks() * 512 });
            }
        }
    }
    files
}

/// Of `files`, the one that is missing where the files that are read take `usage` bytes. `None`:
/// none is, or it cannot be told which: they change while one looks.
pub(super) fn passed_over(files: &[JournalFile], usage: u64) -> Option<&JournalFile> {
    let all: u64 = files.iter().map(|file| file.usage).sum();
    let missing = all.checked_sub(usage).filter(|&missing| missing > 0)?;
    files.iter().find(|file| file.usage == missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_file_that_is_missing() {
        let file = |path: &str, usage| JournalFile { path: path.into(), id: (0, usage), usage };
        let files = [file("a", 8), file("b", 16), file("c", 32)];
        let check = |usage, expected: Option<&str>| {
            let found = passed_over(&files, usage).map(|file| file.path.to_str().unwrap());
            assert_eq!(found, expected, "{usage}");
        };
        check(56, None);
        check(48, Some("a"));
        check(24, Some("c"));
        check(60, None);
        check(50, None);
    }

    #[test]
    fn knows_a_journal_file_by_its_name() {
        let directory = tempfile::tempdir().unwrap();
        let names = ["system.journal", "system@1.journal", "system@2.journal~", "user-1.journal"];
        for name in names.iter().chain(&["fss", "x.txt"]) {
            fs::write(directory.path().join(name), "x").unwrap();
        }
        let roots = [directory.path().to_owned(), "/nonexistent".into()];
        assert_eq!((list(&roots, false).len(), list(&roots, true).len()), (4, 3));
    }
}
