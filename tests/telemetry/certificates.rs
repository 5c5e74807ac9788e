//! TLS as the web configuration has it, and what becomes of it when its files change.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use gaoler::telemetry::door::{Door, DoorError};
use rustls::ALL_VERSIONS;
use rustls::pki_types::CertificateDer;
use rustls::version::{TLS12, TLS13};

use crate::authority::Authority;
use crate::doors::{now, served, users, web as written};
use crate::http::{Served, ask};

const TLS: &str = "cert_file: localhost.crt, key_file: localhost.key";

/// The certificate that a client is shown now.
async fn shown(authority: &Authority, server: &Served) -> CertificateDer<'static> {
    let stream = authority.connect(server, ALL_VERSIONS, None).await.expect("TLS");
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

/// Waits until clients are shown what was signed last.
async fn until_shown(authority: &Authority, server: &Served) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while shown(authority, server).await != authority.signed("localhost") {
        assert!(Instant::now() < deadline, "the old certificate, for ever");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_the_next_client() {
    let authority = Authority::new();
    authority.sign("localhost");
    let server = served(authority.web(&format!("tls_server_config: {{{TLS}}}\n")));
    let first = shown(&authority, &server).await;
    assert_eq!(first, authority.signed("localhost"));
    // The key comes after the certificate: what is between is told of, and changes nothing.
    authority.sign("localhost");
    until_shown(&authority, &server).await;
    assert_ne!(shown(&authority, &server).await, first);
    assert_eq!(authority.get(&server, "/", None).await.unwrap().status, 200);
}

/// As certbot and Kubernetes do it: a name that leads to another file, as long and as old.
#[tokio::test]
async fn a_link_that_leads_elsewhere_is_seen() {
    let authority = Authority::new();
    let directory = authority.directory.path();
    for turn in ["one", "two"] {
        authority.sign("localhost");
        for ending in ["crt", "key"] {
            let from = directory.join(format!("localhost.{ending}"));
            fs::rename(from, directory.join(format!("{turn}.{ending}"))).unwrap();
        }
    }
    let link = |turn: &str| {
        for ending in ["crt", "key"] {
            let name = directory.join(format!("localhost.{ending}"));
            _ = fs::remove_file(&name);
            std::os::unix::fs::symlink(format!("{turn}.{ending}"), name).unwrap();
        }
    };
    link("one");
    let server = served(authority.web(&format!("tls_server_config: {{{TLS}}}\n")));
    assert_eq!(shown(&authority, &server).await, authority.signed("one"));
    link("two");
    until_shown(&authority, &server).await;
}

#[tokio::test]
async fn what_is_missing_broken_or_over_takes_no_place() {
    let authority = Authority::new();
    authority.sign("localhost");
    let server = served(authority.web(&format!("tls_server_config: {{{TLS}}}\n")));
    let good = shown(&authority, &server).await;
    let path = |name: &str| authority.directory.path().join(name);
    let spoil: [&dyn Fn(); 4] = [
        &|| fs::remove_file(path("localhost.crt")).unwrap(),
        &|| fs::write(path("localhost.crt"), "no certificate\n").unwrap(),
        &|| authority.sign_until("localhost", 2020),
        &|| fs::remove_file(path("web.yml")).unwrap(),
    ];
    for spoil in spoil {
        spoil();
        // Two looks' time: the first one is after it.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        assert_eq!(shown(&authority, &server).await, good);
    }
}

#[test]
fn a_certificate_that_is_over_is_said_so() {
    let authority = Authority::new();
    authority.sign_until("localhost", 2020);
    let web = authority.web(&format!("tls_server_config: {{{TLS}}}\n"));
    let error = Door::open(web.clone(), now).unwrap().certificate_holds().unwrap_err();
    assert!(matches!(error, DoorError::Expired { .. }), "{error}");
    let said = "localhost.crt: the certificate has expired at 2020-12-31T00:00:00Z; renew it";
    assert!(error.to_string().ends_with(said), "{error}");
    authority.sign("localhost");
    Door::open(web, now).unwrap().certificate_holds().unwrap();
}

#[tokio::test]
async fn old_tls_is_spoken_only_where_it_may() {
    let authority = Authority::new();
    authority.sign("localhost");
    for (least, version, spoken) in [
        ("TLS12", &TLS12, true),
        ("TLS12", &TLS13, true),
        ("TLS13", &TLS12, false),
        ("TLS13", &TLS13, true),
    ] {
        let yaml = format!("tls_server_config: {{{TLS}, min_version: {least}}}\n");
        let server = served(authority.web(&yaml));
        let stream = authority.connect(&server, &[version], None).await;
        assert_eq!(stream.is_some(), spoken, "{least} {:?}", version.version);
    }
}

#[tokio::test]
async fn a_certificate_may_be_left_out_where_it_is_not_asked_for() {
    let authority = Authority::new();
    authority.sign("localhost");
    authority.sign("prometheus");
    let stranger = Authority::new();
    stranger.sign("stranger");
    for ending in ["crt", "key"] {
        let name = format!("stranger.{ending}");
        fs::copy(stranger.directory.path().join(&name), authority.directory.path().join(&name))
            .unwrap();
    }
    let clients = "client_auth_type: VerifyClientCertIfGiven, client_ca_file: ca.crt";
    let yaml = format!("tls_server_config: {{{TLS}, {clients}}}\n");
    let server = served(authority.web(&yaml));
    for (client, let_in) in [(None, true), (Some("prometheus"), true), (Some("stranger"), false)] {
        let page = authority.get(&server, "/", client).await;
        assert_eq!(page.is_some_and(|page| page.status == 200), let_in, "{client:?}");
    }
}

/// A file that is right is so for exporters, too; and what they refuse is refused.
#[test]
fn promtool_thinks_of_web_configurations_as_we_do() {
    let authority = Authority::new();
    authority.sign("server");
    fs::copy(
        authority.directory.path().join("ca.crt"),
        authority.directory.path().join("clients.crt"),
    )
    .unwrap();
    let example = include_str!("../../packaging/web.yml");
    let example = example.replace("\n  #", "\n#");
    let headers = |headers: &str| format!("http_server_config: {{headers: {{{headers}}}}}\n");
    let cases = [
        (example.as_str(), true),
        ("{}\n", true),
        ("http_server_config: {http2: false}\n", true),
        (&headers("X-Content-Type-Options: nosniff, X-Frame-Options: sameorigin"), true),
        (&headers("X-Frame-Options: all"), false),
        (&headers("Server: x"), false),
        ("basic_auth_users: {a: b}\n", false),
        ("basic_auth_user: {}\n", false),
        ("tls_server_config: {cert_file: server.crt}\n", false),
    ];
    for (yaml, right) in cases {
        let file = authority.directory.path().join("web.yml");
        let door = Door::open(written(&file, yaml), now);
        assert_eq!(door.is_ok(), right, "{yaml}: {door:?}");
        let check = Command::new("promtool").args(["check", "web-config"]).arg(&file).output();
        let check = check.expect("promtool");
        let said = String::from_utf8_lossy(&[check.stdout, check.stderr].concat()).into_owned();
        assert_eq!(check.status.success(), right, "{yaml}: {said}");
    }
}

#[tokio::test]
async fn headers_are_those_that_the_operator_wants() {
    let directory = tempfile::tempdir().unwrap();
    let yaml = "http_server_config:\n  headers:\n    Strict-Transport-Security: max-age=60\n    \
                Content-Security-Policy: \"default-src 'self'\"\n";
    let yaml = yaml.to_owned() + &users(&[("prometheus", "right")]);
    let server = served(written(&directory.path().join("web.yml"), &yaml));
    // A refusal has them, too.
    for path in ["/", "/metrics", "/nowhere"] {
        let answer = ask(server.address, "GET", path, "").await;
        assert_eq!(answer.header("strict-transport-security"), "max-age=60");
        assert_eq!(answer.header("content-security-policy"), "default-src 'self'");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
}
