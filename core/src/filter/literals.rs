//! What a text must hold for a filter to make anything of it.
//!
//! A regex has literals of which every match holds one: `Failed (?:password|none) for` has
//! `password` and `none`. Most lines of a log hold none of a filter's, and a search for all of them at once
//! passes over such lines without cutting them out ([`Sieve`](super::sieve::Sieve)). So they must be proved,
//! not guessed: they are read off the regex's syntax tree, and what nothing can be told of is
//! [`Literals::Unknown`].
//!
//! A line's date is cut out of it before a pattern sees it, and what it stood between is joined then. A
//! literal that the date could stand in is broken up where that could be, and the longest piece taken.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind, Repetition};

/// What every text holds that a filter does not simply miss.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literals {
    /// Nothing is known: it must see every text.
    Unknown,
    /// One of these, none of which is empty. A text that holds none is
    /// [`Missed`](super::Outcome::Missed), and changes nothing.
    Any(Vec<Vec<u8>>),
}

/// Where a date that is cut out of a line may have stood in what looks like a literal afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cuts {
    /// Nowhere: nothing is cut out.
    Nowhere,
    /// Where a word begins, as [`forms`](super::date::forms) have it.
    BeforeWords,
    /// Anywhere.
    Anywhere,
}

/// So many literals stand for one regex at most.
const MOST: usize = 64;

/// So many are put together of parts at most: `[ab][cd]` are four.
const EXACT: usize = 16;

/// Longer ones find no less.
const LONG: usize = 24;

/// Shorter ones stand in nearly every line.
const SHORT: usize = 3;

/// What is known of a part of a regex.
#[derive(Debug, Default)]
struct Known {
    /// All that it matches, if that is little.
    exact: Option<Vec<Vec<u8>>>,
    /// Something of which every match holds one; no piece of it can be torn apart by a date.
    required: Option<Vec<Vec<u8>>>,
}

impl Literals {
    /// Those of a linear regex over bytes, as the engine compiles it.
    pub(super) fn of(regex: &str, cuts: Cuts) -> Self {
        let mut parser = ParserBuilder::new();
        let parser = parser.unicode(false).utf8(false).dot_matches_new_line(true);
        let tree = parser.build().parse(regex);
        let required = tree.ok().and_then(|tree| known(&tree, cuts).best(cuts));
        required.map_or(Self::Unknown, Self::Any)
    }

    /// Those of texts of which one of several regexes, or whatever else, makes something.
    pub(super) fn either(self, other: Self) -> Self {
        match (self, other) {
            (Self::Any(mut literals), Self::Any(more)) => {
                literals.extend(more);
                Self::Any(least(literals))
            }
            _ => Self::Unknown,
        }
    }

    /// Those that tell more, of two that hold both.
    pub(super) fn or_rather(self, other: Self) -> Self {
        match (self, other) {
            (Self::Any(ours), Self::Any(others)) => {
                let short = ours.iter().any(|literal| literal.len() < SHORT);
                Self::Any(if short && rank(&ours) < rank(&others) { others } else { ours })
            }
            (Self::Unknown, other) => other,
            (these, Self::Unknown) => these,
        }
    }

    /// Whether a text may hold what the filter looks for; slowly.
    #[must_use]
    pub fn may_match(&self, text: &[u8]) -> bool {
        match self {
            Self::Unknown => true,
            Self::Any(literals) => {
                literals.iter().any(|literal| memchr::memmem::find(text, literal).is_some())
            }
        }
    }
}

impl Known {
    fn exactly(texts: Vec<Vec<u8>>) -> Self {
        Self { exact: Some(texts), required: None }
    }

    fn best(self, cuts: Cuts) -> Option<Vec<Vec<u8>>> {
        let whole = self.exact.and_then(|texts| pieces(&texts, cuts));
        better(whole, self.required)
    }
}

fn known(tree: &Hir, cuts: Cuts) -> Known {
    match tree.kind() {
        HirKind::Empty | HirKind::Look(_) => Known::exactly(vec![Vec::new()]),
        HirKind::Literal(literal) => Known::exactly(vec![literal.0.to_vec()]),
        HirKind::Class(class) => Known { exact: members(class), required: None },
        HirKind::Capture(group) => known(&group.sub, cuts),
        HirKind::Repetition(repetition) => repeated(repetition, cuts),
        HirKind::Concat(parts) => all_of(parts, cuts),
        HirKind::Alternation(branches) => one_of(branches, cuts),
    }
}

/// What a small class matches: a letter in either case, say.
fn members(class: &Class) -> Option<Vec<Vec<u8>>> {
    const FEW: usize = 4;
    match class {
        Class::Bytes(class) => {
            let bytes = class.iter().flat_map(|range| range.start()..=range.end());
            let few: Vec<_> = bytes.take(FEW + 1).map(|byte| vec![byte]).collect();
            (few.len() <= FEW).then_some(few)
        }
        Class::Unicode(class) => {
            let chars = class.iter().flat_map(|range| range.start()..=range.end());
            let few: Vec<_> = chars.take(FEW + 1).map(|c| c.to_string().into_bytes()).collect();
            (few.len() <= FEW).then_some(few)
        }
    }
}

fn repeated(repetition: &Repetition, cuts: Cuts) -> Known {
    if repetition.min == 0 {
        return Known::default();
    }
    let once = known(&repetition.sub, cuts);
    match once.exact {
        Some(texts) if repetition.max == Some(1) => Known::exactly(texts),
        exact => {
            let required = Known { exact, ..once }.best(cuts);
            Known { exact: None, required }
        }
    }
}

/// Neighbours that are known exactly are put together.
fn all_of(parts: &[Hir], cuts: Cuts) -> Known {
    let nothing = || vec![Vec::new()];
    let (mut run, mut required, mut exact) = (nothing(), None, true);
    for part in parts {
        let part = known(part, cuts);
        if let Some(longer) = part.exact.as_ref().and_then(|texts| joined(&run, texts)) {
            run = longer;
            continue;
        }
        exact = false;
        let ended = std::mem::replace(&mut run, part.exact.unwrap_or_else(nothing));
        required = better(better(required, pieces(&ended, cuts)), part.required);
    }
    if exact {
        Known::exactly(run)
    } else {
        Known { exact: None, required: better(required, pieces(&run, cuts)) }
    }
}

fn one_of(branches: &[Hir], cuts: Cuts) -> Known {
    let branches: Vec<Known> = branches.iter().map(|branch| known(branch, cuts)).collect();
    let exact: Option<Vec<_>> = branches.iter().map(|branch| branch.exact.as_deref()).collect();
    let exact = exact.map(|texts| texts.concat()).filter(|texts| texts.len() <= EXACT);
    if let Some(exact) = exact {
        return Known::exactly(exact);
    }
    let each: Option<Vec<_>> = branches.into_iter().map(|branch| branch.best(cuts)).collect();
    let required = each.map(|each| least(each.concat())).filter(|texts| texts.len() <= MOST);
    Known { exact: None, required }
}

/// Every one of `first` followed by every one of `then`; `None`: they are too many.
fn joined(first: &[Vec<u8>], then: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
    let fits = first.len() * then.len() <= EXACT
        && first.iter().map(Vec::len).max() <= Some(LONG.saturating_sub(1));
    fits.then(|| {
        first.iter().flat_map(|a| then.iter().map(|b| [a.as_slice(), b].concat())).collect()
    })
}

/// Of each text the piece that no date can have stood in; `None`: one has none.
fn pieces(texts: &[Vec<u8>], cuts: Cuts) -> Option<Vec<Vec<u8>>> {
    let mut pieces: Vec<Vec<u8>> = Vec::new();
    for text in texts.iter().map(Vec::as_slice) {
        match cuts {
            Cuts::Nowhere => pieces.push(text.to_vec()),
            Cuts::BeforeWords => {
                let inner = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'.';
                let words = text.split_inclusive(|byte| !inner(byte));
                pieces.push(words.max_by_key(|word| word.len())?.to_vec());
            }
            // It stood in one half at most, and then the other is whole.
            Cuts::Anywhere => {
                let (head, tail) = text.split_at(text.len() / 2);
                pieces.extend([head.to_vec(), tail.to_vec()]);
            }
        }
    }
    let none = pieces.iter().any(Vec::is_empty) || pieces.len() > MOST;
    (!none).then(|| least(pieces))
}

/// The same without those that hold another.
fn least(mut texts: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    texts.sort_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
    let mut least: Vec<Vec<u8>> = Vec::new();
    for text in texts {
        if !least.iter().any(|held| memchr::memmem::find(&text, held).is_some()) {
            least.push(text);
        }
    }
    least
}

fn better(one: Option<Vec<Vec<u8>>>, other: Option<Vec<Vec<u8>>>) -> Option<Vec<Vec<u8>>> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if rank(&one) < rank(&other) { other } else { one }),
        (one, other) => one.or(other),
    }
}

/// Long ones are seldom found where nothing is, and few are found fast.
fn rank(texts: &[Vec<u8>]) -> (usize, usize, usize) {
    let shortest = texts.iter().map(Vec::len).min().unwrap_or(usize::MAX);
    (shortest.min(6), usize::MAX - texts.len(), shortest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::bytes::RegexBuilder;

    use super::*;

    #[track_caller]
    fn check(regex: &str, cuts: Cuts, expected: &[&str]) {
        let literals = match Literals::of(regex, cuts) {
            Literals::Unknown => Vec::new(),
            Literals::Any(literals) => literals,
        };
        let literals: Vec<_> = literals.iter().map(|it| String::from_utf8_lossy(it)).collect();
        assert_eq!(literals, expected);
    }

    #[test]
    fn what_every_match_holds() {
        check("^a[0-9]+bcd.*ef$", Cuts::Nowhere, &["bcd"]);
        check("abc(?:d|e)f", Cuts::Nowhere, &["abcdf", "abcef"]);
        check("(?:abc|defg)?[0-9]", Cuts::Nowhere, &[]);
        check("(?:abc)+x*", Cuts::Nowhere, &["abc"]);
        check("(?:abc|[0-9]+defg)", Cuts::Nowhere, &["abc", "defg"]);
        check("(?:abc|[0-9]+)", Cuts::Nowhere, &[]);
        check("(?i)ab", Cuts::Nowhere, &["AB", "Ab", "aB", "ab"]);
        check("", Cuts::Nowhere, &[]);
    }

    #[test]
    fn a_date_may_have_stood_between_words() {
        check("^Failed password for x", Cuts::BeforeWords, &["password "]);
        check(r" sshd\[", Cuts::BeforeWords, &["sshd["]);
        check("abcdef", Cuts::Anywhere, &["abc", "def"]);
        check("a", Cuts::Anywhere, &[]);
    }

    fn regexes() -> impl Strategy<Value = String> {
        let leaf =
            prop_oneof!["[abc .]{1,4}", Just("[ab]".into()), Just(".*".into()), Just(r"\b".into())];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
                prop::collection::vec(inner.clone(), 1..4)
                    .prop_map(|parts| format!("(?:{})", parts.join("|"))),
                (inner.clone(), "[?*+]|\\{2\\}|\\{1,3\\}")
                    .prop_map(|(a, sign)| format!("({a}){sign}")),
                inner.prop_map(|a| format!("(?i:{a})")),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

        /// Whatever a regex matches holds one of its literals, also with a date put into it where
        /// one can stand.
        #[test]
        fn what_matches_holds_one(regex in regexes(), text in "[abcABC. ]{0,12}", at in 0..13usize) {
            let compiled = RegexBuilder::new(&regex).unicode(false).dot_matches_new_line(true).build().unwrap();
            prop_assume!(compiled.is_match(text.as_bytes()));
            let whole = Literals::of(&regex, Cuts::Nowhere);
            prop_assert!(whole.may_match(text.as_bytes()), "{whole:?}");
            let (before, after) = text.split_at(at.min(text.len()));
            let dated = format!("{before}7/7{after}");
            let literals = Literals::of(&regex, Cuts::Anywhere);
            prop_assert!(literals.may_match(dated.as_bytes()), "{literals:?}");
            let begins = !before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '.');
            let literals = Literals::of(&regex, Cuts::BeforeWords);
            prop_assert!(!begins || literals.may_match(dated.as_bytes()), "{literals:?}");
        }
    }
}
