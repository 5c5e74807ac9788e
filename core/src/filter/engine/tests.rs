//! Both engines, and what a shadow promises.

use proptest::prelude::*;

use super::*;

/// Whether a pattern needs the backtracking engine, and whether it matches a text.
#[track_caller]
fn check(pattern: &str, why: Option<&str>, text: &str, expected: bool) {
    let engine = Engine::compile(pattern).unwrap();
    assert_eq!(engine.why(), why, "{pattern}");
    let mut locations = engine.locations();
    let found = engine.read(&mut locations, text.as_bytes()).unwrap();
    assert_eq!(found.is_some(), expected, "{pattern} on {text}");
    assert_eq!(engine.is_match(text.as_bytes()), Ok(expected), "{pattern} on {text}");
}

const LOOK: Option<&str> = Some("look-around");

#[test]
fn only_what_needs_it_backtracks() {
    check("^a(b|c)$", None, "ac", true);
    check("^a(?!b)", LOOK, "ac", true);
    check("^a(?!b)", LOOK, "ab", false);
    check("(?<=a)b", LOOK, "ab", true);
    check("(?<!a)b", LOOK, "ab", false);
    check(r"^(\w+) as \1$", Some("a back-reference"), "bob as bob", true);
    check(r"^(?P<n>\w+) as (?P=n)$", Some("a back-reference"), "bob as tom", false);
    check("^(?>a|ab)c", Some("an atomic group or a possessive repetition"), "abc", false);
    check("^a++a", Some("an atomic group or a possessive repetition"), "aa", false);
    check("^(a)?(?(1)b|c)$", Some("a condition"), "ab", true);
    check("^[a++]$", None, "+", true);
    check(r"^a\++$", None, "a++", true);
}

#[test]
fn bytes_are_bytes_on_both() {
    for pattern in ["^a.b$", "^(?!x)a.b$", r"^a\W(?=b)b$", r"^(?!x)a[^z]b$"] {
        let engine = Engine::compile(pattern).unwrap();
        for text in [&b"a\xffb"[..], b"a\nb", b"a\0b"] {
            assert_eq!(engine.is_match(text), Ok(true), "{pattern}");
        }
        assert_eq!(engine.is_match("aéb".as_bytes()), Ok(false), "{pattern}");
    }
}

#[test]
fn groups_are_numbered_and_named_alike() {
    for pattern in ["^(x)?(?P<a>b+)(c)$", "^(?!z)(x)?(?P<a>b+)(c)$"] {
        let engine = Engine::compile(pattern).unwrap();
        let names: Vec<_> = engine.capture_names().collect();
        assert_eq!(names, [None, None, Some("a"), None], "{pattern}");
        let mut locations = engine.locations();
        assert_eq!(engine.read(&mut locations, b"bbc"), Ok(Some(3)));
        assert_eq!(
            [1, 2, 3, 4].map(|group| locations.get(group)),
            [None, Some((0, 2)), Some((2, 3)), None]
        );
    }
}

#[test]
fn what_neither_takes_is_refused() {
    for pattern in ["(", "(?!", r"(?<=a", "(?&x)", "[z-a]", "(?>a", r"\1"] {
        assert!(matches!(Engine::compile(pattern), Err(Problem::Syntax(_))), "{pattern}");
    }
}

/// Words, none of them before "nobody", and not "failed" at the end: a line that ends so makes it try
/// every way of cutting the words.
const COSTLY: &str = r"^(?:\w+(?! nobody)\s?)+(?<!failed)$";

/// fancy-regex takes such conditions, and then panics on a text; for such calls it asks for memory that no
/// machine has.
#[test]
fn what_is_referred_to_is_there() {
    check("^(a)?(?(1)b|c)$", Some("a condition"), "c", true);
    check("^(?(2)a|b)(c)?(d)$", Some("a condition"), "bd", true);
    check(r"^(?<n>a)(b)\2\g<1>\k<n>(?(<n>)c)$", Some("a back-reference"), "abbaac", true);
    let refused = |pattern: &str, group: &str| {
        let refused = Engine::compile(pattern).map(|_| ()).unwrap_err().to_string();
        let expected = format!("it refers to group {group}, which is not there: it has 1");
        assert!(refused.contains(&expected), "{pattern}: {refused}");
    };
    for pattern in ["(?(2)a|b)(c)", "^(a)(?:b|(?(2)c))d", "(?!x(?(2)y))(z)", r"(a)\2", r"(a)\g<2>"]
    {
        refused(pattern, "2");
    }
    let huge = "16392432073569555797";
    for pattern in ["(a)(?(HUGE)b|c)", r"(a)\HUGE", r"(a)\g<HUGE>"] {
        refused(&pattern.replace("HUGE", huge), huge);
    }
}

#[test]
fn a_budget_ends_what_would_take_for_ever() {
    let engine = Engine::compile(COSTLY).unwrap();
    let told = |text: &str| {
        let read = engine.read(&mut engine.locations(), text.as_bytes());
        assert_eq!(engine.is_match(text.as_bytes()), read.map(|end| end.is_some()));
        read
    };
    let words = "a".repeat(60);
    assert_eq!(told(&words), Ok(Some(60)));
    assert_eq!(told("it failed"), Ok(None));
    assert_eq!(told(&format!("{words} failed")), Err(Exceeded));
    assert_eq!(told(&format!("{words} failed!")), Ok(None), "the shadow knows, at no cost");
}

#[test]
fn the_longer_a_text_the_fewer_steps_it_has() {
    // A step for each place at which it might begin, and a look at the whole rest at each.
    let engine = Engine::compile("(?=.*b)c").unwrap();
    let told = |length: usize| engine.is_match(("a".repeat(length - 1) + "c").as_bytes());
    assert_eq!([1 << 10, 1 << 12].map(told), [Ok(false); 2]);
    assert_eq!([1 << 14, 1 << 16, 1 << 17].map(told), [Err(Exceeded); 3]);
    // One that says where it begins has enough of them, however long the text.
    let engine = Engine::compile("^(?!b).*c$").unwrap();
    assert_eq!(engine.is_match(("a".repeat(1 << 16) + "c").as_bytes()), Ok(true));
}

#[test]
fn a_look_behind_has_one_length() {
    assert!(matches!(Engine::compile("(?<=a{1,60000})b"), Err(Problem::Syntax(_))));
}

#[test]
fn a_shadow_is_what_is_left_without_what_backtracks() {
    let shadow = |pattern: &str| shadow(&shadow::parse(pattern, Over::Bytes).unwrap());
    let check = |pattern, expected: &str| assert_eq!(shadow(pattern).as_deref(), Some(expected));
    check("^ab(?=c)d", "^abd");
    check(r"(a)\1", "(?:a)(?s:.)*");
    check("(?>a|b)c", "(?:(?:a|b))c");
    check(r"\bfrom (?!x)\d+$", r"from (?:\d)+$");
    assert_eq!(shadow("a(*ACCEPT)b"), None);
}

/// Patterns of all that backtracks, and texts that they nearly match.
fn patterns() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "a", "b", "ab", ".", "^", "$", r"\b", r"\B", r"\w", "[^a]", "(?=a)", "(?!b)", "(?<=a)",
        "(?<!b)", r"\1", r"\K", "(?i:A)", "(?m:^)", "(?m:$)", r"\xff", r"\x61", "",
    ]);
    let leaf = leaf.prop_map(str::to_owned);
    let tree = leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("(?:{a}|{b})")),
            inner.clone().prop_map(|inner| format!("({inner})")),
            inner.clone().prop_map(|inner| format!("(?>{inner})")),
            (inner.clone(), prop::sample::select(vec!["*", "+", "?", "{2}", "{0}", "*?", "++"]))
                .prop_map(|(inner, times)| format!("(?:{inner}){times}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("(?(1){a}|{b})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("(?={a}){b}")),
        ]
    });
    tree.prop_map(|tree| format!("(a|b)?{tree}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// A line that a shadow does not match, the pattern does not match.
    #[test]
    fn a_shadow_matches_wherever_its_pattern_does(
        pattern in patterns(),
        text in "[abA \n]{0,6}",
        any: Vec<u8>,
    ) {
        let Ok(Engine::Backtracking(regex)) = Engine::compile(&pattern) else { return Ok(()) };
        let Some(shadow) = &regex.shadow else { return Ok(()) };
        for text in [text.as_bytes(), &any] {
            if regex.regex(text).is_match(text).unwrap_or(false) {
                prop_assert!(shadow.is_match(text), "{} is the shadow of {}", shadow, pattern);
            }
        }
    }

    /// Where both engines can run a pattern, they agree: on bytes, classes, groups, ends.
    #[test]
    fn both_engines_mean_the_same(
        pattern in patterns(),
        text in "[abA \n]{0,6}",
        any: Vec<u8>,
    ) {
        let Ok(linear) = linear(&pattern, Over::Bytes) else { return Ok(()) };
        // A group that is repeated while empty may be captured differently; so may a `++`.
        if pattern.contains("++") {
            return Ok(());
        }
        // What needs it not is made to.
        let Ok(tree) = shadow::parse(&pattern, Over::Bytes) else { return Ok(()) };
        let Ok(other) = Backtracking::compile(&format!("(?!\\x00\\x01){pattern}"), Over::Bytes, &tree, "") else {
            return Ok(());
        };
        for text in [text.as_bytes(), &any] {
            let Ok(found) = other.regex(text).is_match(text) else { continue };
            prop_assert_eq!(found, linear.is_match(text), "{}", pattern);
        }
    }

    /// No text is too strange, whatever the pattern; nor is any pattern.
    #[test]
    fn nothing_panics(pattern in "\\PC{0,40}", mixed in patterns(), any: Vec<u8>) {
        for pattern in [&pattern, &mixed] {
            if let Ok(engine) = Engine::compile(pattern) {
                let mut locations = engine.locations();
                if let Ok(Some(end)) = engine.read(&mut locations, &any) {
                    prop_assert!(end <= any.len());
                }
            }
        }
    }
}
