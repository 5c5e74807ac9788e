//! Survives a journal file that is cut short while it is read.
//!
//! libsystemd reads journal files through mapped memory (mmap(2)). If somebody cuts such a file
//! short, a look at what is gone is answered by a `SIGBUS`, which ends the process: gaoler, and with
//! it every other source. Only the process can prevent that, so this puts a page of zeros in the
//! place of the one that is gone, as journald does for itself (`sigbus.c` in its source). libsystemd
//! finds no journal in zeros, and the reader opens the journal anew.
//!
//! Only threads that read journals are spared: zeros in the place of the database's memory would be
//! worse than an end.
#![expect(unsafe_code, reason = "a signal handler; libsystemd has none for who uses it")]

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

thread_local! {
    /// Whether this thread reads journals. Without a destructor: a handler may look at it.
    static READS: Cell<bool> = const { Cell::new(false) };
    /// How many pages were gone when this thread looked at them.
    static GONE: Cell<u64> = const { Cell::new(0) };
}

/// How long a page is; 0 until the handler is there.
static PAGE: AtomicUsize = AtomicUsize::new(0);

/// Has this thread survive the loss of what it has mapped.
///
/// # Errors
///
/// Fails as sigaction(2) does.
pub(super) fn survive() -> io::Result<()> {
    READS.set(true);
    if PAGE.swap(rustix::param::page_size(), Ordering::Relaxed) > 0 {
        return Ok(());
    }
    // SAFETY: all zeros is a sigaction: no flags, no mask.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = on_sigbus as extern "C" fn(_, _, _) as usize;
    // On a stack of its own, where the thread has one.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: the action is a valid one, and what it calls does nothing a handler must not do.
    match unsafe { libc::sigaction(libc::SIGBUS, &raw const action, ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// How many pages were gone when this thread looked at them, since it began.
pub(super) fn gone() -> u64 {
    GONE.get()
}

extern "C" fn on_sigbus(_signal: c_int, info: *mut libc::siginfo_t, _context: *mut c_void) {
    // SAFETY: the kernel passes what SA_SIGINFO promises, and a SIGBUS has an address.
    let (code, address) = unsafe { ((*info).si_code, (*info).si_addr() as usize) };
    let page = PAGE.load(Ordering::Relaxed);
    if READS.get() && code == libc::BUS_ADRERR && address != 0 {
        let begin = (address & !(page - 1)) as *mut c_void;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
        // SAFETY: this page is mapped, and nothing is behind it: reading it has just failed.
        let mapped = unsafe { libc::mmap(begin, page, libc::PROT_READ, flags, -1, 0) };
        if mapped != libc::MAP_FAILED {
            GONE.set(GONE.get() + 1);
            return;
        }
    }
    // Not ours: what happened happens again, and ends the process as it always did.
    // SAFETY: signal(2) may be called by a handler.
    unsafe { libc::signal(libc::SIGBUS, libc::SIG_DFL) };
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn zeros_are_in_the_place_of_what_is_gone() {
        survive().unwrap();
        let page = rustix::param::page_size();
        let file: File = tempfile::tempfile().unwrap();
        file.set_len(2 * page as u64).unwrap();
        // SAFETY: a new mapping, wherever there is room for it.
        let memory = unsafe {
            libc::mmap(
                ptr::null_mut(),
                2 * page,
                libc::PROT_READ,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        assert_ne!(memory, libc::MAP_FAILED);
        file.set_len(0).unwrap();
        let before = gone();
        for at in [0, 1, page, 2 * page - 1] {
            // SAFETY: within the mapping.
            assert_eq!(unsafe { ptr::read_volatile(memory.cast::<u8>().add(at)) }, 0);
        }
        assert_eq!(gone() - before, 2, "once a page");
        // SAFETY: nobody looks at it any more.
        unsafe { libc::munmap(memory, 2 * page) };
    }
}
