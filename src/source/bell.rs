//! Wakes a source's thread and tells it what is asked of it.
//!
//! The thread waits in `epoll_wait(2)` on its input and on this bell, an `eventfd(2)`; so a request is
//! heard at once, however long the wait. Of all that can be waited in, that call ends when the process
//! was stopped and goes on (signal(7), "Interruption of system calls"): nothing else would tell a thread
//! that waits for a minute that it was away for half of it.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};
use rustix::io::Errno;

use super::Listener;

/// What a wait on the bell's ring and on the input is told apart by.
const RING: u64 = 0;
const INPUT: u64 = 1;

/// How long is waited at most.
const LONGEST: Duration = Duration::from_hours(1);

/// What ended a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Woken {
    /// The input can be read.
    Input,
    /// The bell rang, or the time is up.
    Otherwise,
    /// A signal came, or the process stood still and goes on.
    Interrupted,
}

/// What the daemon asks of a source's thread.
#[derive(Debug)]
pub(super) struct Bell {
    ring: OwnedFd,
    waits: OwnedFd,
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
        let waits = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&waits, &ring, epoll::EventData::new_u64(RING), epoll::EventFlags::IN)?;
        Ok(Self { ring, waits, stopping: AtomicBool::new(false), listeners: Mutex::new(None) })
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
    pub(super) fn wait(&self, input: Option<BorrowedFd<'_>>, timeout: Duration) -> Woken {
        let data = epoll::EventData::new_u64(INPUT);
        // For this wait alone: who keeps the input may close it.
        let added = input
            .filter(|input| epoll::add(&self.waits, input, data, epoll::EventFlags::IN).is_ok());
        let woken = self.wait_for(timeout.min(LONGEST));
        if let Some(input) = added {
            let _ = epoll::delete(&self.waits, input);
        }
        woken
    }

    fn wait_for(&self, timeout: Duration) -> Woken {
        let mut events = Vec::with_capacity(2);
        let timeout = Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(timeout.subsec_nanos()),
        };
        let room = rustix::buffer::spare_capacity(&mut events);
        if epoll::wait(&self.waits, room, Some(&timeout)) == Err(Errno::INTR) {
            return Woken::Interrupted;
        }
        let told = |what| events.iter().any(|event: &epoll::Event| event.data.u64() == what);
        if told(RING) {
            let _ = rustix::io::read(&self.ring, &mut [0; 8]);
        }
        if told(INPUT) { Woken::Input } else { Woken::Otherwise }
    }

    fn wake(&self) {
        // Fails only when the counter is full, and then the bell rings already.
        let _ = rustix::io::write(&self.ring, &1_u64.to_ne_bytes());
    }
}
