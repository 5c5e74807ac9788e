//! What somebody at a terminal sees besides what the commands tell: a bar while they read a long log, which
//! goes when they have. A terminal is made by `script(1)`.
#![allow(clippy::disallowed_methods, reason = "runs the commands at a terminal")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What clears the line on which the bar was (ECMA-48, 8.3.41).
const CLEARED: &str = "\x1b[2K";

/// A log that is long enough to be waited for, and a jail that reads it.
struct Long {
    directory: tempfile::TempDir,
}

impl Long {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let line = "2026-11-22 10:00:00 host cron[1]: (root) CMD (run-parts /etc/cron.hourly)\n";
        let log = line.repeat(240_889);
        fs::write(directory.path().join("long.log"), log).unwrap();
        let config = "jails: {sshd: {logpath: /var/log/auth.log}}\n";
        fs::write(directory.path().join("gaoler.yaml"), config).unwrap();
        Self { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// What both commands are told to read.
    fn commands(&self) -> [String; 2] {
        let (log, config) = (self.path("long.log"), self.path("gaoler.yaml"));
        let (log, config) = (log.display(), config.display());
        let gaoler = env!("CARGO_BIN_EXE_gaoler");
        [
            format!("{gaoler} test --filter sshd {log}"),
            format!("{gaoler} replay --config {config} {log}"),
        ]
    }
}

/// All that a command shows at a terminal of 80 columns.
fn seen(command: &str) -> String {
    let at_80 = format!("stty cols 80; {command}");
    let mut script = Command::new("script");
    let ran = script.args(["-qec", &at_80, "/dev/null"]).env("NO_COLOR", "1").output().unwrap();
    let seen = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "{command}: {seen}");
    seen
}

#[test]
fn a_long_log_has_a_bar_that_goes() {
    for command in Long::new().commands() {
        let seen = seen(&command);
        let (_, after) = seen.rsplit_once(" MiB/17.00 MiB").expect(&seen);
        let (_, told) = after.split_once(CLEARED).expect(&seen);
        assert!(told.contains("240889 lines") && !told.contains('\x1b'), "{seen:?}");
    }
}

#[test]
fn who_is_no_terminal_is_shown_none() {
    for command in Long::new().commands() {
        let mut words = command.split(' ');
        let program = Path::new(words.next().unwrap());
        let ran = Command::new(program).args(words).output().unwrap();
        assert!(ran.status.success(), "{ran:?}");
        let told = String::from_utf8(ran.stdout).unwrap();
        assert!(told.contains("240889 lines"), "{told}");
        assert_eq!(String::from_utf8(ran.stderr).unwrap(), "");
    }
}
