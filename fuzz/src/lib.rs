//! What the fuzz targets share: a fixed time, and what must hold of every match.

use std::net::IpAddr;

use gaoler::filter::Match;
use jiff::Timestamp;

/// When inputs are read: `2026-11-22T12:00:00Z`.
pub const NOW: Timestamp = Timestamp::constant(1_795_348_800, 0);

/// An input's first line, and the rest.
#[must_use]
pub fn head(data: &[u8]) -> (&[u8], &[u8]) {
    match data.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (data, b""),
    }
}

/// A match's address stands in the line, as a word of its own.
///
/// # Panics
///
/// If it does not.
pub fn assert_told(found: &Match<'_>, line: &[u8]) {
    assert!(is_named(found.address, line), "{} is not in the line", found.address);
}

/// Whether some word of the line is this address.
#[must_use]
pub fn is_named(address: IpAddr, line: &[u8]) -> bool {
    let part = |byte: &u8| !(byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':'));
    // An address may stand before or behind colons that are none of its own, such as a port's.
    line.split(part).filter_map(|word| std::str::from_utf8(word).ok()).any(|word| {
        let ends = |text: &str| {
            let colons = text.match_indices(':').map(|(at, _)| at);
            colons.chain([text.len()]).collect::<Vec<_>>()
        };
        let starts = word.match_indices([':', '.']).map(|(at, _)| at + 1).chain([0]);
        starts.into_iter().any(|start| {
            let text = &word[start..];
            ends(text).into_iter().any(|end| {
                let text = text[..end].trim_end_matches('.');
                text.parse::<IpAddr>().is_ok_and(|parsed| parsed.to_canonical() == address)
            })
        })
    })
}
