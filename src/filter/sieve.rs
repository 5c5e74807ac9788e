//! One look through a text for all literals of all filters that read it.
//!
//! A source's filters share one automaton (Aho and Corasick's; Teddy where there are few literals). It
//! finds the next place in a chunk of a log at which a line may matter to anybody, and tells of one line
//! whom. What it lets through is no match yet.

use aho_corasick::{AhoCorasick, AhoCorasickKind, Input, MatchKind};

use super::literals::Literals;

/// The literals of several filters, each known by its place.
#[derive(Clone, Debug)]
pub struct Sieve {
    /// Filters of which nothing is known: they see all.
    unknown: Vec<bool>,
    /// Finds the first literal there is. `None`: there is none at all.
    first: Option<AhoCorasick>,
    /// Finds each of them, also within others; only where there are several filters to tell apart.
    each: Option<AhoCorasick>,
    /// Whose each of `each` is.
    owners: Vec<Vec<usize>>,
}

impl Sieve {
    /// Looks for what these filters need.
    #[must_use]
    pub fn new(filters: &[Literals]) -> Self {
        let unknown: Vec<bool> = filters.iter().map(|it| *it == Literals::Unknown).collect();
        let (mut literals, mut owners) = (Vec::<&[u8]>::new(), Vec::<Vec<usize>>::new());
        for (filter, known) in filters.iter().enumerate() {
            let Literals::Any(known) = known else { continue };
            for literal in known {
                if let Some(at) = literals.iter().position(|other| other == literal) {
                    owners[at].push(filter);
                } else {
                    literals.push(literal);
                    owners.push(vec![filter]);
                }
            }
        }
        let blind = Self {
            unknown: vec![true; filters.len()],
            first: None,
            each: None,
            owners: Vec::new(),
        };
        if literals.is_empty() {
            return Self { unknown, ..blind };
        }
        let first = AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(&literals);
        // Kept small and quick: the lines that get here are few, and short.
        let each = AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).build(&literals);
        match (first, each) {
            (Ok(first), Ok(each)) => {
                let each = (filters.len() > 1).then_some(each);
                Self { unknown, first: Some(first), each, owners }
            }
            // Too many literals for one automaton: all see all.
            _ => blind,
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
        let found = self.first.as_ref()?.find(Input::new(text).range(from..))?;
        Some(found.start())
    }

    /// Writes into `seen` which filters are to see one text. `found`: it may hold a literal, so none is
    /// looked for where that would tell nothing more.
    pub fn tell(&self, text: &[u8], found: bool, seen: &mut [bool]) {
        if found && self.each.is_none() {
            return seen.fill(true);
        }
        seen.copy_from_slice(&self.unknown);
        if self.next(text, 0).is_none() {
            return;
        }
        let Some(each) = &self.each else { return seen.fill(true) };
        let mut left = seen.iter().filter(|seen| !**seen).count();
        for literal in each.find_overlapping_iter(text) {
            for owner in &self.owners[literal.pattern().as_usize()] {
                left -= usize::from(!std::mem::replace(&mut seen[*owner], true));
            }
            if left == 0 {
                return;
            }
        }
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
    }

    proptest! {
        /// The oracle asks each filter by itself.
        #[test]
        fn agrees_with_each_filter_by_itself(
            filters in prop::collection::vec(prop::option::of(prop::collection::vec("[ab]{1,3}", 0..4)), 0..5),
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
