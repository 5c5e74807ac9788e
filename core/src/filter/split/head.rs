//! A pattern whose head says who, and of whose rest it matters only whether it matches.
//!
//! `^<HOST> -.*"GET` is split after `<HOST> -`. That tells the same where the head can end in one place
//! only. It can, if it is a part without some byte (a blank, in an address) and then a literal that
//! begins with that byte: at the first such byte the part ends, whatever follows. A head with
//! alternatives, IPv4 or IPv6, is one head for each, tried in their order: all end in the same place,
//! so what follows matches behind each or behind none.
//!
//! A rest that begins with `.*` is looked for, rather than matched: so literals lead to it. Whatever it
//! ends with that matches anything is left out.

use regex_automata::meta;
use regex_automata::{Anchored, Input};
use regex_syntax::hir::{Capture, Class, ClassUnicodeRange, Hir, HirKind, Look, Repetition};

use super::host::{self, Host};
use super::words::Words;
use super::{OnePass, SIZE_LIMIT, Slots, captures, is_anything};

/// A pattern in two.
#[derive(Clone, Debug)]
pub(in crate::filter) struct Head {
    head: First,
    /// `None`: nothing needs to follow.
    rest: Option<Rest>,
}

/// What says who.
#[derive(Clone, Debug)]
enum First {
    Host(Host),
    OnePass(OnePass),
}

/// What must match behind it.
#[derive(Clone, Debug)]
enum Rest {
    /// Anywhere.
    Words(Words),
    /// Right behind it, or anywhere.
    Regex(meta::Regex, Anchored),
}

/// Room for what a head captures.
#[derive(Clone, Debug)]
pub(in crate::filter) struct Room {
    head: FirstRoom,
    rest: Option<meta::Cache>,
}

#[derive(Clone, Debug)]
enum FirstRoom {
    Host(Option<host::Captured>),
    OnePass(Slots),
}

impl Head {
    pub(super) fn of(parts: &[Hir]) -> Option<Self> {
        let captured = parts.iter().rposition(captures)?;
        let end = (captured + 1..parts.len()).find(|&at| ends_where(&parts[..at], &parts[at]))?;
        let (head, rest) = parts.split_at(end + 1);
        let head = match Host::of(head) {
            Some(host) => First::Host(host),
            None => First::OnePass(OnePass::of(head)?),
        };
        Some(Self { head, rest: remaining(rest)? })
    }

    pub(super) fn room(&self) -> Room {
        let head = match &self.head {
            First::Host(_) => FirstRoom::Host(None),
            First::OnePass(head) => FirstRoom::OnePass(head.slots()),
        };
        let rest = match &self.rest {
            Some(Rest::Regex(regex, _)) => Some(regex.create_cache()),
            _ => None,
        };
        Room { head, rest }
    }

    pub(super) fn read(&self, room: &mut Room, text: &[u8]) -> bool {
        let Some(end) = self.head.read(&mut room.head, text) else { return false };
        match (&self.rest, &mut room.rest) {
            (Some(Rest::Words(words)), _) => words.are_in(&text[end..]),
            (Some(Rest::Regex(regex, anchored)), Some(cache)) => {
                let input = Input::new(text).range(end..).anchored(*anchored).earliest(true);
                regex.search_half_with(cache, &input).is_some()
            }
            _ => true,
        }
    }
}

impl First {
    /// Reads what a text begins with; says where that ends.
    fn read(&self, room: &mut FirstRoom, text: &[u8]) -> Option<usize> {
        match (self, room) {
            (Self::Host(host), FirstRoom::Host(room)) => {
                let (captured, end) = host.read(text)?;
                *room = Some(captured);
                Some(end)
            }
            (Self::OnePass(head), FirstRoom::OnePass(slots)) => head.read(slots, text, 0),
            // Another pattern's room.
            _ => None,
        }
    }
}

impl Room {
    pub(super) fn get(&self, group: usize) -> Option<(usize, usize)> {
        match &self.head {
            FirstRoom::Host(captured) => {
                captured.filter(|(number, _)| *number == group).map(|(_, place)| place)
            }
            FirstRoom::OnePass(slots) => slots.get(group),
        }
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
fn remaining(rest: &[Hir]) -> Option<Option<Rest>> {
    let rest = Hir::concat(rest.iter().map(without_groups).collect());
    let mut parts = match rest.kind() {
        HirKind::Concat(parts) => parts.as_slice(),
        _ => std::slice::from_ref(&rest),
    };
    let mut anchored = Anchored::Yes;
    if let [first, then @ ..] = parts
        && is_anything(first)
    {
        (anchored, parts) = (Anchored::No, then);
    }
    parts = without_end(parts);
    if parts.is_empty() || rest.kind() == &HirKind::Empty {
        return Some(None);
    }
    let config = meta::Config::new().utf8_empty(false).nfa_size_limit(Some(4 * SIZE_LIMIT));
    let rest = Hir::concat(parts.to_vec());
    if let Some(words) = Words::of(&rest).filter(|_| anchored == Anchored::No) {
        return Some(Some(Rest::Words(words)));
    }
    let regex = meta::Builder::new().configure(config).build_from_hir(&rest).ok()?;
    Some(Some(Rest::Regex(regex, anchored)))
}

/// The same, and it captures nothing.
fn without_groups(tree: &Hir) -> Hir {
    let all = |parts: &[Hir]| parts.iter().map(without_groups).collect();
    match tree.kind() {
        HirKind::Capture(Capture { sub, .. }) => without_groups(sub),
        HirKind::Repetition(repetition) => {
            let sub = Box::new(without_groups(&repetition.sub));
            Hir::repetition(Repetition { sub, ..repetition.clone() })
        }
        HirKind::Concat(parts) => Hir::concat(all(parts)),
        HirKind::Alternation(parts) => Hir::alternation(all(parts)),
        HirKind::Empty | HirKind::Look(_) | HirKind::Literal(_) | HirKind::Class(_) => tree.clone(),
    }
}

/// Without what matches whatever is left.
fn without_end(mut parts: &[Hir]) -> &[Hir] {
    loop {
        match parts {
            [before @ .., last] if is_anything(last) => parts = before,
            [before @ .., any, last]
                if is_anything(any) && *last.kind() == HirKind::Look(Look::End) =>
            {
                parts = before;
            }
            _ => return parts,
        }
    }
}
