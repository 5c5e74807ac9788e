//! fail2ban's files mean to gaoler what they mean to fail2ban: its own reader, as Debian installs
//! it, is asked what it makes of them.

#![expect(clippy::disallowed_methods, reason = "asks fail2ban's own reader")]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use gaoler::fail2ban::{self, Directory, Logtype};
use gaoler::filter::Definition;
use gaoler::filter::definition::UseDns;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tempfile::TempDir;

const INSTALLED: &str = "/etc/fail2ban";

/// A filter, as fail2ban expands it.
#[derive(Deserialize)]
struct Expanded {
    spec: String,
    journal: bool,
    options: BTreeMap<String, String>,
}

/// A jail, as fail2ban reads it.
#[derive(Deserialize)]
struct Read {
    name: String,
    options: BTreeMap<String, String>,
    told: BTreeMap<String, Vec<String>>,
}

fn oracle<T: DeserializeOwned>(what: &str, directory: &Path) -> Vec<T> {
    let run = Command::new("/usr/bin/python3")
        .args(["tests/fail2ban/oracle.py", what])
        .arg(directory)
        .output()
        .expect("Debian's python3");
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "fail2ban's reader (scripts/install-deps.sh): {said}");
    serde_json::from_slice(&run.stdout).expect("the oracle's JSON")
}

/// What the oracle's options come to in a definition.
fn lines(options: &BTreeMap<String, String>, option: &str) -> Vec<String> {
    let text = options.get(option).map(String::as_str).unwrap_or_default();
    text.split('\n').filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn differs(ours: &Definition, theirs: &Expanded) -> Option<String> {
    let one = |option: &str| theirs.options.get(option).filter(|text| !text.is_empty()).cloned();
    let told = [
        ("prefregex", format!("{:?}", ours.prefregex), format!("{:?}", one("prefregex"))),
        ("datepattern", format!("{:?}", ours.datepattern), format!("{:?}", one("datepattern"))),
        ("maxlines", ours.maxlines.to_string(), one("maxlines").unwrap_or_else(|| "0".to_owned())),
    ];
    let lists = [
        ("failregex", &ours.failregex),
        ("ignoreregex", &ours.ignoreregex),
        ("journalmatch", &ours.defaults.journalmatch),
    ];
    let lists = lists.map(|(option, ours)| {
        (option, format!("{ours:#?}"), format!("{:#?}", lines(&theirs.options, option)))
    });
    let different = told.into_iter().chain(lists).find(|(_, ours, theirs)| ours != theirs);
    different.map(|(option, ours, theirs)| format!("{option}: ours {ours}\ntheirs {theirs}"))
}

/// Every installed filter, with every parameter that its samples ask for, for files and journals.
#[test]
fn filters_are_expanded_as_fail2ban_does() {
    let expanded: Vec<Expanded> = oracle("filters", Path::new(INSTALLED));
    assert!(expanded.len() > 800, "{} variants only", expanded.len());
    let mut wrong = Vec::new();
    for theirs in &expanded {
        let logtype = if theirs.journal { Logtype::Journal } else { Logtype::File };
        let ours = fail2ban::filter(Path::new(INSTALLED), &theirs.spec, logtype);
        let difference = match (&ours, theirs.options.get("error")) {
            (Ok(ours), None) => differs(ours, theirs),
            (Ok(_), Some(error)) => Some(format!("they refuse it: {error}")),
            (Err(_), Some(_)) => None,
            (Err(error), None) => Some(error.to_string()),
        };
        wrong.extend(difference.map(|why| format!("{} ({}): {why}", theirs.spec, theirs.journal)));
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), expanded.len(), wrong.join("\n"));
}

/// A copy of the installed configuration with further files.
fn installed_with(files: &[(&str, &str)]) -> TempDir {
    let directory = TempDir::new().unwrap();
    let copied = Command::new("cp")
        .args(["-r", &format!("{INSTALLED}/.")])
        .arg(directory.path())
        .status()
        .expect("cp");
    assert!(copied.success());
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    directory
}

/// The options whose values must be the same text.
const SAME: [&str; 14] = [
    "backend",
    "maxretry",
    "maxmatches",
    "findtime",
    "bantime",
    "bantime.factor",
    "bantime.maxtime",
    "bantime.formula",
    "ignorecommand",
    "ignoreip",
    "filter",
    "logtimezone",
    "logpath",
    "action",
];

#[track_caller]
fn check_jails(directory: &Path, at_least: usize) {
    let theirs: Vec<Read> = oracle("jails", directory);
    let ours = fail2ban::jail::jails(&mut Directory::new(directory)).unwrap_or_else(|errors| {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        panic!("{}", errors.join("\n"))
    });
    let names = |of: Vec<&str>| of.join(" ");
    assert_eq!(
        names(ours.iter().map(|jail| jail.name.as_str()).collect()),
        names(theirs.iter().map(|jail| jail.name.as_str()).collect())
    );
    assert!(ours.len() >= at_least, "{} jails", ours.len());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        for option in SAME {
            let of_theirs = theirs.options.get(option).map(String::as_str);
            assert_eq!(ours.options.text(option), of_theirs, "{}: {option}", ours.name);
        }
        let definition = ours.definition();
        let told = |option: &str| theirs.told.get(option).cloned().unwrap_or_default();
        assert_eq!(definition.failregex, told("failregex"), "{}", ours.name);
        assert_eq!(definition.ignoreregex, told("ignoreregex"), "{}", ours.name);
        let one = |option: &str| told(option).pop().filter(|text| !text.is_empty());
        assert_eq!(definition.prefregex, one("prefregex"), "{}", ours.name);
        assert_eq!(definition.datepattern, one("datepattern"), "{}", ours.name);
        let names = one("usedns").is_none_or(|word| word != "no");
        assert_eq!(definition.usedns == UseDns::Names, names, "{}", ours.name);
    }
}

/// All jails that are installed, enabled.
#[test]
fn every_jail_that_is_installed_is_read_as_fail2ban_does() {
    let conf = fs::read_to_string(format!("{INSTALLED}/jail.conf")).unwrap();
    let names = conf.lines().filter_map(|line| line.strip_prefix('[')?.strip_suffix(']'));
    let names = names.filter(|name| !["INCLUDES", "DEFAULT"].contains(name));
    // fail2ban's own falls back to the journal where no log file is there; Debian's does not yet.
    let mut local = "[DEFAULT]\nsystemd_if_nologs = false\n".to_owned();
    for name in names {
        writeln!(local, "[{name}]\nenabled = true").unwrap();
    }
    let directory = installed_with(&[("jail.d/zz.local", &local)]);
    check_jails(directory.path(), 90);
}

/// Layers, known values, parameters, patterns of the jail's own, and keys in any case.
#[test]
fn a_jail_of_ones_own_is_read_as_fail2ban_does() {
    let local = "\
[DEFAULT]
systemd_if_nologs = false
bantime.increment = true
bantime.maxtime = 5w
ignoreip = 127.0.0.1/8 ::1
    192.0.2.0/24   # not a comment
myport = 2222
[sshd]
enabled : Yes
maxRetry = 2
FindTime = 60*5
port = %(myport)s,%(sshd/protocol)s
mode = aggressive
action = %(action_)s
    %(action_mw)s
[http-get-dos]
enabled = true
port = http,https
filter = http-get-dos[slow=\"x,y\", quick='z']
logpath = /var/log/httpd/access_log tail
    /var/log/httpd/*_log
maxRetry = 300
findtime = 300
banTime = 600 ; ten minutes
failregex = %(known/failregex)s
    ^<HOST> again$
[own]
enabled = 1
filter =
failregex = ^a <HOST>$
    ^b <ADDR>$
datepattern = ^%%Y-%%m-%%d
logpath = /var/log/own
maxretry = 1
[disabled]
enabled = false
filter = none-such
";
    let filter = "\
[INCLUDES]
before = common.conf
[Definition]
failregex = ^<HOST> -.*\"(GET|POST).*
    ^%(__prefix_line)s<slow> <quick> <often> <mdre-<mode>> from <HOST>$
mdre-normal =
mdre-loud = loud
ignoreregex =
[Init]
mode = loud
often = <slow>+
";
    let directory = installed_with(&[
        ("jail.local", local),
        ("jail.d/10-more.local", "[sshd]\nmaxretry = 1%(known/maxretry)s\n"),
        ("filter.d/http-get-dos.conf", filter),
        ("filter.d/http-get-dos.local", "[Definition]\nmdre-loud = %(known/mdre-loud)s|LOUD\n"),
    ]);
    check_jails(directory.path(), 3);
}
