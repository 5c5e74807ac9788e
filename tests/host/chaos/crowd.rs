//! The attackers: many at once, each try written down with what came of it.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use crate::check::Micros;
use crate::client::{Client, Outcome, WRONG};
use crate::clock::boot;
use crate::host::Host;
use crate::schedule::{Attempt, Door, MAXRETRY, canary};

/// How many try at a time: a wrong password takes PAM two seconds.
const HANDS: usize = 16;

/// Canaries' attempts are numbered from here on.
const CANARIES: u32 = 1_000_000;

/// An attempt that was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made {
    pub(crate) id: u32,
    pub(crate) door: Door,
    pub(crate) address: IpAddr,
    /// On the boot clock.
    pub(crate) before: Micros,
    pub(crate) after: Micros,
    /// `None`: nobody can tell, the connection died half way.
    pub(crate) outcome: Option<Outcome>,
}

/// All who attack, and what they wrote down.
pub(crate) struct Crowd<'a> {
    host: &'a Host,
    made: Mutex<Vec<Made>>,
    over: AtomicBool,
    canaries: AtomicU32,
    /// By how much an attempt began too late, at most: no hand was free.
    late: Mutex<Duration>,
}

impl<'a> Crowd<'a> {
    /// Nobody has done anything yet.
    pub(crate) fn at(host: &'a Host) -> Self {
        let (made, over) = (Mutex::default(), AtomicBool::new(false));
        Self { host, made, over, canaries: AtomicU32::new(0), late: Mutex::default() }
    }

    /// Begins the attack; it ends by itself, or by [`Self::stop`].
    pub(crate) fn attack<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        attempts: Vec<Attempt>,
    ) {
        let (hand_out, take) = mpsc::channel::<Attempt>();
        let begun = Instant::now();
        let take = std::sync::Arc::new(Mutex::new(take));
        for _ in 0..HANDS {
            let take = std::sync::Arc::clone(&take);
            scope.spawn(move || {
                while let Some(attempt) = self.next(&take) {
                    self.note_late(begun.elapsed().saturating_sub(attempt.at));
                    self.attempt(attempt.id, attempt.door, attempt.address);
                }
            });
        }
        scope.spawn(move || {
            for attempt in attempts {
                while begun.elapsed() < attempt.at && !self.over.load(Ordering::Relaxed) {
                    thread::sleep(Duration::from_millis(10));
                }
                if self.over.load(Ordering::Relaxed) || hand_out.send(attempt).is_err() {
                    break;
                }
            }
        });
    }

    /// No more attempts begin.
    pub(crate) fn stop(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// A new attacker offends often enough for a ban; who.
    pub(crate) fn canary(&self) -> IpAddr {
        let number = self.canaries.fetch_add(1, Ordering::Relaxed);
        let address = canary(u16::try_from(number).unwrap_or(u16::MAX));
        for nth in 0..MAXRETRY {
            self.attempt(CANARIES + number * MAXRETRY + nth, Door::Web, address);
        }
        address
    }

    /// What was done.
    pub(crate) fn made(&self) -> Vec<Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// By how much the attempt that waited longest for a free hand began too late.
    pub(crate) fn late(&self) -> Duration {
        *self.late.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a free hand does next: nothing more once it is over, though on a slow machine many attempts
    /// may still wait.
    fn next(&self, take: &Mutex<mpsc::Receiver<Attempt>>) -> Option<Attempt> {
        let next = take.lock().unwrap_or_else(PoisonError::into_inner).recv().ok();
        next.filter(|_| !self.over.load(Ordering::Relaxed))
    }

    fn note_late(&self, late: Duration) {
        let mut latest = self.late.lock().unwrap_or_else(PoisonError::into_inner);
        *latest = late.max(*latest);
    }

    fn attempt(&self, id: u32, door: Door, address: IpAddr) {
        let text = address.to_string();
        let client = Client::at(self.host, &text);
        let before = boot();
        let outcome = match door {
            Door::Ssh => client.ssh("root", WRONG),
            Door::Web => client.hasty().get(&format!("/?{id}")),
        };
        let (after, outcome) = (boot(), outcome.ok());
        let made = Made { id, door, address, before, after, outcome };
        self.made.lock().unwrap_or_else(PoisonError::into_inner).push(made);
    }
}
