//! How many lines of bans are logged.
//!
//! Each ban and each end has a line, but a hundred thousand at once would fill the journal's socket,
//! and whoever writes to a full one waits: the loop would. So there are only so many a second; the
//! rest are counted, and their number is logged.

use jiff::SignedDuration;

use crate::moment::Boot;

/// How many lines a second, unless said otherwise. More than that nobody reads, and journald's own limit for a service
/// (`RateLimitBurst=`, 10,000 in 30 s) would soon drop other lines.
const MOST: u64 = 300;

/// In how long so many.
const WINDOW: SignedDuration = SignedDuration::from_secs(1);

/// The lines of the second that runs.
#[derive(Debug)]
pub(super) struct Ration {
    most: u64,
    begun: Option<Boot>,
    logged: u64,
    kept_back: u64,
}

impl Default for Ration {
    fn default() -> Self {
        Self::of(MOST)
    }
}

impl Ration {
    /// So many a second.
    pub(super) fn of(most: u64) -> Self {
        Self { most, begun: None, logged: 0, kept_back: 0 }
    }

    /// Has one more line logged, or counts it.
    pub(super) fn log(&mut self, now: Boot, line: impl FnOnce()) {
        if self.allows(now) {
            line();
        }
    }

    /// Whether one more line is to be logged; it counts as such.
    pub(super) fn allows(&mut self, now: Boot) -> bool {
        if self.begun.is_none_or(|begun| now.since(begun) >= WINDOW) {
            self.begun = Some(now);
            self.logged = 0;
        }
        let allows = self.logged < self.most;
        let counter = if allows { &mut self.logged } else { &mut self.kept_back };
        *counter += 1;
        allows
    }

    /// How many lines were not logged since this was asked last.
    pub(super) fn take_kept_back(&mut self) -> u64 {
        std::mem::take(&mut self.kept_back)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_a_second_and_the_rest_is_counted() {
        let at = |milliseconds| Boot(SignedDuration::from_millis(milliseconds));
        let mut ration = Ration::default();
        let mut logged = |now| (0..MOST + 7).filter(|_| ration.allows(now)).count() as u64;
        assert_eq!(logged(at(5000)), MOST);
        assert_eq!(logged(at(5999)), 0);
        assert_eq!(logged(at(6000)), MOST);
        assert_eq!(ration.take_kept_back(), 7 + (MOST + 7) + 7);
        assert_eq!(ration.take_kept_back(), 0);
    }
}
