//! Where the windows lie: side by side in one vector, found through a table of their places.
//!
//! A table of places alone takes 5 to 10 bytes an address, and a vector that grows touches no memory that
//! it does not fill yet. To go over all of them, or some, is to read on: no order has to be kept for it.

use std::hash::{BuildHasher, RandomState};
use std::ops::{Index, IndexMut};

use hashbrown::HashTable;

use crate::jail::key::Key;
use crate::jail::window::FailureWindow;
use crate::trace::TraceId;

/// The place of an address.
pub(super) type Place = u32;

/// One address's window, and the trace that its failures belong to.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) key: Key,
    pub(super) state: State,
    /// Whether somebody was told of it, and may keep it.
    pub(super) told: bool,
    /// Whether its place is in the list of those that have changed; it stays there when the address goes.
    pub(super) listed: bool,
    pub(super) trace: TraceId,
    pub(super) window: FailureWindow,
}

// Millions of them are what a flood takes of memory.
const _: () = assert!(size_of::<Slot>() <= 96);

/// What is in a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Nobody: it is free.
    Vacant,
    /// An address that is counted.
    Counted,
    /// One that no longer is, of which somebody is still to be told so.
    Gone,
}

/// All places, and who is where.
#[derive(Debug, Default)]
pub(super) struct Slots {
    all: Vec<Slot>,
    vacant: Vec<Place>,
    table: HashTable<Place>,
    random: RandomState,
}

impl Slots {
    /// The hash of an address, for what is asked of it.
    pub(super) fn hash(&self, key: &Key) -> u64 {
        self.random.hash_one(key)
    }

    /// Where an address is, counted or gone.
    pub(super) fn find(&self, hash: u64, key: &Key) -> Option<Place> {
        self.table.find(hash, |place| self[*place].key == *key).copied()
    }

    /// Puts an address that is not there into a place, with an empty window. If that is in the list of
    /// those that have changed, it stays in it.
    pub(super) fn add(&mut self, hash: u64, key: Key, trace: TraceId) -> Place {
        let window = FailureWindow::default();
        let mut slot =
            Slot { key, state: State::Counted, told: false, listed: false, trace, window };
        let place = if let Some(place) = self.vacant.pop() {
            slot.listed = self[place].listed;
            self[place] = slot;
            place
        } else {
            self.all.push(slot);
            Place::try_from(self.all.len() - 1).expect("a cap is far below 4,000,000,000")
        };
        if self.table.len() < self.table.capacity() {
            let random = (&self.all, &self.random);
            self.table.insert_unique(hash, place, |place| rehash(random, *place));
        } else {
            self.index(2 * self.table.len());
        }
        place
    }

    /// Makes a place free.
    pub(super) fn vacate(&mut self, place: Place) {
        let hash = self.hash(&self[place].key);
        if let Ok(entry) = self.table.find_entry(hash, |other| *other == place) {
            entry.remove();
        }
        let slot = &mut self[place];
        slot.state = State::Vacant;
        slot.window = FailureWindow::default();
        self.vacant.push(place);
    }

    /// All places, free ones too.
    pub(super) fn places(&self) -> std::ops::Range<Place> {
        0..Place::try_from(self.all.len()).unwrap_or(Place::MAX)
    }

    /// Gives memory back, if most places are free. Returns whether they have moved: then the places in
    /// the list of those that have changed are those that say so.
    pub(super) fn shrink(&mut self) -> bool {
        let wasteful = self.all.len() > 1024 && self.all.len() / 4 > self.table.len();
        if wasteful {
            self.all.retain(|slot| slot.state != State::Vacant);
            self.all.shrink_to_fit();
            self.vacant = Vec::new();
            self.index(self.all.len());
        }
        wasteful
    }

    /// Makes the table anew, for at least so many. The slots are read one after the other; a table that
    /// grows by itself would ask for them in the order of their hashes, and wait for each.
    fn index(&mut self, capacity: usize) {
        self.table = HashTable::new();
        self.table = HashTable::with_capacity(capacity.max(4));
        let random = (&self.all, &self.random);
        for place in self.places() {
            if self[place].state != State::Vacant {
                let hash = self.hash(&self[place].key);
                self.table.insert_unique(hash, place, |place| rehash(random, *place));
            }
        }
    }
}

fn rehash((slots, random): (&Vec<Slot>, &RandomState), place: Place) -> u64 {
    random.hash_one(slots[place as usize].key)
}

impl Index<Place> for Slots {
    type Output = Slot;

    fn index(&self, place: Place) -> &Slot {
        &self.all[place as usize]
    }
}

impl IndexMut<Place> for Slots {
    fn index_mut(&mut self, place: Place) -> &mut Slot {
        &mut self.all[place as usize]
    }
}
