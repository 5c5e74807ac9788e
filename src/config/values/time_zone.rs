//! Zones of time as a file has them: a name, or an offset as fail2ban writes it.

use jiff::tz::{Offset, TimeZone};

/// A zone by its IANA name, or a fixed one as fail2ban writes it: `UTC+0200`.
pub(in crate::config) fn time_zone(text: &str) -> Result<TimeZone, String> {
    if text == "Z" {
        return Ok(TimeZone::UTC);
    }
    if let Some(offset) = text.strip_prefix("UTC").or_else(|| text.strip_prefix("GMT")) {
        return fixed_zone(offset)
            .ok_or_else(|| "is not an offset; write for example `UTC+0200`".to_owned());
    }
    TimeZone::get(text).map_err(|_| {
        "is not a time zone known here; write an IANA name such as `Europe/Berlin` (tzdata must be \
         installed) or an offset such as `UTC+0200`"
            .to_owned()
    })
}

/// As [`time_zone`], for the table.
pub(in crate::config) fn time_zone_form(text: &str) -> Result<(), String> {
    time_zone(text).map(|_| ())
}

/// The zone of an offset from UTC; no offset is UTC itself.
fn fixed_zone(offset: &str) -> Option<TimeZone> {
    if offset.is_empty() {
        return Some(TimeZone::UTC);
    }
    let seconds = match offset.strip_prefix('-') {
        Some(west) => -offset_seconds(west)?,
        None => offset_seconds(offset.strip_prefix('+')?)?,
    };
    Offset::from_seconds(seconds).ok().map(TimeZone::fixed)
}

/// `0200`, `02:00` and `02` in seconds.
fn offset_seconds(text: &str) -> Option<i32> {
    let digits = text.replacen(':', "", 1);
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes): (i32, i32) = match digits.len() {
        1 | 2 => (digits.parse().ok()?, 0),
        4 => (digits[..2].parse().ok()?, digits[2..].parse().ok()?),
        _ => return None,
    };
    (hours <= 14 && minutes < 60).then_some(hours * 3600 + minutes * 60)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_zones_by_name_and_by_offset() {
        let offset = |text| time_zone(text).unwrap().to_offset(jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(offset("UTC+0200").seconds(), 7200);
        assert_eq!(offset("UTC-02:30").seconds(), -9000);
        assert_eq!(offset("GMT+1").seconds(), 3600);
        assert_eq!(offset("Z").seconds(), 0);
        assert_eq!(offset("UTC").seconds(), 0);
        assert!(time_zone("Europe/Berlin").is_ok());
        for bad in ["UTC+1500", "UTC+02000", "UTC+0x", "UTC+", "Mars/Phobos", ""] {
            assert!(time_zone(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}") {
            let _ = time_zone(&text);
        }

        #[test]
        fn any_offset_is_read_or_refused(text in "(UTC|GMT)[+-]?[0-9:\u{e9}]{0,6}") {
            let _ = time_zone(&text);
        }
    }
}
