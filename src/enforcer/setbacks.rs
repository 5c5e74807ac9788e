//! How long to wait before another attempt: soon at first, then less and less so.

use jiff::SignedDuration;

use crate::moment::Boot;

/// The first wait; each further one is twice as long.
const FIRST: SignedDuration = SignedDuration::from_millis(250);

/// The longest wait.
const LONGEST: SignedDuration = SignedDuration::from_secs(30);

/// Attempts in a row in which something failed.
#[derive(Debug, Default)]
pub(super) struct Setbacks {
    count: u32,
    /// Whether something failed in this attempt.
    failed: bool,
}

impl Setbacks {
    /// Begins an attempt.
    pub(super) fn begin(&mut self) {
        self.failed = false;
    }

    /// Notes that something failed; gives when to try again. An attempt counts once, however much
    /// fails in it.
    pub(super) fn fail(&mut self, now: Boot) -> Boot {
        if !self.failed {
            self.failed = true;
            self.count = self.count.saturating_add(1);
        }
        let doublings = self.count.saturating_sub(1).min(16);
        now.after(FIRST.saturating_mul(1 << doublings).min(LONGEST))
    }

    /// Whether something failed in this attempt.
    pub(super) fn failed(&self) -> bool {
        self.failed
    }

    /// Notes that an attempt ended well.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_twice_as_long_each_time_and_never_for_ever() {
        let mut setbacks = Setbacks::default();
        let mut wait = || {
            setbacks.begin();
            setbacks.fail(Boot::default());
            setbacks.fail(Boot::default()).0.as_millis()
        };
        let waits: Vec<i128> = std::iter::repeat_with(&mut wait).take(9).collect();
        assert_eq!(waits, [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
        setbacks.forget();
        assert_eq!(setbacks.fail(Boot::default()).0.as_millis(), 250);
    }
}
