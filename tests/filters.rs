//! The filters that are built in: their samples, and that no peer can be taken for another.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use gaoler::config::builtin;
use gaoler::config::filters::Filters;
use gaoler::filter::{Filter, Matcher, Outcome};
use gaoler::record::Record;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;

const PEER: &str = "198.51.100.7";

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().expect("an instant")
}

fn matcher(filter: Arc<Filter>) -> Matcher {
    Matcher::new(filter, TimeZone::UTC)
}

/// A filter that is built in, as `sshd[mode=aggressive]`.
fn filter(spec: &str) -> Arc<Filter> {
    Filters::new("/nonexistent".into()).named(spec).expect("a filter that is built in").1
}

/// Every filter that is built in, in every mode.
fn shipped() -> Vec<Arc<Filter>> {
    let mut all = Vec::new();
    for name in builtin::names() {
        let normal = filter(name);
        let modes = normal.definition.mode_names().map(|mode| format!("{name}[mode={mode}]"));
        all.extend(modes.map(|spec| filter(&spec)));
    }
    all
}

#[test]
fn what_we_ship_holds_its_own_samples_in_every_mode() {
    for filter in shipped() {
        let failures: Vec<String> = filter.run_samples().iter().map(ToString::to_string).collect();
        assert!(failures.is_empty(), "{}", failures.join("\n"));
        assert!(filter.warnings().is_empty(), "{:?}", filter.warnings());
    }
}

#[test]
fn every_shipped_pattern_has_a_sample() {
    for filter in shipped() {
        let mut matcher = matcher(Arc::clone(&filter));
        let mut seen = BTreeSet::new();
        for sample in &filter.definition.samples {
            matcher.forget();
            let time = sample.journal.then(now);
            let record = Record { time, text: sample.line.as_bytes() };
            if let Outcome::Failure(found) = matcher.read(record, now()) {
                seen.insert(found.pattern);
            }
        }
        let all: BTreeSet<u16> = (0..filter.pattern_count()).collect();
        assert_eq!(seen, all, "{} {}", filter.name(), filter.mode);
    }
}

/// Whether an entry of the journal is a failure.
fn fails(matcher: &mut Matcher, text: &[u8]) -> bool {
    matches!(matcher.read(Record { time: Some(now()), text }, now()), Outcome::Failure(_))
}

/// How many failures the lines of one sshd process are.
#[track_caller]
fn counts(mode: &str, expected: usize, messages: &[&str]) {
    let mut matcher = matcher(filter(&format!("sshd[mode={mode}]")));
    let mut failures = 0;
    for message in messages {
        let line = format!("host sshd-session[812]: {message}");
        failures += usize::from(fails(&mut matcher, line.as_bytes()));
    }
    assert_eq!(failures, expected, "{messages:#?}");
}

/// The lines are those of OpenSSH 9.2 under attack.
#[test]
fn one_attempt_at_sshd_counts_once() {
    let root = "Failed password for root from 198.51.100.7 port 52502 ssh2";
    let pam = "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=198.51.100.7  user=root";
    let closed = "Connection closed by authenticating user root 198.51.100.7 port 52502 [preauth]";
    let maximum = "error: maximum authentication attempts exceeded for root from 198.51.100.7 port 52502 ssh2 [preauth]";
    counts("normal", 2, &[pam, root, root, closed]);
    counts("aggressive", 2, &[pam, root, root, closed]);
    counts("normal", 2, &[root, root, maximum]);
    counts("aggressive", 1, &[closed]);

    let invalid = "Invalid user nosuch from 198.51.100.7 port 41614";
    let failed = "Failed password for invalid user nosuch from 198.51.100.7 port 41614 ssh2";
    let closed = "Connection closed by invalid user nosuch 198.51.100.7 port 41614 [preauth]";
    counts("normal", 1, &[invalid, failed, closed]);
    counts("aggressive", 2, &[invalid, failed, failed, closed]);
    counts("aggressive", 1, &[invalid, closed]);

    let pam = "error: PAM: Authentication failure for illegal user nosuch from 198.51.100.7";
    let failed =
        "Failed keyboard-interactive/pam for invalid user nosuch from 198.51.100.7 port 41614 ssh2";
    counts("aggressive", 2, &[invalid, pam, failed, pam, failed, closed]);
    counts("normal", 3, &[pam, pam, pam]);
}

#[test]
fn a_timeout_that_the_parent_tells_of_is_the_childs() {
    let mut matcher = matcher(filter("sshd[mode=ddos]"));
    let failed = b"h sshd-session[812]: Failed password for root from 198.51.100.7 port 5 ssh2";
    let timeout = b"h sshd[7]: Timeout before authentication for connection from 198.51.100.7 to 192.0.2.1, pid = 812";
    assert!(fails(&mut matcher, failed));
    assert!(!fails(&mut matcher, timeout));
    assert!(fails(&mut matcher, timeout));
}

/// Templates of what daemons write, with what the peer chose as `{}`; whether the daemon escapes
/// quotes and control bytes there.
const SSHD: [&str; 15] = [
    "Invalid user {} from 198.51.100.7 port 41614",
    "User {} from 198.51.100.7 not allowed because listed in DenyUsers",
    "error: PAM: Authentication failure for illegal user {} from 198.51.100.7",
    "Failed password for invalid user {} from 198.51.100.7 port 41614 ssh2",
    "Failed keyboard-interactive/pam for {} from 198.51.100.7 port 41614 ssh2",
    "Failed publickey for invalid user {} from 198.51.100.7 port 41614 ssh2: RSA-CERT ID {} (serial 0) CA RSA SHA256:o7OVbQkyLhjfGwLsvn8xBIqYlCYrTtN1hTJFbNhCpyE",
    "error: maximum authentication attempts exceeded for {} from 198.51.100.7 port 41614 ssh2 [preauth]",
    "Connection closed by invalid user {} 198.51.100.7 port 41614 [preauth]",
    "Connection from authenticating user {} 198.51.100.7 port 41614 timed out [preauth]",
    "Disconnecting invalid user {} 198.51.100.7 port 41614: Change of username or service not allowed: ({},ssh-connection) -> ({},ssh-connection) [preauth]",
    "Unable to negotiate with 198.51.100.7 port 41614: no matching cipher found. Their offer: {} [preauth]",
    "Unable to negotiate with invalid user {} 198.51.100.7 port 41614: no matching cipher found. Their offer: {} [preauth]",
    "Bad protocol version identification '{}' from 198.51.100.7 port 41614",
    "Received disconnect from 198.51.100.7 port 41614:11: {} [preauth]",
    "ssh_dispatch_run_fatal: Connection from invalid user {} 198.51.100.7 port 41614: Connection corrupted [preauth]",
];

const HTTPD: [&str; 3] = [
    r#"198.51.100.7 - {} [22/Nov/2026:10:00:00 +0000] "GET /{} HTTP/1.1" 404 5 "{}" "{}""#,
    r#"198.51.100.7 - - [22/Nov/2026:10:00:00 +0000] "{}" 400 5"#,
    r#"198.51.100.7 - "" [22/Nov/2026:10:00:00 +0000] "HEAD {} HTTP/1.1" 404 5 "{}" "{}""#,
];

const HTTPD_ERROR: [&str; 3] = [
    r#"[Sun Nov 22 13:01:32.369263 2026] [auth_basic:error] [pid 1:tid 2] [client 198.51.100.7:37604] AH01617: user {}: authentication failure for "/{}": Password Mismatch, referer: {}"#,
    "[Sun Nov 22 13:01:32.369263 2026] [auth_digest:error] [pid 1:tid 2] [client 198.51.100.7:37604] AH01790: user `{}' in realm `{}' not found: /{}",
    "[Sun Nov 22 13:01:32.369263 2026] [core:error] [pid 1:tid 2] [client 198.51.100.7:37604] AH00126: Invalid URI in request {}",
];

/// One line of another daemon.
struct Line {
    filter: &'static str,
    /// Whether a peer that writes whatever it likes has failed all the same.
    always: bool,
    /// Whether the daemon escapes what the peer writes; else it is taken raw, though most would.
    escapes: bool,
    template: &'static str,
}

const fn line(filter: &'static str, always: bool, escapes: bool, template: &'static str) -> Line {
    Line { filter, always, escapes, template }
}

/// Files' lines: what is a journal's reads alike without its date.
const OTHERS: &[Line] = &[
    line(
        "cockpit",
        true,
        false,
        "Nov 22 10:00:00 h cockpit-session[8]: pam_unix(cockpit:auth): authentication failure; logname= uid=0 euid=0 tty= ruser= rhost=198.51.100.7  user={}",
    ),
    line(
        "dovecot[mode=aggressive]",
        true,
        false,
        "Nov 22 10:00:00 h dovecot: imap-login: Disconnected: Connection closed (auth failed, 1 attempts in 0 secs): user=<{}>, method=PLAIN, rip=198.51.100.7, lip=192.0.2.1, TLS, session=<4hdZu+dgFpXGM2QH>",
    ),
    line(
        "dovecot[mode=aggressive]",
        false,
        false,
        "Nov 22 10:00:00 h dovecot: imap-login: Login: user=<{}>, method=PLAIN, rip=198.51.100.7, lip=192.0.2.1, mpid=1, TLS, session=<4hdZu+dgFpXGM2QH>",
    ),
    line(
        "gitlab[mode=throttled]",
        true,
        true,
        r#"{"severity":"INFO","time":"2026-11-22T10:00:00Z","correlation_id":"0","message":"Failed Login: username={} ip=198.51.100.7"}"#,
    ),
    line(
        "gitlab[mode=throttled]",
        false,
        true,
        r#"{"severity":"INFO","time":"2026-11-22T10:00:00Z","correlation_id":"0","message":"Rack_Attack","env":"throttle","remote_ip":"198.51.100.7","path":"{}"}"#,
    ),
    line(
        "grafana",
        true,
        true,
        r#"logger=context userId=0 orgId=0 uname= t=2026-11-22T10:00:00Z level=info msg="Request Completed" method=POST path=/login status=401 remote_addr=198.51.100.7 time_ms=1 referer="{}""#,
    ),
    line(
        "grafana",
        false,
        true,
        r#"logger=context userId=0 orgId=0 uname= t=2026-11-22T10:00:00Z level=info msg="Request Completed" method=POST path="/{}" status=401 remote_addr=198.51.100.7 time_ms=1 referer="#,
    ),
    line(
        "haproxy[mode=aggressive]",
        true,
        false,
        r#"Nov 22 10:00:00 h haproxy[8]: 198.51.100.7:50446 [22/Nov/2026:10:00:00.262] main main/<NOSRV> 0/-1/-1/-1/0 403 0 - - PR-- 1/1/0/0/0 0/0 {{}} "GET /{} HTTP/1.1""#,
    ),
    line(
        "keycloak",
        true,
        true,
        r#"2026-11-22 10:00:00,123 WARN  [org.keycloak.events] (executor-thread-1) type="LOGIN_ERROR", realmId="master", clientId="account", userId="null", ipAddress="198.51.100.7", error="user_not_found", username="{}""#,
    ),
    line(
        "keycloak",
        false,
        true,
        r#"2026-11-22 10:00:00,123 WARN  [org.keycloak.events] (executor-thread-1) type="LOGIN_ERROR", realmId="master", clientId="{}", userId="null", ipAddress="198.51.100.7", error="client_not_found""#,
    ),
    line(
        "mariadb",
        true,
        false,
        "2026-11-22  1:00:00 12 [Warning] Access denied for user '{}'@'198.51.100.7' (using password: YES)",
    ),
    line(
        "mariadb-audit",
        false,
        false,
        "Nov 22 10:00:00 h mysql-server_auditing:  h,{},198.51.100.7,6,0,FAILED_CONNECT,,,1045",
    ),
    line(
        "named[mode=refused]",
        false,
        false,
        "22-Nov-2026 10:00:00.000 security: info: client @0x7f10598fb098 198.51.100.7#38136 ({}): view external: query '{}/A/IN' denied",
    ),
    line(
        "openvpn",
        false,
        false,
        "2026-11-22 10:00:00 198.51.100.7:40736 VERIFY ERROR: depth=0, error=x: CN={}, serial=1",
    ),
    line(
        "openvpn",
        false,
        false,
        "2026-11-22 10:00:00 {}/198.51.100.7:40736 VERIFY ERROR: depth=0, error=x: CN={}, serial=1",
    ),
    line(
        "pam",
        false,
        false,
        "Nov 22 10:00:00 h vsftpd[8]: pam_unix(vsftpd:auth): authentication failure; logname= uid=0 euid=0 tty=ftp ruser={} rhost=198.51.100.7  user={}",
    ),
    line(
        "pam",
        false,
        false,
        "Nov 22 10:00:00 h vsftpd[8]: pam_unix(vsftpd:auth): authentication failure; logname= uid=0 euid=0 tty=ftp ruser={} rhost=198.51.100.7 ",
    ),
    line(
        "postfix[mode=aggressive]",
        true,
        false,
        "Nov 22 10:00:00 h postfix/smtpd[8]: NOQUEUE: reject: RCPT from unknown[198.51.100.7]: 554 5.7.1 <{}>: Relay access denied; from=<{}> to=<{}> proto=ESMTP helo=<{}>",
    ),
    line(
        "postfix[mode=aggressive]",
        true,
        false,
        "Nov 22 10:00:00 h postfix/smtpd[8]: warning: non-SMTP command from unknown[198.51.100.7]: {}",
    ),
    line(
        "postfix-sasl",
        true,
        false,
        "Nov 22 10:00:00 h postfix/smtpd[8]: warning: unknown[198.51.100.7]: SASL PLAIN authentication failed: x, sasl_username={}",
    ),
    line(
        "postgresql",
        true,
        false,
        r#"2026-11-22 10:00:00.123 UTC [8] 198.51.100.7 FATAL:  password authentication failed for user "{}""#,
    ),
    line(
        "postgresql",
        true,
        false,
        r#"2026-11-22 10:00:00.123 UTC [8] FATAL:  no pg_hba.conf entry for host "198.51.100.7", user "{}", database "{}", no encryption"#,
    ),
    line(
        "proftpd",
        true,
        false,
        "Nov 22 10:00:00 h proftpd[8]: ftp (198.51.100.7[198.51.100.7]) - USER {}: no such user found from 198.51.100.7 [198.51.100.7] to 192.0.2.1:21",
    ),
    line(
        "squid[mode=aggressive]",
        false,
        false,
        "1795341600.123      0 198.51.100.7 TCP_DENIED/407 3493 GET http://192.0.2.1/{} {} HIER_NONE/- text/html",
    ),
    line(
        "vsftpd",
        false,
        false,
        r#"Sun Nov 22 10:00:00 2026 [pid 8] [{}] FAIL LOGIN: Client "::ffff:198.51.100.7""#,
    ),
    line(
        "vsftpd",
        false,
        false,
        r#"Sun Nov 22 10:00:00 2026 [pid 8] [bob] OK MKDIR: Client "198.51.100.7", "/{}""#,
    ),
    line(
        "httpd-denied[mode=scripts]",
        true,
        true,
        "[Sun Nov 22 13:01:32.369263 2026] [core:error] [pid 1:tid 2] [client 198.51.100.7:37604] AH10244: invalid URI path ({})",
    ),
    line(
        "httpd-botsearch",
        true,
        true,
        r#"198.51.100.7 - {} [22/Nov/2026:10:00:00 +0000] "GET /.env?{} HTTP/1.1" 404 5 "{}" "{}""#,
    ),
    line(
        "httpd-badbots",
        true,
        true,
        r#"198.51.100.7 - {} [22/Nov/2026:10:00:00 +0000] "GET /{} HTTP/1.1" 404 5 "{}" "sqlmap {}""#,
    ),
    line(
        "nginx-http-auth",
        true,
        true,
        r#"198.51.100.7 - bob{} [22/Nov/2026:10:00:00 +0000] "GET /{} HTTP/1.1" 401 5 "{}" "{}""#,
    ),
];

/// What a peer might write in order to be taken for another.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b" from 203.0.113.9 port 1 ssh2".to_vec()),
        Just(b" from 203.0.113.9 port 1".to_vec()),
        Just(b" from 203.0.113.9".to_vec()),
        Just(b" 203.0.113.9 port 1 [preauth]".to_vec()),
        Just(b" 203.0.113.9 port 1 timed out [preauth]".to_vec()),
        Just(b" from 203.0.113.9 not allowed because listed in DenyUsers".to_vec()),
        Just(b"\n203.0.113.9 - - [22/Nov/2026:10:00:00 +0000] \"GET / HTTP/1.1\" 404 5".to_vec()),
        Just(b"] [client 203.0.113.9:1] AH01618: user x not found: /".to_vec()),
        Just(b"\nNov 22 10:00:00 h sshd[1]: Invalid user x from 203.0.113.9 port 1".to_vec()),
        Just(b" rhost=203.0.113.9  user=root".to_vec()),
        Just(b"] FAIL LOGIN: Client \"203.0.113.9\"".to_vec()),
        Just(b">, method=PLAIN, rip=203.0.113.9, lip=1.2.3.4, TLS, session=<QUFB>".to_vec()),
        Just(b"'@'203.0.113.9' (using password: YES)".to_vec()),
        Just(b" ip=203.0.113.9\"}".to_vec()),
        Just(b",203.0.113.9,5,0,FAILED_CONNECT,,,1045".to_vec()),
        Just(b"\", ipAddress=\"203.0.113.9\", error=\"user_not_found\"".to_vec()),
        Just(b" remote_addr=203.0.113.9 ".to_vec()),
        Just(b"203.0.113.9:1 VERIFY ERROR: depth=0, error=".to_vec()),
        Just(b"unknown[203.0.113.9]: SASL PLAIN authentication failed: ".to_vec()),
        Just(b" (x[203.0.113.9]) - USER y (Login failed): ".to_vec()),
        Just(b"[preauth]".to_vec()),
        Just(b": ".to_vec()),
        Just(b"\"".to_vec()),
        Just(b"\\".to_vec()),
        Just(b"'".to_vec()),
        Just(vec![b'a'; 5000]),
        proptest::collection::vec(any::<u8>(), 0..8),
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

/// The template with the peer's text in its places.
fn fill(template: &str, text: &[u8]) -> Vec<u8> {
    template.split("{}").map(str::as_bytes).collect::<Vec<_>>().join(text)
}

/// Escapes as httpd does (`ap_escape_logitem`).
fn escaped(text: &[u8]) -> Vec<u8> {
    text.iter()
        .flat_map(|byte| match byte {
            b'"' | b'\\' => vec![b'\\', *byte],
            0x20..0x7f => vec![*byte],
            byte => format!("\\x{byte:02x}").into_bytes(),
        })
        .collect()
}

/// The address that a line yields, if any.
fn address(matcher: &mut Matcher, line: &[u8], journal: bool) -> Option<IpAddr> {
    matcher.forget();
    match matcher.read(Record { time: journal.then(now), text: line }, now()) {
        Outcome::Failure(found) | Outcome::NoFail(Some(found)) => Some(found.address),
        Outcome::NoFail(None)
        | Outcome::Missed
        | Outcome::Ignored
        | Outcome::Unattributed(_)
        | Outcome::Exceeded(_) => None,
    }
}

/// The line with the peer's text in its places.
fn written(line: &Line, text: &[u8]) -> Vec<u8> {
    if line.escapes { fill(line.template, &escaped(text)) } else { fill(line.template, text) }
}

/// Matchers of the shipped filters at their widest, made once a thread.
struct Shipped {
    sshd: Matcher,
    httpd: [Matcher; 2],
    httpd_auth: Matcher,
    others: Vec<Matcher>,
}

thread_local! {
    static SHIPPED: RefCell<Shipped> = RefCell::new(Shipped {
        sshd: matcher(filter("sshd[mode=aggressive]")),
        httpd: [matcher(filter("http-get-dos")), matcher(filter("httpd-404"))],
        httpd_auth: matcher(filter("httpd-auth")),
        others: OTHERS.iter().map(|line| matcher(filter(line.filter))).collect(),
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// The heart of it: whatever a peer calls itself, only its own address can fail. sshd's text
    /// is taken raw, though it would escape control bytes.
    #[test]
    fn no_text_of_a_peer_chooses_the_address(text in hostile()) {
        let peer: IpAddr = PEER.parse().unwrap();
        SHIPPED.with_borrow_mut(|shipped| {
            for template in SSHD {
                let message = fill(template, &text);
                let line = [b"host sshd[812]: ", &message[..]].concat();
                let found = address(&mut shipped.sshd, &line, true);
                prop_assert!(found.is_none_or(|found| found == peer), "{template}");
                let line = [b"Nov 22 10:00:00 ", &line[..]].concat();
                let found = address(&mut shipped.sshd, &line, false);
                prop_assert!(found.is_none_or(|found| found == peer), "{template}");
            }
            let text = escaped(&text);
            for template in HTTPD {
                for matcher in &mut shipped.httpd {
                    let found = address(matcher, &fill(template, &text), false);
                    prop_assert!(found.is_none_or(|found| found == peer), "{template}");
                }
            }
            for template in HTTPD_ERROR {
                let found = address(&mut shipped.httpd_auth, &fill(template, &text), false);
                prop_assert!(found.is_none_or(|found| found == peer), "{template}");
            }
            Ok(())
        })?;
    }

    /// A hostile name is no way to hide, either.
    #[test]
    fn no_text_of_a_peer_hides_a_failure(text in hostile()) {
        let peer = Some(PEER.parse().unwrap());
        SHIPPED.with_borrow_mut(|shipped| {
            for template in [SSHD[0], SSHD[2], SSHD[3], SSHD[7]] {
                let line = [b"host sshd[812]: ", &fill(template, &text)[..]].concat();
                prop_assert_eq!(address(&mut shipped.sshd, &line, true), peer, "{}", template);
            }
            let text = escaped(&text);
            for matcher in &mut shipped.httpd {
                prop_assert_eq!(address(matcher, &fill(HTTPD[0], &text), false), peer);
            }
            for template in &HTTPD_ERROR[..2] {
                let line = fill(template, &text);
                prop_assert_eq!(address(&mut shipped.httpd_auth, &line, false), peer);
            }
            Ok(())
        })?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// Of every other daemon: nobody else, whatever is written; and the peer itself, if nothing that
    /// it writes can hide it.
    #[test]
    fn no_text_of_a_peer_chooses_the_address_of_any_daemon(text in hostile()) {
        let peer: IpAddr = PEER.parse().unwrap();
        SHIPPED.with_borrow_mut(|shipped| {
            for (line, matcher) in OTHERS.iter().zip(&mut shipped.others) {
                let found = address(matcher, &written(line, &text), false);
                let right = found == Some(peer) || found.is_none() && !line.always;
                prop_assert!(right, "{}: {found:?}: {}", line.filter, line.template);
            }
            Ok(())
        })?;
    }
}
