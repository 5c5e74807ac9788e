//! Rules judge requests.

use super::compile::status;
use super::*;
use crate::filter::definition::{HttpdFormat, HttpdRule};
use crate::filter::error::{Place, Problem};

const LINE: &str = r#"a.example:80 198.51.100.7 - bob [x] "GET /wp-login.php HTTP/1.1" 404 1 "http://r/" "curl/8""#;

#[track_caller]
fn check(rule: HttpdRule, failed: bool) {
    let rule = HttpdRule { format: HttpdFormat::VhostCombined, ..rule };
    let rule = Rule::compile(&rule, &mut Vec::new()).unwrap();
    let request = rule.parse(LINE.as_bytes()).unwrap();
    assert_eq!(rule.judge(&request) != Judgement::Passes, failed);
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn every_condition_must_hold() {
    let rule = HttpdRule::default;
    check(rule(), true);
    check(HttpdRule { method: texts(&["HEAD", "GET"]), ..rule() }, true);
    check(HttpdRule { method: texts(&["get"]), ..rule() }, false);
    check(HttpdRule { status: texts(&["200", "4xx"]), ..rule() }, true);
    check(HttpdRule { status: texts(&["400-403"]), ..rule() }, false);
    check(HttpdRule { path: texts(&[r"^/wp-"]), ..rule() }, true);
    check(HttpdRule { path: texts(&[r"^wp-"]), ..rule() }, false);
    check(HttpdRule { user_agent: texts(&["(?i)CURL"]), ..rule() }, true);
    check(HttpdRule { referer: texts(&["^http://r/$"]), ..rule() }, true);
    check(HttpdRule { referer: texts(&["curl"]), ..rule() }, false);
    check(HttpdRule { user: texts(&["^bob$"]), ..rule() }, true);
    check(HttpdRule { user: texts(&["^eve$", "^$"]), ..rule() }, false);
    check(HttpdRule { path_length: 13, ..rule() }, true);
    check(HttpdRule { path_length: 14, ..rule() }, false);
    check(HttpdRule { vhost: texts(&["A.example"]), ..rule() }, true);
    check(HttpdRule { vhost: texts(&["b.example"]), ..rule() }, false);
    check(HttpdRule { status: texts(&["404"]), method: texts(&["PUT"]), ..rule() }, false);
}

/// `-` is no user, and `.*` no way to mean it.
#[test]
fn who_names_no_user_matches_no_user() {
    let rule = HttpdRule { user: texts(&[".*"]), ..HttpdRule::default() };
    let rule = Rule::compile(&rule, &mut Vec::new()).unwrap();
    let judge = |user: &str| {
        let line = format!(r#"198.51.100.7 - {user} [x] "GET / HTTP/1.1" 401 1"#);
        rule.judge(&rule.parse(line.as_bytes()).unwrap()) != Judgement::Passes
    };
    assert_eq!([judge("-"), judge("bob"), judge("\"\""), judge("")], [false, true, true, true]);
}

#[test]
fn a_client_that_is_a_name_is_nobody() {
    let rule = Rule::compile(&HttpdRule::default(), &mut Vec::new()).unwrap();
    let line = br#"203.0.113.9.example.org - - [x] "GET / HTTP/1.1" 200 1"#;
    assert_eq!(rule.judge(&rule.parse(line).unwrap()), Judgement::Unattributed);
}

#[test]
fn a_format_has_what_the_rule_judges_by() {
    let refused = |rule: HttpdRule| {
        let format = HttpdFormat::LogFormat("%h %t %m".to_owned());
        let refusal = Rule::compile(&HttpdRule { format, ..rule }, &mut Vec::new()).err();
        refusal.map(|refusal| (refusal.place, refusal.problem.to_string()))
    };
    let told = |lacks: &str| Some((Place::HttpdFormat, format!("the filter judges by {lacks}")));
    assert_eq!(refused(HttpdRule { method: texts(&["GET"]), ..HttpdRule::default() }), None);
    let rule = HttpdRule { status: texts(&["404"]), ..HttpdRule::default() };
    assert_eq!(refused(rule), told("status, and the format has no %>s"));
    let rule = HttpdRule { path: texts(&["^/"]), ..HttpdRule::default() };
    assert_eq!(refused(rule), told("path, and the format has no %r"));
    let rule = HttpdRule { path_length: 9, ..HttpdRule::default() };
    assert_eq!(refused(rule), told("path_length, and the format has no %r"));
    let rule = HttpdRule { referer: texts(&["x"]), ..HttpdRule::default() };
    assert_eq!(refused(rule), told("referer, and the format has no %{Referer}i"));
    let rule = HttpdRule { user: texts(&["x"]), ..HttpdRule::default() };
    assert_eq!(refused(rule), told("user, and the format has no %u"));
}

#[test]
fn statuses_are_spelt_in_three_ways() {
    assert_eq!(status("404"), Some(404..=404));
    assert_eq!(status("4xx"), Some(400..=499));
    assert_eq!(status("400-403"), Some(400..=403));
    for text in ["", "40", "4x", "xxx", "403-400", "400-", "4040", "099"] {
        assert_eq!(status(text), None, "{text}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    let rule = HttpdRule { path: texts(&["x", "("]), ..HttpdRule::default() };
    assert_eq!(Rule::compile(&rule, &mut Vec::new()).unwrap_err().place, Place::HttpdPath(2));
    let rule = HttpdRule { status: texts(&["OK"]), ..HttpdRule::default() };
    assert_eq!(Rule::compile(&rule, &mut Vec::new()).unwrap_err().problem, Problem::Status);
}
