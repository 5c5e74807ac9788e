//! One attempt counts once, though a daemon may tell of it in several lines.
//!
//! A filter names what its daemon's lines of one connection share (`<F-SESSION>`, such as sshd's
//! process id) and has its patterns in the order in which the daemon writes them for one attempt.
//! Then a line of a *later* pattern than the session's last one tells of the same attempt again;
//! one of the same or of an earlier pattern tells of the next. Lines alone always count.
//!
//! Bounded: what is forgotten may count twice, never less than once.

use std::hash::{BuildHasher, BuildHasherDefault};
use std::net::IpAddr;

use rustc_hash::FxHasher;

/// How many sessions are remembered at most; sshd's own limit on unauthenticated ones
/// (`MaxStartups`) is 100.
const REMEMBERED: usize = 256;

/// The latest sessions, each with the pattern that last told of it.
#[derive(Clone, Debug)]
pub(super) struct Sessions {
    slots: Vec<Option<Slot>>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    address: IpAddr,
    session: u64,
    pattern: u16,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { slots: vec![None; REMEMBERED] }
    }
}

impl Sessions {
    /// Takes note that `pattern` matched; returns whether that attempt has counted already.
    pub(super) fn told_again(&mut self, address: IpAddr, session: &[u8], pattern: u16) -> bool {
        let hash = BuildHasherDefault::<FxHasher>::default();
        let session = hash.hash_one(session);
        let place = hash.hash_one((address, session)) % REMEMBERED as u64;
        let slot = &mut self.slots[usize::try_from(place).unwrap_or_default()];
        let new = Slot { address, session, pattern };
        let last = slot.replace(new);
        last.is_some_and(|last| {
            last.address == address && last.session == session && last.pattern < pattern
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "198.51.100.7";
    const B: &str = "2001:db8::1";

    /// Lines as (address, session, pattern, counts).
    #[track_caller]
    fn check(lines: &[(&str, &str, u16, bool)]) {
        let mut sessions = Sessions::default();
        for (number, &(address, session, pattern, counts)) in lines.iter().enumerate() {
            let told = sessions.told_again(address.parse().unwrap(), session.as_bytes(), pattern);
            assert_eq!(!told, counts, "line {number}");
        }
    }

    #[test]
    fn a_later_pattern_tells_the_same_attempt_again() {
        check(&[(A, "1", 0, true), (A, "1", 4, false), (A, "1", 7, false)]);
    }

    #[test]
    fn the_same_or_an_earlier_pattern_tells_the_next() {
        check(&[(A, "1", 4, true), (A, "1", 4, true), (A, "1", 3, true), (A, "1", 4, false)]);
    }

    #[test]
    fn sessions_and_addresses_are_apart() {
        check(&[(A, "1", 0, true), (A, "2", 4, true), (B, "1", 4, true), (A, "1", 4, false)]);
    }

    #[test]
    fn what_is_forgotten_counts() {
        let mut sessions = Sessions::default();
        let address = A.parse().unwrap();
        assert!(!sessions.told_again(address, b"first", 0));
        for pid in 0..100_000_u32 {
            assert!(!sessions.told_again(address, pid.to_string().as_bytes(), 0));
        }
        assert!(!sessions.told_again(address, b"first", 1));
        assert_eq!(sessions.slots.len(), REMEMBERED);
    }
}
