//! What a date's fields say, and which instant that is.
//!
//! Whole seconds: fail2ban drops a fraction, and windows are minutes. What a date does not say is
//! taken from now: the latest such date that is not ahead by more than a day.

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ToSpan};

use super::zones;
use crate::filter::date::stamp::{Civil, Stamp};

/// A field that tells something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Year,
    ShortYear,
    Month,
    MonthName,
    Day,
    Yearday,
    WeekFromSunday,
    WeekFromMonday,
    WeekdayName,
    WeekdayNumber,
    Hour,
    Hour12,
    Half,
    Minute,
    Second,
    Zone,
}

impl Field {
    /// By the group's name, which is the word's.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "Y" => Self::Year,
            "y" => Self::ShortYear,
            "m" => Self::Month,
            "b" | "B" => Self::MonthName,
            "d" => Self::Day,
            "j" => Self::Yearday,
            "U" => Self::WeekFromSunday,
            "W" => Self::WeekFromMonday,
            "a" | "A" => Self::WeekdayName,
            "w" => Self::WeekdayNumber,
            "H" => Self::Hour,
            "I" => Self::Hour12,
            "p" => Self::Half,
            "M" => Self::Minute,
            "S" => Self::Second,
            "z" | "Z" => Self::Zone,
            _ => return None,
        })
    }
}

/// What was said.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Parts {
    year: Option<i16>,
    month: Option<i8>,
    day: Option<i8>,
    yearday: Option<i16>,
    week: Option<(i16, Weekday)>,
    weekday: Option<Weekday>,
    hour: i8,
    hour12: Option<i8>,
    afternoon: bool,
    minute: i8,
    second: i8,
    offset: Option<Offset>,
}

impl Parts {
    /// Takes note of a field. `None`: it cannot be.
    pub(super) fn set(&mut self, field: Field, text: &str) -> Option<()> {
        match field {
            Field::Year => self.year = Some(number(text)?),
            Field::ShortYear => self.year = Some(2000 + number(text)?),
            Field::Month => self.month = Some(i8::try_from(number(text)?).ok()?),
            Field::MonthName => self.month = Some(crate::filter::date::month(text.as_bytes())?),
            Field::Day => self.day = Some(i8::try_from(number(text)?).ok()?),
            Field::Yearday => self.yearday = Some(number(text)?),
            Field::WeekFromSunday => self.week = Some((number(text)?, Weekday::Sunday)),
            Field::WeekFromMonday => self.week = Some((number(text)?, Weekday::Monday)),
            Field::WeekdayName => self.weekday = Some(weekday(text)?),
            Field::WeekdayNumber => {
                let number = i8::try_from(number(text)?).ok()?;
                self.weekday = Weekday::from_sunday_zero_offset(number).ok();
            }
            Field::Hour => self.hour = i8::try_from(number(text)?).ok()?,
            Field::Hour12 => self.hour12 = Some(i8::try_from(number(text)?).ok()?),
            Field::Half => self.afternoon = text.starts_with(['p', 'P']),
            Field::Minute => self.minute = i8::try_from(number(text)?).ok()?,
            // A leap second counts as the one before.
            Field::Second => self.second = i8::try_from(number(text)?).ok()?.min(59),
            // Of a zone that nobody knows the jail's own is the best guess.
            Field::Zone => self.offset = zones::offset(text),
        }
        Some(())
    }

    /// The instant; `None`: there is no such day, or time.
    pub(super) fn resolve(&self, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
        let zone = self.offset.map_or_else(|| zone.clone(), TimeZone::fixed);
        let hour = match self.hour12 {
            Some(hour) => hour % 12 + if self.afternoon { 12 } else { 0 },
            None => self.hour,
        };
        let time = Time::new(hour, self.minute, self.second, 0).ok()?;
        if let (None, None, None, None) = (self.month, self.day, self.yearday, self.week) {
            return latest_today(time, &zone, now);
        }
        let today = zone.to_datetime(now).date();
        let (month, day) = if let (Some(month), Some(day)) = (self.month, self.day) {
            (month, day)
        } else {
            let date = self.counted(self.year.unwrap_or(today.year()))?;
            (date.month(), date.day())
        };
        let year = self.year;
        Stamp::Civil(Civil { year, month, day, time, offset: self.offset }).resolve(&zone, now)
    }

    /// The day that its number in the year, or the week's and its own, tells.
    fn counted(&self, year: i16) -> Option<Date> {
        let first = Date::new(year, 1, 1).ok()?;
        let days = match (self.yearday, self.week, self.weekday) {
            (Some(day), ..) => i32::from(day) - 1,
            (None, Some((week, begins)), Some(weekday)) => {
                // Days before the first week that begins on its own day belong to week 0.
                let into = i32::from(first.weekday().since(begins));
                let first_week = if into == 0 { 0 } else { 7 - into };
                first_week + (i32::from(week) - 1) * 7 + i32::from(weekday.since(begins))
            }
            _ => return None,
        };
        first.checked_add(days.days()).ok()
    }
}

/// Today, or yesterday if that is ahead.
fn latest_today(time: Time, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    let today = zone.to_datetime(now).date();
    let at = |date| zone.to_timestamp(DateTime::from_parts(date, time)).ok();
    match at(today)? {
        at if at <= now => Some(at),
        _ => at(today.yesterday().ok()?),
    }
}

fn weekday(name: &str) -> Option<Weekday> {
    let name = name.get(..3)?.to_ascii_lowercase();
    let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let number = names.iter().position(|day| *day == name)?;
    Weekday::from_monday_zero_offset(i8::try_from(number).ok()?).ok()
}

fn number(text: &str) -> Option<i16> {
    text.trim_start().parse().ok()
}
