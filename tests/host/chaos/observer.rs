//! Looks at the kernel, over and over, whatever happens.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::backend::Backend;
use crate::check::Look;
use crate::clock::boot;
use crate::host::Host;

/// From one look to the next.
const PAUSE: Duration = Duration::from_millis(250);

/// Who looks.
pub(crate) struct Observer<'a> {
    host: &'a Host,
    backend: Backend,
    looks: Mutex<Vec<Look>>,
    over: AtomicBool,
}

impl<'a> Observer<'a> {
    /// One that has not looked yet.
    pub(crate) fn of(host: &'a Host, backend: Backend) -> Self {
        Self { host, backend, looks: Mutex::default(), over: AtomicBool::new(false) }
    }

    /// Looks until told to stop.
    pub(crate) fn watch(&self) {
        while !self.over.load(Ordering::Relaxed) {
            let from = boot();
            // nft fails while the tables change under it: that was no look.
            if let Ok(refused) = self.backend.in_kernel(self.host, "public") {
                let look = Look { from, to: boot(), refused };
                self.looks.lock().unwrap_or_else(PoisonError::into_inner).push(look);
            }
            thread::sleep(PAUSE);
        }
    }

    /// The last look.
    pub(crate) fn last(&self) -> Option<Look> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner).last().cloned()
    }

    /// No more looks.
    pub(crate) fn stop(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// All that was seen.
    pub(crate) fn looks(&self) -> Vec<Look> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
