//! `prefregex`: what every line must look like first, and which part of it the rest sees.
//!
//! Most end in `<F-CONTENT>.+</F-CONTENT>$`: the content is all that is left. Then only what stands
//! before is matched, and no engine that captures need walk the rest of the line.

use super::engine::{Choice, Exceeded, Locations};
use super::error::{Place, Problem};
use super::pattern::{Pattern, captured, has_flags};

/// A compiled `prefregex`.
#[derive(Clone, Debug)]
pub(super) struct Prefix {
    /// As written.
    whole: Pattern,
    /// Without its end, if the end takes all that is left.
    head: Option<Pattern>,
}

/// Where a prefix puts what it captures.
#[derive(Clone, Debug)]
pub(super) struct PrefixLocations {
    whole: Locations,
    head: Option<Locations>,
}

/// What a prefix says of a line.
#[derive(Debug)]
pub(super) struct Prefixed<'p, 't> {
    pub(super) pattern: &'p Pattern,
    pub(super) locations: &'p Locations,
    /// What the rest sees.
    pub(super) content: &'t [u8],
}

const ENDS: [&str; 2] = ["<F-CONTENT>.+</F-CONTENT>$", "<F-CONTENT>.+</F-CONTENT>"];

impl Prefix {
    pub(super) fn compile(source: &str) -> Result<Self, Problem> {
        let whole = Pattern::compile(source)?;
        let head = ENDS.iter().find_map(|end| source.strip_suffix(end));
        // With an alternative, the end may belong to the last one only.
        let head = head.filter(|head| grouped(head) && !has_flags(head));
        let head = head.map(Pattern::compile).transpose()?;
        Ok(Self { whole, head })
    }

    pub(super) fn has_address(&self) -> bool {
        self.whole.groups.has_address()
    }

    /// Whether it runs on the backtracking engine.
    pub(super) fn backtracks(&self) -> bool {
        self.whole.regex.why().is_some()
    }

    /// A linear regex that matches wherever it does.
    pub(super) fn shadow(&self) -> Option<&str> {
        self.whole.regex.shadow()
    }

    pub(super) fn locations(&self) -> PrefixLocations {
        PrefixLocations {
            whole: self.whole.regex.locations(),
            head: self.head.as_ref().map(|head| head.regex.locations()),
        }
    }

    /// Which engine it runs on.
    pub(super) fn choice(&self) -> Choice {
        self.whole.regex.choice(Place::Prefregex, &self.whole.source)
    }

    /// Reads a line's prefix; `None`: it does not match.
    pub(super) fn read<'p, 't>(
        &'p self,
        locations: &'p mut PrefixLocations,
        line: &'t [u8],
    ) -> Result<Option<Prefixed<'p, 't>>, Exceeded> {
        if let (Some(pattern), Some(locations)) = (&self.head, &mut locations.head) {
            let Some(end) = pattern.regex.read(locations, line)? else { return Ok(None) };
            // The first way to match the head is the whole's, too, unless it leaves nothing.
            let content = &line[end..];
            if !content.is_empty() {
                return Ok(Some(Prefixed { pattern, locations, content }));
            }
        }
        let (pattern, locations) = (&self.whole, &mut locations.whole);
        if pattern.regex.read(locations, line)?.is_none() {
            return Ok(None);
        }
        let content = captured(pattern.groups.content, locations, line).unwrap_or(line);
        Ok(Some(Prefixed { pattern, locations, content }))
    }
}

/// Whether every alternative stands in parentheses.
fn grouped(pattern: &str) -> bool {
    let mut depth = 0_u32;
    let mut class = false;
    let mut escaped = false;
    for c in pattern.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ']' => class = false,
            '[' => class = true,
            '(' if !class => depth += 1,
            ')' if !class => depth = depth.saturating_sub(1),
            '|' if !class && depth == 0 => return false,
            _ => {}
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn content<'t>(prefix: &Prefix, line: &'t [u8]) -> Option<&'t [u8]> {
        let mut locations = prefix.locations();
        prefix.read(&mut locations, line).unwrap().map(|prefixed| prefixed.content)
    }

    #[track_caller]
    fn check(source: &str, short: bool, line: &str, expected: Option<&str>) {
        let prefix = Prefix::compile(source).unwrap();
        assert_eq!(prefix.head.is_some(), short);
        assert_eq!(content(&prefix, line.as_bytes()), expected.map(str::as_bytes));
    }

    #[test]
    fn an_end_that_takes_the_rest_is_not_matched() {
        check("^a(?:b|c) <F-CONTENT>.+</F-CONTENT>$", true, "ac x", Some("x"));
        check("^a(?:b|c) <F-CONTENT>.+</F-CONTENT>$", true, "ac ", None);
        check("^a+<F-CONTENT>.+</F-CONTENT>$", true, "aaa", Some("a"));
        check("^a <F-CONTENT>b.*</F-CONTENT>$", false, "a bc", Some("bc"));
        check("^b|^a <F-CONTENT>.+</F-CONTENT>$", false, "bcd", Some("bcd"));
        check("^(?-s:a|b) <F-CONTENT>.+</F-CONTENT>$", false, "a x", Some("x"));
    }

    proptest! {
        /// What is left out changes nothing.
        #[test]
        fn agrees_with_the_whole(line in r"[ ab]{0,2}(sshd)?(-auth)?(\[1\])?:? ?[ab\n]{0,3}", any: Vec<u8>) {
            for head in [r"^\s*[a-z]+ sshd(?:-auth)?(?:\[\d+\])?: ", "a+", "(?:a|ab)", "", "[ab]*?"] {
                let prefix = Prefix::compile(&format!("{head}<F-CONTENT>.+</F-CONTENT>$")).unwrap();
                let whole = Prefix { head: None, ..prefix.clone() };
                for line in [line.as_bytes(), &any] {
                    prop_assert_eq!(content(&prefix, line), content(&whole, line));
                }
            }
        }
    }
}
