//! A place in a line, and the small steps by which a date is read from there.
//!
//! Each step moves on only if it succeeds; none can leave the line.

use jiff::civil::Time;
use jiff::tz::Offset;

/// A place in a line.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    pub(super) line: &'a [u8],
    pub(super) at: usize,
}

const MONTHS: [[u8; 3]; 12] = [
    *b"jan", *b"feb", *b"mar", *b"apr", *b"may", *b"jun", *b"jul", *b"aug", *b"sep", *b"oct",
    *b"nov", *b"dec",
];

const WEEKDAYS: [[u8; 3]; 7] = [*b"sun", *b"mon", *b"tue", *b"wed", *b"thu", *b"fri", *b"sat"];

/// The number, from 1, of the month whose English name begins with these letters.
pub(in crate::filter) fn month(name: &[u8]) -> Option<i8> {
    (1..).zip(MONTHS).find(|(_, month)| named(name, *month)).map(|(number, _)| number)
}

/// The nanoseconds that these digits after a decimal point mean; beyond nine they are dropped.
pub(super) fn nanoseconds(digits: &[u8]) -> i32 {
    let digits = digits.iter().map(|b| i32::from(b - b'0')).chain(std::iter::repeat(0));
    digits.take(9).fold(0, |value, digit| value * 10 + digit)
}

fn named(text: &[u8], name: [u8; 3]) -> bool {
    // In ASCII, a letter's case is one bit.
    text.len() >= 3 && (0..3).all(|i| text[i] | 0x20 == name[i])
}

impl<'a> Cursor<'a> {
    pub(super) fn peek(&self) -> Option<u8> {
        self.line.get(self.at).copied()
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.line.get(self.at..).unwrap_or_default()
    }

    /// Exactly this byte.
    pub(super) fn byte(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// One of these bytes.
    pub(super) fn one_of(&mut self, bytes: &[u8]) -> Option<u8> {
        let byte = self.peek().filter(|byte| bytes.contains(byte))?;
        self.at += 1;
        Some(byte)
    }

    /// Exactly `count` digits, as a number; at most 9.
    pub(super) fn digits(&mut self, count: usize) -> Option<i32> {
        let digits = self.rest().get(..count)?;
        let mut value = 0;
        for digit in digits {
            if !digit.is_ascii_digit() {
                return None;
            }
            value = value * 10 + i32::from(digit - b'0');
        }
        self.at += count;
        Some(value)
    }

    /// How many digits come next.
    pub(super) fn digits_ahead(&self) -> usize {
        self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count()
    }

    /// Two digits in a range.
    pub(super) fn two(&mut self, range: std::ops::RangeInclusive<i32>) -> Option<i8> {
        let mut ahead = *self;
        let value = ahead.digits(2).filter(|value| range.contains(value))?;
        *self = ahead;
        i8::try_from(value).ok()
    }

    /// A year of four digits.
    pub(super) fn year(&mut self) -> Option<i16> {
        let mut ahead = *self;
        let value = ahead.digits(4).filter(|year| *year >= 1000)?;
        *self = ahead;
        i16::try_from(value).ok()
    }

    /// A day of the month: `07`, ` 7` or `7`.
    pub(super) fn day(&mut self) -> Option<i8> {
        if let Some(day) = self.two(1..=31) {
            return Some(day);
        }
        let mut ahead = *self;
        ahead.byte(b' ').unwrap_or_default();
        let day = ahead.digits(1).filter(|day| *day >= 1)?;
        if ahead.digits_ahead() > 0 {
            return None;
        }
        *self = ahead;
        i8::try_from(day).ok()
    }

    /// An English month's first three letters.
    pub(super) fn month_name(&mut self) -> Option<i8> {
        let number = month(self.rest())?;
        self.at += 3;
        Some(number)
    }

    /// An English weekday's first three letters.
    pub(super) fn weekday(&mut self) -> Option<()> {
        WEEKDAYS.into_iter().any(|name| named(self.rest(), name)).then(|| self.at += 3)
    }

    /// `10:00:00`, with a fraction or without; no digit may follow.
    pub(super) fn clock(&mut self) -> Option<Time> {
        let mut ahead = *self;
        let hour = ahead.two(0..=23)?;
        ahead.byte(b':')?;
        let minute = ahead.two(0..=59)?;
        ahead.byte(b':')?;
        let time = ahead.seconds(hour, minute)?;
        *self = ahead;
        Some(time)
    }

    /// The rest of a clock's time. A leap second counts as the one before.
    pub(super) fn seconds(&mut self, hour: i8, minute: i8) -> Option<Time> {
        let second = self.two(0..=60)?.min(59);
        let nanosecond = self.fraction();
        if self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Time::new(hour, minute, second, nanosecond).ok()
    }

    /// `.123` or `,123`; 0 if there is none.
    fn fraction(&mut self) -> i32 {
        let mut ahead = *self;
        if ahead.one_of(b".,").is_none() {
            return 0;
        }
        let count = ahead.digits_ahead();
        if count == 0 {
            return 0;
        }
        let digits = &ahead.rest()[..count];
        self.at = ahead.at + count;
        nanoseconds(digits)
    }

    /// `Z`, `+01:00`, `+0100`, `+01`, `UTC`, `GMT`, directly or after a blank.
    pub(super) fn offset(&mut self) -> Option<Offset> {
        let mut ahead = *self;
        ahead.byte(b' ').unwrap_or_default();
        let offset = ahead.universal().or_else(|| ahead.signed_offset())?;
        if ahead.peek().is_some_and(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        *self = ahead;
        Some(offset)
    }

    fn universal(&mut self) -> Option<Offset> {
        let name: &[u8] =
            [&b"UTC"[..], b"GMT", b"Z"].into_iter().find(|name| self.rest().starts_with(name))?;
        self.at += name.len();
        Some(Offset::UTC)
    }

    fn signed_offset(&mut self) -> Option<Offset> {
        let mut ahead = *self;
        let sign = if ahead.one_of(b"+-")? == b'-' { -1 } else { 1 };
        let hours = i32::from(ahead.two(0..=23)?);
        let mut after = ahead;
        after.byte(b':').unwrap_or_default();
        let minutes = after.two(0..=59).inspect(|_| ahead = after).unwrap_or_default();
        let offset = Offset::from_seconds(sign * (hours * 3600 + i32::from(minutes) * 60)).ok()?;
        *self = ahead;
        Some(offset)
    }
}
