//! A pattern in parts, of which the fast engine reads those that capture.
//!
//! Engines that tell groups apart are slow, but for one, which needs each byte to leave one way to go on.
//! Hardly a failregex is like that: `.*` leaves many ways. Yet two kinds, nearly all there are, are like
//! that in parts: those that say who at their [`head`], and those that do at their [`tail`]. Each way
//! is proved to tell what the whole pattern tells, group for group, and where it cannot, the whole pattern
//! is asked.

mod head;
mod host;
mod tail;
mod words;

use regex_automata::dfa::onepass;
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::NonMaxUsize;
use regex_automata::{Anchored, Input};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind, Look, Repetition};

use self::head::Head;
use self::tail::Tail;

/// How much memory the fast engine may take for one part.
const SIZE_LIMIT: usize = 1 << 20;

/// A pattern in parts.
#[derive(Clone, Debug)]
pub(super) enum Split {
    Head(Box<Head>),
    Tail(Box<Tail>),
}

/// Room for what it captures.
#[derive(Clone, Debug)]
pub(super) enum Room {
    Head(Box<head::Room>),
    Tail(Box<tail::Room>),
}

impl Split {
    /// Splits a linear regex over bytes; `None`: it cannot be.
    pub(super) fn of(regex: &str) -> Option<Self> {
        let tree = parse(regex)?;
        let HirKind::Concat(parts) = tree.kind() else { return None };
        if !matches!(parts.first()?.kind(), HirKind::Look(Look::Start)) {
            return None;
        }
        let head = Head::of(parts).map(|head| Self::Head(Box::new(head)));
        head.or_else(|| Tail::of(parts).map(|tail| Self::Tail(Box::new(tail))))
    }

    pub(super) fn room(&self) -> Room {
        match self {
            Self::Head(head) => Room::Head(Box::new(head.room())),
            Self::Tail(tail) => Room::Tail(Box::new(tail.room())),
        }
    }

    /// Looks for a match, and what it captures by name. `None`: only the whole pattern can tell.
    pub(super) fn read(&self, room: &mut Room, text: &[u8]) -> Option<bool> {
        match (self, room) {
            (Self::Head(head), Room::Head(room)) => Some(head.read(room, text)),
            (Self::Tail(tail), Room::Tail(room)) => tail.read(room, text),
            // Another pattern's room.
            _ => None,
        }
    }
}

impl Room {
    /// Where a group begins and ends, if it took part in the match.
    pub(super) fn get(&self, group: usize) -> Option<(usize, usize)> {
        match self {
            Self::Head(room) => room.get(group),
            Self::Tail(room) => room.get(group),
        }
    }
}

/// A part for the fast engine: itself, or its alternatives in their order.
#[derive(Clone, Debug)]
struct OnePass(Vec<onepass::DFA>);

/// Room for what it captures.
#[derive(Clone, Debug)]
struct Slots {
    slots: Vec<Option<NonMaxUsize>>,
    caches: Vec<onepass::Cache>,
}

impl OnePass {
    /// Compiles a part; `None`: bytes leave it several ways to go on, and not only at one alternative.
    fn of(parts: &[Hir]) -> Option<Self> {
        match one_pass(parts) {
            Some(whole) => Some(Self(vec![whole])),
            None => alternatives(parts)?
                .iter()
                .map(|parts| one_pass(parts))
                .collect::<Option<_>>()
                .map(Self),
        }
    }

    /// As [`of`](Self::of), of a part whose alternatives may end in several places.
    fn of_one(parts: &[Hir]) -> Option<Self> {
        one_pass(parts).map(|whole| Self(vec![whole]))
    }

    fn slots(&self) -> Slots {
        let slots = self.0.iter().map(|part| part.get_nfa().group_info().slot_len());
        Slots {
            slots: vec![None; slots.max().unwrap_or_default()],
            caches: self.0.iter().map(onepass::DFA::create_cache).collect(),
        }
    }

    /// Matches what begins at `at`; says where that ends.
    fn read(&self, slots: &mut Slots, text: &[u8], at: usize) -> Option<usize> {
        let input = Input::new(text).range(at..).anchored(Anchored::Yes);
        let Slots { slots, caches } = slots;
        let found = self.0.iter().zip(caches).any(|(part, cache)| {
            matches!(part.try_search_slots(cache, &input, slots), Ok(Some(_)))
        });
        if found { slots.get(1).copied().flatten().map(NonMaxUsize::get) } else { None }
    }
}

impl Slots {
    fn get(&self, group: usize) -> Option<(usize, usize)> {
        let at = |slot: usize| self.slots.get(slot).copied().flatten().map(NonMaxUsize::get);
        at(group * 2).zip(at(group * 2 + 1))
    }
}

/// A regex over bytes, as all patterns are.
fn parse(regex: &str) -> Option<Hir> {
    let mut parser = ParserBuilder::new();
    let parser = parser.unicode(false).utf8(false).dot_matches_new_line(true);
    parser.build().parse(regex).ok()
}

/// Whether there is a group in it that somebody may ask for: one with a name.
fn captures(tree: &Hir) -> bool {
    match tree.kind() {
        HirKind::Capture(group) => group.name.is_some() || captures(&group.sub),
        HirKind::Repetition(repetition) => captures(&repetition.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().any(captures),
        HirKind::Empty | HirKind::Look(_) | HirKind::Literal(_) | HirKind::Class(_) => false,
    }
}

/// Whether it matches whatever there is, of any length.
fn is_anything(tree: &Hir) -> bool {
    let HirKind::Repetition(Repetition { min: 0, max: None, sub, .. }) = tree.kind() else {
        return false;
    };
    match sub.kind() {
        HirKind::Class(Class::Bytes(class)) => {
            class.iter().any(|range| (range.start(), range.end()) == (0, u8::MAX))
        }
        _ => false,
    }
}

/// The same parts once for each of the alternatives that one of them has.
fn alternatives(parts: &[Hir]) -> Option<Vec<Vec<Hir>>> {
    let (at, branches) = parts.iter().enumerate().find_map(|(at, part)| match part.kind() {
        HirKind::Alternation(branches) if captures(part) => Some((at, branches)),
        _ => None,
    })?;
    let with = |branch: &Hir| {
        let mut parts = parts.to_vec();
        parts[at] = branch.clone();
        parts
    };
    Some(branches.iter().map(with).collect())
}

fn one_pass(head: &[Hir]) -> Option<onepass::DFA> {
    let head = Hir::concat(head.to_vec());
    let config = thompson::Config::new().utf8(false).nfa_size_limit(Some(SIZE_LIMIT));
    let nfa = thompson::Compiler::new().configure(config).build_from_hir(&head).ok()?;
    let config = onepass::Config::new().size_limit(Some(SIZE_LIMIT));
    onepass::Builder::new().configure(config).build_from_nfa(nfa).ok()
}

#[cfg(test)]
mod tests;
