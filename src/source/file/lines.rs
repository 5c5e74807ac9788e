//! Cuts a file's bytes into lines.
//!
//! Pure. A last line without its end is held back: the writer may not be done with it. Zeros before
//! a line are none of it: a writer that did not open its log to append leaves a hole there when
//! the log is cut short.

use memchr::memchr;

/// Of a longer line the head alone is shown, however long it gets; no more of a line is ever held.
pub(super) const LIMIT: usize = 64 * 1024;

/// Cuts chunk after chunk of one file.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    /// Whether the last chunk ended within a line over the limit.
    skipping: bool,
}

/// A line, without its end (`\n` or `\r\n`).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// Its bytes.
    Text(&'a [u8]),
    /// It is over the limit: what is within. Given once, when that is clear.
    Oversized(&'a [u8]),
}

/// How much of a chunk is done with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// Bytes not to be given again: the next chunk begins after them.
    pub(super) consumed: usize,
    /// Bytes up to where a line begins that has not ended: less than `consumed` within a line over the limit.
    pub(super) whole: usize,
}

impl Lines {
    /// Calls `each` with every line that ends in `chunk`.
    ///
    /// What follows the last line's end is not consumed, unless it is over the limit already; so a
    /// chunk longer than [`LIMIT`] always makes progress.
    pub(super) fn cut(&mut self, chunk: &[u8], mut each: impl FnMut(Line<'_>)) -> Cut {
        let mut at = if self.skipping { 0 } else { zeros(chunk) };
        while let Some(length) = memchr(b'\n', &chunk[at..]) {
            let line = &chunk[at..at + length];
            at += length + 1;
            if !std::mem::take(&mut self.skipping) {
                each(checked(line));
            }
            at += zeros(&chunk[at..]);
        }
        let whole = at;
        let rest = chunk.len() - at;
        if self.skipping || LIMIT < rest {
            if !std::mem::replace(&mut self.skipping, true) {
                each(Line::Oversized(&chunk[at..at + LIMIT]));
            }
            at = chunk.len();
        }
        Cut { consumed: at, whole }
    }

    /// Takes `rest`, which no line's end will follow any more, for a line; if it is one.
    pub(super) fn end<'a>(&self, rest: &'a [u8]) -> Option<Line<'a>> {
        let rest = &rest[zeros(rest)..];
        (!self.skipping && !rest.is_empty()).then(|| checked(rest))
    }
}

/// How many zeros come first.
fn zeros(bytes: &[u8]) -> usize {
    bytes.iter().position(|&byte| byte != 0).unwrap_or(bytes.len())
}

fn checked(line: &[u8]) -> Line<'_> {
    let text = line.strip_suffix(b"\r").unwrap_or(line);
    if text.len() <= LIMIT { Line::Text(text) } else { Line::Oversized(&text[..LIMIT]) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Cuts `bytes` in chunks of at most `size`, as a reader would; the lines, and how many were
    /// too long.
    fn read(bytes: &[u8], size: usize) -> (Vec<Vec<u8>>, usize) {
        let (mut lines, mut found, mut oversized) = (Lines::default(), Vec::new(), 0);
        let mut offset = 0;
        loop {
            let chunk = &bytes[offset..bytes.len().min(offset + size)];
            let cut = lines.cut(chunk, |line| match line {
                Line::Text(text) => found.push(text.to_vec()),
                Line::Oversized(head) => {
                    assert_eq!(head, &b"x".repeat(LIMIT), "its head");
                    oversized += 1;
                }
            });
            offset += cut.consumed;
            if cut.consumed == 0 {
                if let Some(Line::Text(text)) = lines.end(chunk) {
                    found.push(text.to_vec());
                }
                return (found, oversized);
            }
        }
    }

    #[track_caller]
    fn check(bytes: &str, expected: &[&str]) {
        let (lines, oversized) = read(bytes.as_bytes(), LIMIT + 1);
        let expected: Vec<Vec<u8>> = expected.iter().map(|line| line.as_bytes().to_vec()).collect();
        assert_eq!((lines, oversized), (expected, 0));
    }

    #[test]
    fn ends_lines_at_line_feeds_with_or_without_a_carriage_return() {
        check("a\nb\r\n\nc\rd\n", &["a", "b", "", "c\rd"]);
        check("a\nb", &["a", "b"]);
        check("", &[]);
    }

    #[test]
    fn passes_over_a_hole_before_a_line() {
        check(&format!("{}a\nb\n", "\0".repeat(3 * LIMIT)), &["a", "b"]);
        check("a\n\0\0b\0\n\0c", &["a", "b\0", "c"]);
        check("\0\0", &[]);
    }

    #[test]
    fn holds_back_a_line_that_has_not_ended() {
        let cut = Lines::default().cut(b"a\nb", |line| assert_eq!(line, Line::Text(b"a")));
        assert_eq!(cut, Cut { consumed: 2, whole: 2 });
    }

    #[test]
    fn skips_lines_over_the_limit_and_goes_on_after_them() {
        for (length, found) in [(LIMIT, 3), (LIMIT + 1, 2), (5 * LIMIT, 2)] {
            let bytes = [b"a\n", "x".repeat(length).as_bytes(), b"\nb\n"].concat();
            let (lines, oversized) = read(&bytes, LIMIT + 7);
            assert_eq!((lines.len(), oversized), (found, 3 - found), "{length}");
        }
    }

    #[test]
    fn remembers_where_a_line_over_the_limit_began() {
        let mut lines = Lines::default();
        let bytes = ["a\n", &"x".repeat(LIMIT + 1)].concat().into_bytes();
        let cut = lines.cut(&bytes, |_| {});
        assert_eq!(cut, Cut { consumed: bytes.len(), whole: 2 });
        assert_eq!(lines.cut(b"xx\nb", |line| panic!("{line:?}")), Cut { consumed: 3, whole: 3 });
    }

    proptest! {
        /// The oracle splits the whole at once.
        #[test]
        fn agrees_with_a_split_of_the_whole(bytes in "[ab\r\n]{0,200}", size in 1..50usize) {
            let mut expected: Vec<Vec<u8>> = bytes
                .split('\n')
                .map(|line| line.strip_suffix('\r').unwrap_or(line).as_bytes().to_vec())
                .collect();
            if bytes.is_empty() || bytes.ends_with('\n') {
                expected.pop();
            }
            // A chunk must be able to hold a line, or it is skipped: so grow it to that.
            let longest = bytes.split('\n').map(str::len).max().unwrap_or(0);
            let (lines, _) = read(bytes.as_bytes(), size.max(longest + 1));
            prop_assert_eq!(lines, expected);
        }
    }
}
