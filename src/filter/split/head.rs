//! A pattern whose head says who, and of whose rest it matters only whether it matches.
//!
//! `^<HOST> -.*"GET` is split after `<HOST> -`. That tells the same where the head can end in one place
//! only. It can, if it is a part without some byte (a blank, in an address) and then a literal that
//! begins with that byte: at the first such byte the part ends, whatever follows. A head with
//! alternatives, IPv4 or IPv6, is one head for each, tried in their order: all end in the same place,
//! so what follows matches behind each or behind none.

use regex_automata::meta;
use regex_automata::{Anchored, Input};
use regex_syntax::hir::{Class, ClassUnicodeRange, Hir, HirKind};

use super::{OnePass, SIZE_LIMIT, Slots, captures};

/// A pattern in two.
#[derive(Clone, Debug)]
pub(in crate::filter) struct Head {
    head: OnePass,
    /// `None`: nothing needs to follow.
    rest: Option<meta::Regex>,
}

/// Room for what a head captures.
#[derive(Clone, Debug)]
pub(in crate::filter) struct Room {
    head: Slots,
    rest: Option<meta::Cache>,
}

impl Head {
    pub(super) fn of(parts: &[Hir]) -> Option<Self> {
        let captured = parts.iter().rposition(captures)?;
        let end = (captured + 1..parts.len()).find(|&at| ends_where(&parts[..at], &parts[at]))?;
        let (head, rest) = parts.split_at(end + 1);
        Some(Self { head: OnePass::of(head)?, rest: remaining(rest)? })
    }

    pub(super) fn room(&self) -> Room {
        let rest = self.rest.as_ref().map(meta::Regex::create_cache);
        Room { head: self.head.slots(), rest }
    }

    pub(super) fn read(&self, room: &mut Room, text: &[u8]) -> bool {
        let Some(end) = self.head.read(&mut room.head, text, 0) else { return false };
        match (&self.rest, &mut room.rest) {
            (Some(rest), Some(cache)) => {
                let input = Input::new(text).range(end..).anchored(Anchored::Yes).earliest(true);
                rest.search_half_with(cache, &input).is_some()
            }
            _ => true,
        }
    }
}

impl Room {
    pub(super) fn get(&self, group: usize) -> Option<(usize, usize)> {
        self.head.get(group)
    }
}

/// Whether `then` tells where `parts` end: it is a literal, and they have not its first byte.
fn ends_where(parts: &[Hir], then: &Hir) -> bool {
    let HirKind::Literal(literal) = then.kind() else { return false };
    literal.0.first().is_some_and(|&first| !parts.iter().any(|part| may_hold(part, first)))
}

/// Whether what it matches may hold a byte.
fn may_hold(tree: &Hir, byte: u8) -> bool {
    match tree.kind() {
        HirKind::Empty | HirKind::Look(_) => false,
        HirKind::Literal(literal) => literal.0.contains(&byte),
        HirKind::Class(Class::Bytes(class)) => {
            class.iter().any(|range| (range.start()..=range.end()).contains(&byte))
        }
        // Of characters beyond ASCII, any byte.
        HirKind::Class(Class::Unicode(class)) => {
            let held = |range: &ClassUnicodeRange| {
                !range.end().is_ascii() || (range.start()..=range.end()).contains(&char::from(byte))
            };
            class.iter().any(held)
        }
        HirKind::Capture(group) => may_hold(&group.sub, byte),
        HirKind::Repetition(repetition) => may_hold(&repetition.sub, byte),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().any(|part| may_hold(part, byte))
        }
    }
}

/// What must match behind the head; `None`: it cannot be compiled.
#[expect(clippy::option_option, reason = "that there is none is no failure")]
fn remaining(rest: &[Hir]) -> Option<Option<meta::Regex>> {
    if rest.is_empty() {
        return Some(None);
    }
    let config = meta::Config::new().utf8_empty(false).nfa_size_limit(Some(4 * SIZE_LIMIT));
    let rest = Hir::concat(rest.to_vec());
    meta::Builder::new().configure(config).build_from_hir(&rest).ok().map(Some)
}
