use proptest::prelude::*;

use super::*;

const PROXIED: &str =
    r#"%{c}a %a %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i" "%{X-Forwarded-For}i""#;
const TIME: &str = "[22/Nov/2026:10:00:00 +0000]";

fn format(words: &str) -> LogFormat {
    LogFormat::parse(words).unwrap()
}

/// What a line says in a format: peer, client, forwarded, user, time, method, target, status.
#[track_caller]
fn check(words: &str, line: &str, expected: Option<[&str; 8]>) {
    let format = format(words);
    let told = format.read(line.as_bytes()).map(|request| {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        [
            text(request.peer),
            text(request.client),
            text(request.forwarded),
            request.user.map_or_else(|| "-".into(), text),
            text(request.time),
            text(request.method),
            text(request.target),
            request.status.to_string(),
        ]
    });
    assert_eq!(told, expected.map(|told| told.map(str::to_owned)), "{line}");
}

const WHEN: &str = "22/Nov/2026:10:00:00 +0000";

#[test]
fn a_line_behind_a_proxy() {
    check(
        PROXIED,
        &format!(
            r#"10.0.0.1 198.51.100.7 - bob {TIME} "GET /a b HTTP/1.1" 404 12 "-" "curl" "203.0.113.9, 198.51.100.7""#
        ),
        Some([
            "10.0.0.1",
            "198.51.100.7",
            "203.0.113.9, 198.51.100.7",
            "bob",
            WHEN,
            "GET",
            "/a b",
            "404",
        ]),
    );
}

#[test]
fn users_and_requests_stay_where_they_are() {
    for (user, request) in [
        ("-", r#"GET /\" 200 1 \"-\" \"-\" \"203.0.113.9 HTTP/1.1"#),
        ("a b [x] c", "GET /"),
        (r#"203.0.113.9 - - [x] \"GET"#, r"\x16\x03"),
        (r"\\", r"\\"),
        ("", "-"),
        (r#""""#, "GET / HTTP/1.1"),
    ] {
        let line = format!(
            r#"10.0.0.1 198.51.100.7 - {user} {TIME} "{request}" 401 5 "\"r" "\\" "198.51.100.7""#
        );
        let line = line.as_bytes();
        let format = format(PROXIED);
        let read = format.read(line).unwrap();
        assert_eq!((read.peer, read.client), (&b"10.0.0.1"[..], &b"198.51.100.7"[..]), "{user}");
        assert_eq!(read.user.unwrap_or(b"-"), user.as_bytes());
        assert_eq!((read.forwarded, read.status), (&b"198.51.100.7"[..], 401), "{user}");
        assert_eq!(read.time, WHEN.as_bytes());
    }
}

#[test]
fn httpds_words_for_json() {
    let words = r#"{\"t\":\"%{%Y-%m-%dT%T%z}t\",\"peer\":\"%{c}a\",\"xff\":\"%{x-forwarded-for}i\",\"user\":\"%u\",\"m\":\"%m\",\"u\":\"%U%q\",\"s\":%>s}"#;
    let line = |user: &str, xff: &str| {
        format!(
            r#"{{"t":"2026-11-22T10:00:00+0000","peer":"10.0.0.1","xff":"{xff}","user":"{user}","m":"GET","u":"/x?y","s":404}}"#
        )
    };
    let expected = |user: &'static str, xff: &'static str| {
        Some(["10.0.0.1", "", xff, user, "2026-11-22T10:00:00+0000", "GET", "/x?y", "404"])
    };
    check(words, &line("bob", "-"), expected("bob", "-"));
    check(words, &line(r#""""#, "::1"), expected(r#""""#, "::1"));
    let hostile = r#"\",\"peer\":\"203.0.113.9"#;
    check(words, &line("bob", hostile), expected("bob", hostile));
}

#[test]
fn other_orders() {
    check(
        r#"%v:%p %h %l %u %t "%m %U%q %H" %s "%{ms}T""#,
        &format!(r#"www.example.org:443 ::1 - a b {TIME} "GET /a b?c HTTP/1.1" 200 "17""#),
        Some(["", "::1", "", "a b", WHEN, "GET", "/a b?c", "200"]),
    );
    check(
        "[%t] %>s %u@%a",
        &format!("[{TIME}] 200 x@y@198.51.100.7"),
        Some(["", "198.51.100.7", "", "x@y", WHEN, "", "", "200"]),
    );
    check(
        r#""%u" %!200,304{Referer}i %h"#,
        r#""bob" a b 198.51.100.7"#,
        Some(["", "198.51.100.7", "", "bob", "", "", "", "0"]),
    );
    check(
        "%h\\t%%\\t%t",
        &format!("::1\t%\t{TIME}\r"),
        Some(["", "::1", "", "-", WHEN, "", "", "0"]),
    );
}

#[test]
fn other_lines_are_none() {
    let line = format!(r#"10.0.0.1 ::1 - - {TIME} "GET /" 200 1 "-" "-" "-""#);
    assert!(format(PROXIED).read(line.as_bytes()).is_some());
    for broken in [
        String::new(),
        line.replace(" \"-\"", ""),
        format!("{line} more"),
        format!("{line} \"more\""),
        line.replace('[', ""),
        line.replace("GET /\"", "GET /\\\""),
        line[9..].to_owned(),
    ] {
        check(PROXIED, &broken, None);
    }
}

/// A format, a line, and how many of its bytes there are: the peer and status that the head tells.
#[track_caller]
fn check_head(words: &str, line: &str, expected: Option<(&str, u16)>) {
    let format = format(words);
    let told = format.read_head(line.as_bytes());
    let told = told.map(|told| (String::from_utf8_lossy(told.peer).into_owned(), told.status));
    assert_eq!(told, expected.map(|(peer, status)| (peer.to_owned(), status)), "{line}");
}

#[test]
fn a_head_tells_what_ends_within_it() {
    let words = r#"%{c}a %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i""#;
    let line = format!(r#"::1 - - {TIME} "GET /" 404 1 "r" "\" a long agent"#);
    check_head(words, &line, Some(("::1", 404)));
    check_head(words, &line[..line.find("404").unwrap()], Some(("::1", 0)));
    check_head(words, &line[..line.find("GET").unwrap() - 1], None);
    // Whom a proxy names stands behind the cut: so it cannot be told whose it is.
    check_head(PROXIED, &format!(r#"10.0.0.1 ::1 - - {TIME} "GET /" 404 1 "r" "agent"#), None);
}

#[test]
fn formats_that_cannot_be_read_are_refused() {
    let refused = |words: &str| LogFormat::parse(words).unwrap_err().to_string();
    assert!(refused("%t %r").starts_with("it has none of %h, %a and %{c}a"));
    assert!(refused(r#""%{X-Forwarded-For}i" %t"#).starts_with("it has none of"));
    assert!(refused("%h%l").starts_with("nothing stands between %h and %l"));
    assert!(refused("%h %{X-Forwarded-For}i %l %u %t").starts_with("%{X-Forwarded-For}i and %u"));
    assert!(refused("%h %r %H %u").starts_with("%r and %u may both hold blanks"));
    for words in ["%h %", "%h %{x", "%h %é", "%h %>"] {
        assert!(refused(words).contains("is no directive"), "{words}");
    }
}

#[test]
fn the_first_of_a_kind_counts() {
    check("%a %h", "::1 host.example.org", Some(["", "::1", "", "-", "", "", "", "0"]));
    assert!(!format("%a %h").tells_of_clients());
    assert!(!format("%{c}a %t").tells_of_clients());
    assert!(format("%{c}a %a").tells_of_clients());
    assert!(format(r#"%h "%{X-Forwarded-For}i""#).tells_of_clients());
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_harm(line: Vec<u8>, words in r#"[%hautr{}ic" \\x]{0,20}"#) {
        let _ = format(PROXIED).read(&line);
        if let Ok(format) = LogFormat::parse(&words) {
            let _ = format.read(&line);
            let _ = format.read(words.as_bytes());
        }
    }

    /// What the peer writes, escaped as httpd does, moves no field but its own.
    #[test]
    fn nothing_that_the_peer_writes_moves_another_field(
        user in "[ -~]{1,40}", target in "[ -~]{0,40}", agent in "[ -~]{0,40}", xff in "[ -~]{0,40}"
    ) {
        let escape = |text: &str| text.replace('\\', r"\\").replace('"', r#"\""#);
        let [user, target, agent, xff] = [user, target, agent, xff].map(|text| escape(&text));
        let line = format!(
            r#"10.0.0.1 198.51.100.7 - {user} {TIME} "GET /{target} HTTP/1.1" 404 5 "-" "{agent}" "{xff}""#
        );
        let target = format!("/{target}");
        check(PROXIED, &line, Some([
            "10.0.0.1", "198.51.100.7", &xff, &user, WHEN, "GET", &target, "404",
        ]));
    }
}
