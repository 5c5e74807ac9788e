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

/// gaoler, with these arguments; what it printed, and whether it was content.
fn gaoler(arguments: &[&str]) -> (String, bool) {
    let run = Command::new(env!("CARGO_BIN_EXE_gaoler")).args(arguments).output().expect("gaoler");
    let said = [run.stdout, run.stderr].concat();
    (String::from_utf8_lossy(&said).into_owned(), run.status.success())
}

const SEED: &str = "\
[DEFAULT]
banaction = firewallcmd-rich-rules
[sshd]
enabled = true
backend = systemd
maxRetry = 2
findtime = 30
bantime = 60
[http-get-dos]
enabled = true
port = http,https
filter = http-get-dos
logpath = /var/log/httpd/access_log
maxRetry = 2
findTime = 10
bantime = 10m
[dropbear]
enabled = true
backend = polling
";

const HTTP_GET_DOS: &str = "\
[Definition]
failregex = ^<HOST> -.*\"(GET|POST).*
ignoreregex =
";

/// The two jails that gaoler was first asked for, as fail2ban's users write them.
fn seed() -> TempDir {
    installed_with(&[("jail.local", SEED), ("filter.d/http-get-dos.conf", HTTP_GET_DOS)])
}

/// What `import-fail2ban` prints is accepted, and runs all jails as they are set there.
#[test]
fn an_imported_configuration_does_the_same() {
    let (directory, out) = (seed(), TempDir::new().unwrap());
    let dir = directory.path().to_str().unwrap();
    let (written, content) = gaoler(&["import-fail2ban", dir]);
    assert!(content, "{written}");
    let file = out.path().join("gaoler.yaml");
    fs::write(&file, &written).unwrap();
    let config = gaoler::config::load(&file).unwrap_or_else(|errors| panic!("{errors}\n{written}"));
    let shown = config.jails.iter().map(|jail| {
        let (threshold, bantime) = (&jail.threshold, jail.bantime.map(|time| time.as_secs()));
        let ports: Vec<String> = jail.scope.ports.iter().map(ToString::to_string).collect();
        format!(
            "{} {} {} in {:#} {bantime:?} {}",
            jail.name,
            jail.filter.name(),
            threshold.maxretry(),
            threshold.findtime(),
            ports.join(",")
        )
    });
    assert_eq!(
        shown.collect::<Vec<_>>(),
        [
            "sshd sshd 2 in 30s Some(60) 22",
            "http-get-dos http-get-dos 2 in 10s Some(600) 80,443",
            "dropbear dropbear 5 in 10m Some(600) 22",
        ],
        "{written}"
    );
    for expected in [
        "# gaoler's own; fail2ban's: sshd[mode=normal]",
        "# - dropbear (filter dropbear",
        "# jail.local:6",
    ] {
        assert!(written.contains(expected), "no `{expected}` in\n{written}");
    }
}

/// Written with all filters as files it needs nothing of fail2ban's, and finds the same.
#[test]
fn an_imported_configuration_can_do_without_fail2bans_files() {
    let (directory, out) = (seed(), TempDir::new().unwrap());
    let to = out.path().join("gaoler");
    let import =
        ["import-fail2ban", directory.path().to_str().unwrap(), "--out", to.to_str().unwrap()];
    let (said, content) = gaoler(&import);
    assert!(content, "{said}");
    let (said, content) = gaoler(&import);
    assert!(!content && said.contains("is there already"), "{said}");
    fs::remove_dir_all(directory.path().join("filter.d")).unwrap();
    let config = gaoler::config::load(&to.join("gaoler.yaml")).unwrap_or_else(|e| panic!("{e}"));
    let names: Vec<_> = config.jails.iter().map(|jail| jail.name.as_str()).collect();
    assert_eq!(names, ["sshd", "dropbear", "http-get-dos"]);
    let theirs = fail2ban::filter(Path::new(INSTALLED), "dropbear", Logtype::File).unwrap();
    let ours = &config.jails[1].filter.definition;
    assert_eq!(ours.language, theirs.language);
    assert_eq!(ours.failregex, theirs.failregex);
    assert_eq!(ours.prefregex, theirs.prefregex);
}

/// Bans that fail2ban itself wrote, live and past, are in gaoler's state.
#[test]
fn bans_of_fail2bans_own_database_are_taken_over() {
    let (directory, out) = (seed(), TempDir::new().unwrap());
    let at = |name: &str| out.path().join(name).to_str().unwrap().to_owned();
    let (dir, database, config) = (directory.path().to_str().unwrap(), at("f2b.db"), at("g.yaml"));
    let made =
        Command::new("/usr/bin/python3").args(["tests/fail2ban/bans.py", &database]).output();
    let made = made.expect("Debian's python3");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let yaml = format!(
        "state: {{path: {}}}\ncontrol: {{socket: {}}}\njails: {{sshd: {{}}}}\n",
        at("state.db"),
        at("socket")
    );
    fs::write(&config, yaml).unwrap();
    let (said, content) =
        gaoler(&["import-fail2ban", dir, "--bans", &database, "--config", &config]);
    assert!(content, "{said}");
    assert_eq!(
        said,
        format!(
            "2 live bans and 1 of the past are in {}; gaoler's next start enforces them\n\
             1 live bans are left out: in ignoreip, and so never banned\n\
             3 live bans are left out: no jail `gone` is enabled here\n",
            at("state.db")
        )
    );
    let state = rusqlite::Connection::open(at("state.db")).unwrap();
    let mut bans =
        state.prepare("SELECT address, bantime, failures FROM bans ORDER BY address").unwrap();
    let bans = bans.query_map([], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, Option<i64>>(1)?, row.get::<_, u32>(2)?))
    });
    let bans: Vec<_> = bans.unwrap().map(Result::unwrap).collect();
    assert_eq!(
        bans,
        [
            ("2001:db8:1::7/128".to_owned(), None, 4),
            ("203.0.113.7/32".to_owned(), Some(600_000_000), 4)
        ]
    );
}

/// Both configurations decide over one log, at its own time, and what differs is listed.
#[test]
fn a_replay_shows_how_two_configurations_differ() {
    let (directory, out) = (seed(), TempDir::new().unwrap());
    let log = out.path().join("secure.log");
    let line = |at: &str, address: &str| {
        format!("Nov 22 10:{at} h sshd[1]: Failed password for root from {address} port 3 ssh2\n")
    };
    let failures = [
        line("00:00", "203.0.113.1"),
        line("00:05", "203.0.113.2"),
        line("00:20", "203.0.113.1"),
        line("00:45", "203.0.113.2"),
        line("01:19", "203.0.113.1"),
        line("01:21", "203.0.113.1"),
    ];
    fs::write(&log, failures.concat()).unwrap();
    let config = out.path().join("gaoler.yaml");
    let yaml = "jails: {sshd: {maxretry: 2, findtime: 1m, bantime: 1m, port: ssh}}\n";
    fs::write(&config, yaml).unwrap();
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let (log, config, dir) = (path(&log), path(&config), path(directory.path()));
    let now = "--now=2026-11-23T00:00:00Z";
    let replay = ["replay", "--jail", "sshd", now, "--format", "json", "--config", &config, &log];
    let (said, content) = gaoler(&[&replay[..], &["--against", &dir]].concat());
    assert!(!content, "they differ: {said}");
    let report: serde_json::Value = serde_json::from_str(&said).expect(&said);
    let bans = |report: &serde_json::Value| {
        let bans = report["jails"][0]["bans"].as_array().unwrap().iter();
        let shown = bans.map(|ban| {
            format!(
                "{} {}",
                ban["address"].as_str().unwrap(),
                &ban["since"].as_str().unwrap()[14..19]
            )
        });
        shown.collect::<Vec<_>>()
    };
    assert_eq!(bans(&report), ["203.0.113.1 00:20", "203.0.113.2 00:45"]);
    assert_eq!(bans(&report["against"]), ["203.0.113.1 00:20"]);
    assert_eq!(report["difference"]["same"], 1);
    assert_eq!(report["difference"]["only_here"][0]["address"], "203.0.113.2");
    let (said, content) = gaoler(&[&replay[..], &["--against", &config]].concat());
    assert!(content, "a configuration is like itself: {said}");
}
