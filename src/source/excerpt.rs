//! The matched records' texts of one batch, in one buffer.
//!
//! A record's text crosses no thread but so: what a filter recognised is copied here, cut to a
//! length, and a finding says where it lies. A batch without findings has no buffer.

use crate::record::exhibit::{MOST_TEXT, MOST_USER};

/// How much text a batch carries at most, in bytes; findings past it have none.
const MOST: usize = 1 << 20;

/// Where a text lies in the [`Excerpts`] of its batch. The default is no text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Excerpt {
    start: u32,
    len: u16,
    /// Whether there was more.
    pub cut: bool,
}

/// The texts of one batch.
#[derive(Debug, Default)]
pub struct Excerpts(Vec<u8>);

impl Excerpts {
    /// Adds a record's text.
    pub fn text(&mut self, text: &[u8]) -> Excerpt {
        self.add(text, MOST_TEXT)
    }

    /// Adds a user's name.
    pub fn user(&mut self, user: &[u8]) -> Excerpt {
        self.add(user, MOST_USER)
    }

    /// The text of an excerpt; empty for one of another batch.
    #[must_use]
    pub fn get(&self, excerpt: Excerpt) -> &[u8] {
        let start = excerpt.start as usize;
        self.0.get(start..start + usize::from(excerpt.len)).unwrap_or_default()
    }

    /// Forgets all texts, but keeps their room.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    fn add(&mut self, text: &[u8], most: usize) -> Excerpt {
        let room = most.min(MOST - self.0.len()).min(text.len());
        let (start, len) = (u32::try_from(self.0.len()), u16::try_from(room));
        let (Ok(start), Ok(len)) = (start, len) else { return Excerpt::default() };
        self.0.extend_from_slice(&text[..room]);
        Excerpt { start, len, cut: room < text.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_again_and_cut_at_their_length() {
        let mut excerpts = Excerpts::default();
        let long = vec![b'x'; MOST_TEXT + 1];
        let added = [excerpts.text(b"a\x1b"), excerpts.user(b""), excerpts.text(&long)];
        let got = added.map(|excerpt| (excerpts.get(excerpt), excerpt.cut));
        let expected: [(&[u8], bool); 3] =
            [(b"a\x1b", false), (b"", false), (&long[..MOST_TEXT], true)];
        assert_eq!(got, expected);
        assert_eq!(excerpts.get(Excerpt::default()), b"");
        assert_eq!(Excerpts::default().get(added[2]), b"");
    }

    #[test]
    fn a_batch_carries_only_so_much() {
        let mut excerpts = Excerpts::default();
        let long = [b'x'; MOST_TEXT];
        for _ in 0..=MOST / MOST_TEXT {
            let _ = excerpts.text(&long);
        }
        assert_eq!(excerpts.0.len(), MOST);
        assert_eq!(excerpts.text(b"more"), Excerpt { start: 1 << 20, len: 0, cut: true });
    }
}
