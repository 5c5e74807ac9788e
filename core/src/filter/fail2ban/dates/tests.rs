//! Every form that jail.conf(5) knows.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;

const NOW: &str = "2026-11-22T12:00:00Z";

/// What is left of a line without its date, and when that is.
#[track_caller]
fn check(pattern: &str, line: &str, rest: &str, time: Option<&str>) {
    let mut detector = Detector::new(&Dates::compile(Some(pattern)).unwrap());
    let found = detector.locate(line).unwrap_or_else(|| panic!("{pattern} on {line}"));
    assert_eq!(format!("{}{}", &line[..found.start], &line[found.end..]), rest);
    let at = found.resolve(&TimeZone::UTC, NOW.parse().unwrap());
    assert_eq!(at, time.map(|time| time.parse().unwrap()), "{pattern} on {line}");
}

#[track_caller]
fn none(pattern: &str, line: &str) {
    let mut detector = Detector::new(&Dates::compile(Some(pattern)).unwrap());
    assert!(detector.locate(line).is_none(), "{pattern} on {line}");
}

#[test]
fn the_default_forms() {
    let ten = Some("2026-11-22T10:00:00Z");
    for line in [
        "2026-11-22T11:00:00.123+01:00",
        "2026/11/22 10:00:00",
        "2026.11.22  10:00:00,5 UTC",
        "Nov 22 10:00:00",
        "Sun Nov 22 10:00:00.25 2026",
        "Sun Nov 22 2026 10:00:00",
        "22/11/26 10:00:00",
        "22-11-2026 10:00:00",
        "22/Nov/2026:10:00:00 +0000",
        "22-Nov-2026 10:00:00.5",
        "11/22/2026:10:00:00",
        "1795341600",
        "10:00:00",
        "<11/22/26@10:00:00>",
        "261122 10:00:00",
        "Nov 22, 2026 10:00:00 AM",
        "Nov-22-26 10:00:00",
        "20261122T100000",
        "PST Nov 22 02:00:00",
        "+01:00 Nov 22 11:00:00",
    ] {
        check("{DEFAULT}", &format!("{line} x"), " x", ten);
    }
    check("{DEFAULT}", "@400000006a2bb7a000000000 x", " x", Some("2026-06-12T07:39:12Z"));
    check(
        "{DEFAULT}",
        "audit(1795341600.123:7): x",
        "audit(:7): x",
        Some("2026-11-22T10:00:00.123Z"),
    );
}

#[test]
fn what_is_cut_is_the_first_group() {
    let ten = Some("2026-11-22T10:00:00Z");
    check("{^LN-BEG}", "[Nov 22 10:00:00] x", "[] x", ten);
    check("^[^\\[]*\\[({DATE})", "a - [22/Nov/2026:10:00:00 +0000] x", "a - [] x", ten);
    check("^<W>{DATE}", "<W>2026-11-22 10:00:00.1 x", " x", ten);
    check("%Y-%m-(%d) %H", "at 2026-11-22 10 x", "at -11-22 10 x", ten);
    check("audit\\({EPOCH}:\\d+\\)", "a audit(1795341600:1) b", "a  b", ten);
    check("{NONE}", "2026-11-22 x", "2026-11-22 x", None);
    check("^I\\(()**", "I(x", "I(x", None);
}

#[test]
fn bounds_are_words_unless_said_otherwise() {
    none("%H:%M", "x10:30x");
    none("{^LN-BEG}%H:%M", "word 10:30");
    check("**%H:%M**", "x10:30x", "xx", Some("2026-11-22T10:30:00Z"));
    check("{UNB}%H:%M", "x10:30x", "xx", Some("2026-11-22T10:30:00Z"));
    check("{^LN-BEG}%H:%M", "[[10:30] x", "[[] x", Some("2026-11-22T10:30:00Z"));
    none("{^LN-BEG}", "a longer word Nov 22 10:00:00");
}

#[test]
fn words_are_strptimes() {
    check(
        "%A %d %B %Y %l:%M %p",
        "Sunday 22 November 2026  1:05 pm",
        "",
        Some("2026-11-22T13:05:00Z"),
    );
    check("%Y-%j", "2026-326", "", Some("2026-11-22T00:00:00Z"));
    check("%Y-%W-%w", "2026-46-0", "", Some("2026-11-22T00:00:00Z"));
    check("%Y-%U %a", "2026-47 Sun", "", Some("2026-11-22T00:00:00Z"));
    check("%d %m %ExY %k", "22 11 2026  9", "", Some("2026-11-22T09:00:00Z"));
    check("%x %X", "11/22/26 10:00:00", "", Some("2026-11-22T10:00:00Z"));
    check("%d.%m. %H:%M %Exz", "22.11. 10:00 CET", "", Some("2026-11-22T09:00:00Z"));
    check("%Y-%m-%d", "2026-02-31", "", None);
    check("%H:%M", "13:00", "", Some("2026-11-21T13:00:00Z"));
    check("%d/%b %H:%M", "24/Nov 10:00", "", Some("2025-11-24T10:00:00Z"));
    check("LEPOCH", "1795341600123", "", Some("2026-11-22T10:00:00.123Z"));
    check("LEPOCH", "1795341600123456", "", Some("2026-11-22T10:00:00.123456Z"));
    for wrong in ["%Q", "(%Y", "%Y %Y", "[%d"] {
        assert!(Dates::compile(Some(wrong)).is_err(), "{wrong}");
    }
}

/// The form used last is tried first: else the second line would be of 1 February.
#[test]
fn a_log_goes_on_in_the_form_it_began_in() {
    let mut detector = Detector::new(&Dates::compile(None).unwrap());
    let now = NOW.parse().unwrap();
    for (line, day) in
        [("01-27-2026 10:00:00 x", "2026-01-27"), ("01-02-2026 10:00:00 x", "2026-01-02")]
    {
        let at = detector.locate(line).unwrap().resolve(&TimeZone::UTC, now).unwrap();
        assert!(at.to_string().starts_with(day), "{line} is {at}");
    }
}

#[test]
fn the_earliest_date_counts() {
    let line = "host x Nov 22 10:00:00 user 2020-01-01 00:00:00";
    check("{DEFAULT}", line, "host x  user 2020-01-01 00:00:00", Some("2026-11-22T10:00:00Z"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_form_and_line_are_read_without_harm(
        form in r"(\{\^LN-BEG\}|\*\*|\{DATE\}|\{EPOCH\}|%[a-zA-Z]|%Ex[dmYHMS]|[ ()^$?./:-]){0,8}",
        line in r"[\[ <]?(Nov|Sun,?|[0-9]{1,17})[ :/.,T+-]{0,2}([0-9]{1,4}[ :/.,TZ+-]){0,8}é?",
        now in -10_000_000_000_i64..10_000_000_000,
    ) {
        let now = Timestamp::from_second(now).unwrap();
        for dates in [Dates::compile(Some(&form)), Dates::compile(None)] {
            let Ok(dates) = dates else { continue };
            if let Some(found) = Detector::new(&dates).locate(&line) {
                prop_assert!(found.start <= found.end && found.end <= line.len());
                let _ = found.resolve(&TimeZone::UTC, now);
            }
        }
    }
}
