//! `fail2ban-regex` by name, beside the real one: the same log, the same filter, the same counts.
#![allow(clippy::disallowed_methods, reason = "runs both programs")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const LOG: &str = "\
2026-11-22 10:00:00 web: failed login of root from 192.0.2.7
2026-11-22 10:00:01 web: failed login of alice from 2001:db8::7
2026-11-22 10:00:02 web: failed login of bob from 192.0.2.8 (known)
2026-11-22 10:00:03 web: alice has come
2026-11-22 10:00:04 web: failed login of eve from gate.example.net
";

const FAILREGEX: &str =
    r"^\s*web: failed login of <F-USER>\w+</F-USER> from <HOST>(?: \(known\))?$";

struct Both {
    directory: tempfile::TempDir,
}

impl Both {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        symlink(env!("CARGO_BIN_EXE_gaoler"), path("fail2ban-regex")).unwrap();
        fs::create_dir_all(path("etc/filter.d")).unwrap();
        for file in ["fail2ban.conf", "jail.conf"] {
            fs::write(path("etc").join(file), "").unwrap();
        }
        let filter = format!("[Definition]\nfailregex = {FAILREGEX}\nignoreregex = \\(known\\)\n");
        fs::write(path("etc/filter.d/web.conf"), filter).unwrap();
        fs::write(path("web.log"), LOG).unwrap();
        Self { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn told(&self, program: &Path, words: &[&str]) -> Output {
        let conf = self.path("etc");
        let command = Command::new(program).arg("-c").arg(conf).args(words).output();
        command.expect("both programs run: scripts/install-deps.sh")
    }

    /// Of both, the lines that `tell`, and how they end.
    #[track_caller]
    fn same(&self, words: &[&str], tell: impl Fn(&str) -> bool) {
        let said = |program: &Path| {
            let output = self.told(program, words);
            let text = String::from_utf8(output.stdout).unwrap();
            let lines: Vec<String> =
                text.lines().filter(|line| tell(line)).map(str::to_owned).collect();
            (lines, output.status.code())
        };
        let ours = said(&self.path("fail2ban-regex"));
        let real = said(Path::new("/usr/bin/fail2ban-regex"));
        assert!(!real.0.is_empty() || real.1 != Some(0), "the real one says nothing: {words:?}");
        assert_eq!(ours, real, "{words:?}");
    }
}

fn counts(line: &str) -> bool {
    line.starts_with("Lines: ") || line.starts_with("Failregex: ") || line.contains(") [")
}

#[test]
fn it_counts_as_fail2ban_regex_does() {
    let both = Both::new();
    let log = both.path("web.log").display().to_string();
    let filter = both.path("etc/filter.d/web.conf").display().to_string();
    let totals = |line: &str| line.starts_with("Lines: ") || line.starts_with("Failregex: ");
    both.same(&[&log, "web"], totals);
    both.same(&[&log, &filter], totals);
    both.same(&["-r", &log, FAILREGEX], counts);
    both.same(&["--usedns=no", &log, FAILREGEX], totals);
    both.same(&["-r", &log, FAILREGEX, "alice"], totals);
    both.same(&["-d", "{NONE}", &log, FAILREGEX], totals);
    both.same(&[LOG.lines().next().unwrap(), FAILREGEX], totals);
}

#[test]
fn it_writes_what_was_asked_for_of_each_failure() {
    let both = Both::new();
    let log = both.path("web.log").display().to_string();
    both.same(&["--usedns=no", "-o", "ip", &log, "web"], |_| true);
    both.same(&["--usedns=no", "-o", "<ip> is <F-USER>", &log, "web"], |_| true);
    both.same(&["--usedns=no", "-o", "user", &log, "web"], |_| true);
}

#[test]
fn what_is_wrong_ends_with_255() {
    let both = Both::new();
    let log = both.path("web.log").display().to_string();
    for words in [&[log.as_str(), "nosuch"][..], &[&log, "(<HOST>"], &[&log], &["-c"]] {
        let output = both.told(&both.path("fail2ban-regex"), words);
        assert_eq!(output.status.code(), Some(255), "{words:?}");
        assert!(!output.stderr.is_empty(), "{words:?} is told nothing");
    }
}
