//! What a date says, before it is an instant: it may lack its year, its zone, or both.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};

use super::last::Last;
use super::{Dates, Form, Located};

/// A field is remembered if it is no longer: a date's is shorter.
const LONGEST: usize = 64;

/// A date as a log wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// Seconds since 1970.
    Instant(Timestamp),
    /// A calendar's day and a clock's time.
    Civil(Civil),
}

/// A calendar date with a time of day. Its fields are in range one by one; whether the month has
/// that day, [`Civil::resolve`] finds out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// The year; `None`: not said.
    pub year: Option<i16>,
    /// 1 to 12.
    pub month: i8,
    /// 1 to 31.
    pub day: i8,
    /// The time of day.
    pub time: Time,
    /// The distance from UTC; `None`: not said, the jail's zone holds.
    pub offset: Option<Offset>,
}

/// Resolves the dates of one log, of which many lines have the same.
#[derive(Clone, Debug)]
pub struct Resolver {
    zone: TimeZone,
    /// The last one, as of when it was read, and what it was.
    last: Option<(Stamp, Timestamp, Option<Timestamp>)>,
    /// The last one that a line had.
    located: Last,
    /// The last field, as of when it was read, and what it held.
    field: Vec<u8>,
    held: Option<(Timestamp, Held)>,
}

/// The form of a field's date, and when it is; `None`: it holds none.
type Held = Option<(Form, Option<Timestamp>)>;

impl Resolver {
    /// `zone` holds where a date names none.
    #[must_use]
    pub fn new(zone: TimeZone) -> Self {
        Self { zone, last: None, located: Last::default(), field: Vec::new(), held: None }
    }

    /// The zone of dates that name none.
    #[must_use]
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Finds a line's date; always by the same `dates`.
    pub(in crate::filter) fn locate(&mut self, dates: &Dates, line: &[u8]) -> Option<Located> {
        dates.locate_after(line, &mut self.located)
    }

    /// As [`Stamp::resolve`].
    pub fn resolve(&mut self, stamp: &Stamp, now: Timestamp) -> Option<Timestamp> {
        match self.last {
            Some((last, then, time)) if last == *stamp && then == now => time,
            _ => {
                let time = stamp.resolve(&self.zone, now);
                self.last = Some((*stamp, now, time));
                time
            }
        }
    }

    /// Locates and resolves the date of a field, such as an access log's; always by the same `dates`.
    pub fn read(&mut self, dates: &Dates, field: &[u8], now: Timestamp) -> Held {
        if let Some((then, held)) = self.held
            && then == now
            && self.field == field
        {
            return held;
        }
        let held = dates.locate(field).map(|it| (it.form, it.stamp.resolve(&self.zone, now)));
        if field.len() <= LONGEST {
            self.field.clear();
            self.field.extend_from_slice(field);
            self.held = Some((now, held));
        }
        held
    }
}

impl Stamp {
    /// The instant. `zone` holds where the date names none; `now` tells the year where it has none.
    /// `None` if there is no such day.
    #[must_use]
    pub fn resolve(&self, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Instant(instant) => Some(*instant),
            Self::Civil(civil) => civil.resolve(zone, now),
        }
    }
}

impl Civil {
    fn resolve(&self, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
        match self.year {
            Some(year) => self.in_year(year, zone),
            None => self.in_latest_year(zone, now),
        }
    }

    /// The latest year in which the day exists and is not more than 24 hours ahead: a log line is
    /// of the past, or of a clock a little fast. fail2ban knows this year and the last only, and
    /// so takes 1 January, read on 31 December, for a year ago.
    fn in_latest_year(&self, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
        let latest = now.as_second().saturating_add(24 * 60 * 60);
        let this_year = zone.to_datetime(now).year();
        // 29 February can be eight years away: 1896 and 1904.
        (-8..=1).rev().find_map(|ago| {
            let at = self.in_year(this_year.checked_add(ago)?, zone)?;
            (at.as_second() <= latest).then_some(at)
        })
    }

    /// A time that the zone skips or has twice is taken as RFC 5545 does: jiff's "compatible".
    fn in_year(&self, year: i16, zone: &TimeZone) -> Option<Timestamp> {
        let date = Date::new(year, self.month, self.day).ok()?;
        let civil = DateTime::from_parts(date, self.time);
        match self.offset {
            Some(offset) => offset.to_timestamp(civil).ok(),
            None => zone.to_timestamp(civil).ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(date: (i8, i8), clock: (i8, i8, i8), zone: &str, now: &str, expected: Option<&str>) {
        let civil = Civil {
            year: None,
            month: date.0,
            day: date.1,
            time: Time::new(clock.0, clock.1, clock.2, 0).unwrap(),
            offset: None,
        };
        let zone = TimeZone::get(zone).unwrap();
        let resolved = Stamp::Civil(civil).resolve(&zone, now.parse().unwrap());
        assert_eq!(resolved, expected.map(|text| text.parse().unwrap()));
    }

    #[test]
    fn a_date_without_a_year_is_the_latest_that_is_not_ahead() {
        let now = "2026-11-22T10:00:00Z";
        check((11, 22), (10, 0, 0), "UTC", now, Some("2026-11-22T10:00:00Z"));
        check((11, 23), (10, 0, 0), "UTC", now, Some("2026-11-23T10:00:00Z"));
        check((11, 23), (10, 0, 1), "UTC", now, Some("2025-11-23T10:00:01Z"));
        check((1, 1), (0, 0, 0), "UTC", now, Some("2026-01-01T00:00:00Z"));
    }

    #[test]
    fn the_turn_of_the_year_is_seen_from_both_sides() {
        check((12, 31), (23, 59, 59), "UTC", "2027-01-01T00:00:01Z", Some("2026-12-31T23:59:59Z"));
        check((1, 1), (0, 0, 2), "UTC", "2026-12-31T23:59:59Z", Some("2027-01-01T00:00:02Z"));
    }

    #[test]
    fn the_29th_of_february_is_of_the_last_leap_year() {
        check((2, 29), (1, 0, 0), "UTC", "2026-11-22T10:00:00Z", Some("2024-02-29T01:00:00Z"));
        check((2, 29), (1, 0, 0), "UTC", "2024-03-01T10:00:00Z", Some("2024-02-29T01:00:00Z"));
        check((2, 30), (1, 0, 0), "UTC", "2026-11-22T10:00:00Z", None);
    }

    #[test]
    fn the_year_is_the_zones_own() {
        let now = "2026-12-31T23:30:00Z";
        check((1, 1), (0, 30, 0), "Europe/Zurich", now, Some("2026-12-31T23:30:00Z"));
    }

    proptest! {
        /// The oracle reads every field anew.
        #[test]
        fn a_field_is_read_as_if_it_were_the_first(
            fields in prop::collection::vec((0..4u32, 0..3i64, any::<bool>()), 0..20),
        ) {
            let zone = TimeZone::get("Europe/Zurich").unwrap();
            let mut resolver = Resolver::new(zone.clone());
            for (second, now, long) in fields {
                let now = Timestamp::from_second(now * 86_400 * 400).unwrap();
                let blanks = " ".repeat(if long { 2 * LONGEST } else { 0 });
                let field = match second {
                    0 => format!("-{blanks}"),
                    1 => format!("Nov 22 10:00:00{blanks}"),
                    _ => format!("22/Nov/2026:10:00:0{second} +0000{blanks}"),
                };
                let located = Dates::Usual.locate(field.as_bytes());
                let expected = located.map(|it| (it.form, it.stamp.resolve(&zone, now)));
                prop_assert_eq!(resolver.read(&Dates::Usual, field.as_bytes(), now), expected);
            }
        }
    }

    #[test]
    fn a_time_that_is_skipped_or_doubled_has_one_meaning() {
        let now = "2026-12-01T00:00:00Z";
        check((3, 29), (2, 30, 0), "Europe/Zurich", now, Some("2026-03-29T01:30:00Z"));
        check((10, 25), (2, 30, 0), "Europe/Zurich", now, Some("2026-10-25T00:30:00Z"));
    }
}
