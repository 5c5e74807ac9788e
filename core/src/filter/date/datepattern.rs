//! `datepattern`: a filter's own form of a date, in fail2ban's words.
//!
//! A regex in which `%Y %m %d %H %M %S …` stand for a date's parts, as in strptime(3). What is cut
//! out is its first capture group, or all of it. Words of its own: `Epoch` (seconds), `LEpoch`
//! (milliseconds or microseconds), `{^LN-BEG}` (only where the line begins), `{NONE}` (no date).

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::Offset;
use regex::bytes::{Captures, Regex, RegexBuilder};

use super::cursor::{Cursor, month, nanoseconds};
use super::stamp::{Civil, Stamp};
use super::{Dates, Form, Located};

/// One form of a date.
#[derive(Clone, Debug)]
pub struct DatePattern {
    regex: Regex,
}

/// Why a `datepattern` was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatePatternError {
    /// A `%` word we do not have.
    #[error("`%{0}` is no part of a date; known are {KNOWN}")]
    UnknownWord(String),
    /// fail2ban's word for something we do not do.
    #[error("`{0}` is not supported; write the form out, such as `%Y-%m-%d %H:%M:%S`")]
    Unsupported(&'static str),
    /// Nothing in it says when.
    #[error("it names no part of a date; known are {KNOWN}")]
    Empty,
    /// What is left is no regex.
    #[error("{0}")]
    Syntax(String),
}

const KNOWN: &str = "%Y %y %m %d %e %j %b %B %h %a %A %H %k %I %l %p %M %S %f %z %Z %s %T %F %%";

impl Dates {
    /// Reads the lines of a `datepattern`; each is a form, and the first that fits holds.
    ///
    /// # Errors
    ///
    /// Says which word or which syntax is wrong.
    pub fn parse(text: &str) -> Result<Self, DatePatternError> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let mut patterns = Vec::new();
        for line in lines {
            match line {
                "{NONE}" => return Ok(Self::Absent),
                "{DEFAULT}" | "{^LN-BEG}" => return Ok(Self::Usual),
                _ => patterns.push(DatePattern::parse(line)?),
            }
        }
        if patterns.is_empty() {
            Err(DatePatternError::Empty)
        } else {
            Ok(Self::Patterns(patterns))
        }
    }
}

impl DatePattern {
    fn parse(text: &str) -> Result<Self, DatePatternError> {
        let (text, bounded) = match text.strip_prefix("**") {
            Some(text) => (text, false),
            None => (text, true),
        };
        let (text, at_start) = match text.strip_prefix("{^LN-BEG}") {
            Some(text) => (text, true),
            None => (text, false),
        };
        let (body, cuts) = translate(text)?;
        let body = if cuts { body } else { format!("(?P<cut>{body})") };
        let head = match (at_start, bounded) {
            (true, _) => r"^\W{0,2}",
            (false, true) => r"(?:^|\b|\W)",
            (false, false) => "",
        };
        let tail = if bounded { r"(?:\b|\W|$)" } else { "" };
        let regex = RegexBuilder::new(&format!("{head}(?:{body}){tail}"))
            .unicode(false)
            .build()
            .map_err(|error| DatePatternError::Syntax(super::super::engine::reason(&error)))?;
        let parts = ["second", "epoch", "day", "yearday", "hour"];
        if !regex.capture_names().flatten().any(|name| parts.contains(&name)) {
            return Err(DatePatternError::Empty);
        }
        Ok(Self { regex })
    }

    pub(super) fn locate(&self, line: &[u8], number: u16) -> Option<Located> {
        let captures = self.regex.captures(line)?;
        let span = captures.name("cut")?.range();
        let stamp = stamp(&captures)?;
        Some(Located { span, stamp, form: Form::Pattern(number) })
    }
}

/// Replaces the words by regexes; says also whether a capture group of the writer's own tells
/// what to cut.
fn translate(text: &str) -> Result<(String, bool), DatePatternError> {
    let mut out = String::with_capacity(text.len() * 4);
    let mut cuts = false;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        rest = if let Some(after) = named_form(rest, &mut out)? {
            after
        } else if c == '%' {
            word(after, &mut out)?
        } else if c == '\\' {
            let escaped = after.chars().next().map_or(0, char::len_utf8);
            out.push(c);
            out.push_str(&after[..escaped]);
            &after[escaped..]
        } else if c == '(' && !after.starts_with('?') {
            out.push_str(if cuts { "(?:" } else { "(?P<cut>" });
            cuts = true;
            after
        } else {
            out.push(c);
            after
        };
    }
    Ok((out, cuts))
}

/// fail2ban's names of whole forms, where one comes next; what is left after it.
fn named_form<'t>(rest: &'t str, out: &mut String) -> Result<Option<&'t str>, DatePatternError> {
    const SECONDS: &str = r"(?P<epoch>\d{10})(?:[.,](?P<fraction>\d{1,9}))?";
    const FINE: &str = r"(?P<epoch>\d{10})(?P<fraction>\d{6}|\d{3})";
    const FORMS: [(&str, &str); 4] =
        [("{EPOCH}", SECONDS), ("LEpoch", FINE), ("EPOCH", SECONDS), ("Epoch", SECONDS)];
    for (name, regex) in FORMS {
        if let Some(after) = rest.strip_prefix(name) {
            out.push_str(regex);
            return Ok(Some(after));
        }
    }
    let unsupported = ["{DATE}", "{UNB}", "{DEFAULT}", "{NONE}", "{^LN-BEG}", "TAI64N"];
    match unsupported.into_iter().find(|name| rest.starts_with(name)) {
        Some(name) => Err(DatePatternError::Unsupported(name)),
        None => Ok(None),
    }
}

/// Writes the regex of the word that follows a `%`; what is left after it. `%ExY` and its kin,
/// which fail2ban has for stricter forms, are the words without `Ex`.
fn word<'t>(rest: &'t str, out: &mut String) -> Result<&'t str, DatePatternError> {
    let (strict, rest) = rest.strip_prefix("Ex").map_or(("", rest), |rest| ("Ex", rest));
    let letter = rest.chars().next().unwrap_or_default();
    let regex = match letter {
        'Y' => r"(?P<year>\d{4})",
        'y' => r"(?P<shortyear>\d{2})",
        'm' => r"(?P<month>1[0-2]|0?[1-9])",
        'd' | 'e' => r"(?P<day>3[01]|[12]\d|[0 ]?[1-9])",
        'j' => r"(?P<yearday>\d{1,3})",
        'b' | 'B' | 'h' => {
            r"(?P<monthname>(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*)"
        }
        'a' | 'A' => "(?i:sun|mon|tue|wed|thu|fri|sat)[a-z]*",
        'H' | 'k' => r"(?P<hour>2[0-3]|1\d|[0 ]?\d)",
        'I' | 'l' => r"(?P<hour12>1[0-2]|[0 ]?[1-9])",
        'p' => "(?P<half>(?i:[ap])\\.?(?i:m)\\.?)",
        'M' => r"(?P<minute>[0-5]\d)",
        'S' => r"(?P<second>60|[0-5]\d)",
        'f' => r"(?P<fraction>\d{1,9})",
        'z' | 'Z' => r"(?P<offset>Z|UTC|GMT|[+-][01]\d(?::?[0-5]\d)?)",
        's' => r"(?P<epoch>\d{10})",
        'T' => r"(?P<hour>2[0-3]|[01]\d):(?P<minute>[0-5]\d):(?P<second>60|[0-5]\d)",
        'F' => r"(?P<year>\d{4})-(?P<month>1[0-2]|0[1-9])-(?P<day>3[01]|[12]\d|0[1-9])",
        '%' => "%",
        other => return Err(DatePatternError::UnknownWord(format!("{strict}{other}"))),
    };
    out.push_str(regex);
    Ok(&rest[letter.len_utf8()..])
}

fn stamp(captures: &Captures<'_>) -> Option<Stamp> {
    let text = |name| captures.name(name).map(|found| found.as_bytes());
    let nanosecond = text("fraction").map_or(0, nanoseconds);
    if let Some(epoch) = text("epoch") {
        return Some(Stamp::Instant(Timestamp::new(number(epoch)?, nanosecond).ok()?));
    }
    let field = |name| text(name).map(number::<i8>);
    let time = Time::new(
        hour(field("hour").flatten(), field("hour12").flatten(), text("half")),
        field("minute").flatten().unwrap_or_default(),
        field("second").flatten().unwrap_or_default().min(59),
        nanosecond,
    );
    let year = match (text("year"), text("shortyear")) {
        (Some(year), _) => number(year),
        (None, Some(short)) => number::<i16>(short).map(|short| 2000 + short),
        (None, None) => None,
    };
    let (month, day) = if let Some(count) = text("yearday") {
        day_of_year(year?, number(count)?)?
    } else {
        let named = text("monthname").and_then(month);
        (named.or_else(|| field("month").flatten())?, field("day").flatten()?)
    };
    let offset = text("offset").and_then(offset);
    Some(Stamp::Civil(Civil { year, month, day, time: time.ok()?, offset }))
}

/// The hour on a clock of 24 hours.
fn hour(of_24: Option<i8>, of_12: Option<i8>, half: Option<&[u8]>) -> i8 {
    let afternoon = half.is_some_and(|half| half[0].eq_ignore_ascii_case(&b'p'));
    match (of_24, of_12) {
        (Some(hour), _) => hour,
        (None, Some(hour)) => hour % 12 + if afternoon { 12 } else { 0 },
        (None, None) => 0,
    }
}

fn day_of_year(year: i16, count: i16) -> Option<(i8, i8)> {
    let date = Date::new(year, 1, 1).ok()?.with().day_of_year(count).build().ok()?;
    Some((date.month(), date.day()))
}

fn offset(text: &[u8]) -> Option<Offset> {
    Cursor { line: text, at: 0 }.offset()
}

/// A number that may be padded with blanks.
fn number<N: std::str::FromStr>(digits: &[u8]) -> Option<N> {
    std::str::from_utf8(digits).ok()?.trim_start().parse().ok()
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(pattern: &str, line: &str, rest: &str, time: &str) {
        let found = Dates::parse(pattern).unwrap().locate(line.as_bytes()).unwrap();
        let cut = format!("{}{}", &line[..found.span.start], &line[found.span.end..]);
        assert_eq!(cut, rest);
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        assert_eq!(found.stamp.resolve(&TimeZone::UTC, now).unwrap().to_string(), time);
    }

    #[test]
    fn words_stand_for_the_parts_of_a_date() {
        check("%Y-%m-%d %H:%M:%S", "at 2026-11-22 10:00:00 x", "at  x", "2026-11-22T10:00:00Z");
        check(r"%d\.%m\.%y %T", "22.11.26 10:00:00 x", " x", "2026-11-22T10:00:00Z");
        check("%b %d %H:%M:%S", "November  2 10:00:00", "", "2026-11-02T10:00:00Z");
        check("%F %I:%M:%S %p", "2026-11-22 12:00:01 AM", "", "2026-11-22T00:00:01Z");
        check("%F %I:%M:%S %p", "2026-11-22 01:00:01 pm", "", "2026-11-22T13:00:01Z");
        check("%Y-%j %H", "2026-326 10", "", "2026-11-22T10:00:00Z");
        check(r"%ExY%Exm%Exd%T\.%f%z", "2026112210:00:00.5+0100", "", "2026-11-22T09:00:00.5Z");
    }

    #[test]
    fn what_is_cut_is_the_first_group_or_all() {
        check(r"\[(%F %T)\]", "a [2026-11-22 10:00:00] b", "a [] b", "2026-11-22T10:00:00Z");
        check(
            r"time=(%F) (%T)",
            "time=2026-11-22 10:00:00",
            "time= 10:00:00",
            "2026-11-22T10:00:00Z",
        );
    }

    #[test]
    fn seconds_since_1970_and_the_lines_beginning() {
        check("Epoch", "x=1795341600 y", "x= y", "2026-11-22T10:00:00Z");
        check("{^LN-BEG}Epoch", "[1795341600.5] y", "[] y", "2026-11-22T10:00:00.5Z");
        check(r"audit\({EPOCH}", "a audit(1795341600.5:1)", "a :1)", "2026-11-22T10:00:00.5Z");
        check("LEpoch", "1795341600123", "", "2026-11-22T10:00:00.123Z");
        let at_start = Dates::parse("{^LN-BEG}Epoch").unwrap();
        assert_eq!(at_start.locate(b"x 1795341600"), None);
    }

    #[test]
    fn several_forms_are_tried_in_order() {
        let pattern = "%d/%m/%Y %T\n  %F %T";
        check(pattern, "2026-11-22 10:00:00", "", "2026-11-22T10:00:00Z");
        check(pattern, "22/11/2026 10:00:00", "", "2026-11-22T10:00:00Z");
    }

    #[test]
    fn no_date_is_looked_for_if_none_is_wanted() {
        assert_eq!(Dates::parse("{NONE}").unwrap().locate(b"2026-11-22 10:00:00"), None);
    }

    #[test]
    fn what_means_nothing_is_refused() {
        let refusal = |pattern| Dates::parse(pattern).unwrap_err();
        assert_eq!(refusal("%Q"), DatePatternError::UnknownWord("Q".into()));
        assert_eq!(refusal("%ExQ"), DatePatternError::UnknownWord("ExQ".into()));
        assert_eq!(refusal("TAI64N"), DatePatternError::Unsupported("TAI64N"));
        assert_eq!(refusal("date"), DatePatternError::Empty);
        assert_eq!(refusal(""), DatePatternError::Empty);
        assert!(matches!(refusal("%Y-%Y"), DatePatternError::Syntax(_)));
        assert!(matches!(refusal("(%F"), DatePatternError::Syntax(_)));
    }

    proptest! {
        #[test]
        fn any_pattern_is_read_or_refused(pattern: String, line: Vec<u8>) {
            if let Ok(dates) = Dates::parse(&pattern) {
                let _ = dates.locate(&line);
            }
        }

        #[test]
        fn any_bytes_are_read_without_harm(
            line in r"[ \[]?[0-9A-Z ]{1,4}[-/ ][0-9A-Za-z ]{1,4}[-/ ][0-9]{1,4}[ :T][0-9: ]{2,8}[.]?[0-9+Z-]{0,6}"
        ) {
            let dates = Dates::parse("%d/%b/%Y %k:%M\n%Y-%j %l %p\n%Y-%m-%d %H:%M:%S%z\n%s").unwrap();
            if let Some(found) = dates.locate(line.as_bytes()) {
                let _ = found.stamp.resolve(&TimeZone::UTC, Timestamp::UNIX_EPOCH);
            }
        }
    }
}
