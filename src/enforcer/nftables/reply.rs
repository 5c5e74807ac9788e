//! What the kernel answers, read without trust in its form: what cannot be read is passed over.

use netlink_packet_core::NlasIterator;

use super::group::Kind;
use super::message::user_data;
use super::object::{COUNTER_BYTES, COUNTER_PACKETS, OBJ_DATA, OBJ_NAME};
use super::ruleset::{Chain, Seen, Set};
use super::span::Span;

/// An element as it was seen: what is left to it in milliseconds, or for ever.
pub type Left = (Span, Option<u64>);

/// A counter as it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// Its name.
    pub name: String,
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
}

/// What of a table's attributes matters.
pub(super) fn table(attributes: &[u8], seen: &mut Seen) {
    const FLAGS: u16 = 2;
    const DORMANT: u32 = 1;
    seen.table = true;
    seen.dormant = get(attributes, FLAGS).and_then(u32_of).unwrap_or_default() & DORMANT != 0;
}

/// A chain, if it is of our table.
pub(super) fn chain(attributes: &[u8], table: &str, seen: &mut Seen) {
    const NAME: u16 = 3;
    const HOOK: u16 = 4;
    const POLICY: u16 = 5;
    const TYPE: u16 = 7;
    if !is_of(attributes, table) {
        return;
    }
    let Some(name) = get(attributes, NAME).and_then(text) else { return };
    let hook = get(attributes, HOOK).map(|hook| {
        let number = |kind| get(hook, kind).and_then(u32_of);
        (number(1), number(2).map(u32::cast_signed))
    });
    let policy = get(attributes, POLICY).and_then(u32_of);
    let kind = get(attributes, TYPE).and_then(text);
    seen.chains.insert(name, Chain { hook, policy, kind, rules: Vec::new() });
}

/// A rule, if it is of our table. Its chain is known already.
pub(super) fn rule(attributes: &[u8], table: &str, seen: &mut Seen) {
    const CHAIN: u16 = 2;
    const USER_DATA: u16 = 7;
    if !is_of(attributes, table) {
        return;
    }
    let chain = get(attributes, CHAIN).and_then(text).and_then(|name| seen.chains.get_mut(&name));
    if let Some(chain) = chain {
        let data = get(attributes, USER_DATA).unwrap_or_default();
        // Type and length come before the text, a zero byte after it.
        let comment = data.get(2..data.len().saturating_sub(1)).unwrap_or_default();
        let comment = String::from_utf8_lossy(comment).into_owned();
        let is_plain = user_data(&comment) == data;
        chain.rules.push(if is_plain { comment } else { String::new() });
    }
}

/// A set, if it is of our table.
pub(super) fn set(attributes: &[u8], table: &str, seen: &mut Seen) {
    const NAME: u16 = 2;
    const FLAGS: u16 = 3;
    const KEY_LENGTH: u16 = 5;
    if !is_of(attributes, table) {
        return;
    }
    let Some(name) = get(attributes, NAME).and_then(text) else { return };
    let number = |kind| get(attributes, kind).and_then(u32_of).unwrap_or_default();
    seen.sets.insert(name, Set { flags: number(FLAGS), key_length: number(KEY_LENGTH) });
}

/// A counter, if it is of our table.
pub(super) fn counter(attributes: &[u8], table: &str) -> Option<Count> {
    if !is_of(attributes, table) {
        return None;
    }
    let name = get(attributes, OBJ_NAME).and_then(text)?;
    let data = get(attributes, OBJ_DATA)?;
    let number = |kind| get(data, kind).and_then(u64_of).unwrap_or_default();
    Some(Count { name, packets: number(COUNTER_PACKETS), bytes: number(COUNTER_BYTES) })
}

/// The generation.
pub(super) fn generation(attributes: &[u8]) -> Option<u32> {
    const ID: u16 = 1;
    get(attributes, ID).and_then(u32_of)
}

/// One end of an interval, or a host, as it is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Listed {
    key: u128,
    is_start: bool, // An end comes before a start at the same address.
    left: Option<u64>,
}

/// The elements in one message.
pub(super) fn elements(attributes: &[u8], to: &mut Vec<Listed>) {
    const ELEMENTS: u16 = 3;
    let Some(list) = get(attributes, ELEMENTS) else { return };
    let elements = NlasIterator::new(list).flatten();
    to.extend(elements.filter_map(|element| listed(element.value())));
}

fn listed(element: &[u8]) -> Option<Listed> {
    const KEY: u16 = 1;
    const FLAGS: u16 = 3;
    const TIMEOUT: u16 = 4;
    const EXPIRATION: u16 = 5;
    const INTERVAL_END: u32 = 1;
    let key = get(get(element, KEY)?, 1)?;
    if key.len() > 16 {
        return None;
    }
    let key = key.iter().fold(0u128, |number, byte| number << 8 | u128::from(*byte));
    let flags = get(element, FLAGS).and_then(u32_of).unwrap_or_default();
    let is_timed = get(element, TIMEOUT).and_then(u64_of).unwrap_or_default() > 0;
    let left = get(element, EXPIRATION).and_then(u64_of).unwrap_or_default();
    Some(Listed { key, is_start: flags & INTERVAL_END == 0, left: is_timed.then_some(left) })
}

/// The listed ends as spans. An end without a start belongs to one that has just ended.
pub(super) fn spans(mut listed: Vec<Listed>, kind: Kind) -> Vec<Left> {
    if !kind.is_interval() {
        return listed.into_iter().map(|host| (Span::point(host.key), host.left)).collect();
    }
    listed.sort_unstable();
    let highest = if kind.is_ipv6() { u128::MAX } else { u32::MAX.into() };
    let mut spans = Vec::new();
    for (at, start) in listed.iter().enumerate().filter(|(_, listed)| listed.is_start) {
        let last = listed.get(at + 1).map_or(highest, |next| next.key.saturating_sub(1));
        if start.key <= last {
            spans.push((Span { first: start.key, last }, start.left));
        }
    }
    spans
}

/// Whether the first attribute, the table's name with all of nftables' messages, is ours.
fn is_of(attributes: &[u8], table: &str) -> bool {
    get(attributes, 1).and_then(text).is_some_and(|name| name == table)
}

/// An attribute's value.
fn get(attributes: &[u8], kind: u16) -> Option<&[u8]> {
    // Not the iterator's own items: they borrow from it.
    let mut rest = attributes;
    while rest.len() >= 4 {
        let length = usize::from(u16::from_ne_bytes([rest[0], rest[1]]));
        let is = u16::from_ne_bytes([rest[2], rest[3]]) & 0x3fff;
        let value = rest.get(4..length)?;
        if is == kind {
            return Some(value);
        }
        rest = rest.get(length.next_multiple_of(4)..)?;
    }
    None
}

fn text(value: &[u8]) -> Option<String> {
    let text = value.strip_suffix(&[0]).unwrap_or(value);
    String::from_utf8(text.to_vec()).ok()
}

fn u32_of(value: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(value.try_into().ok()?))
}

fn u64_of(value: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(value.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(listed: &[(u128, bool)], expected: &[(u128, u128)]) {
        let listed = listed.iter().map(|&(key, is_start)| Listed {
            key,
            is_start,
            left: is_start.then_some(9),
        });
        let expected: Vec<Left> =
            expected.iter().map(|&(first, last)| (Span { first, last }, Some(9))).collect();
        assert_eq!(spans(listed.collect(), Kind::Nets4), expected);
    }

    #[test]
    fn ends_are_paired_in_whatever_order_they_are_listed() {
        check(&[(10, true), (20, false)], &[(10, 19)]);
        check(&[(30, false), (20, true), (20, false), (10, true)], &[(10, 19), (20, 29)]);
        // Up to the last address, and an end whose start has just gone.
        check(&[(5, false), (10, true)], &[(10, u32::MAX.into())]);
        check(&[], &[]);
    }

    proptest! {
        #[test]
        fn nothing_that_is_answered_panics(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let mut seen = Seen::default();
            for read in [chain, rule, set] {
                read(&bytes, "gaoler", &mut seen);
            }
            table(&bytes, &mut seen);
            let mut listed = Vec::new();
            elements(&bytes, &mut listed);
            let _ = (spans(listed, Kind::Nets6), counter(&bytes, "gaoler"), generation(&bytes));
        }
    }
}
