//! Where a line says when, and what that means.
//!
//! A date is *located* in each line, since it is cut out before the patterns see the text, as
//! fail2ban does; it is *resolved* to an instant only for lines that matter. The usual forms are
//! read by hand ([`forms`]), others by a [`datepattern`]. The earliest date in a line counts: what
//! a peer can write comes after the logger's own stamp.

mod cursor;
pub mod datepattern;
pub mod forms;
mod last;
pub mod stamp;

use std::ops::Range;

pub(super) use self::cursor::month;

use self::datepattern::DatePattern;
use self::last::Last;
use self::stamp::Stamp;
use super::literals::Cuts;

/// How a filter's lines say when.
#[derive(Clone, Debug, Default)]
pub enum Dates {
    /// In one of the usual forms.
    #[default]
    Usual,
    /// As `datepattern` says; the first of them that fits.
    Patterns(Vec<DatePattern>),
    /// Not at all (`{NONE}`).
    Absent,
}

/// A date found in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// Its bytes: what is cut out.
    pub span: Range<usize>,
    /// What it says.
    pub stamp: Stamp,
    /// In which form.
    pub form: Form,
}

/// The form of a date, for reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Form {
    /// `Nov 22 10:00:00`: RFC 3164's; the year is inferred.
    Syslog,
    /// `Sun Nov 22 10:00:00.123456 2026`: asctime(3)'s and Apache's error log's.
    Asctime,
    /// `Sun, 22 Nov 2026 10:00:00 +0000`: RFC 5322's.
    Mail,
    /// `2026-11-22T10:00:00.123+01:00`: ISO 8601's, and kin such as nginx's `2026/11/22 10:00:00`.
    Iso,
    /// `20261122T100000`, `20261122 10:00:00`.
    Compact,
    /// `22/Nov/2026:10:00:00 +0000`: access logs', and kin such as named's `22-Nov-2026`.
    Access,
    /// `22/11/2026 10:00:00`; the day comes first unless it cannot.
    Numeric,
    /// Seconds, milliseconds or microseconds since 1970, where the line begins.
    Epoch,
    /// The filter's own, by its number from 0.
    Pattern(u16),
}

impl Form {
    /// How a report shows the form.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::Syslog => "Month Day Hour:Minute:Second",
            Self::Asctime => "Weekday Month Day Hour:Minute:Second Year",
            Self::Mail => "Weekday, Day Month Year Hour:Minute:Second Zone",
            Self::Iso => "Year-Month-Day Hour:Minute:Second",
            Self::Compact => "YearMonthDay HourMinuteSecond",
            Self::Access => "Day/Month/Year:Hour:Minute:Second Zone",
            Self::Numeric => "Day/MonthNumber/Year Hour:Minute:Second",
            Self::Epoch => "Epoch",
            Self::Pattern(_) => "datepattern",
        }
    }
}

impl Dates {
    /// Where a date that is cut out may stand.
    pub(super) fn cuts(&self) -> Cuts {
        match self {
            Self::Usual => Cuts::BeforeWords,
            Self::Patterns(_) => Cuts::Anywhere,
            Self::Absent => Cuts::Nowhere,
        }
    }

    /// Finds the line's date.
    #[must_use]
    pub fn locate(&self, line: &[u8]) -> Option<Located> {
        match self {
            Self::Usual => forms::locate(line),
            Self::Patterns(patterns) => {
                (0u16..).zip(patterns).find_map(|(number, pattern)| pattern.locate(line, number))
            }
            Self::Absent => None,
        }
    }

    /// As [`locate`](Self::locate), for one who remembers the last date.
    fn locate_after(&self, line: &[u8], last: &mut Last) -> Option<Located> {
        match self {
            Self::Usual => forms::locate_after(line, last),
            Self::Patterns(_) | Self::Absent => self.locate(line),
        }
    }
}
