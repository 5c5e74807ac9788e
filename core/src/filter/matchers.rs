//! The filters of all who read one log, asked together.
//!
//! Those that read alike share one [`Matcher`], and a [`Sieve`] keeps from each what it could make nothing
//! of. What each is told is what it would be told by a matcher of its own.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::sieve::Sieve;
use super::{Filter, Literals, Matcher, Outcome, Part};
use crate::record::Record;

/// For so many chunks the sieve is left aside where it kept back too little.
const REST: u8 = 15;

/// The matchers of all who read one log, each known by its place.
#[derive(Debug)]
pub struct Matchers {
    shared: Vec<Shared>,
    sieve: Sieve,
    /// Whom of `shared` the record in hand is for.
    seen: Vec<bool>,
    rest: u8,
}

/// What a record is to some of the readers.
#[derive(Debug)]
pub struct Told<'r, 'a> {
    /// Their places, in order.
    pub readers: &'r [usize],
    /// What it is.
    pub outcome: &'r Outcome<'a>,
    /// Which regex used up its budget, whatever it is.
    pub exceeded: Option<Part>,
}

/// A matcher, and whose it is.
#[derive(Debug)]
struct Shared {
    matcher: Matcher,
    /// Places of readers, in order; never none.
    readers: Vec<usize>,
}

impl Matchers {
    /// One for each filter and zone, in order.
    #[must_use]
    pub fn new(readers: impl IntoIterator<Item = (Arc<Filter>, TimeZone)>) -> Self {
        let mut shared: Vec<Shared> = Vec::new();
        for (place, (filter, zone)) in readers.into_iter().enumerate() {
            let alike = shared.iter_mut().find(|it| it.matcher.reads_as(&filter, &zone));
            if let Some(it) = alike {
                it.readers.push(place);
            } else {
                let matcher = Matcher::new(filter, zone);
                shared.push(Shared { matcher, readers: vec![place] });
            }
        }
        let literals: Vec<_> = shared.iter().map(|it| it.matcher.filter().literals()).collect();
        for (it, literals) in shared.iter_mut().zip(&literals) {
            if *literals != Literals::Unknown {
                it.matcher.sieved();
            }
        }
        let (sieve, seen) = (Sieve::new(&literals), vec![true; shared.len()]);
        Self { shared, sieve, seen, rest: 0 }
    }

    /// The first byte from `from` on of which the line may matter to somebody. `None`: of all lines that
    /// follow none does.
    #[must_use]
    #[inline]
    pub fn next(&self, chunk: &[u8], from: usize) -> Option<usize> {
        if self.rest > 0 || self.sieve.is_open() {
            return (from < chunk.len()).then_some(from);
        }
        self.sieve.next(chunk, from)
    }

    /// A chunk has been looked through: so many of its lines were shown, so many passed over. Where
    /// nearly all lines matter, it costs more to look for literals than it saves.
    pub fn looked_through(&mut self, shown: u64, passed: u64) {
        self.rest = match self.rest.checked_sub(1) {
            Some(rest) => rest,
            None if passed < shown => REST,
            None => 0,
        };
    }

    /// Reads a record, and says what it is to those who make something of it. `found`:
    /// [`next`](Self::next) has led to it.
    pub fn read(
        &mut self,
        record: Record<'_>,
        found: bool,
        now: Timestamp,
        mut tell: impl FnMut(Told<'_, '_>),
    ) {
        self.sieve.tell(record.text, found, &mut self.seen);
        for (Shared { matcher, readers }, seen) in self.shared.iter_mut().zip(&self.seen) {
            if *seen {
                let (outcome, exceeded) = matcher.read_telling(record, now);
                tell(Told { readers, outcome: &outcome, exceeded });
            }
        }
    }

    /// As [`read`](Self::read), of the head of a line that is too long: see [`Matcher::read_head`].
    pub fn read_head(&mut self, head: &[u8], now: Timestamp, mut tell: impl FnMut(Told<'_, '_>)) {
        for Shared { matcher, readers } in &mut self.shared {
            let (outcome, exceeded) = matcher.read_head_telling(head, now);
            tell(Told { readers, outcome: &outcome, exceeded });
        }
    }

    /// The matchers there are, each once.
    pub fn each(&self) -> impl Iterator<Item = &Matcher> {
        self.shared.iter().map(|it| &it.matcher)
    }
}
