//! Where a line names two addresses in the same words, and the pattern does not say which is whose.
//!
//! sshd writes `Failed password for invalid user NAME from ADDRESS port 22 ssh2`, and the peer writes
//! NAME. A pattern that reads on until the line's end cannot be deceived by ` from 192.0.2.1: ` in it;
//! one that stops behind the first address can (CVE-2026-109786), as can one that takes the last of
//! several and lets anything follow. fail2ban bans whom the name says. Here it is nobody's.

use std::net::IpAddr;

use crate::filter::address::parse;

/// Whether the address that a pattern found may be another's than the peer's: the line has another
/// one behind the same word, where the pattern's match leaves that open.
///
/// `found` is where the address stands, `matched` where the match does. `open` says whether the
/// pattern lets anything follow.
pub(super) fn disputed(
    text: &str,
    found: (usize, usize),
    matched: (usize, usize),
    open: bool,
) -> bool {
    let rest = text.len() - text.trim_end().len();
    let reaches_the_end = matched.1 + rest >= text.len();
    if reaches_the_end && !open {
        return false;
    }
    let Some(address) = parse(&text.as_bytes()[found.0..found.1]) else { return false };
    let Some(word) = word_before(&text[..found.0]) else { return false };
    let places = text.match_indices(word).map(|(at, _)| at + word.len());
    let mut others = places.filter(|at| *at != found.0 && *at >= matched.0);
    // What the daemon writes behind an address it writes behind every one: where the pattern has read
    // words there, an address with nothing behind it is but text.
    let read_on = text[found.1..matched.1.max(found.1)].contains(char::is_alphanumeric);
    others.any(|at| {
        address_at(&text[at..]).is_some_and(|(other, length)| {
            let last = text[at + length..].trim().is_empty();
            other != address && !(read_on && last)
        })
    })
}

/// The word before a place and what parts it from there: `from `, `rhost=`, `client [`.
fn word_before(text: &str) -> Option<&str> {
    let sign = |c: char| !c.is_alphanumeric();
    let end = text.rfind(|c: char| c.is_alphanumeric())?;
    let start = text[..end]
        .rfind(sign)
        .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
    Some(&text[start..])
}

/// The address that begins here, and how long it is.
fn address_at(text: &str) -> Option<(IpAddr, usize)> {
    let part = |c: char| c.is_ascii_hexdigit() || c == '.' || c == ':';
    let end = text.find(|c| !part(c)).unwrap_or(text.len());
    // A sentence or a port may go on with the same signs.
    let whole = text[..end].trim_end_matches(['.', ':']);
    let read = |text: &str| Some((parse(text.as_bytes())?, text.len()));
    read(whole).or_else(|| read(whole.rsplit_once(':')?.0))
}

/// Whether a pattern, as written, lets anything follow what it looks for.
pub(super) fn is_open(source: &str) -> bool {
    let source = source.trim_end_matches('$').trim_end_matches(r"\s*").trim_end_matches(')');
    [".*", ".+", ".*?", ".+?"].iter().any(|end| source.ends_with(end))
}

/// Whether a pattern, as written, has nothing but fixed words before its one address, so that no text can
/// come to stand for it: `^ACCEPT from IP=<ADDR>:\d+`.
pub(super) fn is_fixed(source: &str) -> bool {
    const ADDRESSES: [&str; 5] = ["<HOST>", "<ADDR>", "<IP4>", "<IP6>", "<SUBNET>"];
    let mut places = ADDRESSES.iter().flat_map(|tag| source.match_indices(tag));
    let (Some((at, _)), None) = (places.next(), places.next()) else { return false };
    let Some(mut rest) = source[..at].strip_prefix('^') else { return false };
    while let Some(next) = rest.chars().next() {
        let tag = rest.strip_prefix("</F-").or_else(|| rest.strip_prefix("<F-"));
        rest = if let Some((_, after)) = tag.and_then(|tag| tag.split_once('>')) {
            after
        } else if let Some(after) = BLANKS.iter().find_map(|blank| rest.strip_prefix(blank)) {
            after
        } else if let Some(after) = rest.strip_prefix('\\') {
            match after.chars().next() {
                Some(sign) if sign.is_ascii_punctuation() => &after[1..],
                _ => return false,
            }
        } else if ".*+?()[]{}|^$<".contains(next) {
            return false;
        } else {
            &rest[next.len_utf8()..]
        };
    }
    true
}

/// Blanks and numbers: no text of a peer's.
const BLANKS: [&str; 4] = [r"\s+", r"\s*", r"\s", r"\d+"];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, address: &str, matched: &str, expected: bool) {
        let at = text.find(address).unwrap();
        let span = text.find(matched).map(|start| (start, start + matched.len())).unwrap();
        assert_eq!(disputed(text, (at, at + address.len()), span, false), expected, "{text}");
    }

    #[test]
    fn what_stands_behind_the_same_word_is_disputed() {
        let text = "Failed password for x from 192.0.2.1: y from 198.51.100.7 port 22 ssh2\n";
        check(text, "192.0.2.1", "Failed password for x from 192.0.2.1: ", true);
        check(text, "198.51.100.7", text, false);
        check("user from 192.0.2.1: from 192.0.2.1\n", "192.0.2.1", "user from 192.0.2.1", false);
        check("rip=192.0.2.1, lip=192.0.2.9\n", "192.0.2.1", "rip=192.0.2.1,", false);
        check("a from 192.0.2.1 from nowhere\n", "192.0.2.1", "a from 192.0.2.1", false);
        check("a from 192.0.2.1 from 2001:db8::1.\n", "192.0.2.1", "a from 192.0.2.1", true);
        let text = "user from 2001:db8::1 port 22 ssh1: x from 192.0.2.1\n";
        check(text, "2001:db8::1", "user from 2001:db8::1 port 22 ssh1: ", false);
        check(text, "2001:db8::1", "user from 2001:db8::1", true);
        check("192.0.2.1 x 192.0.2.2\n", "192.0.2.1", "192.0.2.1 ", false);
    }

    #[test]
    fn words_alone_before_an_address_leave_nothing_open() {
        for (source, expected) in [
            (r"^ACCEPT from IP=<ADDR>:\d{1,5}\s+", true),
            (r"^<F-NOFAIL>ACCEPT</F-NOFAIL> from\s+\[<HOST>\]", true),
            ("ACCEPT from <ADDR>", false),
            (r"^user \S+ from <ADDR>", false),
            (r"^user (?:a|b) from <ADDR>", false),
            (r"^from \w<ADDR>", false),
            ("^from <ADDR> by <ADDR>", false),
            ("^nobody", false),
        ] {
            assert_eq!(is_fixed(source), expected, "{source}");
        }
    }

    #[test]
    fn the_end_of_a_pattern_tells_whether_it_is_open() {
        for (source, expected) in
            [("a$", false), ("a.*$", true), (r"a(?: .*)\s*$", true), ("a", false)]
        {
            assert_eq!(is_open(source), expected, "{source}");
        }
    }
}
