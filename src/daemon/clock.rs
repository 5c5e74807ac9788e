//! The one place that reads the clocks.

use jiff::{SignedDuration, Timestamp};
use rustix::time::{ClockId, clock_gettime};

use crate::moment::{Boot, Moment};

/// Reads the wall clock and `CLOCK_BOOTTIME`.
///
/// # Panics
///
/// Never: the kernel keeps its nanoseconds below 10⁹.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub fn now() -> Moment {
    let boot = clock_gettime(ClockId::Boottime);
    let nanos = i32::try_from(boot.tv_nsec).expect("clock_gettime(2): tv_nsec is below 10^9");
    Moment { wall: Timestamp::now(), boot: Boot(SignedDuration::new(boot.tv_sec, nanos)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_clock_moves_forward() {
        let earlier = now();
        assert!(earlier.boot.0.is_positive());
        assert!(!now().boot.since(earlier.boot).is_negative());
    }
}
