//! Bans that were released, until what only they needed is gone.

use std::collections::{HashMap, HashSet};

use crate::enforcer::firewalld::element::Element;
use crate::jail::ban::BanKey;

/// How many bans may wait.
const MOST: usize = 100_000;

/// Released bans of which nobody was told yet, by what must go first.
#[derive(Debug, Default)]
pub(super) struct Releases {
    waiting: HashMap<BanKey, HashSet<Element>>, // Invariant: no set is empty.
    by_element: HashMap<Element, HashSet<BanKey>>, // Invariant: the same pairs; no set is empty.
}

impl Releases {
    /// Notes that `key` waits until `elements` are gone, besides what it waits for already.
    /// Returns whether there is anything to wait for.
    pub(super) fn begin(&mut self, key: &BanKey, elements: Vec<Element>) -> bool {
        for element in elements {
            self.waiting.entry(key.clone()).or_default().insert(element);
            self.by_element.entry(element).or_default().insert(key.clone());
        }
        self.waiting.contains_key(key)
    }

    /// Whether another ban may wait. While firewalld is away all of them do, however long that is; what
    /// they leave behind a look finds needless by itself.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < MOST
    }

    /// Forgets a ban: it is enforced again.
    pub(super) fn forget(&mut self, key: &BanKey) {
        for element in self.waiting.remove(key).into_iter().flatten() {
            if let Some(keys) = self.by_element.get_mut(&element) {
                keys.remove(key);
                if keys.is_empty() {
                    self.by_element.remove(&element);
                }
            }
        }
    }

    /// Whether some ban waits for the element to go.
    pub(super) fn awaits(&self, element: &Element) -> bool {
        self.by_element.contains_key(element)
    }

    /// The bans that wait for it to go.
    pub(super) fn waiting_for(&self, element: &Element) -> Vec<BanKey> {
        self.by_element.get(element).into_iter().flatten().cloned().collect()
    }

    /// All that is waited for.
    pub(super) fn elements(&self) -> Vec<Element> {
        self.by_element.keys().copied().collect()
    }

    /// Notes that the element is gone, or stays for others; gives the bans that waited for nothing
    /// else.
    pub(super) fn gone(&mut self, element: &Element) -> Vec<BanKey> {
        let mut done = Vec::new();
        for key in self.by_element.remove(element).into_iter().flatten() {
            let Some(waiting) = self.waiting.get_mut(&key) else { continue };
            waiting.remove(element);
            if waiting.is_empty() {
                self.waiting.remove(&key);
                done.push(key);
            }
        }
        done
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.by_element.is_empty()
    }
}
