//! `<HOST>` and what follows it, read by hand: no engine goes over a line to find the address in its head.
//!
//! What is taken is what the tag's regex takes, groups included, addresses or not: three digits and a
//! letter are none to either. Where the tag ends is in no doubt, since the literal behind it begins with
//! a byte that it cannot have.

use std::sync::LazyLock;

use regex_syntax::hir::{Hir, HirKind, Look};

use crate::filter::tags;

/// `^<HOST>` and a literal.
#[derive(Clone, Debug)]
pub(super) struct Host {
    /// What follows.
    literal: Vec<u8>,
}

/// What was captured: by which group, and where.
pub(super) type Captured = (usize, (usize, usize));

/// The tag's groups, where it is the first of a pattern.
const IP4: usize = 1;
const IP6: usize = 2;

impl Host {
    /// Recognises a head that is nothing but this.
    pub(super) fn of(head: &[Hir]) -> Option<Self> {
        let [start, tag @ .., literal] = head else { return None };
        let HirKind::Literal(literal) = literal.kind() else { return None };
        let begins = matches!(start.kind(), HirKind::Look(Look::Start));
        (begins && tag == TAG.as_slice()).then(|| Self { literal: literal.0.to_vec() })
    }

    /// Reads what a text begins with: what is captured, and where the literal ends.
    pub(super) fn read(&self, text: &[u8]) -> Option<(Captured, usize)> {
        let begin = usize::from(text.first() == Some(&b'['));
        let inner = &text[begin..];
        let mapped = if is_mapped(inner) { "::ffff:".len() } else { 0 };
        let ip4 = quad(&inner[mapped..]).map(|length| (IP4, begin + mapped, length));
        let (group, from, length) =
            ip4.or_else(|| six(inner).map(|length| (IP6, begin, length)))?;
        let to = from + length;
        let then = to + usize::from(text.get(to) == Some(&b']'));
        text[then..]
            .starts_with(&self.literal)
            .then(|| ((group, (from, to)), then + self.literal.len()))
    }
}

/// The tag, as its regex is parsed.
static TAG: LazyLock<Vec<Hir>> = LazyLock::new(|| {
    let regex = tags::translate("<HOST>").ok();
    let tree = regex.and_then(|regex| super::parse(&regex));
    match tree.map(Hir::into_kind) {
        Some(HirKind::Concat(parts)) => parts,
        _ => Vec::new(),
    }
});

/// `::ffff:`
fn is_mapped(text: &[u8]) -> bool {
    text.starts_with(b"::") && text.get(2..7).is_some_and(|it| it.eq_ignore_ascii_case(b"ffff:"))
}

/// How long `[0-9]{1,3}(?:\.[0-9]{1,3}){3}` is.
fn quad(text: &[u8]) -> Option<usize> {
    let mut at = run(text, 3, u8::is_ascii_digit);
    for _ in 0..3 {
        text[at..].strip_prefix(b".").filter(|_| at > 0)?;
        let digits = run(&text[at + 1..], 3, u8::is_ascii_digit);
        if digits == 0 {
            return None;
        }
        at += 1 + digits;
    }
    Some(at)
}

/// How long `[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,8}` is.
fn six(text: &[u8]) -> Option<usize> {
    let mut at = run(text, 4, u8::is_ascii_hexdigit);
    let mut colons = 0;
    while colons < 8 && text.get(at) == Some(&b':') {
        at += 1;
        at += run(&text[at..], 4, u8::is_ascii_hexdigit);
        colons += 1;
    }
    (colons >= 2).then_some(at)
}

/// How many bytes of a kind come first, at most so many.
fn run(text: &[u8], most: usize, kind: fn(&u8) -> bool) -> usize {
    text.iter().take(most).take_while(|byte| kind(byte)).count()
}
