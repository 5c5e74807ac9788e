//! `<name>`: what the options of a filter put into each other.
//!
//! A name may itself be put together (`<mdre-<mode>>`) and may name another section's option
//! (`<lt_journal/__prefix_line>`). What no option has, such as `<HOST>`, stays as it is.
//!
//! Source: jail.conf(5), "FILTERS" and "ACTION FILES" (tags).

use std::collections::{BTreeSet, HashMap};

use super::error::{Problem, ReadError};
use super::section::{Section, Value};

/// So often one option may put another into itself.
const MOST_REPLACEMENTS: usize = 25;

/// No value of a real filter is longer.
const LONGEST: usize = 1 << 20;

/// Puts into each option what its tags name: of `options`, or else what `further` knows.
///
/// # Errors
///
/// An option refers to itself, or `further` fails.
pub(super) fn substitute(
    options: &mut Section,
    mut further: impl FnMut(&str) -> Result<Option<String>, ReadError>,
) -> Result<(), ReadError> {
    let ignored = conditional(options);
    let names: Vec<String> = options.iter().map(|(name, _)| name.to_owned()).collect();
    let mut counts: HashMap<&str, HashMap<String, usize>> = HashMap::new();
    let mut done = BTreeSet::new();
    loop {
        let mut again = false;
        for name in names.iter().filter(|name| !ignored.contains(*name)) {
            if done.contains(name) {
                continue;
            }
            let Some(value) = options.get(name).cloned() else { continue };
            let counts = counts.entry(name).or_default();
            let mut fill = Fill { name, counts, ignored: &ignored, options };
            let text = fill.all(&value, &mut further)?;
            if !text.contains('<') {
                done.insert(name);
            }
            if text != value.text {
                again |= tag(&text, 0).is_some();
                options.set(name, Value { text, ..value });
            }
        }
        if !again {
            return Ok(());
        }
    }
}

/// One option that is being filled in.
struct Fill<'a> {
    name: &'a str,
    /// How often each other was put in.
    counts: &'a mut HashMap<String, usize>,
    ignored: &'a BTreeSet<String>,
    options: &'a Section,
}

impl Fill<'_> {
    fn all(
        &mut self,
        value: &Value,
        further: &mut impl FnMut(&str) -> Result<Option<String>, ReadError>,
    ) -> Result<String, ReadError> {
        let mut text = value.text.clone();
        let mut from = 0;
        while let Some((start, end)) = tag(&text, from) {
            let named = text[start + 1..end - 1].to_owned();
            if self.ignored.contains(&named) {
                from = end;
                continue;
            }
            let too_often = self.counts.get(&named).is_some_and(|n| *n > MOST_REPLACEMENTS);
            if named == self.name || too_often || text.len() > LONGEST {
                let problem = Problem::TagDepth(self.name.to_owned(), named);
                return Err(ReadError::new(value.place.clone(), problem));
            }
            let replacement = match self.options.text(&named) {
                Some(text) => Some(text.to_owned()),
                None => further(&named)?,
            };
            let Some(replacement) = replacement else {
                from = end;
                continue;
            };
            // From here on only: an earlier one would have been met before.
            let rest = text[start..].replace(&format!("<{named}>"), &replacement);
            text.truncate(start);
            text.push_str(&rest);
            *self.counts.entry(named).or_default() += 1;
            from = start;
        }
        Ok(text)
    }
}

/// Where the next tag is, from `from` on: its `<`, and behind its `>`.
fn tag(text: &str, from: usize) -> Option<(usize, usize)> {
    let mut start = None;
    for (at, byte) in text.bytes().enumerate().skip(from) {
        match (byte, start) {
            (b'<', _) => start = Some(at),
            (b'>', Some(begun)) if at > begun + 1 => return Some((begun, at + 1)),
            (b' ' | b'>', _) => start = None,
            _ => {}
        }
    }
    None
}

/// Options that hold under a condition only, by their plain names: none of them is put anywhere.
fn conditional(options: &Section) -> BTreeSet<String> {
    let names = options.iter().filter_map(|(name, _)| name.split_once('?'));
    names.map(|(plain, _)| plain.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fail2ban::error::Place;

    fn filled(options: &[(&str, &str)], further: &[(&str, &str)]) -> Result<Section, String> {
        let mut section = Section::default();
        for (name, text) in options {
            let value = Value { text: (*text).to_owned(), place: Place::command_line() };
            section.set(name, value);
        }
        let further = |name: &str| {
            let found = further.iter().find(|(own, _)| *own == name);
            Ok(found.map(|(_, text)| (*text).to_owned()))
        };
        substitute(&mut section, further).map_err(|error| error.to_string())?;
        Ok(section)
    }

    #[track_caller]
    fn check(options: &[(&str, &str)], further: &[(&str, &str)], expected: &str) {
        let section = filled(options, further).unwrap();
        assert_eq!(section.text("r"), Some(expected));
    }

    #[test]
    fn tags_are_put_in_until_none_is_left() {
        check(&[("r", "<a>-<b>"), ("a", "1"), ("b", "<a><c>"), ("c", "3")], &[], "1-13");
        check(&[("r", "^<mdre-<mode>>"), ("mode", "x"), ("mdre-x", "X")], &[], "^X");
        check(&[("r", "<p/<t>/y>"), ("t", "b")], &[("p/b/y", "deep")], "deep");
    }

    #[test]
    fn what_nothing_names_stays() {
        check(
            &[("r", "<HOST> < a > <> <a b> <F-USER>.*</F-USER>"), ("a", "1")],
            &[],
            "<HOST> < a > <> <a b> <F-USER>.*</F-USER>",
        );
    }

    #[test]
    fn conditions_are_left_alone() {
        check(&[("r", "<a>"), ("a", "1"), ("a?family=inet6", "2")], &[], "<a>");
    }

    #[test]
    fn what_refers_to_itself_is_refused() {
        let error = filled(&[("r", "a <r>")], &[]).unwrap_err();
        assert_eq!(error, "`r` refers to itself by way of `<r>`");
        assert!(filled(&[("r", "<a>"), ("a", "<b>"), ("b", "<a>")], &[]).is_err());
        assert!(filled(&[("r", "<a>")], &[("a", "x<a>")]).is_err());
        let wide = "<b>".repeat(400_000);
        assert!(
            filled(
                &[("r", "<a>"), ("a", &wide), ("b", "xxxxxxxxxx<c>"), ("c", "<d>")],
                &[("d", "<d>")]
            )
            .is_err()
        );
    }

    proptest! {
        #[test]
        fn anything_comes_to_an_end(r in "[<>ab/ -]{0,30}", a in "[<>ab/ -]{0,30}", b in "[<>ab/ -]{0,30}") {
            let _ = filled(&[("r", &r), ("a", &a)], &[("b", &b)]);
        }

        /// Without self-reference, one pass over plain values is what is expected.
        #[test]
        fn plain_values_are_put_in(text in "[<>abc]{0,30}") {
            let options = [("r", text.as_str()), ("a", "1"), ("b", "2")];
            let mut expected = text.clone();
            while expected.contains("<a>") || expected.contains("<b>") {
                expected = expected.replace("<a>", "1").replace("<b>", "2");
            }
            let filled = filled(&options, &[]).unwrap();
            prop_assert_eq!(filled.text("r"), Some(expected.as_str()));
        }
    }
}
