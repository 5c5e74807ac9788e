//! One pattern, and which of its groups is which value.

use super::dispute;
use super::python::{self, Anchors};
use super::tags;
use super::values::{DNS, FID, IP4, IP6, MLFID, Names, Slot, Values};
use crate::filter::definition::UseDns;
use crate::filter::engine::{Engine, Locations, Over};
use crate::filter::error::Problem;

/// A pattern ready to match.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    /// As written.
    pub(super) source: String,
    pub(super) regex: Engine,
    /// Its named groups: the number of each, and its value's.
    groups: Vec<(usize, Slot)>,
    /// `ALT_USER` for `USER`: taken where the other is empty.
    alternatives: Vec<(Slot, Slot)>,
    /// `TUPLE_ID` to `ID`: put to it.
    parts: Vec<(Slot, Slot)>,
    /// The groups that `<SKIPLINES>` are.
    pub(super) skips: Vec<usize>,
    /// Whether it lets anything follow.
    open: bool,
    /// Whether nothing that a peer could fill stands before the first address.
    fixed: bool,
    /// Whether it tells whose the line is, if only by its session.
    pub(super) identifies: bool,
}

impl Pattern {
    pub(super) fn compile(
        source: &str,
        anchors: Anchors,
        usedns: UseDns,
        names: &mut Names,
    ) -> Result<Self, Problem> {
        let expanded = tags::expand(source, usedns);
        let regex = Engine::compile_over(&python::translate(&expanded, anchors)?, Over::Text)?;
        let captured: Vec<(usize, String)> = regex
            .capture_names()
            .enumerate()
            .filter_map(|(group, name)| Some((group, name?.to_owned())))
            .collect();
        let skips = captured.iter().filter(|(_, name)| name.starts_with("skiplines"));
        let skips = skips.map(|(group, _)| *group).collect();
        let groups: Vec<(usize, Slot)> =
            captured.iter().map(|(group, name)| (*group, names.slot(name))).collect();
        let mut sorted: Vec<&str> = captured.iter().map(|(_, name)| name.as_str()).collect();
        sorted.sort_unstable();
        let mut made_of = |prefix: &str| -> Vec<(Slot, Slot)> {
            let such = sorted.iter().filter_map(|name| Some((*name, target(name, prefix)?)));
            such.map(|(name, target)| (names.slot(name), names.slot(&target))).collect()
        };
        let (alternatives, parts) = (made_of("alt_"), made_of("tuple_"));
        let told = groups.iter().map(|(_, slot)| slot).chain(alternatives.iter().map(|(_, to)| to));
        let identifies = told.into_iter().any(|slot| [FID, IP4, IP6, DNS, MLFID].contains(slot));
        let (open, fixed) = (dispute::is_open(source), dispute::is_fixed(source));
        let source = source.to_owned();
        Ok(Self { source, regex, groups, alternatives, parts, skips, open, fixed, identifies })
    }

    /// Takes over what its groups captured; a group that took no part has no value. Says whether it
    /// is disputed whose the line is: then it has no address.
    pub(super) fn capture(&self, locations: &Locations, text: &str, values: &mut Values) -> bool {
        let mut disputed = false;
        for (group, slot) in &self.groups {
            // What the prefregex has captured stays where the pattern captured nothing.
            if let Some(found) = locations.get(*group).and_then(|(start, end)| text.get(start..end))
            {
                values.set(*slot, Some(found));
            }
        }
        for (group, slot) in &self.groups {
            let (IP4 | IP6, Some((start, end))) = (*slot, locations.get(*group)) else { continue };
            // A part of a name is no address: it is a name, and the peer may have chosen it.
            if is_part_of_a_name(text.as_bytes(), start, end) {
                values.set(*slot, None);
                values.set(DNS, Some(word(text, start, end)));
                continue;
            }
            let whole = locations.get(0).unwrap_or((start, end));
            if !self.fixed && dispute::disputed(text, (start, end), whole, self.open) {
                values.set(*slot, None);
                disputed = true;
            }
        }
        for (from, to) in &self.alternatives {
            if values.some(*to).is_none() && values.some(*from).is_some() {
                values.copy(*from, *to);
            }
        }
        for (part, whole) in &self.parts {
            values.join(*part, *whole);
        }
        disputed
    }
}

/// Whether what looks like an address is but a part of a longer number or name, as in
/// `203.0.113.9.example.org`. A port may follow it (`203.0.113.9-1780`, `203.0.113.9.1780`): no name ends in
/// a number alone.
fn is_part_of_a_name(text: &[u8], start: usize, end: usize) -> bool {
    let named = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if start > 0 && named(text[start - 1]) {
        return true;
    }
    let tail = &text[end..];
    let tail = &tail[..tail.iter().position(|byte| !named(*byte)).unwrap_or(tail.len())];
    let letters = tail.iter().any(|byte| byte.is_ascii_alphabetic() || *byte == b'_');
    let number = match tail {
        [b'.', port @ ..] => port.first().is_some_and(u8::is_ascii_digit) && !is_port(port),
        tail => tail.first().is_some_and(u8::is_ascii_digit),
    };
    letters || number
}

fn is_port(text: &[u8]) -> bool {
    text.len() <= 5 && text.iter().all(u8::is_ascii_digit)
}

/// The word that has this in it.
fn word(text: &str, start: usize, end: usize) -> &str {
    let outside = |c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':'));
    let begin = text[..start]
        .rfind(outside)
        .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
    let length = text[end..].find(outside).unwrap_or(text.len() - end);
    &text[begin..end + length]
}

/// The name that a group `alt_user_1` is one of several for.
fn target(name: &str, prefix: &str) -> Option<String> {
    let name = name.strip_prefix(prefix)?;
    let numbered = name.rsplit_once('_');
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let name = numbered.filter(|(_, count)| number(count)).map_or(name, |(name, _)| name);
    Some(tags::group(name))
}
