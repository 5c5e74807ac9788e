//! One compiled pattern, and how an address is read from what it matched.

use std::net::IpAddr;
use std::ops::Range;

use super::address::parse;
use super::engine::{Engine, Exceeded, Locations};
use super::error::Problem;
use super::split::Split;
use super::tags;

/// A pattern ready to match. Cloned for each matcher, since a regex's clones share the program but
/// not the caches, and so no two readers contend for them.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    /// As written.
    pub(super) source: String,
    pub(super) regex: Engine,
    /// The same in parts, where that is faster.
    split: Option<Split>,
    pub(super) groups: Groups,
}

/// Where a pattern captures what we look at.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Groups {
    fid: Option<usize>,
    ip4: Option<usize>,
    ip6: Option<usize>,
    pub(super) user: Option<usize>,
    pub(super) nofail: Option<usize>,
    pub(super) session: Option<usize>,
    pub(super) content: Option<usize>,
}

impl Pattern {
    /// Compiles a pattern with tags. Bytes are bytes: no line is too broken to match.
    pub(super) fn compile(source: &str) -> Result<Self, Problem> {
        let regex = Engine::compile(without_tail(&tags::translate(source)?))?;
        let groups = Groups::of(&regex);
        let split = regex.shadow().filter(|_| regex.why().is_none()).and_then(Split::of);
        Ok(Self { source: source.to_owned(), regex, split, groups })
    }

    /// Room for what it captures by name.
    pub(super) fn locations(&self) -> Locations {
        let whole = self.regex.locations();
        match &self.split {
            Some(split) => Locations::Split(Box::new((split.room(), whole)), false),
            None => whole,
        }
    }

    /// Looks for a match, and what it captures by name.
    pub(super) fn read(&self, locations: &mut Locations, text: &[u8]) -> Result<bool, Exceeded> {
        let (Some(split), Locations::Split(rooms, as_whole)) = (&self.split, &mut *locations)
        else {
            return Ok(self.regex.read(locations, text)?.is_some());
        };
        let (room, whole) = &mut **rooms;
        let told = split.read(room, text);
        *as_whole = told.is_none();
        told.map_or_else(|| Ok(self.regex.read(whole, text)?.is_some()), Ok)
    }
}

/// The pattern without a `.*` or `.*$` at its end: it matches whatever is left, so it decides
/// nothing, and costs a walk over the rest of the line.
fn without_tail(pattern: &str) -> &str {
    if has_flags(pattern) {
        return pattern;
    }
    let Some(head) = pattern.strip_suffix(".*$").or_else(|| pattern.strip_suffix(".*")) else {
        return pattern;
    };
    let backslashes = head.bytes().rev().take_while(|byte| *byte == b'\\').count();
    if backslashes % 2 == 0 { head } else { pattern }
}

/// Whether `(?flags)` other than `i` may change what `.`, `$` or a blank mean.
pub(super) fn has_flags(pattern: &str) -> bool {
    let groups = ["(?:", "(?P<", "(?<", "(?i)", "(?i:"];
    pattern
        .match_indices("(?")
        .any(|(at, _)| !groups.iter().any(|group| pattern[at..].starts_with(group)))
}

impl Groups {
    fn of(regex: &Engine) -> Self {
        let mut groups = Self::default();
        for (number, name) in regex.capture_names().enumerate() {
            let slot = match name {
                Some("fid") => &mut groups.fid,
                Some("ip4") => &mut groups.ip4,
                Some("ip6") => &mut groups.ip6,
                Some("user") => &mut groups.user,
                Some("nofail") => &mut groups.nofail,
                Some("session") => &mut groups.session,
                Some("content") => &mut groups.content,
                _ => continue,
            };
            *slot = Some(number);
        }
        groups
    }

    /// Whether a match tells whose it is.
    pub(super) fn has_address(&self) -> bool {
        self.fid.or(self.ip4).or(self.ip6).is_some()
    }

    /// Whose it is. `None` if the text is no address, or only a part of a longer word, such as the
    /// `203.0.113.9` of `203.0.113.9.example.org`.
    pub(super) fn address(&self, locations: &Locations, text: &[u8]) -> Option<IpAddr> {
        let groups = [self.fid, self.ip4, self.ip6];
        let (start, end) = groups.into_iter().find_map(|group| locations.get(group?))?;
        whole_word(text, start..end).then(|| parse(&text[start..end]))?
    }
}

/// What a group captured.
pub(super) fn captured<'t>(
    group: Option<usize>,
    locations: &Locations,
    text: &'t [u8],
) -> Option<&'t [u8]> {
    let (start, end) = locations.get(group?)?;
    Some(&text[start..end])
}

/// Whether an address stands alone: neither the end of a longer number or name nor its beginning.
fn whole_word(text: &[u8], address: Range<usize>) -> bool {
    let name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let before = address.start.checked_sub(1).map(|at| text[at]);
    let mut after = text[address.end..].iter().copied();
    let next = after.next();
    let begins = before.is_none_or(|byte| !name(byte) && byte != b'.');
    let goes_on = match next {
        Some(b'.') => after.next().is_some_and(name),
        next => next.is_some_and(name),
    };
    begins && !goes_on
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(pattern: &str, text: &str, expected: Option<&str>) {
        let pattern = Pattern::compile(pattern).unwrap();
        let mut locations = pattern.regex.locations();
        let matched = pattern.regex.read(&mut locations, text.as_bytes()).unwrap();
        let address = matched.and_then(|_| pattern.groups.address(&locations, text.as_bytes()));
        assert_eq!(address, expected.map(|text| text.parse().unwrap()));
    }

    #[test]
    fn an_address_is_checked_octet_by_octet() {
        check("from <ADDR>", "from 198.51.100.7", Some("198.51.100.7"));
        check("from <ADDR>", "from 198.51.100.256", None);
        check("from <ADDR>", "from ::ffff:198.51.100.7", Some("198.51.100.7"));
        check("from <IP6>", "from ::ffff:c633:6407", Some("198.51.100.7"));
        check("from <ADDR>", "from 1:2:3", None);
        check("id <F-ID/>", "id 198.51.100.7", Some("198.51.100.7"));
        check("id <F-ID/>", "id bob", None);
    }

    #[test]
    fn a_part_of_a_word_is_no_address() {
        check("from <ADDR>", "from 203.0.113.9.example.org", None);
        check("from <ADDR>", "from 203.0.113.9-example.org", None);
        check("from <ADDR>", "from 203.0.113.91234", None);
        check(".*<ADDR>", "from 203.0.113.9", None);
        check("<ADDR>", "rhost=198.51.100.7.", Some("198.51.100.7"));
        check("<ADDR>", "x [198.51.100.7]:22", Some("198.51.100.7"));
    }

    #[test]
    fn any_bytes_match() {
        let pattern = Pattern::compile("^a.*z$").unwrap();
        let mut locations = pattern.regex.locations();
        assert_eq!(pattern.regex.read(&mut locations, b"a\xff\x00\nz"), Ok(Some(5)));
    }

    #[test]
    fn an_end_that_matches_anything_is_dropped() {
        for (pattern, expected) in [
            ("a.*", "a"),
            ("a.*$", "a"),
            (r"a\\.*", r"a\\"),
            (r"a\.*", r"a\.*"),
            ("(?-s)a.*$", "(?-s)a.*$"),
            ("(?i)a.*", "(?i)a"),
            ("a.*?", "a.*?"),
            ("(a.*)", "(a.*)"),
        ] {
            assert_eq!(without_tail(pattern), expected);
        }
    }

    proptest! {
        /// What is left out changes neither whether a line matches nor what is captured.
        #[test]
        fn the_end_left_out_changes_nothing(line in "[ab.\\\\|]{0,8}", any: Vec<u8>) {
            for head in ["^(a+)b", "(a|ab)", "a|(b)", r"(.*)b\.", r"\\", "(?:^|b)(a*)"] {
                for end in [".*", ".*$"] {
                    let whole = format!("{head}{end}");
                    prop_assert_eq!(without_tail(&whole), head);
                    let (whole, cut) =
                        (Engine::compile(&whole).unwrap(), Engine::compile(head).unwrap());
                    for line in [line.as_bytes(), &any] {
                        let group = |regex: &Engine| {
                            let mut locations = regex.locations();
                            let found = regex.read(&mut locations, line).unwrap();
                            found.map(|_| locations.get(1))
                        };
                        prop_assert_eq!(group(&whole), group(&cut));
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_no_regex_is_refused() {
        let refusal = |pattern| Pattern::compile(pattern).unwrap_err();
        assert!(matches!(refusal("(x<ADDR>"), Problem::Syntax(_)));
        assert!(matches!(refusal("(?!x<ADDR>"), Problem::Syntax(_)));
        assert_eq!(refusal("(?:(?:x{999}){999}){999}<ADDR>"), Problem::TooLarge);
    }
}
