//! Wakes a source's thread and tells it what is asked of it.
//!
//! The thread waits in `poll(2)` on its inputs and on this bell, an `eventfd(2)`; so a request is
//! heard at once, however long the wait.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use super::Listener;

/// What the daemon asks of a source's thread.
#[derive(Debug)]
pub(super) struct Bell {
    ring: OwnedFd,
    stopping: AtomicBool,
    listeners: Mutex<Option<Vec<Listener>>>,
}

impl Bell {
    /// A silent bell.
    ///
    /// # Errors
    ///
    /// Fails if the system has no file descriptor left.
    pub(super) fn new() -> io::Result<Self> {
        let ring = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        Ok(Self { ring, stopping: AtomicBool::new(false), listeners: Mutex::new(None) })
    }

    /// Asks the thread to end.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.wake();
    }

    /// Whether the thread was asked to end.
    pub(super) fn stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Asks the thread to match for `listeners` from its next batch on.
    pub(super) fn swap_listeners(&self, listeners: Vec<Listener>) {
        *self.listeners.lock().unwrap_or_else(PoisonError::into_inner) = Some(listeners);
        self.wake();
    }

    /// The listeners to swap in, once. Taken once a batch, never once a record.
    pub(super) fn new_listeners(&self) -> Option<Vec<Listener>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Waits until the bell rings, `input` can be read, or `timeout` has passed.
    pub(super) fn wait(&self, input: Option<BorrowedFd<'_>>, timeout: Duration) {
        let mut fds = [
            PollFd::new(&self.ring, PollFlags::IN),
            // A second look at the bell where there is no other input: harmless.
            input.map_or_else(
                || PollFd::new(&self.ring, PollFlags::IN),
                |input| PollFd::from_borrowed_fd(input, PollFlags::IN),
            ),
        ];
        let timeout = Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(timeout.subsec_nanos()),
        };
        // A signal may cut the wait short; every caller looks again anyway.
        let _ = poll(&mut fds, Some(&timeout));
        if fds[0].revents().contains(PollFlags::IN) {
            let _ = rustix::io::read(&self.ring, &mut [0; 8]);
        }
    }

    fn wake(&self) {
        // Fails only when the counter is full, and then the bell rings already.
        let _ = rustix::io::write(&self.ring, &1_u64.to_ne_bytes());
    }
}
