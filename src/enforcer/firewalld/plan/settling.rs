//! Sets that a firewalld from 2.3.2 on is still filling.
//!
//! It answers `setEntries` at once and tells the kernel afterwards, bit by bit; what is asked of the
//! same set meanwhile can be lost (measured: the kernel kept entries that firewalld had dropped, and
//! the reverse). So such a set is left alone for a while, and its bans are not in force before.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::Plan;
use crate::enforcer::firewalld::element::{Element, Holder, Need};
use crate::enforcer::shard::SetName;
use crate::moment::{Boot, Moment};

/// How long a set is left alone, besides [`EACH`].
const AT_LEAST: SignedDuration = SignedDuration::from_secs(1);

/// How much longer for each entry.
const EACH: SignedDuration = SignedDuration::from_micros(150);

/// The first version that fills sets late.
const SINCE: [u32; 3] = [2, 3, 2];

/// The sets to leave alone, and until when.
#[derive(Debug, Default)]
pub(super) struct Settling {
    /// Whether firewalld fills sets late.
    late: bool,
    sets: BTreeMap<SetName, Boot>,
}

impl Settling {
    /// Learns firewalld's version. One that cannot be read is taken for a new one.
    pub(super) fn learn(&mut self, version: &str) {
        let numbers: Option<Vec<u32>> =
            version.trim().split('.').take(3).map(|number| number.parse().ok()).collect();
        self.late = numbers.is_none_or(|numbers| numbers.as_slice() >= SINCE.as_slice());
    }

    /// From how many entries on an empty set is filled by one call, and a needless one is emptied by
    /// one.
    pub(super) fn worth_a_call(&self) -> usize {
        if self.late { 8 } else { 2 }
    }

    /// A set was filled, or perhaps.
    pub(super) fn filled(&mut self, set: &SetName, entries: usize, now: Boot) {
        if self.late {
            let entries = i32::try_from(entries).unwrap_or(i32::MAX);
            let until = now.after(AT_LEAST).after(EACH.saturating_mul(entries));
            self.sets.insert(set.clone(), until);
        }
    }

    /// firewalld has dropped all it held, or is gone.
    pub(super) fn forget(&mut self) {
        self.sets.clear();
    }

    /// Whether it is to be left alone.
    pub(super) fn holds_back(&self, holder: &Holder) -> bool {
        matches!(holder, Holder::Set(set) if self.sets.contains_key(set))
    }

    /// When the first has settled.
    pub(super) fn wake_at(&self) -> Option<Boot> {
        self.sets.values().min().copied()
    }

    /// Those that have settled.
    fn settled(&mut self, now: Boot) -> Vec<SetName> {
        self.sets.extract_if(.., |_, until| *until <= now).map(|(set, _)| set).collect()
    }
}

impl Plan {
    /// Says what is in force in the sets that have settled, and catches up on what waited for them.
    pub(super) fn settle_sets(&mut self, now: Moment) {
        for set in self.settling.settled(now.boot) {
            let holder = Holder::Set(set.clone());
            let held: Vec<Element> = self.placed.elements(&holder).map(|(e, _)| e).collect();
            let wanted: Vec<Element> = self.desired.belonging(&holder, &self.zones).collect();
            for element in held.into_iter().chain(wanted) {
                let Element::Entry(net) = element else { continue };
                let need = Need::Entry(set.clone(), net);
                for key in self.desired.bans_of(&need) {
                    self.announce(&key, now);
                }
                self.ask_around(&holder, &element);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_2_3_2_on_sets_are_filled_late() {
        for (version, expected) in [
            ("0.9.11", false),
            ("1.3.3", false),
            ("1.3.4", false),
            ("2.3.1", false),
            ("2.3", false),
            ("2.3.2", true),
            ("2.4.0", true),
            ("3.0.0", true),
            ("2.5.0.dev1", true),
            ("", true),
            ("unknown", true),
        ] {
            let mut settling = Settling::default();
            settling.learn(version);
            assert_eq!(settling.late, expected, "{version}");
        }
    }
}
