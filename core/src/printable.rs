//! Text that somebody else chose, fit to be shown: on a terminal, in a log, in a message, on a page.
//!
//! Logs, peers and configurations hold what attackers wrote. Characters that are not seen, and act upon what
//! is around them instead (they move a terminal's cursor, end a line, turn the direction of writing, or
//! hide), are shown by their numbers. Which those are is decided here, for all that gaoler prints.

use std::fmt::{self, Write as _};

/// Bytes as one line: what is [unseen](is_unseen) is `\n` or `\u{1b}`, what is not UTF-8 is `\xff`.
///
/// It is for reading, and cannot be read back: a backslash stays one.
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a>(pub &'a [u8]);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            write_shown(f, chunk.valid(), is_unseen)?;
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// Text as [`Printable`] has it, in several lines: line feeds stay.
#[derive(Clone, Copy, Debug)]
pub struct PrintableLines<'a>(pub &'a str);

impl fmt::Display for PrintableLines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_shown(f, self.0, |c| c != '\n' && is_unseen(c))
    }
}

/// As much of a text as a message needs, as [`Printable`] has it: so many characters, and `…` for the rest.
#[must_use]
pub fn excerpt(text: &str, most: usize) -> String {
    let end = text.char_indices().nth(most).map_or(text.len(), |(end, _)| end);
    let rest = if end < text.len() { "…" } else { "" };
    format!("{}{rest}", Printable(&text.as_bytes()[..end]))
}

/// JSON that means the same and can be shown: what is [unseen](is_unseen) is escaped as JSON has it
/// (RFC 8259, 7), but for line feeds. Outside of strings JSON has none of the others.
#[must_use]
pub fn json(json: &str) -> String {
    let (mut shown, mut rest) = (String::with_capacity(json.len()), json);
    while let Some((at, c)) = rest.char_indices().find(|(_, c)| *c != '\n' && is_unseen(*c)) {
        shown.push_str(&rest[..at]);
        for unit in c.encode_utf16(&mut [0; 2]) {
            // A String takes all.
            let _ = write!(shown, "\\u{unit:04x}");
        }
        rest = &rest[at + c.len_utf8()..];
    }
    shown + rest
}

/// Whether a character is not seen, but acts upon what is around it, or may hide: Unicode's controls,
/// format characters, line and paragraph separators (`Cc`, `Cf`, `Zl`, `Zp`), and what has no glyph by
/// default (`Default_Ignorable_Code_Point`).
#[must_use]
pub fn is_unseen(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    let before = UNSEEN.partition_point(|(first, _)| *first <= c);
    before > 0 && c <= UNSEEN[before - 1].1
}

fn write_shown(
    f: &mut fmt::Formatter<'_>,
    mut text: &str,
    unseen: fn(char) -> bool,
) -> fmt::Result {
    while let Some((at, c)) = text.char_indices().find(|(_, c)| unseen(*c)) {
        write!(f, "{}{}", &text[..at], c.escape_default())?;
        text = &text[at + c.len_utf8()..];
    }
    f.write_str(text)
}

/// From where to where, both included; ASCII's apart.
const UNSEEN: [(char, char); 26] = [
    ('\u{80}', '\u{9f}'),
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

    /// The oracle is Unicode's own data, as the regex crate carries them.
    #[test]
    fn unseen_is_what_unicode_says() {
        let oracle = r"[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]";
        let oracle = Regex::new(oracle).unwrap();
        let mut text = [0; 4];
        for c in '\0'..=char::MAX {
            assert_eq!(is_unseen(c), oracle.is_match(c.encode_utf8(&mut text)), "{c:?}");
        }
    }

    #[test]
    fn what_is_printable_stays_and_the_rest_is_shown() {
        let check = |bytes: &[u8], expected| assert_eq!(Printable(bytes).to_string(), expected);
        check(
            "Ban 192.0.2.1 für \\ \"x\" \u{202f}€".as_bytes(),
            "Ban 192.0.2.1 für \\ \"x\" \u{202f}€",
        );
        check(b"a\x1b]0;b\x07\r\n\tc", "a\\u{1b}]0;b\\u{7}\\r\\n\\tc");
        check(b"a\xff\xc3(", "a\\xff\\xc3(");
        check("\u{202e}txt.exe\u{9b}2J".as_bytes(), "\\u{202e}txt.exe\\u{9b}2J");
        check("root\u{3164}\u{2068}".as_bytes(), "root\\u{3164}\\u{2068}");
    }

    #[test]
    fn lines_stay_lines() {
        assert_eq!(PrintableLines("a\u{1b}[2J:\nb\r\n").to_string(), "a\\u{1b}[2J:\nb\\r\n");
    }

    #[test]
    fn an_excerpt_is_short_and_says_so() {
        assert_eq!(excerpt("für", 3), "für");
        assert_eq!(excerpt("fünf", 3), "fün…");
        assert_eq!(excerpt("\n\n", 1), "\\n…");
        assert_eq!(excerpt("x", 0), "…");
        assert_eq!(excerpt("", 0), "");
    }

    #[test]
    fn json_keeps_its_line_feed_and_what_can_be_seen() {
        let told = json("{\"user\":\"\u{9b}2J\u{202e}é\u{e0041}\"}\n");
        assert_eq!(told, "{\"user\":\"\\u009b2J\\u202eé\\udb40\\udc41\"}\n");
    }

    /// Text with more that is unseen than chance would have.
    fn hostile() -> impl Strategy<Value = String> {
        let unseen = prop::sample::select(UNSEEN.map(|(first, _)| first).to_vec());
        let c = prop_oneof![any::<char>(), unseen, prop::char::range('\0', '\x7f')];
        prop::collection::vec(c, 0..100).prop_map(String::from_iter)
    }

    proptest! {
        #[test]
        fn nothing_escapes_the_line(bytes in prop::collection::vec(any::<u8>(), 0..200), text in hostile()) {
            for bytes in [bytes.as_slice(), text.as_bytes()] {
                prop_assert!(!Printable(bytes).to_string().chars().any(is_unseen));
            }
        }

        #[test]
        fn json_is_fit_to_be_shown_and_means_the_same(text in hostile()) {
            let json = json(&serde_json::to_string(&text).unwrap());
            prop_assert!(!json.chars().any(is_unseen), "{:?}", json);
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
