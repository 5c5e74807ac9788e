//! A few words that begin alike, looked for by the byte they begin with: a regex of nothing else needs no
//! engine.

use regex_syntax::hir::Hir;
use regex_syntax::hir::literal::Extractor;

/// So many are tried one after the other, at most.
const MOST: usize = 8;

/// Words of which one is needed.
#[derive(Clone, Debug)]
pub(super) struct Words {
    first: u8,
    /// What follows the first byte.
    rest: Vec<Vec<u8>>,
}

impl Words {
    /// The words that a regex matches; `None`: it matches others, too many, or such as begin otherwise.
    pub(super) fn of(regex: &Hir) -> Option<Self> {
        let plain = regex.properties().look_set().is_empty();
        let words =
            Some(Extractor::new().extract(regex)).filter(|words| plain && words.is_exact())?;
        let words = words.literals().filter(|words| (1..=MOST).contains(&words.len()))?;
        let (&first, _) = words.first()?.as_bytes().split_first()?;
        let rest =
            words.iter().map(|word| word.as_bytes().strip_prefix(&[first]).map(<[u8]>::to_vec));
        Some(Self { first, rest: rest.collect::<Option<_>>()? })
    }

    /// Whether one of them is in a text.
    pub(super) fn are_in(&self, text: &[u8]) -> bool {
        memchr::memchr_iter(self.first, text)
            .any(|at| self.rest.iter().any(|rest| text[at + 1..].starts_with(rest)))
    }
}
