//! The whole of a filter: compiling and matching. What we ship is tested in `tests/filters.rs`.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::definition::Mode;
use super::*;
use crate::record::Record;

const NOW: &str = "2026-11-22T12:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// A filter of these failregexes.
fn of(failregex: &[&str]) -> Definition {
    let failregex = failregex.iter().map(|text| (*text).to_owned()).collect();
    Definition { name: "x".into(), failregex, ..Definition::default() }
}

/// What a line is, in a few words: `missed`, `ignored`, or the outcome with pattern and address.
fn outcome(matcher: &mut Matcher, line: &[u8], journal: bool) -> String {
    let time = journal.then(now);
    match matcher.read(Record { time, text: line }, now()) {
        Outcome::Missed => "missed".into(),
        Outcome::Unattributed(_) => "unattributed".into(),
        Outcome::Ignored => "ignored".into(),
        Outcome::Exceeded(part) => format!("exceeded {part}"),
        Outcome::NoFail(None) => "nofail".into(),
        Outcome::NoFail(Some(found)) => format!("nofail {} {}", found.pattern, found.address),
        Outcome::Failure(found) => format!("failure {} {}", found.pattern, found.address),
    }
}

fn matcher(filter: Arc<Filter>) -> Matcher {
    Matcher::new(filter, TimeZone::UTC)
}

#[track_caller]
fn check(definition: &Definition, line: &str, expected: &str) {
    let filter = Arc::new(Filter::compile(definition, NORMAL).unwrap());
    assert_eq!(outcome(&mut matcher(filter), line.as_bytes(), false), expected);
}

#[test]
fn the_first_pattern_that_has_an_address_wins() {
    let two = of(&["^a <ADDR>", "^a b? ?<ADDR>$", "^a .*<ADDR>$"]);
    check(&two, "a 198.51.100.7 x", "failure 0 198.51.100.7");
    check(&two, "a b 198.51.100.7", "failure 1 198.51.100.7");
    check(&two, "a c ::1", "failure 2 ::1");
    check(&two, "a 198.51.100.777", "missed");
    check(&two, "b 198.51.100.7", "missed");
}

#[test]
fn the_date_is_cut_out_before_anything_matches() {
    let definition = of(&[r"^\[\] from <ADDR>$"]);
    check(&definition, "[22/Nov/2026:10:00:00 +0000] from ::1", "failure 0 ::1");
    let own =
        Definition { datepattern: Some(r"\((%Y)-%j\)".into()), ..of(&[r"^\(-326\) <ADDR>$"]) };
    check(&own, "(2026-326) ::1", "failure 0 ::1");
}

#[test]
fn an_ignoreregex_sees_the_whole_line() {
    let definition = Definition {
        prefregex: Some("^p <F-CONTENT>.*</F-CONTENT>$".into()),
        ignoreregex: vec!["^p .*good".into()],
        ..of(&["^from <ADDR>"])
    };
    check(&definition, "p from ::1", "failure 0 ::1");
    check(&definition, "p from ::1 good", "ignored");
    check(&definition, "from ::1", "missed");
}

#[test]
fn an_access_log_has_ignoreregex_and_datepattern_too() {
    let definition = Definition {
        httpd: Some(definition::HttpdRule::default()),
        ignoreregex: vec!["healthz".into()],
        datepattern: Some("%Y-%m-%d %T".into()),
        ..of(&[])
    };
    let line = r#"::1 - - [2026-11-22 10:00:00] "GET / HTTP/1.1" 200 5 "-" "x""#;
    check(&definition, line, "failure 0 ::1");
    check(&definition, &line.replace('x', "healthz"), "ignored");
    let mut matcher = matcher(Arc::new(Filter::compile(&definition, NORMAL).unwrap()));
    let record = Record { time: None, text: line.as_bytes() };
    let Outcome::Failure(found) = matcher.read(record, now()) else { panic!() };
    assert_eq!(found.time, Some("2026-11-22T10:00:00Z".parse().unwrap()));
}

#[test]
fn a_prefregex_may_have_the_address() {
    let definition = Definition {
        prefregex: Some("^<ADDR> <F-CONTENT>.*</F-CONTENT>$".into()),
        ..of(&["^failed"])
    };
    check(&definition, "::1 failed", "failure 0 ::1");
    check(&definition, "::1 x failed", "missed");
}

#[test]
fn nofail_informs_only() {
    check(&of(&["^<F-NOFAIL>ok</F-NOFAIL> <ADDR>", "<ADDR>"]), "ok ::1", "nofail 0 ::1");
    check(&of(&["^ok <F-NOFAIL/>.*", "<ADDR>"]), "ok ::1", "nofail");
}

#[test]
fn groups_are_there_for_whoever_asks() {
    let definition = Definition {
        prefregex: Some("^<F-HOST/> <F-CONTENT>.*</F-CONTENT>$".into()),
        ..of(&["^<F-USER>.*</F-USER> <ADDR>(?P<rest>x)?$"])
    };
    let mut matcher = matcher(Arc::new(Filter::compile(&definition, NORMAL).unwrap()));
    let record = Record { time: Some(now()), text: b"h a b ::1" };
    let Outcome::Failure(found) = matcher.read(record, now()) else { panic!() };
    assert_eq!(found.user, Some(&b"a b"[..]));
    assert_eq!(found.time, Some(now()));
    let groups: Vec<_> = found.groups().collect();
    assert_eq!(groups, [("user", &b"a b"[..]), ("ip6", b"::1"), ("host", b"h")]);
}

#[test]
fn a_mode_adds_to_the_filters_own_patterns() {
    let mode = |name: &str, failregex: &str, include: &[&str]| Mode {
        name: name.into(),
        failregex: vec![failregex.into()],
        include: include.iter().map(|text| (*text).to_owned()).collect(),
    };
    let modes = vec![mode("a", "a<IP4>", &["b"]), mode("b", "b<IP4>", &["a"])];
    let definition = Definition { modes, ..of(&["n<IP4>"]) };
    let patterns = |mode| {
        let filter = Filter::compile(&definition, mode).unwrap();
        assert_eq!(usize::from(filter.pattern_count()), filter.patterns().count());
        filter.patterns().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(patterns("normal"), "n<IP4>");
    assert_eq!(patterns("a"), "n<IP4> b<IP4> a<IP4>");
    assert_eq!(patterns("b"), "n<IP4> a<IP4> b<IP4>");
}

#[test]
fn what_is_wrong_is_said_in_full() {
    let refusal = |definition, mode| Filter::compile(&definition, mode).unwrap_err().to_string();
    assert_eq!(refusal(of(&["<ADDR>"]), "dos"), "filter x has no mode `dos`; it has normal");
    assert_eq!(
        refusal(of(&["<ADDR>", "Failed"]), NORMAL),
        "filter x, failregex 2 `Failed`: it has no address; put <ADDR> where the log has it"
    );
    let ignoring = Definition { ignoreregex: vec!["(".into()], ..of(&["<ADDR>"]) };
    assert_eq!(refusal(ignoring, NORMAL), "filter x, ignoreregex 1 `(`: unclosed group");
    let httpd = Definition { httpd: Some(definition::HttpdRule::default()), ..of(&["<ADDR>"]) };
    assert!(refusal(httpd, NORMAL).contains("has both patterns and httpd"));
    assert!(refusal(of(&[]), NORMAL).contains("recognises nothing"));
}

#[test]
fn what_is_unsafe_is_warned_of() {
    let filter = Filter::compile(&of(&["^a <ADDR>", "from <ADDR>"]), NORMAL).unwrap();
    assert_eq!(filter.warnings().len(), 1);
    assert!(filter.warnings()[0].starts_with("filter x, failregex 2 `from <ADDR>`: the peer may"));
}

proptest! {
    /// The quick look before the patterns (the gate) hides nothing from them.
    #[test]
    fn the_gate_lets_through_what_any_pattern_matches(
        line in r"(Failed|Invalid|x) ?(user|for)? [a ]{0,3}from [0-9.]{6,8}[x\n]{0,2}|[ -~]{0,20}",
        noise: Vec<u8>,
    ) {
        let patterns = ["^Failed for .*from <ADDR>$", "Invalid user", r"^\S+ from", "x$", "~[^a]", "x(?!y)$"];
        let patterns = patterns.map(|text| Pattern::compile(text).unwrap());
        let gate = gate(&patterns).unwrap().unwrap();
        for text in [line.as_bytes(), &noise] {
            let any = patterns.iter().any(|pattern| pattern.regex.is_match(text).unwrap());
            prop_assert_eq!(gate.is_match(text), any);
        }
    }
}

/// Words, none of them before "nobody", and not "failed" at the end of them.
const COSTLY: &str = r"^(?:\w+(?! nobody)\s?)+(?<!failed) from <ADDR>$";

/// A line that makes it try every way of cutting the words.
fn hostile() -> String {
    format!("{} failed from 198.51.100.7", "a".repeat(60))
}

#[test]
fn patterns_may_look_around_and_refer_back() {
    check(&of(&["^(?!root)\\w+ from <ADDR>$"]), "bob from 198.51.100.7", "failure 0 198.51.100.7");
    check(&of(&["^(?!root)\\w+ from <ADDR>$"]), "root from 198.51.100.7", "missed");
    check(&of(&[r"^(\w+) as \1 from <ADDR>$"]), "bob as bob from ::1", "failure 0 ::1");
    let definition = Definition {
        prefregex: Some("^p(?!x) <F-CONTENT>.+</F-CONTENT>$".into()),
        ignoreregex: vec!["(?<=by )admin".into()],
        ..of(&["^from <ADDR>"])
    };
    check(&definition, "p from ::1", "failure 0 ::1");
    check(&definition, "px from ::1", "missed");
    check(&definition, "p from ::1 by admin", "ignored");
    check(&definition, "p from ::1 admin", "failure 0 ::1");
}

#[test]
fn a_budget_used_up_is_never_a_line_passed() {
    check(&of(&[COSTLY]), &hostile(), "exceeded failregex 1");
    check(&of(&["^x <ADDR>$", COSTLY]), &hostile(), "exceeded failregex 2");
    check(&of(&[COSTLY]), &hostile().replace("failed", "failee"), "failure 0 198.51.100.7");
    // The others are tried all the same.
    check(&of(&[COSTLY, " from <ADDR>$"]), &hostile(), "failure 1 198.51.100.7");
    let prefregex = COSTLY.replace("<ADDR>", "<F-CONTENT>.+</F-CONTENT>");
    let definition = Definition { prefregex: Some(prefregex), ..of(&["^<ADDR>$"]) };
    check(&definition, &hostile(), "exceeded prefregex");
    // An ignoreregex that runs out saves nobody.
    let ignoreregex = vec![COSTLY.to_owned()];
    let definition = Definition { ignoreregex: ignoreregex.clone(), ..of(&[" from <ADDR>$"]) };
    check(&definition, &hostile(), "failure 0 198.51.100.7");
    let definition = Definition { ignoreregex, ..of(&["^x <ADDR>$"]) };
    check(&definition, &hostile(), "exceeded ignoreregex");
}

#[test]
fn what_ran_out_is_told_whatever_the_line_is() {
    let filter = Arc::new(Filter::compile(&of(&[COSTLY, " from <ADDR>$"]), NORMAL).unwrap());
    let mut matcher = matcher(filter);
    assert_eq!(outcome(&mut matcher, hostile().as_bytes(), true), "failure 1 198.51.100.7");
    assert_eq!(matcher.exceeded(), Some(Part::Failregex(0)));
    assert_eq!(outcome(&mut matcher, b"a from ::1", true), "failure 0 ::1");
    assert_eq!(matcher.exceeded(), None);
}

#[test]
fn a_request_that_uses_up_a_budget_is_told() {
    let path = vec![r"^/(?:\w+(?!nobody)/?)+(?<!failed)$".to_owned()];
    let rule = definition::HttpdRule { path, ..Default::default() };
    let definition = Definition { httpd: Some(rule), ..of(&[]) };
    let line = |path: &str| format!(r#"::1 - - [x] "GET /{path} HTTP/1.1" 404 1"#);
    check(&definition, &line("a/b"), "failure 0 ::1");
    check(&definition, &line("a/failed"), "missed");
    check(&definition, &line(&format!("{}/failed", "a".repeat(60))), "exceeded httpd");
}
