use std::cell::RefCell;

use proptest::prelude::*;
use regex::bytes::{Regex, RegexBuilder};

use super::*;
use crate::filter::tags;

fn plain(regex: &str) -> Regex {
    RegexBuilder::new(regex).unicode(false).dot_matches_new_line(true).build().unwrap()
}

/// A pattern as a whole, and in parts.
struct Both {
    plain: Regex,
    split: Split,
    room: RefCell<Room>,
}

impl Both {
    fn of(pattern: &str) -> Option<Self> {
        let regex = tags::translate(pattern).unwrap();
        let split = Split::of(&regex)?;
        Some(Self { plain: plain(&regex), room: RefCell::new(split.room()), split })
    }

    /// That the parts tell what the plain regex does of `text`; whether that matches.
    fn agree(&self, text: &[u8]) -> Result<bool, TestCaseError> {
        let (Self { plain, split, .. }, mut room) = (self, self.room.borrow_mut());
        let captures = plain.captures(text);
        let Some(told) = split.read(&mut room, text) else { return Ok(false) };
        prop_assert_eq!(told, captures.is_some(), "{}", plain);
        for (number, name) in plain.capture_names().enumerate() {
            let Some(captures) = captures.as_ref().filter(|_| name.is_some()) else { continue };
            let expected = captures.get(number).map(|group| (group.start(), group.end()));
            prop_assert_eq!(room.get(number), expected, "{:?}", name);
        }
        Ok(told)
    }
}

/// Whether it is split, and that it then tells what the plain regex does of `text`.
fn agrees(pattern: &str, text: &[u8]) -> Result<bool, TestCaseError> {
    match Both::of(pattern) {
        Some(both) => both.agree(text).map(|_| true),
        None => Ok(false),
    }
}

/// What may follow those who are told of at a head.
const RESTS: [&str; 24] = [
    "",
    ".*",
    ".*b$",
    "(a|b).*c?",
    r"\b.*\ba",
    "$",
    "^",
    "(?:a|ab)c",
    "[^a]*a{2}",
    ".*(a|bb)",
    ".*?(?:a(b))+c.*$",
    "(.*)c",
    ".*.*a",
    ".*$",
    ".+b",
    r".*\bc",
    ".*^b",
    "(?:.*b|a)",
    ".*c.*?",
    "(?-s).*b",
    ".*a(?:b|c)",
    "(.*)(?i:ab|ac).*",
    ".*(?:abc|a)$",
    ".*a(b|)c$.*",
];

#[test]
fn what_can_be_split() {
    let check = |pattern: &str, expected: bool| {
        assert_eq!(agrees(pattern, b"").unwrap(), expected, "{pattern}");
    };
    check(r#"^<HOST> -.*"(GET|HEAD)"#, true);
    check(r"^<HOST> ", true);
    check(r"^\s*<HOST> -", false);
    check(r#"<HOST> -.*"GET"#, false);
    check(r#"^<HOST> -.*<F-USER>"GET</F-USER>"#, false);
    check("^Failed (?:a|b) for (?:invalid user )?<F-USER>.*</F-USER> from <ADDR>(?: x)?$", true);
    check("^Failed .* from <ADDR>$", true);
    check("^Failed <F-USER>.*</F-USER> from <ADDR>", false);
    check("^Failed <F-USER>.*?</F-USER> from <ADDR>$", false);
    check(r"^<HOST>.*", false);
    check(r"^<F-USER>[^ ]+</F-USER>[^ ]* x", false);
}

#[test]
fn a_host_is_read_as_the_plain_regex_reads_it() {
    let patterns = RESTS.map(|rest| Both::of(&format!("^<HOST> -{rest}")).unwrap());
    let config = ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() };
    proptest!(config, |(
        open in r"\[?", close in r"\]?", then in r"( -|-| )[abc\n -]{0,8}",
        host in prop_oneof![
            r"[0-9]{1,4}(\.[0-9]{1,4}){2,4}",
            r"::[fF]{3,5}:[0-9]{1,3}(\.[0-9]{1,3}){3}\.?",
            r"[0-9a-f]{0,4}(:[0-9a-fA-F]{0,4}){1,10}",
            r"([0-9a-g]{0,5}[.:]){0,9}",
        ],
    )| {
        for both in &patterns {
            both.agree(format!("{open}{host}{close}{then}").as_bytes())?;
        }
    });
    let matching: Vec<bool> =
        patterns.iter().map(|both| both.agree(b"::1 -ab c").unwrap()).collect();
    assert!(matching.contains(&true) && matching.contains(&false));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    #[test]
    fn tells_what_the_plain_regex_tells(
        head in prop::sample::select(vec![
            "<HOST>", "<F-USER>[ab]*</F-USER>", "(?:<IP4>|<F-USER>a+</F-USER>b?)", "x?<ADDR>y{0,2}", "(a|b)<F-ID>[^ ]</F-ID>",
        ]),
        between in prop::sample::select(vec![" ", " -", " a", ": ", "a "]),
        rest in prop::sample::select(&RESTS[..]),
        text in r"(x?\[?(198\.51\.100\.7|::1|2001:db8::1|::[fF]{4}:192\.0\.2\.1|::ffff:c0:1|[0-9.:f]{1,20}|[ab]{0,3})\]?y{0,2})( -|: | |a)[abc\n -]{0,8}",
        any: Vec<u8>,
    ) {
        let pattern = format!("^{head}{between}{rest}");
        agrees(&pattern, text.as_bytes())?;
        agrees(&pattern, &any)?;
    }

    #[test]
    fn tells_it_from_the_end_too(
        head in prop::sample::select(vec!["a", "(?:ab)?", "a(?:|b|bc)", "<F-ID>a+</F-ID>b?", "x(?: y )?", "[ab]*"]),
        between in prop::sample::select(vec![".*", "<F-USER>.*</F-USER>", "(.*)"]),
        tail in prop::sample::select(vec![" by <ADDR>", " by <ADDR>( x)?", " y [ab]+", " y .*", "a<F-RUSER>[ab]*</F-RUSER>", " y", " (a|ab)b?"]),
        text in r"(ab?|x|bc| y ){0,3}( by (198\.51\.100\.7|\[::1\]|b)| y |a|b| x){0,6}",
        any: Vec<u8>,
    ) {
        let pattern = format!("^{head}{between}{tail}$");
        agrees(&pattern, text.as_bytes())?;
        agrees(&pattern, &any)?;
    }
}
