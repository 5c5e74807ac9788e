//! One look through a text for all literals of all filters that read it.
//!
//! A source's filters share one automaton (Aho and Corasick's; Teddy where there are few literals). It
//! finds the next place in a chunk of a log at which a line may matter to anybody, and tells of one line
//! whom. What it lets through is no match yet.

use aho_corasick::{AhoCorasick, Input, Match, MatchKind};

use super::literals::Literals;

/// The literals of several filters, each known by its place.
#[derive(Clone, Debug)]
pub struct Sieve {
    /// Filters of which nothing is known: they see all.
    unknown: Vec<bool>,
    /// Finds the first literal there is, the longest of those that begin in one place. `None`: there is
    /// none at all.
    literals: Option<AhoCorasick>,
    /// Who needs each of them, or another that it begins with.
    owners: Vec<Vec<usize>>,
}

impl Sieve {
    /// Looks for what these filters need.
    #[must_use]
    pub fn new(filters: &[Literals]) -> Self {
        let unknown: Vec<bool> = filters.iter().map(|it| *it == Literals::Unknown).collect();
        let mut all: Vec<(&[u8], usize)> = Vec::new();
        for (filter, known) in filters.iter().enumerate() {
            let Literals::Any(known) = known else { continue };
            all.extend(known.iter().map(|literal| (literal.as_slice(), filter)));
        }
        let mut literals: Vec<&[u8]> = all.iter().map(|(literal, _)| *literal).collect();
        literals.sort_unstable();
        literals.dedup();
        if literals.is_empty() {
            return Self { unknown, literals: None, owners: Vec::new() };
        }
        let mut owners = Vec::with_capacity(literals.len());
        for literal in &literals {
            let needed = all.iter().filter(|(other, _)| literal.starts_with(other));
            let mut needed: Vec<usize> = needed.map(|(_, filter)| *filter).collect();
            needed.sort_unstable();
            needed.dedup();
            owners.push(needed);
        }
        match AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&literals) {
            Ok(literals) => Self { unknown, literals: Some(literals), owners },
            // Too many literals for one automaton: all see all.
            Err(_) => Self { unknown: vec![true; filters.len()], literals: None, owners },
        }
    }

    /// Whether every text is somebody's.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.unknown.contains(&true)
    }

    /// The first place from `from` on where there is a literal. What is in no line that holds such a
    /// place is nobody's, if the sieve is not [open](Self::is_open).
    #[must_use]
    pub fn next(&self, text: &[u8], from: usize) -> Option<usize> {
        self.find(text, from).map(|found| found.start())
    }

    /// Writes into `seen` which filters are to see one text. `found`: it may hold a literal, so none is
    /// looked for where that would tell nothing more.
    pub fn tell(&self, text: &[u8], found: bool, seen: &mut [bool]) {
        if found && seen.len() == 1 && self.literals.is_some() {
            return seen.fill(true);
        }
        seen.copy_from_slice(&self.unknown);
        let mut left = seen.iter().filter(|seen| !**seen).count();
        let mut from = 0;
        while left > 0
            && from <= text.len()
            && let Some(literal) = self.find(text, from)
        {
            for owner in &self.owners[literal.pattern().as_usize()] {
                left -= usize::from(!std::mem::replace(&mut seen[*owner], true));
            }
            // Another may begin within it.
            from = literal.start() + 1;
        }
    }

    /// The first literal that begins at `from` or behind it.
    fn find(&self, text: &[u8], from: usize) -> Option<Match> {
        self.literals.as_ref()?.find(Input::new(text).range(from..))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any(literals: &[&str]) -> Literals {
        Literals::Any(literals.iter().map(|literal| literal.as_bytes().to_vec()).collect())
    }

    #[track_caller]
    fn check(filters: &[Literals], text: &str, next: Option<usize>, seen: &[bool]) {
        let sieve = Sieve::new(filters);
        assert_eq!(sieve.next(text.as_bytes(), 0), next);
        let mut told = vec![true; filters.len()];
        sieve.tell(text.as_bytes(), false, &mut told);
        assert_eq!(told, seen);
    }

    #[test]
    fn tells_whom_a_text_is_for() {
        let filters = [any(&["abc", "x"]), any(&["b"]), any(&["bcd", "x"])];
        check(&filters, "-abc", Some(1), &[true, true, false]);
        check(&filters, "-abcd", Some(1), &[true, true, true]);
        check(&filters, "x", Some(0), &[true, false, true]);
        check(&filters, "ac", None, &[false, false, false]);
        check(&[any(&[]), Literals::Unknown], "x", None, &[false, true]);
        check(&[any(&["y"]), Literals::Unknown], "xy", Some(1), &[true, true]);
        check(&[any(&["y"])], "x", None, &[false]);
        check(&[any(&["y"])], "xy", Some(1), &[true]);
        check(&[any(&["ab"]), any(&["abc"]), any(&["c"])], "abc", Some(0), &[true, true, true]);
    }

    proptest! {
        /// The oracle asks each filter by itself.
        #[test]
        fn agrees_with_each_filter_by_itself(
            filters in prop::collection::vec(prop::option::of(prop::collection::vec("[ab]{1,4}", 0..4)), 0..5),
            text in "[abc]{0,8}",
        ) {
            let filters: Vec<Literals> = filters.into_iter().map(|filter| match filter {
                None => Literals::Unknown,
                Some(literals) => Literals::Any(literals.into_iter().map(String::into_bytes).collect()),
            }).collect();
            let sieve = Sieve::new(&filters);
            let mut seen = vec![false; filters.len()];
            sieve.tell(text.as_bytes(), false, &mut seen);
            let expected: Vec<bool> = filters.iter().map(|it| it.may_match(text.as_bytes())).collect();
            prop_assert_eq!(&seen, &expected);
            let some = sieve.is_open() || sieve.next(text.as_bytes(), 0).is_some();
            prop_assert_eq!(some, expected.contains(&true));
        }
    }
}
