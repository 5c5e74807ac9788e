//! Where the lines of a time begin in a file, found without reading what is before them.
//!
//! The dates of a log's lines nearly ascend, so a few looks amid it tell. What cannot be told is
//! read: a file is passed over only up to where a look found lines of which most have a date, and
//! every date is older.

use std::fs::File;
use std::io;

use memchr::{memchr, memchr_iter};

use super::super::lines;
use super::super::matching::Age;
use super::head;

/// A stretch that is read rather than divided further; shorter files are read from their start.
const STRETCH: u64 = 1024 * 1024;

/// How much is looked at: more than a line, whatever the line.
const LOOK: usize = 2 * lines::LIMIT;

/// How many such looks follow each other where nothing can be told.
const LOOKS: u64 = 8;

/// A byte of `file`, `size` bytes long, at which a line begins, and before which are only lines
/// that `age` says are before the time wanted; 0 where there are none that can be told.
///
/// # Errors
///
/// Fails as `pread(2)` does.
pub(super) fn first_since(
    file: &File,
    size: u64,
    age: impl Fn(&[&[u8]]) -> Age,
) -> io::Result<u64> {
    let mut buffer = vec![0; LOOK];
    let (mut before, mut since) = (0, size);
    while since - before > STRETCH {
        let middle = before + (since - before) / 2;
        match find_before(file, middle..since, &mut buffer, &age)? {
            Some(line) => before = line,
            None => since = middle,
        }
    }
    Ok(before)
}

/// The start of the first lines in `range` of which the age can be told, if they are before the
/// time.
fn find_before(
    file: &File,
    range: std::ops::Range<u64>,
    buffer: &mut [u8],
    age: impl Fn(&[&[u8]]) -> Age,
) -> io::Result<Option<u64>> {
    let mut at = range.start;
    for _ in 0..LOOKS {
        let read = head::read_at(file, buffer, at)?;
        let (skipped, lines) = whole_lines(&buffer[..read]);
        let line = at + skipped as u64;
        if range.end <= line {
            return Ok(None);
        }
        match age(&lines) {
            Age::Before => return Ok(Some(line)),
            Age::Since => return Ok(None),
            Age::Unknown => at += LOOK as u64,
        }
    }
    Ok(None)
}

/// The lines that begin and end in `chunk`, and how many bytes are before the first of them.
fn whole_lines(chunk: &[u8]) -> (usize, Vec<&[u8]>) {
    let Some(first) = memchr(b'\n', chunk) else { return (chunk.len(), Vec::new()) };
    let mut begin = first + 1;
    let lines = memchr_iter(b'\n', &chunk[begin..]).map(|end| {
        let end = first + 1 + end;
        &chunk[std::mem::replace(&mut begin, end + 1)..end]
    });
    (first + 1, lines.collect())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    /// A log of these lines: each has a number for its date, or none.
    fn log(lines: &[Option<u64>]) -> (File, u64) {
        let mut text = Vec::new();
        for line in lines {
            let date = line.map_or_else(|| "none".to_owned(), |date| date.to_string());
            writeln!(text, "{date} {}", "x".repeat(100)).unwrap();
        }
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&text).unwrap();
        (file, text.len() as u64)
    }

    fn date(line: &[u8]) -> Option<u64> {
        std::str::from_utf8(line).unwrap().split(' ').next()?.parse().ok()
    }

    fn age(lines: &[&[u8]], wanted: u64) -> Age {
        let dates: Vec<u64> = lines.iter().filter_map(|line| date(line)).collect();
        match dates.iter().max() {
            Some(latest) if wanted <= *latest => Age::Since,
            Some(_) if lines.len() <= 2 * dates.len() => Age::Before,
            _ => Age::Unknown,
        }
    }

    /// Where the lines since `wanted` begin, and how many looks that took.
    fn find(lines: &[Option<u64>], wanted: u64) -> (u64, u32) {
        let (file, size) = log(lines);
        let looks = Cell::new(0);
        let counted = |lines: &[&[u8]]| {
            looks.set(looks.get() + 1);
            age(lines, wanted)
        };
        let first = first_since(&file, size, counted).unwrap();
        (first, looks.get())
    }

    #[test]
    fn finds_the_end_of_a_long_log_in_a_few_looks() {
        let lines: Vec<Option<u64>> = (0..100_000).map(Some).collect();
        let (first, looks) = find(&lines, 99_000);
        let (_, size) = log(&lines);
        assert!(first < size - 100_000 && size - first < 2 * STRETCH, "{first} of {size}");
        assert!(looks <= 5, "{looks}");
        let (none, _) = find(&lines, 200_000);
        assert!(size - none <= STRETCH, "{none} of {size}");
        assert_eq!(find(&lines, 0).0, 0);
    }

    #[test]
    fn reads_what_bears_no_date_and_what_is_short() {
        assert_eq!(find(&vec![None; 50_000], 7).0, 0);
        let few: Vec<Option<u64>> = (0..5_000).map(Some).collect();
        assert_eq!(find(&few, 4_999), (0, 0));
        let mostly_none: Vec<Option<u64>> =
            (0..50_000).map(|n| (n % 3 == 0).then_some(n)).collect();
        assert_eq!(find(&mostly_none, 49_999).0, 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..Default::default() })]

        /// However the lines with and without dates follow each other, none that is wanted is
        /// passed over.
        #[test]
        fn passes_over_nothing_that_is_wanted(
            runs in prop::collection::vec((any::<bool>(), 0..3u64, 1..6_000usize), 1..20),
            wanted in 0..60_000u64,
        ) {
            let (mut lines, mut now) = (Vec::new(), 0);
            for (dated, pace, count) in runs {
                for _ in 0..count {
                    now += pace;
                    lines.push(dated.then_some(now));
                }
            }
            let (first, _) = find(&lines, wanted);
            let mut at = 0;
            for line in &lines {
                prop_assert!(first <= at || line.is_none_or(|date| date < wanted));
                at += line.map_or(4, |date| date.to_string().len() as u64) + 102;
            }
        }
    }
}
