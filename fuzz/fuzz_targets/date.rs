//! Dates: the first line is a datepattern (none: the usual forms), the rest a record.

#![no_main]

use gaoler::filter::date::Dates;
use gaoler_fuzz::{NOW, head};
use jiff::tz::{Offset, TimeZone};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (pattern, line) = head(data);
    let dates = match std::str::from_utf8(pattern) {
        Ok("") | Err(_) => Dates::Usual,
        Ok(pattern) => match Dates::parse(pattern) {
            Ok(dates) => dates,
            Err(error) => return assert!(!error.to_string().is_empty()),
        },
    };
    let Some(found) = dates.locate(line) else { return };
    assert!(found.span.start <= found.span.end && found.span.end <= line.len());
    for zone in [TimeZone::UTC, TimeZone::fixed(Offset::constant(-12))] {
        let _ = found.stamp.resolve(&zone, NOW);
    }
});
