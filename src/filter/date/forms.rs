//! The usual forms of a date, read by hand: no regex runs over a line to find its date.

use std::ops::Range;

use jiff::Timestamp;
use jiff::civil::Time;

use super::cursor::Cursor;
use super::last::Last;
use super::stamp::{Civil, Stamp};
use super::{Form, Located};

/// Finds the earliest date in a line.
#[must_use]
pub fn locate(line: &[u8]) -> Option<Located> {
    search(line, |at| read(line, at))
}

/// As [`locate`]; most lines have the date that the last one had.
pub(super) fn locate_after(line: &[u8], last: &mut Last) -> Option<Located> {
    let mut again = false;
    let found = search(line, |at| match last.read(line, at) {
        Some(found) => {
            again = true;
            Some(found)
        }
        None => read(line, at),
    });
    if let Some(found) = &found
        && !again
    {
        last.note(line, found);
    }
    found
}

/// The first date that `read` finds, at each place where one may begin.
fn search(line: &[u8], mut read: impl FnMut(usize) -> Option<Located>) -> Option<Located> {
    let mut before = b' ';
    for (at, &byte) in line.iter().enumerate() {
        // Not within a word or a number.
        let begins =
            byte.is_ascii_alphanumeric() && !(before.is_ascii_alphanumeric() || before == b'.');
        before = byte;
        if begins && let Some(found) = read(at) {
            return Some(found);
        }
    }
    None
}

/// The date that begins exactly here, where a word does. How many digits there are and what follows
/// them, or three letters, tells which forms it can have.
fn read(line: &[u8], at: usize) -> Option<Located> {
    let cursor = Cursor { line, at };
    let readers: &[fn(Cursor<'_>) -> Reading] = if line[at].is_ascii_digit() {
        let digits = cursor.digits_ahead();
        match (digits, line.get(at + digits)) {
            (1 | 2, Some(b'/' | b'-' | b' ')) => &[access, numeric],
            (2, Some(b'.')) => &[numeric],
            (4, Some(b'-' | b'/' | b'.')) => &[iso],
            (8, Some(b'T' | b' ')) => &[compact],
            (10.., _) => &[epoch],
            _ => &[],
        }
    } else {
        match line.get(at + 3) {
            Some(b' ') => &[syslog, asctime],
            Some(b',') => &[mail],
            _ => &[],
        }
    };
    let (stamp, form, end) = readers.iter().find_map(|reader| reader(cursor))?;
    Some(Located { span: Range { start: at, end }, stamp, form })
}

/// What a reader found, and where it ends.
type Reading = Option<(Stamp, Form, usize)>;

fn syslog(mut c: Cursor<'_>) -> Reading {
    let month = c.month_name()?;
    c.byte(b' ')?;
    let day = c.day()?;
    c.byte(b' ')?;
    let year = year_within(&mut c);
    let time = c.clock()?;
    Some(civil(c, Form::Syslog, (year, month, day), time))
}

/// Some devices write `Nov 22 2026 10:00:00`.
fn year_within(c: &mut Cursor<'_>) -> Option<i16> {
    let mut ahead = *c;
    let year = ahead.year()?;
    ahead.byte(b' ')?;
    *c = ahead;
    Some(year)
}

fn asctime(mut c: Cursor<'_>) -> Reading {
    c.weekday()?;
    c.byte(b' ')?;
    let month = c.month_name()?;
    c.byte(b' ')?;
    let day = c.day()?;
    c.byte(b' ')?;
    let time = c.clock()?;
    let offset = c.offset();
    c.byte(b' ')?;
    let year = Some(c.year()?);
    let offset = offset.or_else(|| c.offset());
    Some((Stamp::Civil(Civil { year, month, day, time, offset }), Form::Asctime, c.at))
}

fn mail(mut c: Cursor<'_>) -> Reading {
    c.weekday()?;
    c.byte(b',')?;
    c.byte(b' ')?;
    let day = c.day()?;
    c.byte(b' ')?;
    let month = c.month_name()?;
    c.byte(b' ')?;
    let year = c.year()?;
    c.byte(b' ')?;
    let time = c.clock()?;
    Some(civil(c, Form::Mail, (Some(year), month, day), time))
}

fn iso(mut c: Cursor<'_>) -> Reading {
    let year = c.year()?;
    let separator = c.one_of(b"-/.")?;
    let month = c.two(1..=12)?;
    c.byte(separator)?;
    let day = c.two(1..=31)?;
    c.one_of(b"T :_")?;
    let time = c.clock()?;
    Some(civil(c, Form::Iso, (Some(year), month, day), time))
}

fn compact(mut c: Cursor<'_>) -> Reading {
    let year = c.year()?;
    let month = c.two(1..=12)?;
    let day = c.two(1..=31)?;
    c.one_of(b"T ")?;
    let time = c.clock().or_else(|| {
        let hour = c.two(0..=23)?;
        let minute = c.two(0..=59)?;
        c.seconds(hour, minute)
    })?;
    Some(civil(c, Form::Compact, (Some(year), month, day), time))
}

fn access(mut c: Cursor<'_>) -> Reading {
    let day = c.day()?;
    let separator = c.one_of(b"/- ")?;
    let month = c.month_name()?;
    c.byte(separator)?;
    let year = c.year()?;
    c.one_of(b": ")?;
    let time = c.clock()?;
    Some(civil(c, Form::Access, (Some(year), month, day), time))
}

fn numeric(mut c: Cursor<'_>) -> Reading {
    let first = c.two(1..=31)?;
    let separator = c.one_of(b"/-.")?;
    let second = c.two(1..=31)?;
    c.byte(separator)?;
    let year = c.year()?;
    c.one_of(b" :T")?;
    let time = c.clock()?;
    let (day, month) = if second > 12 { (second, first) } else { (first, second) };
    if month > 12 {
        return None;
    }
    Some(civil(c, Form::Numeric, (Some(year), month, day), time))
}

/// How far into a line seconds since 1970 may begin, a bracket before them or none: elsewhere ten
/// digits may mean anything.
const EPOCH_AT_MOST: usize = 1;

fn epoch(mut c: Cursor<'_>) -> Reading {
    if c.at > EPOCH_AT_MOST {
        return None;
    }
    let seconds = i64::from(c.digits(9)?) * 10 + i64::from(c.digits(1)?);
    let fraction = match (c.digits_ahead(), c.peek()) {
        (0, Some(b'.' | b',')) => {
            c.at += 1;
            c.digits_ahead()
        }
        (count @ (0 | 3 | 6), _) => count,
        _ => return None,
    };
    let nanosecond = super::cursor::nanoseconds(&c.rest()[..fraction]);
    c.at += fraction;
    if seconds < 1_000_000_000 || c.peek().is_some_and(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let instant = Timestamp::new(seconds, nanosecond).ok()?;
    Some((Stamp::Instant(instant), Form::Epoch, c.at))
}

/// Ends a reading whose zone, if any, comes last.
fn civil(
    mut c: Cursor<'_>,
    form: Form,
    (year, month, day): (Option<i16>, i8, i8),
    time: Time,
) -> (Stamp, Form, usize) {
    // RFC 3164 has no zone, and the host's name, which comes next, could look like one.
    let offset = if form == Form::Syslog { None } else { c.offset() };
    (Stamp::Civil(Civil { year, month, day, time, offset }), form, c.at)
}

#[cfg(test)]
mod tests {
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
}
