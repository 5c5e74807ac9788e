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
    let mut before = 0;
    for (at, &byte) in line.iter().enumerate() {
        let role = ROLES[usize::from(byte)];
        let begins = role & !(before << 1) & BEGINS != 0;
        before = role;
        if begins && let Some(found) = read(at) {
            return Some(found);
        }
    }
    None
}

/// What a byte does for dates: a letter or a digit [`BEGINS`] one, unless the byte before it [`KEEPS`] one
/// from beginning, that is, within a word or a number. A table, for the answer of a processor that need
/// not guess: of each byte of a line one would ask twice what it is.
const ROLES: [u8; 256] = {
    let mut roles = [0; 256];
    roles[b'.' as usize] = KEEPS;
    let mut byte: u8 = 0;
    while byte < 0x80 {
        if byte.is_ascii_alphanumeric() {
            roles[byte as usize] = BEGINS | KEEPS;
        }
        byte += 1;
    }
    roles
};

/// One bit above [`KEEPS`], so that each meets the other's by a shift.
const BEGINS: u8 = 2;
const KEEPS: u8 = 1;

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
mod tests;
