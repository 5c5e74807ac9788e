//! The failure windows of all the addresses, or networks, a jail counts: bounded, whoever attacks.
//!
//! An address costs memory only while its failures are recent. Past the cap, those furthest from
//! a ban go first, the oldest of them first: a flood of addresses with one failure each does not
//! make the jail forget one that is about to be banned.
//!
//! What a failure costs does not depend on how many addresses there are: going over all of them is done
//! bit by bit ([`Windows::sweep`]), or paid for by many that come ([`crowded`]), and what has changed is
//! a list.

mod kept;
mod slots;
#[cfg(test)]
mod tests;

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};

pub use self::kept::{Count, Kept};
use self::slots::{Place, Slots, State};
use super::crowded;
use super::key::Key;
use super::window::{FailureWindow, Threshold};
use crate::trace::TraceId;

/// How many places one sweep looks at, at most: some 50 µs.
const SWEPT: Place = 16_384;

/// The windows, by address.
#[derive(Debug)]
pub struct Windows {
    slots: Slots,
    /// Places of what has changed, or gone, since somebody last asked; each once. Of one that was not
    /// told of and is gone, there is not a word: so a flood makes it no longer than there are places,
    /// and these are at most the cap and as many that were told of.
    changed: Vec<Place>,
    /// How many addresses are counted.
    counted: usize,
    /// Where the next sweep goes on.
    hand: Place,
    cap: usize, // Invariant: positive.
    forgotten: u64,
}

/// Where an address is that has just been found, or given a place: until another enters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entered(Place);

impl Windows {
    /// Windows for at most `cap` addresses at a time; at least one.
    #[must_use]
    pub fn new(cap: usize) -> Self {
        let (slots, changed) = (Slots::default(), Vec::new());
        Self { slots, changed, counted: 0, hand: 0, cap: cap.max(1), forgotten: 0 }
    }

    /// Changes the cap, as a reload may.
    pub fn set_cap(&mut self, cap: usize) {
        self.cap = cap.max(1);
        while self.counted > self.cap {
            self.make_room();
        }
    }

    /// Counts a failure; `name` names the trace of one that is the first. Where the threshold is
    /// met the window is gone, since its failures have had their effect.
    pub fn record(
        &mut self,
        threshold: Threshold,
        host: IpNet,
        at: Timestamp,
        name: impl FnOnce() -> TraceId,
    ) -> Count {
        let place = self.enter(host, name);
        self.record_there(threshold, place, at)
    }

    /// The trace of an address that has just entered.
    pub(super) fn trace(&self, place: Entered) -> TraceId {
        self.slots[place.0].trace
    }

    /// As [`record`](Self::record), of an address that has just entered.
    pub(super) fn record_there(
        &mut self,
        threshold: Threshold,
        Entered(place): Entered,
        at: Timestamp,
    ) -> Count {
        let slot = &mut self.slots[place];
        let met = slot.window.record(threshold, at);
        let recent = slot.window.recent(threshold.findtime());
        let failures = u32::try_from(recent).unwrap_or(u32::MAX);
        let trace = slot.trace;
        if met {
            self.forget_place(place);
        } else {
            self.list(place);
        }
        Count { trace, failures, met }
    }

    /// When the first failure of an address was that still counts together with one at `at`.
    #[must_use]
    pub fn first(
        &self,
        findtime: SignedDuration,
        host: &IpNet,
        at: Timestamp,
    ) -> Option<Timestamp> {
        let window = &self.slots[self.find(host)?].window;
        window.times().find(|&time| at.duration_since(time) <= findtime)
    }

    /// Forgets an address, as an unban does.
    pub fn forget(&mut self, host: &IpNet) {
        if let Some(place) = self.find(host) {
            self.forget_place(place);
        }
    }

    /// Forgets every address.
    pub fn forget_all(&mut self) {
        for place in self.slots.places() {
            self.forget_place(place);
        }
    }

    /// Takes up the failures that an earlier run counted; `name` names their trace, if that was
    /// not kept.
    pub fn restore(&mut self, threshold: Threshold, kept: &Kept, name: impl FnOnce() -> TraceId) {
        if kept.times.is_empty() {
            return;
        }
        let Entered(place) = self.enter(kept.address, || kept.trace.unwrap_or_else(name));
        let slot = &mut self.slots[place];
        slot.told = true;
        for &time in &kept.times {
            // They did not meet the threshold then; where a lower one holds now, the next does.
            let _ = slot.window.record(threshold, time);
        }
    }

    /// How many failures of exactly this address or network count now, and their trace.
    #[must_use]
    pub fn count(&self, findtime: SignedDuration, host: &IpNet) -> Option<Count> {
        let slot = &self.slots[self.find(host)?];
        let failures = u32::try_from(slot.window.recent(findtime)).unwrap_or(u32::MAX);
        Some(Count { trace: slot.trace, failures, met: false })
    }

    /// The windows that have changed since the last time, those that are gone among them.
    pub fn take_changed(&mut self) -> Vec<Kept> {
        let places = std::mem::take(&mut self.changed);
        places.into_iter().filter_map(|place| self.tell(place)).collect()
    }

    /// All of them count as changed.
    pub fn retell(&mut self) {
        for place in self.slots.places() {
            if self.slots[place].state == State::Counted {
                self.list(place);
            }
        }
    }

    /// Drops windows whose newest failure is older than `findtime`, of the next some thousand addresses.
    /// Returns whether these were the last, so that the next sweep begins anew.
    pub fn sweep(&mut self, findtime: SignedDuration, now: Timestamp) -> bool {
        let end = self.slots.places().end;
        let some = self.hand..end.min(self.hand.saturating_add(SWEPT));
        self.hand = some.end;
        for place in some {
            let newest = self.slots[place].window.newest();
            if newest.is_some_and(|newest| now.duration_since(newest) > findtime) {
                self.forget_place(place);
            }
        }
        let through = self.hand == end;
        if through {
            self.hand = 0;
            self.shrink();
        }
        through
    }

    /// How many addresses are counted now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.counted
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counted == 0
    }

    /// How many addresses the cap has made it forget since the last time.
    pub fn take_forgotten(&mut self) -> u64 {
        std::mem::take(&mut self.forgotten)
    }

    /// Where an address is that is counted.
    fn find(&self, host: &IpNet) -> Option<Place> {
        let key = Key::from(*host);
        let place = self.slots.find(self.slots.hash(&key), &key)?;
        (self.slots[place].state == State::Counted).then_some(place)
    }

    /// Gives an address a place, if it has none yet; `name` names its trace.
    pub(super) fn enter(&mut self, host: IpNet, name: impl FnOnce() -> TraceId) -> Entered {
        let key = Key::from(host);
        let hash = self.slots.hash(&key);
        let place = self.slots.find(hash, &key);
        if let Some(place) = place
            && self.slots[place].state == State::Counted
        {
            return Entered(place);
        }
        if self.counted >= self.cap {
            // Who is gone stays where he is.
            self.make_room();
        }
        self.counted += 1;
        let Some(place) = place else { return Entered(self.slots.add(hash, key, name())) };
        let slot = &mut self.slots[place];
        (slot.state, slot.trace) = (State::Counted, name());
        Entered(place)
    }

    /// Notes that there is something to tell.
    fn list(&mut self, place: Place) {
        let listed = &mut self.slots[place].listed;
        if !std::mem::replace(listed, true) {
            self.changed.push(place);
        }
    }

    /// What there is to tell of a place in the list.
    fn tell(&mut self, place: Place) -> Option<Kept> {
        let slot = &mut self.slots[place];
        slot.listed = false;
        let address = slot.key.net();
        match slot.state {
            State::Vacant => None,
            State::Counted => {
                slot.told = true;
                let times = slot.window.times().collect();
                Some(Kept { address, times, trace: Some(slot.trace) })
            }
            State::Gone => {
                self.slots.vacate(place);
                Some(Kept::none(address))
            }
        }
    }

    /// Forgets who is counted there, if anybody is.
    fn forget_place(&mut self, place: Place) {
        let slot = &mut self.slots[place];
        if slot.state != State::Counted {
            return;
        }
        self.counted -= 1;
        if slot.told {
            slot.state = State::Gone;
            slot.window = FailureWindow::default();
            self.list(place);
        } else {
            self.slots.vacate(place);
        }
    }

    /// Forgets some of the addresses: those furthest from a ban, the oldest of them first.
    fn make_room(&mut self) {
        let counted = self.slots.places().filter_map(|place| {
            let slot = &self.slots[place];
            let rank = (slot.window.len(), slot.window.newest(), place);
            (slot.state == State::Counted).then_some(rank)
        });
        let least = crowded::least(counted, self.counted);
        for &(_, _, place) in &least {
            self.forget_place(place);
        }
        self.forgotten += least.len() as u64;
    }

    /// Gives memory back that a flood had need of.
    fn shrink(&mut self) {
        if self.slots.shrink() {
            let places = self.slots.places();
            self.changed = places.filter(|place| self.slots[*place].listed).collect();
        }
    }
}
