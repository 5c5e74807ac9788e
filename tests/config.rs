//! Configurations and what becomes of them, and the files that are generated from the table of keys.
//!
//! A case in `tests/golden/config` is one text: its files, each after a line `-- NAME --`, then after
//! `-- expected --` what loading them says. `UPDATE=1` writes what is said now.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use gaoler::config::checked::{Config, JailSettings};
use gaoler::config::{Surroundings, load, load_in};
use gaoler::jail::breaker::Rate;
use gaoler::jail::guards::Floors;
use jiff::tz::TimeZone;
use proptest::prelude::*;

const SERVICES: &str = "ssh 22/tcp\nhttp 80/tcp\nhttps 443/tcp\nhttps 443/udp\ndomain 53/udp\n";

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn updating() -> bool {
    std::env::var_os("UPDATE").is_some()
}

/// The file must hold this text; with `UPDATE=1` it is made to.
#[track_caller]
fn holds(file: &str, expected: &str) {
    let path = root(file);
    if updating() {
        fs::write(&path, expected).expect("the working tree is writable");
    }
    let actual = fs::read_to_string(&path).unwrap_or_default();
    assert!(actual == expected, "{file} is out of date: run UPDATE=1 cargo test --test config");
}

fn environment(name: &str) -> Option<OsString> {
    (name == "STATE_DIRECTORY").then(|| "/srv/state".into())
}

/// What is said of a configuration in `directory`.
fn said(directory: &Path) -> String {
    let surroundings = Surroundings { services: directory.join("services"), environment };
    let said = match load_in(&directory.join("gaoler.yaml"), &surroundings) {
        Ok(config) => accepted(&config),
        Err(errors) => errors.to_string(),
    };
    let prefix = format!("{}/", directory.display());
    format!("{}\n", said.replace(&prefix, ""))
}

fn accepted(config: &Config) -> String {
    let mut out = String::from("accepted\n");
    let _ = writeln!(out, "state {}", config.state.display());
    let _ = writeln!(out, "socket {}", config.socket.display());
    let _ = writeln!(out, "listen {:?}", config.listen);
    let _ = writeln!(out, "{:?}", config.enforcement);
    if let Some(otlp) = &config.otlp {
        let _ = writeln!(out, "{otlp:?}");
    }
    out.push_str(&guarded(config));
    for jail in &config.jails {
        out.push_str(&described(jail));
    }
    for warning in &config.warnings {
        let _ = writeln!(out, "warning: {warning}");
    }
    out.trim_end().to_owned()
}

fn described(jail: &JailSettings) -> String {
    let shown = |items: Vec<String>| items.join(" ");
    let mut rare = String::new();
    if !jail.trusted_proxies.is_empty() {
        let proxies = jail.trusted_proxies.iter().map(ToString::to_string).collect();
        let clients = jail.filter.tells_of_clients();
        let _ = writeln!(rare, "  proxies [{}], tells of clients {clients:?}", shown(proxies));
    }
    if jail.cut_established {
        rare.push_str("  cuts\n");
    }
    format!(
        "jail {}\n  {}\n  {:?}, bantime {:?}\n  ports [{}] {}\n  ignoreip [{}] self {}\n  \
         zone {}, addresses {}\n{rare}{}",
        jail.name,
        jail.origin,
        jail.threshold,
        jail.bantime,
        shown(jail.scope.ports.iter().map(ToString::to_string).collect()),
        shown(jail.scope.protocols.iter().map(|p| p.as_str().to_owned()).collect()),
        shown(jail.ignoreip.iter().map(ToString::to_string).collect()),
        jail.ignoreself,
        zone(&jail.time_zone),
        jail.max_addresses,
        policy(jail),
    )
}

/// How long and how wide the jail bans, where that is out of the ordinary.
fn policy(jail: &JailSettings) -> String {
    let mut out = String::new();
    if let Some(increment) = &jail.increment {
        let _ = writeln!(out, "  {increment:?}, purged after {}", jail.dbpurgeage);
    }
    if jail.ipv6_prefix != 64 || jail.widen.is_some() {
        let _ = writeln!(out, "  IPv6 /{}, {:?}", jail.ipv6_prefix, jail.widen);
    }
    out
}

/// What guards against banning too many: what differs from the defaults.
fn guarded(config: &Config) -> String {
    let shown = |rate: Option<Rate>| rate.map_or("off".to_owned(), |rate| rate.to_string());
    let mut out = String::new();
    if shown(config.max_new_bans) != "1000 within 1m" {
        let _ = writeln!(out, "new bans in all {}", shown(config.max_new_bans));
    }
    for jail in &config.jails {
        if shown(jail.max_new_bans) != "200 within 1m" || jail.dry_run || !jail.ignoresessions {
            let (rate, dry, sessions) =
                (shown(jail.max_new_bans), jail.dry_run, jail.ignoresessions);
            let _ = writeln!(
                out,
                "jail {} new bans {rate}, dry run {dry}, sessions {sessions}",
                jail.name
            );
        }
        if jail.floors != Floors::default() {
            let _ = writeln!(out, "jail {} {:?}", jail.name, jail.floors);
        }
    }
    out
}

/// A zone's name, or its offset; the host's own differs from host to host.
fn zone(zone: &TimeZone) -> String {
    if *zone == TimeZone::system() {
        return "the host's".to_owned();
    }
    let offset = || zone.to_offset(jiff::Timestamp::UNIX_EPOCH).to_string();
    zone.iana_name().map_or_else(offset, str::to_owned)
}

/// The files of a case, and what it expects.
fn parts(text: &str) -> Vec<(String, String)> {
    let mut parts: Vec<(String, String)> = Vec::new();
    for line in text.split_inclusive('\n') {
        let name = line.trim_end().strip_prefix("-- ").and_then(|rest| rest.strip_suffix(" --"));
        match (name, parts.last_mut()) {
            (Some(name), _) => parts.push((name.to_owned(), String::new())),
            (None, Some((_, body))) => body.push_str(line),
            (None, None) => {}
        }
    }
    parts
}

#[test]
fn every_case_is_said_as_expected() {
    let directory = root("tests/golden/config");
    let mut cases: Vec<_> = fs::read_dir(&directory).unwrap().map(|e| e.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 20, "only {} cases", cases.len());
    let mut wrong = String::new();
    for case in cases {
        let text = fs::read_to_string(&case).unwrap();
        let host = tempfile::tempdir().unwrap();
        fs::write(host.path().join("services"), SERVICES).unwrap();
        let parts = parts(&text);
        for (name, body) in parts.iter().filter(|(name, _)| name != "expected") {
            let file = host.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            // Where a path must be absolute.
            let here = host.path().display().to_string();
            fs::write(file, body.replace("@HERE@", &here)).unwrap();
        }
        let said = said(host.path());
        let expected = parts.iter().find(|(name, _)| name == "expected").map(|(_, body)| body);
        if updating() {
            let kept = text.split("-- expected --\n").next().unwrap();
            fs::write(&case, format!("{kept}-- expected --\n{said}")).unwrap();
        } else if expected != Some(&said) {
            let _ = writeln!(wrong, "{}:\n{said}", case.display());
        }
    }
    assert!(wrong.is_empty(), "not said as expected:\n{wrong}");
}

#[test]
fn a_missing_file_says_what_to_do() {
    let host = tempfile::tempdir().unwrap();
    assert_eq!(
        said(host.path()),
        "gaoler.yaml: there is no such file; write one (`gaoler.yaml` in the documentation is an \
         example), or name yours with `--config FILE`\n1 error\n"
    );
}

#[test]
fn a_directory_is_no_configuration() {
    let host = tempfile::tempdir().unwrap();
    fs::create_dir(host.path().join("gaoler.yaml")).unwrap();
    assert!(said(host.path()).starts_with("gaoler.yaml: cannot be read: "));
}

#[test]
fn a_file_of_any_bytes_is_refused_where_they_go_wrong() {
    let host = tempfile::tempdir().unwrap();
    fs::write(host.path().join("gaoler.yaml"), b"state:\n  path: /caf\xe9\n").unwrap();
    assert_eq!(
        said(host.path()),
        "gaoler.yaml:2:13: not valid YAML: byte 0xe9 is not UTF-8; save the file as UTF-8\n1 error\n"
    );
}

#[test]
fn a_file_without_end_is_not_read_to_its_end() {
    let host = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/dev/zero", host.path().join("gaoler.yaml")).unwrap();
    assert!(said(host.path()).contains("longer than 1 MiB"));
}

#[test]
fn a_filter_that_does_not_work_is_placed_at_its_file() {
    let host = tempfile::tempdir().unwrap();
    fs::create_dir(host.path().join("filters")).unwrap();
    fs::write(host.path().join("filters/door.yaml"), "description: nothing\n").unwrap();
    fs::write(host.path().join("gaoler.yaml"), "jails: {door: {logpath: /a}}\n").unwrap();
    let said = said(host.path());
    assert!(said.starts_with("filters/door.yaml: filter door recognises nothing"), "{said}");
}

const KEYS: &[&str] = &[
    "filter",
    "mode",
    "journalmatch",
    "logpath",
    "journal",
    "port",
    "protocol",
    "findtime",
    "bantime",
    "maxretry",
    "ignoreip",
    "ignoreself",
    "max_addresses",
    "logtimezone",
    "datepattern",
    "enabled",
    "trust_unprivileged",
    "bantime.increment",
    "bantime.factor",
    "bantime.formula",
    "bantime.multipliers",
    "bantime.maxtime",
    "ipv6_prefix",
    "widen",
    "jails",
    "maxrety",
];

/// A value that some key takes, or none does.
fn value() -> impl Strategy<Value = String> {
    let words = ["sshd", "normal", "_UID=0", "/a", "all", "ssh", "tcp", "10m", "permanent"];
    let others = [
        "2.5",
        "recidive",
        "{addresses: 3}",
        "true",
        "~",
        "{}",
        "[]",
        "{directory: /a}",
        "[22, http]",
        "0",
        "5",
        "-1",
    ];
    prop_oneof![
        prop::sample::select(words.to_vec()).prop_map(str::to_owned),
        prop::sample::select(others.to_vec()).prop_map(str::to_owned),
        "'[ -&(-~\u{e9}]{0,12}'",
    ]
}

fn section() -> impl Strategy<Value = String> {
    let entry =
        (prop::sample::select(KEYS), value()).prop_map(|(key, value)| format!("{key}: {value}"));
    prop::collection::vec(entry, 0..5).prop_map(|entries| format!("{{{}}}", entries.join(", ")))
}

proptest! {
    #[test]
    fn any_values_are_refused_or_make_sense(defaults in section(), jail in section()) {
        let yaml = format!("{{defaults: {defaults}, jails: {{sshd: {jail}}}}}");
        let host = tempfile::tempdir().unwrap();
        fs::write(host.path().join("gaoler.yaml"), yaml).unwrap();
        let surroundings = Surroundings { services: host.path().join("services"), environment };
        let loaded = load_in(&host.path().join("gaoler.yaml"), &surroundings);
        for jail in loaded.map(|config| config.jails).unwrap_or_default() {
            prop_assert!(jail.max_addresses > 0);
            prop_assert!(jail.bantime.is_none_or(|bantime| bantime.is_positive()));
            prop_assert!(!jail.scope.protocols.is_empty());
            prop_assert!((32..=128).contains(&jail.ipv6_prefix));
            let first = jail.increment.zip(jail.bantime).map(|(i, bantime)| i.bantime(bantime, 0, 0.5));
            prop_assert!(first.is_none_or(|first| first.is_positive()));
        }
    }
}

#[test]
fn the_shipped_configuration_is_accepted() {
    let config = load(&root("config/gaoler.yaml")).unwrap();
    let names: Vec<_> = config.jails.iter().map(|jail| jail.name.as_str()).collect();
    assert_eq!(names, ["sshd", "http-get-dos"]);
    assert_eq!(config.warnings, Vec::<String>::new());
}

#[test]
fn the_schemas_and_the_reference_are_up_to_date() {
    let pretty = |schema| format!("{schema:#}\n");
    holds("config/gaoler.schema.json", &pretty(gaoler::config::schema()));
    holds("config/filter.schema.json", &pretty(gaoler::config::filter_schema()));
    fs::create_dir_all(root("docs")).unwrap();
    holds("docs/configuration.md", &gaoler::config::reference::reference());
}

#[test]
fn the_schemas_describe_every_key() {
    fn walk(schema: &serde_json::Value, path: &str) {
        for (key, property) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{key}");
            assert!(property["description"].as_str().is_some_and(|d| d.len() > 10), "{path}");
            walk(property, &path);
            walk(&property["additionalProperties"], &path);
            walk(&property["items"], &path);
        }
    }
    walk(&gaoler::config::schema(), "");
    walk(&gaoler::config::filter_schema(), "");
    let jail = &gaoler::config::schema()["properties"]["jails"]["additionalProperties"];
    assert!(jail["properties"]["maxretry"].is_object());
}
