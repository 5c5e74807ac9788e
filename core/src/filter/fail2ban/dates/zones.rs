//! Zones that logs write by an abbreviation. Each is a fixed distance from UTC; those that mean
//! several are read as RFC 5322 and tzdata's larger zones have them. Of others nothing is known, and
//! the jail's own zone holds.

use jiff::tz::Offset;

/// Minutes east of UTC.
const ZONES: [(&str, i32); 57] = [
    ("Z", 0),
    ("UTC", 0),
    ("GMT", 0),
    ("WET", 0),
    ("WEST", 60),
    ("CET", 60),
    ("CEST", 120),
    ("EET", 120),
    ("EEST", 180),
    ("MSK", 180),
    ("MSD", 240),
    ("SAST", 120),
    ("WAT", 60),
    ("CAT", 120),
    ("EAT", 180),
    ("IRST", 210),
    ("IRDT", 270),
    ("AFT", 270),
    ("PKT", 300),
    ("NPT", 345),
    ("ICT", 420),
    ("WIB", 420),
    ("WITA", 480),
    ("WIT", 540),
    ("HKT", 480),
    ("SGT", 480),
    ("MYT", 480),
    ("PHT", 480),
    ("AWST", 480),
    ("JST", 540),
    ("KST", 540),
    ("ACST", 570),
    ("ACDT", 630),
    ("AEST", 600),
    ("AEDT", 660),
    ("NZST", 720),
    ("NZDT", 780),
    ("NST", -210),
    ("NDT", -150),
    ("AST", -240),
    ("ADT", -180),
    ("EST", -300),
    ("EDT", -240),
    ("CST", -360),
    ("CDT", -300),
    ("MST", -420),
    ("MDT", -360),
    ("PST", -480),
    ("PDT", -420),
    ("AKST", -540),
    ("AKDT", -480),
    ("HST", -600),
    ("BRT", -180),
    ("ART", -180),
    ("CLT", -240),
    ("COT", -300),
    ("PET", -300),
];

/// Reads `Z`, `CET`, `+01:00`, `-0800`, `+01`, `UTC+0100`.
pub(super) fn offset(text: &str) -> Option<Offset> {
    let sign = text.find(['+', '-']).unwrap_or(text.len());
    let (name, digits) = text.split_at(sign);
    let name = if name.is_empty() { "Z" } else { name };
    let (_, minutes) = ZONES.iter().find(|(zone, _)| zone.eq_ignore_ascii_case(name))?;
    let minutes = minutes + shift(digits)?;
    Offset::from_seconds(minutes * 60).ok()
}

/// Minutes that `+0130` means; none is none.
fn shift(text: &str) -> Option<i32> {
    let Some(sign) = text.chars().next() else { return Some(0) };
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let hours: i32 = digits.get(..2)?.parse().ok()?;
    let minutes: i32 = digits.get(2..4).map_or(Some(0), |minutes| minutes.parse().ok())?;
    let sign = if sign == '-' { -1 } else { 1 };
    Some(sign * (hours * 60 + minutes))
}
