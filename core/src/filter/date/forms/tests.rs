use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;

const NOW: &str = "2026-11-22T12:00:00Z";

#[track_caller]
fn check(line: &str, rest: &str, time: &str) {
    let found = locate(line.as_bytes()).unwrap();
    let cut = format!("{}{}", &line[..found.span.start], &line[found.span.end..]);
    assert_eq!(cut, rest);
    let zone = TimeZone::fixed(jiff::tz::offset(2));
    let at = found.stamp.resolve(&zone, NOW.parse().unwrap());
    assert_eq!(at.unwrap().to_string(), time);
}

#[test]
fn syslog_lines() {
    check("Nov 22 10:00:00 host sshd[1]: x", " host sshd[1]: x", "2026-11-22T08:00:00Z");
    check("Nov  2 10:00:00 host", " host", "2026-11-02T08:00:00Z");
    check("Dec  2 10:00:00 host", " host", "2025-12-02T08:00:00Z");
    check("Nov 22 10:00:00.25 host", " host", "2026-11-22T08:00:00.25Z");
    check("<13>Nov 22 2024 10:00:00 host", "<13> host", "2024-11-22T08:00:00Z");
    check("Nov 22 10:00:00 GMT sshd: x", " GMT sshd: x", "2026-11-22T08:00:00Z");
}

#[test]
fn iso_lines() {
    check("2026-11-22T10:00:00.123456+01:00 host", " host", "2026-11-22T09:00:00.123456Z");
    check("2026-11-22T10:00:00Z host", " host", "2026-11-22T10:00:00Z");
    check("2026-11-22 10:00:00,123 [x]", " [x]", "2026-11-22T08:00:00.123Z");
    check("2026-11-22 10:00:00 +0000 x", " x", "2026-11-22T10:00:00Z");
    check("2026-11-22 10:00:00.5 UTC [7]", " [7]", "2026-11-22T10:00:00.5Z");
    check("2026/11/22 10:00:00 [error] 1#1", " [error] 1#1", "2026-11-22T08:00:00Z");
    check("2026-11-22T10:00:00-02", "", "2026-11-22T12:00:00Z");
    check("20261122T100000 x", " x", "2026-11-22T08:00:00Z");
    check("20261122 10:00:00 x", " x", "2026-11-22T08:00:00Z");
    check("2026.11.22 10:00:00 x", " x", "2026-11-22T08:00:00Z");
}

#[test]
fn web_servers_lines() {
    check("::1 - - [22/Nov/2026:10:00:00 +0000] \"", "::1 - - [] \"", "2026-11-22T10:00:00Z");
    check("[Sun Nov 22 10:00:00.123456 2026] [e]", "[] [e]", "2026-11-22T08:00:00.123456Z");
    check("Sun, 22 Nov 2026 10:00:00 +0000 x", " x", "2026-11-22T10:00:00Z");
    check("22-Nov-2026 10:00:00.123 client", " client", "2026-11-22T08:00:00.123Z");
    check("22/11/2026 10:00:00 x", " x", "2026-11-22T08:00:00Z");
    check("22-11-2026 10:00:00 x", " x", "2026-11-22T08:00:00Z");
    check("2 Nov 2026 10:00:00 x", " x", "2026-11-02T08:00:00Z");
    check("11/22/2026:10:00:00 x", " x", "2026-11-22T08:00:00Z");
    check("22.11.2026 10:00:00", "", "2026-11-22T08:00:00Z");
}

#[test]
fn seconds_since_1970() {
    check("1795341600 x", " x", "2026-11-22T10:00:00Z");
    check("1795341600.25 x", " x", "2026-11-22T10:00:00.25Z");
    check("1795341600123 x", " x", "2026-11-22T10:00:00.123Z");
    check("[1795341600123456] x", "[] x", "2026-11-22T10:00:00.123456Z");
}

#[test]
fn the_earliest_date_counts() {
    check(
        "Nov 22 10:00:00 h sshd: user 2020-01-01T00:00:00Z",
        " h sshd: user 2020-01-01T00:00:00Z",
        "2026-11-22T08:00:00Z",
    );
}

#[test]
fn no_date_is_seen_where_there_is_none() {
    for line in [
        "",
        "host sshd[1]: Failed password for root from 198.51.100.7 port 22 ssh2",
        "Nov 32 10:00:00 x",
        "Nov 22 24:00:00 x",
        "Nov 22 10:00:001 x",
        "2026-13-22 10:00:00",
        "x 1795341600 y",
        "1.2026-11-22 10:00:00 y",
        "17953416001 y",
        "0795341600 y",
        "1795341600x",
        "22/Foo/2026:10:00:00",
    ] {
        assert_eq!(locate(line.as_bytes()), None, "{line}");
    }
}

#[test]
fn seconds_count_again_only_where_a_line_begins() {
    let mut last = Last::default();
    for line in ["1795341600]", "x 1795341600]"] {
        assert_eq!(locate_after(line.as_bytes(), &mut last), locate(line.as_bytes()), "{line}");
    }
}

/// Every form is tried at every byte.
fn locate_slowly(line: &[u8]) -> Option<Located> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.';
    let begins =
        |at: &usize| line[*at].is_ascii_alphanumeric() && !(*at > 0 && word(line[*at - 1]));
    (0..line.len()).filter(begins).find_map(|at| {
        let (cursor, first) = (Cursor { line, at }, line[at].is_ascii_digit());
        let readers: [fn(Cursor<'_>) -> Reading; 8] =
            [iso, access, numeric, compact, epoch, syslog, asctime, mail];
        let readers = if first { &readers[..5] } else { &readers[5..] };
        let (stamp, form, end) = readers.iter().find_map(|reader| reader(cursor))?;
        Some(Located { span: Range { start: at, end }, stamp, form })
    })
}

proptest! {
    /// To look only where a form can be finds what looking everywhere does.
    #[test]
    fn nothing_is_passed_over(
        line in r"[\[ .]?([0-9]{0,4}[-/ .]?([0-9]{1,4}|Nov|sun|Sun,)[-/ .:,T]?[0-9]{0,11}[ :T_]?([0-2][0-9]:[0-5][0-9]:[0-5][0-9])?( ?[0-9]{4}| \+0100|Z)?){1,3}",
        any: Vec<u8>,
    ) {
        prop_assert_eq!(locate(line.as_bytes()), locate_slowly(line.as_bytes()));
        prop_assert_eq!(locate(&any), locate_slowly(&any));
    }

    /// Who remembers the last date finds what one without a memory does.
    #[test]
    fn a_date_is_known_again(
        lines in prop::collection::vec(
            r"(1\.|\[|Sun |2026-11-)?(22/Nov/2026:10:00:0[0-2]( \+0[01]00)?|Nov 22 10:00:00(\.5)?|17953416001?|2026-11-22T10:00:00)([\] .:+]|\]0|Z|[0-9]| 2026| \+01:?)?",
            0..8,
        ),
    ) {
        let mut last = Last::default();
        for line in lines {
            prop_assert_eq!(locate_after(line.as_bytes(), &mut last), locate(line.as_bytes()));
        }
    }

    #[test]
    fn any_bytes_are_read_without_harm(line: Vec<u8>) {
        if let Some(found) = locate(&line) {
            prop_assert!(found.span.end <= line.len() && !found.span.is_empty());
        }
    }

    /// Text near a date is where an off-by-one would hide.
    #[test]
    fn text_like_dates_is_read_without_harm(
        line in r"[\[ <]?(Nov|Sun,?|[0-9]{1,17})[ :/.,T+-]{0,2}([0-9]{1,4}[ :/.,TZ+-]){0,8}[0-9]{0,3}"
    ) {
        let now = NOW.parse().unwrap();
        if let Some(found) = locate(line.as_bytes()) {
            let _ = found.stamp.resolve(&TimeZone::UTC, now);
        }
    }

    #[test]
    fn every_instant_is_read_back(second in 1_000_000_000_i64..4_000_000_000) {
        let at = Timestamp::from_second(second).unwrap();
        let utc = at.to_zoned(TimeZone::UTC);
        for format in [
            "%Y-%m-%dT%H:%M:%SZ", "%d/%b/%Y:%H:%M:%S +0000", "%a %b %e %H:%M:%S %Y",
            "%Y/%m/%d %H:%M:%S", "%a, %d %b %Y %H:%M:%S GMT", "%Y%m%dT%H%M%S", "%s",
        ] {
            let line = utc.strftime(format).to_string();
            let found = locate(line.as_bytes()).unwrap();
            prop_assert_eq!(found.span, 0..line.len(), "{}", line);
            prop_assert_eq!(found.stamp.resolve(&TimeZone::UTC, at), Some(at), "{}", line);
        }
    }
}
