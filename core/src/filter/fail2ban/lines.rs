//! The lines that patterns see at once: `maxlines`.
//!
//! A match takes the lines it spans out of those kept, but for those that `<SKIPLINES>` skipped.

/// The latest lines, and the text that they are.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    /// What is kept from line to line, each without its end.
    kept: Vec<String>,
    /// How many at most.
    most: usize,
}

/// Which lines a match spans.
#[derive(Debug)]
pub(super) struct Spanned {
    /// These lines, each with its end.
    pub(super) text: String,
    /// How many.
    pub(super) count: usize,
    left: Vec<String>,
}

impl Lines {
    pub(super) fn new(most: usize) -> Self {
        Self { kept: Vec::new(), most }
    }

    /// Takes one more line, and writes all of them into `text`, each with its end.
    pub(super) fn push(&mut self, line: &str, text: &mut String) {
        self.kept.push(line.to_owned());
        let over = self.kept.len().saturating_sub(self.most);
        self.kept.drain(..over);
        text.clear();
        for line in &self.kept {
            text.push_str(line);
            text.push('\n');
        }
    }

    /// Nothing but this is left to be seen, and kept: what a prefregex lets through.
    pub(super) fn narrow(&mut self, content: &str) {
        self.kept.clear();
        self.kept.push(content.to_owned());
    }

    /// The lines before `text` was narrowed.
    pub(super) fn kept(&self) -> &[String] {
        &self.kept
    }

    /// Keeps only what a match has left.
    pub(super) fn keep(&mut self, spanned: Spanned) {
        self.kept = spanned.left;
    }
}

/// Which of `lines`, of which `text` is made, a match from `start` to `end` spans; `skipped` are not.
pub(super) fn spanned(
    lines: &[String],
    text: &str,
    (start, end): (usize, usize),
    skipped: &str,
) -> Spanned {
    if lines.len() <= 1 {
        return Spanned { text: text.to_owned(), count: lines.len(), left: Vec::new() };
    }
    let bytes = text.as_bytes();
    let first = line_start(bytes, start);
    let last = line_end(bytes, end);
    let breaks = |bytes: &[u8]| memchr::memchr_iter(b'\n', bytes).count();
    let (from, to) = (breaks(&bytes[..first]), breaks(&bytes[..last]));
    let (from, to) = (from.min(lines.len()), to.min(lines.len()));
    let mut matched: Vec<String> = lines[from..to.max(from)].to_vec();
    let mut left: Vec<String> = lines[..from].to_vec();
    let mut searched = 0;
    for skipped in skipped.lines() {
        let place = matched.iter().skip(searched).position(|line| line == skipped);
        if let Some(place) = place {
            searched += place;
            left.push(matched.remove(searched));
        }
    }
    left.extend_from_slice(&lines[to.max(from)..]);
    let mut text = String::new();
    for line in &matched {
        text.push_str(line);
        text.push('\n');
    }
    Spanned { text, count: matched.len(), left }
}

/// Where the line begins in which, or at whose end, a match begins.
fn line_start(text: &[u8], start: usize) -> usize {
    let seen = &text[..(start + 1).min(text.len())];
    seen.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)
}

/// Where the line ends in which a match ends.
fn line_end(text: &[u8], end: usize) -> usize {
    let from = end.saturating_sub(1).min(text.len());
    memchr::memchr(b'\n', &text[from..]).map_or(text.len(), |at| from + at + 1)
}
