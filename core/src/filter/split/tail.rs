//! A pattern that has anything in its middle, and says who at its tail.
//!
//! `^Failed password for (?:invalid user )?(?P<user>.*) from <ADDR> port \d+$`: what the peer wrote stands in
//! the middle. The whole pattern prefers, first, one way for its head to match; then the longest middle,
//! so the last place where the tail matches up to the line's end. So does this: it reads the head, and
//! then tries the tail where its first literal stands, from the last place on. Should the head leave the
//! tail no room, only the whole pattern knows whether another way to match the head does.

use memchr::memmem::FinderRev;
use regex_syntax::hir::{Hir, HirKind, Look};

use super::{OnePass, Slots, is_anything};

/// In so many places the tail is tried; a peer may have written more, and each costs its length.
const TRIES: usize = 8;

/// A pattern in three.
#[derive(Clone, Debug)]
pub(in crate::filter) struct Tail {
    head: OnePass,
    /// The group that the middle is.
    middle: Option<usize>,
    end: OnePass,
    /// What the tail begins with.
    begins: FinderRev<'static>,
}

/// Room for what it captures.
#[derive(Clone, Debug)]
pub(in crate::filter) struct Room {
    head: Slots,
    middle: Option<(usize, (usize, usize))>,
    tail: Slots,
}

impl Tail {
    pub(super) fn of(parts: &[Hir]) -> Option<Self> {
        if !matches!(parts.last()?.kind(), HirKind::Look(Look::End)) {
            return None;
        }
        let mut middles =
            parts.iter().enumerate().filter_map(|(at, part)| Some((at, anything(part)?)));
        let (at, middle) = middles.next()?;
        let (head, tail) = (&parts[..at], &parts[at + 1..]);
        let HirKind::Literal(begins) = tail.first()?.kind() else { return None };
        let begins = FinderRev::new(&begins.0).into_owned();
        Some(Self { head: OnePass::of_one(head)?, middle, end: OnePass::of(tail)?, begins })
    }

    pub(super) fn room(&self) -> Room {
        Room { head: self.head.slots(), middle: None, tail: self.end.slots() }
    }

    pub(super) fn read(&self, room: &mut Room, text: &[u8]) -> Option<bool> {
        let Some(after) = self.head.read(&mut room.head, text, 0) else { return Some(false) };
        let mut before = text;
        for _ in 0..TRIES {
            let Some(place) = self.begins.rfind(before) else { return Some(false) };
            if self.end.read(&mut room.tail, text, place).is_some() {
                room.middle = self.middle.map(|group| (group, (after, place)));
                return (after <= place).then_some(true);
            }
            // The next one may overlap this one.
            before = &text[..place + self.begins.needle().len() - 1];
        }
        None
    }
}

impl Room {
    pub(super) fn get(&self, group: usize) -> Option<(usize, usize)> {
        let middle = self.middle.filter(|(middle, _)| *middle == group).map(|(_, span)| span);
        middle.or_else(|| self.tail.get(group)).or_else(|| self.head.get(group))
    }
}

/// Whether it is `.*`, and the group it is in, if it is in one.
#[expect(clippy::option_option, reason = "that it is in no group is no failure")]
fn anything(part: &Hir) -> Option<Option<usize>> {
    match part.kind() {
        HirKind::Capture(group) => {
            is_greedily_anything(&group.sub).then(|| usize::try_from(group.index).ok())
        }
        _ => is_greedily_anything(part).then_some(None),
    }
}

fn is_greedily_anything(part: &Hir) -> bool {
    matches!(part.kind(), HirKind::Repetition(repetition) if repetition.greedy) && is_anything(part)
}
