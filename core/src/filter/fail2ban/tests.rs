//! A filter in fail2ban's language over a few lines each.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use crate::filter::definition::UseDns;
use crate::filter::{Definition, Filter, Language, Matcher, NORMAL, Name, Outcome};
use crate::record::Record;

fn definition(failregex: &[&str]) -> Definition {
    Definition {
        name: "x".into(),
        failregex: failregex.iter().map(|pattern| (*pattern).to_owned()).collect(),
        language: Language::Fail2ban,
        datepattern: Some("{NONE}".into()),
        ..Definition::default()
    }
}

fn matcher(definition: &Definition) -> Matcher {
    Matcher::new(Arc::new(Filter::compile(definition, NORMAL).unwrap()), TimeZone::UTC)
}

/// What a line is, in a word or an address.
fn read(matcher: &mut Matcher, line: &str) -> String {
    let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
    let text = |text: &[u8]| String::from_utf8(text.to_vec()).unwrap();
    match matcher.read(Record { time: None, text: line.as_bytes() }, now) {
        Outcome::Missed => "missed".into(),
        Outcome::Ignored => "ignored".into(),
        Outcome::NoFail(_) => "nofail".into(),
        Outcome::Exceeded(part) => format!("exceeded {part}"),
        Outcome::Unattributed(None) => "nobody".into(),
        Outcome::Unattributed(Some(found)) => match found.address {
            Name::Host(name) => format!("host {}", text(name)),
            Name::Id(name) => format!("id {}", text(name)),
        },
        Outcome::Failure(found) => {
            let user = found.user.map(|user| format!(" {}", text(user)));
            let users = found.lists().find(|(name, users)| *name == "users" && users.len() > 1);
            let users = users.map(|(_, users)| format!(" of {}", users.join(" ")));
            let attempts = Some(found.attempts()).filter(|attempts| *attempts > 1);
            let attempts = attempts.map(|attempts| format!(" x{attempts}"));
            let parts = [user, users, attempts].map(Option::unwrap_or_default);
            format!("{}{}", found.address, parts.concat())
        }
    }
}

#[track_caller]
fn check(definition: &Definition, lines: &[(&str, &str)]) {
    let mut matcher = matcher(definition);
    for (line, expected) in lines {
        assert_eq!(read(&mut matcher, line), *expected, "{line}");
    }
}

#[test]
fn whose_a_failure_is() {
    let two =
        definition(&["^from <HOST>$", "^net <SUBNET>$", "^id <F-ID/> at <ADDR>$", "^id <F-ID/>$"]);
    check(
        &two,
        &[
            ("from 198.51.100.7", "198.51.100.7"),
            ("from ::ffff:198.51.100.7", "198.51.100.7"),
            ("from [2001:db8::1]", "2001:db8::1"),
            ("from host.example.org", "host host.example.org"),
            ("from 198.51.100.256", "id 198.51.100.256"),
            ("net 198.51.100.0/24", "id 198.51.100.0"),
            ("net 198.51.100.7/32", "198.51.100.7"),
            ("id s3cret", "id s3cret"),
            ("id s3cret at ::1", "::1"),
            ("id 198.51.100.7", "198.51.100.7"),
            ("from", "missed"),
        ],
    );
    let no = Definition { usedns: UseDns::No, ..definition(&["^from <HOST>$"]) };
    check(&no, &[("from host.example.org", "missed"), ("from ::1", "::1")]);
}

/// What a peer may have written is nobody's.
#[test]
fn hostile_text_chooses_no_address() {
    let sshd =
        definition(&["^Failed for <F-USER>\\S+|.*?</F-USER> from <HOST>(?: port \\d+)?(?:: |$)"]);
    check(
        &sshd,
        &[
            ("Failed for x from 192.0.2.1: y from 198.51.100.7 port 22", "nobody"),
            ("Failed for x from 192.0.2.1: y from 192.0.2.1 port 22", "192.0.2.1 x"),
            ("Failed for x y from 198.51.100.7 port 22", "198.51.100.7 x y"),
        ],
    );
    let open = definition(&["from <HOST>"]);
    check(
        &open,
        &[
            ("from 203.0.113.9.example.org", "host 203.0.113.9.example.org"),
            ("from 203.0.113.9-example.org x", "host 203.0.113.9-example.org"),
            ("from 203.0.113.9-1780;", "203.0.113.9"),
            ("from 203.0.113.9.", "203.0.113.9"),
            ("from 203.0.113.9 from 203.0.113.10", "nobody"),
        ],
    );
}

#[test]
fn lines_of_a_connection_are_put_together() {
    let prefregex =
        Some("^<F-MLFID>sshd\\[\\d+\\]</F-MLFID>: <F-CONTENT>.+</F-CONTENT>$".to_owned());
    let patterns = [
        "^bad <F-USER>\\S+</F-USER>$",
        "^<F-NOFAIL>peer</F-NOFAIL> <HOST>$",
        "^<F-MLFFORGET><F-MLFGAINED>accepted</F-MLFGAINED></F-MLFFORGET> <F-USER>\\S+</F-USER> <HOST>$",
        "^<F-NOFAIL><F-MLFFORGET>closed</F-MLFFORGET></F-NOFAIL>$",
    ];
    let sshd = Definition { prefregex, ..definition(&patterns) };
    check(
        &sshd,
        &[
            // Known by its connection.
            ("sshd[1]: peer ::1", "nofail"),
            ("sshd[1]: bad bob", "::1 bob x2"),
            ("sshd[2]: bad bob", "nofail"),
            // Another connection's failure, whose it was nobody knew.
            ("sshd[2]: peer ::2", "::2 bob x2"),
            ("sshd[1]: bad tom", "::1 tom of bob tom"),
            ("sshd[3]: peer ::3", "nofail"),
            ("sshd[3]: accepted bob ::3", "nofail"),
            // Forgotten: whose that is nobody knows any more.
            ("sshd[3]: bad bob", "nofail"),
            ("sshd[4]: bad bob", "nofail"),
            ("sshd[4]: closed", "nofail"),
            ("sshd[4]: peer ::4", "nofail"),
            ("cron: x", "missed"),
        ],
    );
}

#[test]
fn alternatives_and_tuples() {
    let filter = definition(&[
        "^a (?:<F-USER>x*</F-USER>,<F-ALT_USER_1>\\w*</F-ALT_USER_1>|<F-ALT_USER_2>\\w+</F-ALT_USER_2>) <HOST>$",
        "^t <F-TUPLE_ID_1>\\w+</F-TUPLE_ID_1> <F-ID>\\w+</F-ID> <F-TUPLE_ID_2>\\w+</F-TUPLE_ID_2>$",
    ]);
    check(
        &filter,
        &[
            ("a ,bob ::1", "::1 bob"),
            ("a xx,bob ::1", "::1 xx"),
            ("a tom ::1", "::1 tom"),
            ("t a b c", "id b,a,c"),
        ],
    );
}

#[test]
fn several_lines_at_once() {
    let filter = Definition {
        maxlines: 3,
        ignoreregex: vec!["user friend".into()],
        ..definition(&["^peer <HOST>$<SKIPLINES>^failed user <F-USER>\\w+</F-USER>$"])
    };
    check(
        &filter,
        &[
            ("peer ::1", "missed"),
            ("other", "missed"),
            ("failed user bob", "::1 bob x2"),
            ("failed user tom", "missed"),
            ("peer ::2", "missed"),
            ("failed user friend", "ignored"),
            ("peer ::3", "missed"),
            ("a", "missed"),
            ("b", "missed"),
            // The first of the lines is seen no more.
            ("failed user bob", "missed"),
        ],
    );
}

#[test]
fn what_is_ignored() {
    let ignoreregex = vec!["friend".to_owned(), "(?<=x)y".to_owned()];
    let filter = Definition { ignoreregex, ..definition(&["^a <HOST>", "^b <HOST>"]) };
    check(
        &filter,
        &[
            ("a ::1 friend", "ignored"),
            ("a ::1 xy", "ignored"),
            ("a ::1", "::1"),
            ("friend", "missed"),
        ],
    );
}

#[test]
fn times_are_of_the_line_or_the_one_before() {
    let filter = Definition { datepattern: None, ..definition(&["^ a <HOST>$", "^a <HOST>$"]) };
    let mut matcher = matcher(&filter);
    let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
    let mut time = |line: &str, journal: Option<Timestamp>| match matcher
        .read(Record { time: journal, text: line.as_bytes() }, now)
    {
        Outcome::Failure(found) => found.time.map(|time| time.to_string()),
        other => panic!("{line}: {other:?}"),
    };
    assert_eq!(time("a ::1", None), None);
    assert_eq!(time("Nov 22 10:00:00 a ::1", None).unwrap(), "2026-11-22T10:00:00Z");
    assert_eq!(time("a ::1", None), None);
    assert_eq!(time("Nov 22 11:59:30 a ::1", None).unwrap(), "2026-11-22T11:59:30Z");
    assert_eq!(time("a ::1", None).unwrap(), "2026-11-22T11:59:30Z");
    assert_eq!(time("a ::1", Some(now)).unwrap(), now.to_string());
}

#[test]
fn what_cannot_be_compiled_is_refused() {
    for wrong in ["^a$", "(<HOST>", "<HOST>\\q", "(?P<a>x)(?P<a>y)<HOST>"] {
        assert!(Filter::compile(&definition(&[wrong]), NORMAL).is_err(), "{wrong}");
    }
    assert!(Filter::compile(&definition(&[]), NORMAL).is_err());
    let dates = Definition { datepattern: Some("%Q".into()), ..definition(&["<HOST>"]) };
    assert!(Filter::compile(&dates, NORMAL).unwrap_err().to_string().contains("datepattern"));
}

#[test]
fn costly_patterns_end() {
    let costly = definition(&[r"^(?:\w+(?! nobody)\s?)+(?<!failed) from <HOST>$"]);
    let line = format!("{} failed from ::1", "a".repeat(60));
    check(&costly, &[(&line, "exceeded failregex 1"), ("a from ::1", "::1")]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Any bytes are read, whatever the filter keeps of them.
    #[test]
    fn any_bytes_are_read_without_harm(
        lines in prop::collection::vec(prop_oneof![
            prop::collection::vec(any::<u8>(), 0..40),
            r"s\[[0-9]\]: (bad|peer|closed) [a-z:0-9\n]{0,4}".prop_map(String::into_bytes),
        ], 0..20),
        maxlines in 0_u16..5,
    ) {
        let prefregex = Some("^<F-MLFID>s\\[\\d\\]</F-MLFID>: <F-CONTENT>.+</F-CONTENT>$".to_owned());
        let patterns = ["^bad <F-USER>.*</F-USER>", "^<F-NOFAIL>peer</F-NOFAIL> <HOST>", "^<F-MLFFORGET>closed</F-MLFFORGET>"];
        let with = Definition { prefregex, maxlines, datepattern: None, ..definition(&patterns) };
        let without = Definition { maxlines, ..definition(&["<HOST><SKIPLINES>bad", "peer <HOST>"]) };
        for definition in [with, without] {
            let mut matcher = matcher(&definition);
            let now = Timestamp::UNIX_EPOCH;
            for line in &lines {
                let _ = matcher.read(Record { time: None, text: line }, now);
                let _ = matcher.without_date(line);
            }
        }
    }
}
