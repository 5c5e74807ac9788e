//! What time it is, on the two clocks that matter.
//!
//! The wall clock is what logs write and operators read; it can be set, and jump. The boot clock
//! (`CLOCK_BOOTTIME`, `clock_gettime(2)`) only ever moves forward, also while the host sleeps; a
//! running ban ends by it. Nothing here reads a clock: the daemon hands [`Moment`]s in.

use jiff::{SignedDuration, Timestamp};

/// Time since the host booted. Comparable within one boot only; never stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Boot(pub SignedDuration);

impl Boot {
    /// How long after `earlier` this is; negative if it is before.
    #[must_use]
    pub fn since(self, earlier: Self) -> SignedDuration {
        self.0.saturating_sub(earlier.0)
    }

    /// The instant `span` later.
    #[must_use]
    pub fn after(self, span: SignedDuration) -> Self {
        Self(self.0.saturating_add(span))
    }
}

/// One instant, as both clocks show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The wall clock (UTC).
    pub wall: Timestamp,
    /// The boot clock.
    pub boot: Boot,
}

/// Reads both clocks. The daemon passes the real one; tests pass their own.
pub type Clock = fn() -> Moment;
