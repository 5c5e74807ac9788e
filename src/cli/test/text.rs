//! Log text made harmless: for a terminal, and for JSON.

use std::io::{self, Write};

/// Writes text so that a terminal shows it and does nothing else: control bytes, and those that
/// are not UTF-8, as `\x1b`.
pub(super) fn write_shown(out: &mut impl Write, text: &[u8]) -> io::Result<()> {
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() || is_format(c) {
                write!(out, "{}", c.escape_unicode())?;
            } else {
                write!(out, "{c}")?;
            }
        }
        for byte in chunk.invalid() {
            write!(out, "\\x{byte:02x}")?;
        }
    }
    Ok(())
}

/// Characters that turn or hide the text around them: marks of direction, joiners, the BOM.
fn is_format(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Writes text as a JSON string; bytes that are not UTF-8 become U+FFFD.
pub(super) fn write_json(out: &mut impl Write, text: &[u8]) -> io::Result<()> {
    out.write_all(b"\"")?;
    for chunk in text.utf8_chunks() {
        write_escaped(out, chunk.valid())?;
        if !chunk.invalid().is_empty() {
            out.write_all("\u{fffd}".as_bytes())?;
        }
    }
    out.write_all(b"\"")
}

/// Writes in runs: most text has nothing to escape.
fn write_escaped(out: &mut impl Write, text: &str) -> io::Result<()> {
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(special) {
        out.write_all(&rest[..at])?;
        match rest[at] {
            byte @ (b'"' | b'\\') => out.write_all(&[b'\\', byte])?,
            byte => write!(out, "\\u{byte:04x}")?,
        }
        rest = &rest[at + 1..];
    }
    out.write_all(rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &[u8], expected: &str) {
        let mut out = Vec::new();
        write_shown(&mut out, text).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn a_terminal_is_told_nothing() {
        check("plain, é".as_bytes(), "plain, é");
        check(b"\x1b[2J\r\n", r"\u{1b}[2J\u{d}\u{a}");
        check(b"\xff\x9b", r"\xff\x9b");
        check("\u{9b}\u{202e}x".as_bytes(), r"\u{9b}\u{202e}x");
    }

    proptest! {
        #[test]
        fn json_reads_back_the_same(text: Vec<u8>) {
            let mut out = Vec::new();
            write_json(&mut out, &text).unwrap();
            let back: String = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(back, String::from_utf8_lossy(&text));
        }
    }
}
