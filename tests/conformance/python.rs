//! Patterns made at random match what they match in Python.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use gaoler::filter::{Definition, Filter, Language, Matcher, NORMAL, Name, Outcome};
use gaoler::record::Record;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

/// How many patterns, and on how many texts each.
const PATTERNS: usize = 500;
const TEXTS: usize = 6;

/// A small generator, the same each time: what fails once fails again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        // Numerical Recipes' constants; the high bits are the good ones.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn pattern(&mut self, depth: usize) -> String {
        let mut pattern = String::new();
        for _ in 0..=self.below(4) {
            let atom = self.atom(depth);
            let quantifier =
                self.one(&["", "", "", "", "?", "*", "+", "*?", "+?", "{2}", "{,2}", "{1,2}?"]);
            write!(pattern, "{atom}{quantifier}").unwrap();
        }
        if self.below(5) == 0 { format!("{pattern}|{}", self.atom(depth)) } else { pattern }
    }

    fn atom(&mut self, depth: usize) -> String {
        const ATOMS: [&str; 30] = [
            "a", "b", "é", " ", "1", ".", r"\d", r"\w", r"\s", r"\S", r"\W", "[ab]", "[^a]",
            r"[\d.]", "[[&~-]", "[]a]", "[a-c1]", r"[^\s<]", r"\.", r"\<", r"\>", "{", "}", "<",
            r"\[", "&&", r"\x61", "a{x}", r"\-", "~",
        ];
        if depth == 0 || self.below(3) > 0 {
            return self.one(&ATOMS).to_owned();
        }
        let inner = self.pattern(depth - 1);
        match self.below(10) {
            0..=3 => format!("(?:{inner})"),
            4..=5 => format!("({inner})"),
            6 => format!("(?={inner})a?"),
            7 => format!("(?!{inner})b?"),
            8 => format!("(?i:{inner})"),
            _ => self
                .one(&[r"\b", r"(?:^|a)", r"(?:\Z|b)", r"(?<=a)b", r"(?<!b)a", r"(a)?(?(2)b|1)"])
                .to_owned(),
        }
    }

    fn text(&mut self) -> String {
        const WORDS: [&str; 18] = [
            "a", "b", "ab", "A", "é", " ", "1", "1.2", "<", "[", "{", "}", "&", "~", "-", "a{x}",
            "c", ">",
        ];
        (0..self.below(8)).map(|_| self.one(&WORDS)).collect()
    }
}

#[test]
fn random_patterns_match_what_they_match_in_python() {
    let mut dice = Dice(7);
    let mut pairs = Vec::new();
    for _ in 0..PATTERNS {
        let (head, tail) = (dice.one(&["", "^"]), dice.one(&["", "$", "$", r"\s*$"]));
        let pattern = format!("{head}(?P<fid>{}){tail}", dice.pattern(2));
        pairs.extend((0..TEXTS).map(|_| (pattern.clone(), dice.text())));
    }
    let told = python(&pairs);
    let mut differing = Vec::new();
    let (mut matched, mut refused, mut exceeded) = (0, 0, 0);
    for (pairs, expected) in pairs.chunks(TEXTS).zip(told.chunks(TEXTS)) {
        if expected[0] == Value::Bool(false) {
            continue;
        }
        let Some(mut reader) = compiled(&pairs[0].0) else {
            refused += 1;
            continue;
        };
        for ((pattern, text), expected) in pairs.iter().zip(expected) {
            let Some(ours) = ours(&mut reader, text) else {
                exceeded += 1;
                continue;
            };
            matched += usize::from(ours.is_string());
            if ours != *expected {
                differing.push(format!("{pattern} on {text:?}: {ours}, in Python {expected}"));
            }
        }
    }
    assert!(matched > 500, "{matched} matches only");
    assert!(refused * 50 < PATTERNS, "{refused} of {PATTERNS} are refused");
    assert!(exceeded * 100 < pairs.len(), "{exceeded} use up their steps");
    assert!(differing.is_empty(), "{}: {differing:#?}", differing.len());
}

/// `None`: the pattern is refused, as too much for the engine.
fn compiled(pattern: &str) -> Option<Matcher> {
    let definition = Definition {
        failregex: vec![pattern.to_owned()],
        language: Language::Fail2ban,
        datepattern: Some("{NONE}".to_owned()),
        ..Definition::default()
    };
    let filter = Filter::compile(&definition, NORMAL).ok()?;
    Some(Matcher::new(Arc::new(filter), TimeZone::UTC))
}

/// What a pattern captures; null: it does not match. `None`: it has used up its steps.
fn ours(matcher: &mut Matcher, text: &str) -> Option<Value> {
    Some(match matcher.read(Record { time: None, text: text.as_bytes() }, Timestamp::UNIX_EPOCH) {
        Outcome::Unattributed(Some(found)) => {
            let (Name::Host(id) | Name::Id(id)) = found.address;
            Value::from(String::from_utf8(id.to_vec()).unwrap())
        }
        Outcome::Missed => Value::Null,
        Outcome::Exceeded(_) => return None,
        other => panic!("{text:?}: {other:?}"),
    })
}

fn python(pairs: &[(String, String)]) -> Vec<Value> {
    let mut python = Command::new("/usr/bin/python3")
        .arg("tests/conformance/regexes.py")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Debian's python3");
    let mut input = python.stdin.take().unwrap();
    input.write_all(&serde_json::to_vec(pairs).unwrap()).unwrap();
    drop(input);
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}
