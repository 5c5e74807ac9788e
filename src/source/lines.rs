//! Cuts a file's bytes into lines.
//!
//! Pure. A last line without its end is held back: the writer may not be done with it. Zeros before
//! a line are none of it: a writer that did not open its log to append leaves a hole there when
//! the log is cut short.
//!
//! Who knows where a line may matter is shown only such lines ([`Lines::scan`]); those between are
//! counted, and not even cut out.

use memchr::{memchr, memchr_iter, memchr2, memrchr};

/// Of a longer line the head alone is shown, however long it gets; no more of a line is ever held.
pub const LIMIT: usize = 64 * 1024;

/// Cuts chunk after chunk of one file.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    /// Whether the last chunk ended within a line over the limit.
    skipping: bool,
}

/// A line, without its end (`\n` or `\r\n`).
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// Its bytes.
    Text(&'a [u8]),
    /// It is over the limit: what is within. Given once, when that is clear.
    Oversized(&'a [u8]),
}

/// How much of a chunk is done with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Bytes not to be given again: the next chunk begins after them.
    pub consumed: usize,
    /// Bytes up to where a line begins that has not ended: less than `consumed` within a line over the limit.
    pub whole: usize,
}

/// Lines that were passed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// How many.
    pub lines: u64,
    /// Their bytes, without their ends.
    pub bytes: u64,
}

/// Reads lines, those that matter.
pub trait Reader {
    /// A byte of the first line from `from` on, where a line begins, that matters. `None`: of all lines
    /// that end in `chunk` none does.
    fn next(&mut self, chunk: &[u8], from: usize) -> Option<usize>;
    /// A line that matters, or one that is over the limit.
    fn line(&mut self, line: Line<'_>);
    /// Lines that do not.
    fn passed(&mut self, passed: Passed);
}

impl Lines {
    /// Shows `reader` every line that ends in `chunk` and matters, and counts the others; else as
    /// [`cut`](Self::cut).
    pub fn scan(&mut self, chunk: &[u8], reader: &mut impl Reader) -> Cut {
        let end = memrchr(b'\n', chunk).map_or(0, |last| last + 1);
        let whole = &chunk[..end];
        let mut at = 0;
        if self.skipping && end > 0 {
            at = line_end(whole, 0);
            self.skipping = false;
        }
        while at < end {
            let Some(hit) = reader.next(whole, at) else {
                self.pass(&whole[at..], reader);
                break;
            };
            let start = memrchr(b'\n', &whole[at..hit]).map_or(at, |before| at + before + 1);
            self.pass(&whole[at..start], reader);
            at = line_end(whole, hit);
            let line = &whole[start..at - 1];
            reader.line(checked(&line[zeros(line)..]));
        }
        let rest = self.cut(&chunk[end..], |line| reader.line(line));
        Cut { consumed: end + rest.consumed, whole: end + rest.whole }
    }

    /// Counts lines that have ended and do not matter; one over the limit is shown all the same.
    fn pass(&mut self, mut lines: &[u8], reader: &mut impl Reader) {
        while !lines.is_empty() {
            let within = &lines[..lines.len().min(LIMIT)];
            let plain = memrchr(b'\n', within).map_or(&[][..], |last| &within[..=last]);
            let end = if plain.is_empty() { line_end(lines, 0) } else { plain.len() };
            let (these, after) = lines.split_at(end);
            lines = after;
            if plain.is_empty() || memchr2(b'\r', 0, plain).is_some() {
                self.count(these, reader);
                continue;
            }
            let count = memchr_iter(b'\n', plain).count() as u64;
            reader.passed(Passed { lines: count, bytes: plain.len() as u64 - count });
        }
    }

    /// As [`pass`](Self::pass), one by one.
    fn count(&mut self, lines: &[u8], reader: &mut impl Reader) {
        let mut passed = Passed::default();
        self.cut(lines, |line| match line {
            Line::Text(text) => {
                passed.lines += 1;
                passed.bytes += text.len() as u64;
            }
            line @ Line::Oversized(_) => reader.line(line),
        });
        reader.passed(passed);
    }

    /// Calls `each` with every line that ends in `chunk`.
    ///
    /// What follows the last line's end is not consumed, unless it is over the limit already; so a
    /// chunk longer than [`LIMIT`] always makes progress.
    pub fn cut(&mut self, chunk: &[u8], mut each: impl FnMut(Line<'_>)) -> Cut {
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
    #[must_use]
    pub fn end<'a>(&self, rest: &'a [u8]) -> Option<Line<'a>> {
        let rest = &rest[zeros(rest)..];
        (!self.skipping && !rest.is_empty()).then(|| checked(rest))
    }
}

/// Where the line ends that has the byte at `at`, its line feed included; there is one.
#[inline]
fn line_end(lines: &[u8], at: usize) -> usize {
    memchr(b'\n', &lines[at..]).map_or(lines.len(), |length| at + length + 1)
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

    /// Who wants lines with an `x` in them, and notes all.
    #[derive(Default)]
    struct Seeker {
        /// Lines shown, each with whether it was too long.
        shown: Vec<(Vec<u8>, bool)>,
        passed: Passed,
        /// Whether it wants all.
        greedy: bool,
    }

    impl Reader for Seeker {
        fn next(&mut self, chunk: &[u8], from: usize) -> Option<usize> {
            let found = memchr(b'x', &chunk[from..]).map(|at| from + at);
            if self.greedy { Some(from) } else { found }
        }

        fn line(&mut self, line: Line<'_>) {
            self.shown.push(match line {
                Line::Text(text) => (text.to_vec(), false),
                Line::Oversized(head) => (head.to_vec(), true),
            });
        }

        fn passed(&mut self, passed: Passed) {
            self.passed.lines += passed.lines;
            self.passed.bytes += passed.bytes;
        }
    }

    /// Reads `bytes` in chunks of these sizes, in turns; what was not consumed is given again, with
    /// more behind it.
    fn feed(
        bytes: &[u8],
        sizes: &[usize],
        mut cut: impl FnMut(&mut Lines, &[u8]) -> Cut,
    ) -> Vec<Cut> {
        let (mut lines, mut cuts, mut offset, mut end) = (Lines::default(), Vec::new(), 0, 0);
        for size in sizes.iter().cycle() {
            end = bytes.len().min(end + size);
            let cut = cut(&mut lines, &bytes[offset..end]);
            offset += cut.consumed;
            cuts.push(cut);
            if end == bytes.len() {
                break;
            }
        }
        cuts
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..Default::default() })]

        /// What is shown and counted is what there is line by line, whatever is in between.
        #[test]
        fn passes_over_what_does_not_matter(
            runs in prop::collection::vec(("[ax]|\r|\n|\0|\r\n|aa\n", 1..30usize), 0..40),
            long in prop::option::of((0..40usize, LIMIT - 2..3 * LIMIT)),
            sizes in prop::collection::vec(1..200_000usize, 1..4),
            greedy: bool,
        ) {
            let mut bytes: Vec<u8> = Vec::new();
            for (number, (run, count)) in runs.iter().enumerate() {
                bytes.extend(run.repeat(*count).bytes());
                if let Some((_, length)) = long.filter(|(at, _)| *at == number) {
                    bytes.extend(b"a".repeat(length));
                }
            }
            let (mut expected, mut passed) = (Vec::new(), Passed::default());
            let cuts = feed(&bytes, &sizes, |lines, chunk| lines.cut(chunk, |line| match line {
                Line::Text(text) if greedy || text.contains(&b'x') => expected.push((text.to_vec(), false)),
                Line::Text(text) => {
                    passed.lines += 1;
                    passed.bytes += text.len() as u64;
                }
                Line::Oversized(head) => expected.push((head.to_vec(), true)),
            }));
            let mut seeker = Seeker { greedy, ..Seeker::default() };
            let scanned = feed(&bytes, &sizes, |lines, chunk| lines.scan(chunk, &mut seeker));
            prop_assert_eq!(scanned, cuts);
            prop_assert_eq!(seeker.passed, passed);
            prop_assert!(seeker.shown == expected);
        }
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
