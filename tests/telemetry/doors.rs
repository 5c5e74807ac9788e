//! Who gets in, and what each gets to see.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use gaoler::config::checked::{Addresses, Web};
use gaoler::moment::Moment;
use gaoler::telemetry::door::{Door, DoorError};
use serde_json::Value;

use crate::authority::Authority;
use crate::golden::check;
use crate::host::{overview, troubled};
use crate::http::{Answer, Served, ask};
use crate::scraped::Prometheus;
use crate::script::at;

/// `Aladdin:open sesame` and `prometheus:right`, as curl sends them.
const ALADDIN: &str = "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n";
const SCRAPER: &str = "Authorization: Basic cHJvbWV0aGV1czpyaWdodA==\r\n";

const PATHS: [&str; 9] = [
    "/",
    "/metrics",
    "/style.css",
    "/api/v1/status",
    "/api/v1/jails",
    "/api/v1/banned",
    "/api/v1/verdicts",
    "/-/ready",
    "/nowhere",
];

pub fn users(users: &[(&str, &str)]) -> String {
    let line = |(user, password)| format!("  {user}: {}\n", bcrypt::hash(password, 4).unwrap());
    let lines: Vec<String> = users.iter().copied().map(line).collect();
    format!("basic_auth_users:\n{}", lines.concat())
}

/// A web configuration in a file, with all else as it is by default.
pub fn web(file: &Path, yaml: &str) -> Web {
    fs::write(file, yaml).unwrap();
    Web { config_file: Some(file.to_owned()), addresses: Addresses::Authenticated }
}

pub fn now() -> Moment {
    at(0)
}

pub fn served(web: Web) -> Served {
    let server = Served::guarded(web);
    server.overview.send_replace(overview());
    server
}

fn json(answer: &Answer) -> Value {
    assert_eq!(answer.header("content-type"), "application/json");
    serde_json::from_str(answer.text()).unwrap()
}

/// Whether an address that the host knows of is on it.
fn names_somebody(answer: &Answer) -> bool {
    ["192.0.2.", "198.51.100.", "203.0.113.", "2001:db8"]
        .iter()
        .any(|of| answer.text().contains(of))
}

#[tokio::test]
async fn without_the_password_there_is_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let server = served(web(&directory.path().join("web.yml"), &users(&[("prometheus", "right")])));
    for path in PATHS {
        for authorization in ["", ALADDIN, "Authorization: Basic \r\n"] {
            let refusal = ask(server.address, "GET", path, authorization).await;
            let challenge = "Basic realm=\"gaoler\", charset=\"UTF-8\"";
            assert_eq!((refusal.status, refusal.header("www-authenticate")), (401, challenge));
            assert!(refusal.text().len() < 50, "{}", refusal.text());
        }
        let answer = ask(server.address, "GET", path, SCRAPER).await;
        assert_ne!(answer.status, 401, "{path}");
    }
    let page = ask(server.address, "GET", "/", SCRAPER).await;
    assert!(page.text().contains("<code>2001:db8:1234:5678::/64</code>"), "{}", page.text());
}

#[tokio::test]
async fn addresses_are_for_who_has_shown_a_password() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("web.yml");
    let guarded = web(&file, &users(&[("prometheus", "right")]));
    let open = Web { config_file: None, ..guarded.clone() };
    let always = Web { addresses: Addresses::Always, ..open.clone() };
    let never = Web { addresses: Addresses::Never, ..guarded.clone() };
    for (web, shown) in [(guarded, true), (open, false), (always, true), (never, false)] {
        let server = served(web.clone());
        for path in ["/", "/api/v1/banned", "/api/v1/verdicts"] {
            let answer = ask(server.address, "GET", path, SCRAPER).await;
            assert_eq!(names_somebody(&answer), shown, "{path} {web:?}\n{}", answer.text());
            let refused = path == "/api/v1/banned" && !shown;
            assert_eq!(answer.status, if refused { 403 } else { 200 });
        }
        for path in ["/metrics", "/api/v1/status", "/api/v1/jails", "/-/ready"] {
            let answer = ask(server.address, "GET", path, SCRAPER).await;
            assert!(!names_somebody(&answer), "{path} {web:?}\n{}", answer.text());
        }
    }
}

/// What programs rely on; docs/status-page.md tells of each field.
#[tokio::test]
async fn the_json_stays_as_it_is() {
    let server = served(Web { addresses: Addresses::Always, ..Web::default() });
    for name in ["status", "jails", "banned", "verdicts"] {
        let answer = ask(server.address, "GET", &format!("/api/v1/{name}"), "").await;
        let pretty = serde_json::to_string_pretty(&json(&answer)).unwrap();
        check(&format!("tests/golden/api/{name}.json"), &(pretty + "\n"));
    }
}

#[tokio::test]
async fn the_json_can_be_asked_for_less() {
    let server = served(Web { addresses: Addresses::Always, ..Web::default() });
    let get = async |path: &str| ask(server.address, "GET", path, "").await;
    let sshd = json(&get("/api/v1/banned?jail=sshd&limit=2").await);
    assert_eq!((&sshd["total"], sshd["bans"].as_array().unwrap().len()), (&3.into(), 2));
    assert_eq!(json(&get("/api/v1/jails?jail=sshd").await)["jails"][0]["name"], "sshd");
    for (path, status) in [
        ("/api/v1/jails?jail=nosuch", 404),
        ("/api/v1/banned?limit=0", 400),
        ("/api/v1/banned?limit=10001", 400),
        ("/api/v1/banned?limit=x", 400),
        ("/api/v1/", 404),
        ("/api/v2/status", 404),
    ] {
        let answer = get(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(json(&answer)["error"].is_string(), "{path}");
    }
    server.overview.send_replace(troubled());
    let status = json(&get("/api/v1/status").await);
    assert_eq!((&status["ready"], &status["state"]["up"]), (&false.into(), &false.into()));
    assert_eq!(status["reasons"].as_array().unwrap().len(), 3, "{status}");
}

/// Asks until the answer has this status.
async fn until(server: &Served, authorization: &str, status: u16) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while ask(server.address, "GET", "/-/healthy", authorization).await.status != status {
        assert!(Instant::now() < deadline, "never {status} with {authorization}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_changed_file_holds_from_the_next_look() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("web.yml");
    let server = served(web(&file, &users(&[("prometheus", "right")])));
    until(&server, SCRAPER, 200).await;
    web(&file, &users(&[("Aladdin", "open sesame"), ("other", "user")]));
    until(&server, ALADDIN, 200).await;
    assert_eq!(ask(server.address, "GET", "/", SCRAPER).await.status, 401);
}

#[tokio::test]
async fn a_wrong_file_never_opens_the_door() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("web.yml");
    let door = Door::open(web(&file, &users(&[("prometheus", "right")])), now).unwrap();
    let scraper = SCRAPER.trim().strip_prefix("Authorization: ");
    for wrong in ["basic_auth_users: {}\nbasic_auth_user: {}\n", "", "basic_auth_users: {a: b}\n"] {
        // An empty file is a right one, and would let everybody in.
        if wrong.is_empty() {
            fs::remove_file(&file).unwrap();
        } else {
            web(&file, wrong);
        }
        door.look();
        let passwords = &door.rules().passwords;
        assert!(!passwords.admit(None).await && passwords.admit(scraper).await, "{wrong}");
    }
    web(&file, "{}\n");
    door.look();
    assert!(door.rules().passwords.admit(None).await);
}

#[tokio::test]
async fn tls_as_the_web_configuration_has_it() {
    let authority = Authority::new();
    authority.sign("localhost");
    authority.sign("prometheus");
    let tls = "tls_server_config: {cert_file: localhost.crt, key_file: localhost.key";
    let server = served(authority.web(&format!("{tls}}}\n")));
    let page = authority.get(&server, "/", None).await.unwrap();
    assert_eq!(page.status, 200);
    assert!(!names_somebody(&page), "TLS alone tells nobody who asks");

    let clients = "client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.crt";
    let server = served(authority.web(&format!("{tls}, {clients}}}\n")));
    assert!(authority.get(&server, "/", None).await.is_none());
    let stranger = Authority::new();
    stranger.sign("prometheus");
    for ending in ["crt", "key"] {
        let from = stranger.directory.path().join(format!("prometheus.{ending}"));
        let to = authority.directory.path().join(format!("stranger.{ending}"));
        fs::copy(from, to).unwrap();
    }
    assert!(authority.get(&server, "/", Some("stranger")).await.is_none());
    let page = authority.get(&server, "/", Some("prometheus")).await.unwrap();
    assert!(page.status == 200 && names_somebody(&page), "{}", page.text());
}

/// As docs/status-page.md has it: a real Prometheus, in TLS, with a password.
#[tokio::test(flavor = "multi_thread")]
async fn prometheus_comes_in_with_its_password() {
    let authority = Authority::new();
    authority.sign("localhost");
    let tls = "tls_server_config: {cert_file: localhost.crt, key_file: localhost.key}\n";
    let web = authority.web(&format!("{tls}{}", users(&[("prometheus", "right")])));
    let server = served(web);
    let ca = authority.directory.path().join("ca.crt");
    let job = |name: &str, password: &str| {
        format!(
            "- job_name: {name}\n  scheme: https\n  scrape_interval: 2s\n  scrape_timeout: 2s\n  \
             tls_config: {{ca_file: '{}', server_name: localhost}}\n  \
             basic_auth: {{username: prometheus, password: {password}}}\n  \
             static_configs: [{{targets: ['{}']}}]\n",
            ca.display(),
            server.address
        )
    };
    let jobs = [job("let-in", "right"), job("kept-out", "wrong")].concat();
    let directory = tempfile::tempdir().unwrap();
    let prometheus = Prometheus::start(directory.path(), &jobs);
    // The first scrapes may wait for each other's passwords too long.
    for query in ["up{job='let-in'} == 1", "up{job='kept-out'} == 0"] {
        assert_eq!(prometheus.samples(query, 1).await.len(), 1, "{query}");
    }
    let builds = prometheus.samples("gaoler_build_info", 1).await;
    assert_eq!(builds, [("let-in".to_owned(), "1".to_owned())]);
}

#[test]
fn what_cannot_be_used_is_said_at_the_start() {
    let authority = Authority::new();
    authority.sign("localhost");
    authority.sign("other");
    let check = |yaml: &str, expected: &str| {
        let error: DoorError = Door::open(authority.web(yaml), now).unwrap_err();
        assert!(error.to_string().contains(expected), "{expected} is not in: {error}");
    };
    let tls = |files: &str| format!("tls_server_config: {{{files}}}\n");
    check("basic_auth_users: {a: b}", "basic_auth_users.a`: the value is not a bcrypt hash");
    check(
        &tls("cert_file: nosuch.crt, key_file: localhost.key"),
        "nosuch.crt: cannot be read by gaoler",
    );
    check(
        &tls("cert_file: localhost.key, key_file: localhost.key"),
        "there is no certificate in it",
    );
    check(&tls("cert_file: localhost.crt, key_file: localhost.crt"), "no private key in PEM");
    check(&tls("cert_file: localhost.crt, key_file: other.key"), "not usable with the key in");
}
