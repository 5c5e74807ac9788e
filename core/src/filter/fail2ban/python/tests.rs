//! Each rule by which Python's `re` differs, and that no pattern can do harm.

use proptest::prelude::*;

use super::*;
use crate::filter::engine::{Engine, Over};

#[track_caller]
fn check(python: &str, expected: &str) {
    assert_eq!(translate(python, Anchors::Line).unwrap(), expected, "{python}");
}

#[track_caller]
fn refused(python: &str) {
    let translated = translate(python, Anchors::Line);
    assert!(translated.is_err(), "{python} is {translated:?}");
}

/// What a pattern matches of a text, after all.
#[track_caller]
fn found(python: &str, anchors: Anchors, text: &str, expected: Option<&str>) {
    let regex = Engine::compile_over(&translate(python, anchors).unwrap(), Over::Text).unwrap();
    let mut locations = regex.locations();
    regex.read(&mut locations, text.as_bytes()).unwrap();
    let at = locations.get(0);
    assert_eq!(at.map(|(start, end)| &text[start..end]), expected, "{python} on {text:?}");
}

#[test]
fn what_python_takes_for_a_literal_is_one() {
    check("a{b}", r"a\{b\}");
    check("{", r"\{");
    check("a{,3}b{2}c{2,}d{1,2}e{,}", "a{0,3}b{2}c{2,}d{1,2}e{0,}");
    check(r#"\<a\>\"\'\/\:\_\@\ \-"#, r#"<a>"'/:_@ -"#);
    check("[[&&~~a-]", r"[\[\&\&\~\~a\-]");
    check("[]a]", r"[\]a]");
    check("[^]a]", r"[^\]a]");
    check(r"[\w\-.^_]", r"[\w\-.\^_]");
    check(r"[\b]", "[\u{8}]");
}

#[test]
fn escapes_are_pythons() {
    check(r"\x41\u00e9\101\0", "Aé\u{41}\0");
    check(r"(a)\1\2", r"(a)(?:\1)(?:\2)");
    check(r"\Z\A\b\B\d\S", r"\z\A\b\B\d\S");
    check(r"\t\.", "\t\\.");
    for wrong in [r"\q", r"\N{DASH}", r"\xg", "\\", r"[\q]", r"\ud800"] {
        refused(wrong);
    }
}

#[test]
fn groups_are_pythons() {
    check("(?P<a>x)(?P=a)", "(?P<a>x)(?P=a)");
    check("(?P<a>x)?(?(a)b|c)(?(1)d)", "(?P<a>x)?(?(<a>)b|c)(?(1)d)");
    check("a(?#a comment)b", "ab");
    check("((?i)x)y(?:(?i)z)", "(?i:x)y(?i:z)");
    check("(?i)x(?s-i:y)(?:z)", "(?i)x(?s-i:y)(?:z)");
    check("(?x) a b # comment", "ab");
    check("(?x: a b ) c", "(?:ab) c");
    for wrong in [
        "(", ")", "(?<a>x)", "(?P<1>x)", "(?q)", "(?P<a", "(?(", "[a", "[z-a]", r"[\w-z]", "a{3,2}",
    ] {
        refused(wrong);
    }
}

#[test]
fn anchors_are_those_of_the_text() {
    found("a$", Anchors::Line, "a\n", Some("a"));
    found("a$\\s*", Anchors::Line, "a\n", Some("a\n"));
    found("a\\s$", Anchors::Line, "a\n", Some("a\n"));
    found("(?m)^b$", Anchors::AllLines, "a\nb\nc\n", Some("b"));
    found("^b$", Anchors::EachLine, "a\nb\nc\n", Some("b"));
    found("^b$", Anchors::AllLines, "a\nb\nc\n", None);
    found("c$", Anchors::AllLines, "a\nb\nc\n", Some("c\n"));
    found("a.b", Anchors::AllLines, "a\nb\n", None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Nothing that anybody writes for a pattern panics, here or in the engine.
    #[test]
    fn any_pattern_is_translated_or_refused(
        pattern in r"([a-z0-9 ^$.*+?()\[\]\\|{},<>=!:#&~-]|\(\?|\(\?P<|\\[a-zA-Z0-9]){0,24}",
        any: String,
        text: String,
    ) {
        for pattern in [pattern, any] {
            for anchors in [Anchors::Line, Anchors::EachLine, Anchors::AllLines] {
                let Ok(regex) = translate(&pattern, anchors) else { continue };
                if let Ok(regex) = Engine::compile_over(&regex, Over::Text) {
                    let _ = regex.is_match(text.as_bytes());
                }
            }
        }
    }

    /// A text with every sign escaped matches itself and no other.
    #[test]
    fn escaped_text_matches_itself(text in "[ -~éß]{1,12}", other in "[ -~éß]{1,12}") {
        let escape = |c: char| if c.is_ascii_punctuation() || c == ' ' { format!("\\{c}") } else { c.to_string() };
        let pattern: String = text.chars().map(escape).collect();
        let python = translate(&format!("^{pattern}$"), Anchors::Line).unwrap();
        let regex = Engine::compile_over(&python, Over::Text).unwrap();
        prop_assert_eq!(regex.is_match(text.as_bytes()), Ok(true));
        prop_assert_eq!(regex.is_match(other.as_bytes()), Ok(text == other));
        let class: String = text.chars().map(|c| if "]\\^-".contains(c) { format!("\\{c}") } else { c.to_string() }).collect();
        let class = translate(&format!("^[{class}]$"), Anchors::Line).unwrap();
        let class = Engine::compile_over(&class, Over::Text).unwrap();
        for c in other.chars() {
            prop_assert_eq!(class.is_match(c.to_string().as_bytes()), Ok(text.contains(c)));
        }
    }
}
