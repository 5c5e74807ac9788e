//! Which part of a pattern a line fails at.

use proptest::prelude::*;

use super::*;
use crate::filter::NORMAL;

fn filter(failregex: &[&str], prefregex: Option<&str>, language: Language) -> Filter {
    let failregex = failregex.iter().map(|pattern| (*pattern).to_owned()).collect();
    let prefregex = prefregex.map(str::to_owned);
    let definition =
        Definition { name: "x".into(), failregex, prefregex, language, ..Definition::default() };
    Filter::compile(&definition, NORMAL).unwrap()
}

#[track_caller]
fn check(failregex: &[&str], text: &str, expected: Option<(&str, &str, usize)>) {
    for language in [Language::Gaoler, Language::Fail2ban] {
        let miss = Probes::new(&filter(failregex, None, language)).nearest(text.as_bytes());
        let told = miss.as_ref().map(|miss| (&*miss.fits, &*miss.fails, miss.at));
        assert_eq!(told, expected, "{language:?}");
    }
}

#[test]
fn the_first_part_that_fails_is_named() {
    let failed = r"^Failed \w+ for <F-USER>.*</F-USER> from <ADDR> port \d+$";
    check(
        &[failed],
        "Failed password for root from 198.51.100.7 port x",
        Some((r"^Failed \w+ for <F-USER>.*</F-USER> from <ADDR> port ", r"\d+", 48)),
    );
    check(
        &[failed],
        "Failed password for root from host",
        Some((r"^Failed \w+ for <F-USER>.*</F-USER> from ", "<ADDR>", 30)),
    );
    check(&[failed], "Accepted password for root", None);
    check(&["^(?:a|b) <ADDR>|cdef$"], "cde", None);
}

#[test]
fn the_pattern_that_fits_best_is_shown() {
    let patterns = ["^user \\S+ <ADDR>$", "^user \\S+ denied by rule <ADDR>$"];
    let expected = Some((r"^user \S+ denied by ", "rule", 17));
    check(&patterns, "user x denied by us", expected);
}

#[test]
fn a_prefix_comes_first() {
    let prefix = Some("^sshd: <F-CONTENT>.+</F-CONTENT>$");
    for language in [Language::Gaoler, Language::Fail2ban] {
        let mut probes = Probes::new(&filter(&["^bad <ADDR>$"], prefix, language));
        let miss = probes.nearest(b"sshd: bad x").unwrap();
        assert_eq!((miss.place, &*miss.fails, miss.at), (Place::Failregex(1), "<ADDR>", 10));
        let miss = probes.nearest(b"sshd bad ::1").unwrap();
        assert_eq!((miss.place, &*miss.fails, miss.at), (Place::Prefregex, ":", 4));
        assert!(probes.matches(0, b"bad ::1"));
        assert!(!probes.matches(0, b"bad x"));
    }
}

proptest! {
    /// However a pattern is written, its parts follow each other and end where it ends.
    #[test]
    fn parts_make_up_the_whole(source in r"[a-z^$.*+?()\[\]|{},<>/\\é FHIOST-]{1,30}") {
        let parts = cut::parts(&source);
        prop_assert_eq!(parts.last().map(|(end, _)| *end), Some(source.len()));
        prop_assert!(parts.windows(2).all(|pair| pair[0].0 < pair[1].0));
        prop_assert!(parts.iter().all(|(end, _)| source.is_char_boundary(*end)));
    }
}
