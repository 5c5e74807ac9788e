//! Lines out of big reads, with no allocation a line.

use std::io::{self, Read};

/// How long a line may be; the daemon's file source has the same limit.
const LIMIT: usize = 64 * 1024;

/// How much is read at once.
const CHUNK: usize = 1 << 20;

/// The lines of an input.
pub(in crate::cli) struct Lines<R> {
    input: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Amid a line that is too long: its rest is skipped.
    skipping: bool,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli) enum Next<'a> {
    /// A line, without its `\n` or `\r\n`.
    Line(&'a [u8]),
    /// A line over the limit.
    Oversized,
}

impl<R: Read> Lines<R> {
    pub(in crate::cli) fn new(input: R) -> Self {
        Self::with_capacity(input, CHUNK)
    }

    fn with_capacity(input: R, capacity: usize) -> Self {
        Self { input, buffer: vec![0; capacity], start: 0, end: 0, skipping: false }
    }

    /// The next line; the last one needs no end. `None`: there is no more.
    pub(in crate::cli) fn next(&mut self) -> io::Result<Option<Next<'_>>> {
        let (line, after) = loop {
            let held = &self.buffer[self.start..self.end];
            if let Some(length) = memchr::memchr(b'\n', held) {
                break (self.start..self.start + length, self.start + length + 1);
            }
            let whole = self.start == 0 && self.end == self.buffer.len();
            if self.skipping || whole {
                (self.start, self.end, self.skipping) = (0, 0, true);
            }
            if self.fill()? == 0 {
                if self.start == self.end && !self.skipping {
                    return Ok(None);
                }
                break (self.start..self.end, self.end);
            }
        };
        self.start = after;
        if std::mem::take(&mut self.skipping) || line.len() > LIMIT.min(self.buffer.len()) {
            return Ok(Some(Next::Oversized));
        }
        let line = &self.buffer[line];
        Ok(Some(Next::Line(line.strip_suffix(b"\r").unwrap_or(line))))
    }

    /// Reads more behind what is held; returns how much.
    fn fill(&mut self) -> io::Result<usize> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        loop {
            match self.input.read(&mut self.buffer[self.end..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(count) => {
                    self.end += count;
                    return Ok(count);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives a byte at a time, or two: reads are never whole.
    struct Trickle<'a>(&'a [u8]);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.0.len().min(buffer.len()).min(2);
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn all(text: &[u8], capacity: usize) -> Vec<Option<Vec<u8>>> {
        let mut lines = Lines::with_capacity(Trickle(text), capacity);
        let mut all = Vec::new();
        while let Some(next) = lines.next().unwrap() {
            all.push(match next {
                Next::Line(line) => Some(line.to_vec()),
                Next::Oversized => None,
            });
        }
        all
    }

    #[track_caller]
    fn check(text: &str, expected: &[Option<&str>]) {
        let expected: Vec<_> =
            expected.iter().map(|line| line.map(|l| l.as_bytes().to_vec())).collect();
        assert_eq!(all(text.as_bytes(), 8), expected);
    }

    #[test]
    fn lines_end_in_one_way_or_another() {
        check("", &[]);
        check("a\n\nb\r\nc", &[Some("a"), Some(""), Some("b"), Some("c")]);
        check("a\n", &[Some("a")]);
    }

    #[test]
    fn a_line_that_is_too_long_is_one_line() {
        check("1234567\n", &[Some("1234567")]);
        check("a\n123456789\nb\n", &[Some("a"), None, Some("b")]);
        check("a\n123456789", &[Some("a"), None]);
        check("12345678901234567890123\nb", &[None, Some("b")]);
    }

    proptest! {
        #[test]
        fn agrees_with_a_split_of_the_whole(text in "[ab\n\r]{0,60}") {
            let mut expected: Vec<&str> = text.split('\n').collect();
            if expected.last() == Some(&"") {
                expected.pop();
            }
            let expected: Vec<_> = expected
                .iter()
                .map(|line| Some(line.strip_suffix('\r').unwrap_or(line).as_bytes().to_vec()))
                .collect();
            prop_assert_eq!(all(text.as_bytes(), 64), expected);
        }
    }
}
