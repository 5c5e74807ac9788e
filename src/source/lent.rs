//! Findings that went out with batches, and whose room comes back.
//!
//! A flood's batch takes half a megabyte. Were it made anew for each, the kernel would be asked for its
//! pages each time, and to clear them takes longer than to fill them.

use std::sync::Arc;

use super::BATCHES;
use super::batch::Findings;

/// As many as may wait, one that is read and one that was sent just now.
const MOST: usize = BATCHES + 2;

/// Where there is room for more failures, it is not waited for: lines of a few bytes make many of them,
/// and are rare.
const LARGEST: usize = 8_192;

/// What is out with batches, as far as it may be had back.
#[derive(Debug, Default)]
pub(super) struct Lent(Vec<Arc<Findings>>);

impl Lent {
    /// Lends what was found in a batch to whoever reads it. Unless there is `more` to come, nothing that
    /// is out is waited for: at rest a source holds no room.
    pub(super) fn lend(&mut self, findings: Findings, more: bool) -> Arc<Findings> {
        let lent = Arc::new(findings);
        if !more {
            self.0.clear();
        } else if self.0.len() < MOST && (1..=LARGEST).contains(&lent.failures.capacity()) {
            self.0.push(Arc::clone(&lent));
        }
        lent
    }

    /// Empty findings, with the room of a batch that nobody reads any more, if there is one.
    pub(super) fn room(&mut self) -> Findings {
        let back = self.0.iter().position(|lent| Arc::strong_count(lent) == 1);
        let back = back.and_then(|at| Arc::into_inner(self.0.swap_remove(at)));
        let mut findings = back.unwrap_or_default();
        findings.clear();
        findings
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::failure::Failure;
    use crate::moment::{Boot, Moment};
    use crate::source::batch::Finding;

    fn fill(mut findings: Findings) -> Findings {
        let (address, time) = (Ipv4Addr::LOCALHOST.into(), Timestamp::UNIX_EPOCH);
        let read = Moment { wall: time, boot: Boot(SignedDuration::ZERO) };
        let text = findings.excerpts.text(b"Failed password");
        let failure = Failure { address, time };
        let finding = Finding { listener: 0, pattern: 0, failure, read, text, user: None };
        findings.failures.push(finding);
        findings
    }

    #[test]
    fn room_comes_back_empty_once_nobody_reads_it() {
        let mut lent = Lent::default();
        let out = lent.lend(fill(Findings::default()), true);
        let other = lent.room();
        assert_eq!(other.failures.capacity(), 0, "it is still read");
        let place = out.failures.as_ptr();
        drop(out);
        let back = lent.room();
        assert_eq!(back.failures.as_ptr(), place);
        assert!(back.failures.is_empty());
        let back = fill(back);
        assert_eq!(back.excerpts.get(back.failures[0].text), b"Failed password");
    }

    #[test]
    fn room_for_more_than_usual_is_given_up() {
        let mut lent = Lent::default();
        let large = Findings { failures: Vec::with_capacity(LARGEST + 1), ..Findings::default() };
        drop(lent.lend(fill(large), true));
        assert!(lent.0.is_empty());
    }

    #[test]
    fn at_rest_nothing_is_held() {
        let mut lent = Lent::default();
        let out: Vec<_> =
            (0..MOST + 5).map(|_| lent.lend(fill(Findings::default()), true)).collect();
        assert_eq!(lent.0.len(), MOST);
        let last = lent.lend(fill(Findings::default()), false);
        assert!(lent.0.is_empty());
        assert!(out.iter().chain([&last]).all(|lent| Arc::strong_count(lent) == 1));
    }
}
