//! `fail2ban-client` by name, verb by verb beside the real one: both daemons follow the same logs, and
//! both clients are given the same words. What they say and how they end must be the same.
#![allow(
    clippy::disallowed_methods,
    reason = "starts both daemons, and writes their log by the clock"
)]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// What is waited for comes long before that, or never.
const EVENTUALLY: Duration = Duration::from_mins(1);

/// Two daemons that follow the same logs, and how to ask each.
struct Both {
    directory: tempfile::TempDir,
    daemons: Vec<Child>,
}

/// What a client said, and how it ended.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    said: String,
    status: Option<i32>,
}

impl Both {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut both = Self { directory, daemons: Vec::new() };
        for log in ["alpha", "beta", "beta2"] {
            fs::write(both.path(&format!("{log}.log")), "").unwrap();
        }
        both.write_fail2ban();
        both.write_gaoler();
        symlink(env!("CARGO_BIN_EXE_gaoler"), both.path("fail2ban-client")).unwrap();
        let (conf, yaml) = (both.path("fail2ban"), both.path("gaoler.yaml"));
        both.spawn(Command::new("fail2ban-server").arg("-c").arg(conf).arg("-f"));
        both.spawn(Command::new(env!("CARGO_BIN_EXE_gaoler")).args(["run", "--config"]).arg(yaml));
        both.until("fail2ban answers", |both| both.real(&["ping"]).status == Some(0));
        both.until("gaoler answers", |both| both.ours(&["ping"]).status == Some(0));
        both
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn spawn(&mut self, command: &mut Command) {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.daemons.push(child.expect("it can be started: scripts/install-deps.sh"));
    }

    fn write_fail2ban(&self) {
        let (conf, at) = (self.path("fail2ban"), self.directory.path().display());
        for directory in ["filter.d", "action.d"] {
            fs::create_dir_all(conf.join(directory)).unwrap();
        }
        let main = format!(
            "[Definition]\nloglevel = INFO\nlogtarget = {at}/fail2ban.log\nsyslogsocket = auto\n\
             socket = {at}/fail2ban.sock\npidfile = {at}/fail2ban.pid\ndbfile = None\n\
             dbpurgeage = 1d\nallowipv6 = auto\n"
        );
        let jails = format!(
            "[DEFAULT]\nignoreself = false\nbantime = 10m\nfindtime = 10m\nmaxretry = 3\n\
             backend = polling\nusedns = no\nenabled = true\nfilter = simple\naction = nothing\n\
             [alpha]\nlogpath = {at}/alpha.log\n\
             [beta]\nlogpath = {at}/beta.log\n          {at}/beta2.log\nbantime = -1\n\
             ignoreip = 192.0.2.0/28 2001:db8::/64\n"
        );
        let filter = "[Definition]\nfailregex = ^\\s*failed from <ADDR>$\nignoreregex = local\n";
        let action = "[Definition]\nactionban = true\nactionunban = true\n";
        for (name, text) in [
            ("fail2ban.conf", main.as_str()),
            ("jail.conf", &jails),
            ("filter.d/simple.conf", filter),
            ("action.d/nothing.conf", action),
        ] {
            fs::write(conf.join(name), text).unwrap();
        }
    }

    fn write_gaoler(&self) {
        let at = self.directory.path().display();
        fs::create_dir_all(self.path("filters")).unwrap();
        let filter = "description: for this test\nfailregex: ['^\\s*failed from <ADDR>$']\n\
                      ignoreregex: ['local']\n";
        fs::write(self.path("filters/simple.yaml"), filter).unwrap();
        let yaml = format!(
            "defaults: {{ignoreip: [], maxretry: 3, findtime: 10m, bantime: 10m, ignoreself: false, ignoresessions: false}}\n\
             enforcement: {{backend: none}}\ntelemetry: {{listen: off}}\nstate: {{path: {at}/state.db}}\n\
             control: {{socket: {at}/gaoler.sock}}\n\
             jails:\n  alpha: {{filter: simple, logpath: [{at}/alpha.log], port: [ssh]}}\n  \
             beta: {{filter: simple, logpath: [{at}/beta.log, {at}/beta2.log], port: [ssh], \
             bantime: permanent, ignoreip: [192.0.2.0/28, '2001:db8::/64']}}\n"
        );
        fs::write(self.path("gaoler.yaml"), yaml).unwrap();
    }

    fn real(&self, words: &[&str]) -> Told {
        let mut client = Command::new("fail2ban-client");
        told(client.arg("-c").arg(self.path("fail2ban")).args(words).output())
    }

    fn ours(&self, words: &[&str]) -> Told {
        let mut client = Command::new(self.path("fail2ban-client"));
        told(client.env("GAOLER_SOCKET", self.path("gaoler.sock")).args(words).output())
    }

    fn until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !done(self) {
            assert!(begun.elapsed() < EVENTUALLY, "never: {what}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Failures of an address, at this moment.
    fn fail(&self, log: &str, address: &str, times: usize) {
        let now = jiff::Zoned::now().strftime("%Y-%m-%d %H:%M:%S").to_string();
        let mut log = fs::File::options().append(true).open(self.path(log)).unwrap();
        log.write_all(format!("{now} failed from {address}\n").repeat(times).as_bytes()).unwrap();
    }

    /// Both say the same, and end in the same way.
    #[track_caller]
    fn same(&self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(self.ours(&words), self.real(&words), "fail2ban-client {line}");
    }

    /// Ours ends as this says, and says why; the real one does as it is told.
    #[track_caller]
    fn refuses(&self, line: &str, why: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ours = self.ours(&words);
        assert_eq!(ours.status, Some(255), "fail2ban-client {line}: {ours:?}");
        assert!(ours.said.contains(why), "fail2ban-client {line}: {ours:?}");
    }
}

impl Drop for Both {
    fn drop(&mut self) {
        for daemon in &mut self.daemons {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

fn told(output: std::io::Result<Output>) -> Told {
    let output = output.expect("fail2ban-client runs: scripts/install-deps.sh");
    let said = String::from_utf8(output.stdout).expect("it speaks UTF-8");
    Told { said: without_times(&said), status: output.status.code() }
}

/// `2026-11-23 01:52:23` is when the test ran.
fn without_times(said: &str) -> String {
    let time = regex::Regex::new(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d").unwrap();
    time.replace_all(said, "(a time)").into_owned()
}

fn attacked() -> Both {
    let both = Both::start();
    both.fail("alpha.log", "192.0.2.77", 3);
    both.fail("alpha.log", "192.0.2.78", 1);
    both.fail("beta2.log", "192.0.2.1", 5);
    both.fail("beta2.log", "198.51.100.9", 3);
    both.until("both have banned", |both| {
        let all =
            |told: Told| told.said.contains("192.0.2.77") && told.said.contains("198.51.100.9");
        all(both.real(&["banned"])) && all(both.ours(&["banned"]))
    });
    both.until("both have counted", |both| {
        let counted = |told: Told| told.said.contains("Total failed:\t4");
        counted(both.real(&["status", "alpha"])) && counted(both.ours(&["status", "alpha"]))
    });
    both
}

#[test]
fn what_scripts_ask_is_answered_as_fail2ban_does() {
    let both = attacked();
    for line in [
        "ping",
        "status",
        "status alpha",
        "status alpha short",
        "status alpha basic",
        "status beta",
        "status gamma",
        "banned",
        "banned 192.0.2.77 192.0.2.200",
        "get alpha banip",
        "get alpha banip ,",
        "get alpha banip --with-time",
        "get beta banip --with-time",
        "get gamma banip",
        "get alpha banned",
        "get alpha banned 192.0.2.77",
        "get alpha banned 192.0.2.77 192.0.2.200",
        "get alpha logpath",
        "get beta logpath",
        "get alpha logencoding",
        "get alpha journalmatch",
        "get alpha ignoreself",
        "get alpha ignoreip",
        "get beta ignoreip",
        "get alpha ignorecommand",
        "get alpha ignoreregex",
        "get alpha findtime",
        "get alpha bantime",
        "get beta bantime",
        "get alpha maxretry",
        "get alpha maxlines",
        "get alpha usedns",
        "get alpha datepattern",
        "get alpha nosuch",
        "get alpha",
        "get",
        "set alpha",
        "set alpha nosuch 1",
        "echo hello there",
        "nonsense",
        "unban",
        "--str2sec 1d12h",
        "--str2sec 10m",
    ] {
        both.same(line);
    }
}

#[test]
fn what_scripts_change_is_changed_as_fail2ban_does() {
    let both = attacked();
    for line in [
        "set alpha banip 203.0.113.1 203.0.113.2",
        "set alpha banip 203.0.113.1",
        "get alpha banned 203.0.113.2",
        "set beta banip 2001:db8:1::7",
        "get beta banned 2001:db8:1::7",
        "set alpha unbanip 203.0.113.1",
        "set alpha unbanip 203.0.113.1",
        "set alpha unbanip --report-absent 203.0.113.1",
        "set alpha unbanip --report-absent 203.0.113.2",
        "set gamma banip 203.0.113.1",
        "set gamma unbanip 203.0.113.1",
        "unban 203.0.113.99",
        "unban 192.0.2.77",
        "status alpha short",
        "reload",
        "reload alpha",
        "unban --all",
        "banned",
        "unban --all",
    ] {
        both.same(line);
    }
}

#[test]
fn what_gaoler_has_otherwise_says_so() {
    let both = Both::start();
    both.refuses("set alpha maxretry 4", "jails.alpha.maxretry");
    both.refuses("set alpha addignoreip 192.0.2.9", "jails.alpha.ignoreip");
    both.refuses("set alpha banip nobody", "neither an address");
    both.refuses("set loglevel DEBUG", "--log-level");
    both.refuses("stop alpha", "jails.alpha.enabled");
    both.refuses("reload gamma", "Sorry but the jail 'gamma' does not exist");
    both.refuses("-d", "gaoler check -v");
    let table = both.ours(&["stats"]);
    assert_eq!(table.said.lines().filter(|line| line.contains("inotify")).count(), 2, "{table:?}");
    let all = both.ours(&["status", "--all"]).said;
    assert!(all.contains("\n   |- Status for the jail: alpha\n   |  |- Filter\n"), "{all}");
    assert!(all.contains("\n   `- Status for the jail: beta\n      |- Filter\n"), "{all}");
    let regex = both.ours(&["get", "alpha", "failregex"]).said;
    assert!(regex.ends_with("\n`- [0]: ^\\s*failed from <ADDR>$\n"), "{regex}");
}

#[test]
fn nobody_there_is_said_as_fail2ban_says_it() {
    let nowhere = tempfile::tempdir().unwrap();
    let client = nowhere.path().join("fail2ban-client");
    symlink(env!("CARGO_BIN_EXE_gaoler"), &client).unwrap();
    for words in [&["ping"][..], &["status"], &["set", "sshd", "banip", "192.0.2.7"]] {
        let output = ask_nobody(&client, nowhere.path(), words);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(255), "{words:?}: {said}");
        assert_eq!(output.stdout, b"", "{words:?}");
        assert!(said.contains("Failed to access socket path: "), "{said}");
        assert!(said.contains("Is fail2ban running?"), "{said}");
    }
}

fn ask_nobody(client: &Path, nowhere: &Path, words: &[&str]) -> Output {
    let socket = nowhere.join("none.sock");
    Command::new(client).env("GAOLER_SOCKET", socket).args(words).output().unwrap()
}
