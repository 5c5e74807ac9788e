//! The observer's own clocks, which nobody fakes.

use rustix::time::{ClockId, clock_gettime};

use crate::check::Micros;

/// `CLOCK_BOOTTIME`.
pub(crate) fn boot() -> Micros {
    read(ClockId::Boottime)
}

/// How far the wall clock is ahead of it.
pub(crate) fn wall_ahead() -> Micros {
    read(ClockId::Realtime) - boot()
}

/// How far `CLOCK_MONOTONIC`, which journald stamps with, is behind it: as long as this machine ever
/// slept.
pub(crate) fn slept() -> Micros {
    boot() - read(ClockId::Monotonic)
}

fn read(clock: ClockId) -> Micros {
    let time = clock_gettime(clock);
    time.tv_sec * 1_000_000 + time.tv_nsec / 1000
}
