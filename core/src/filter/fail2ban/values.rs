//! What named groups captured, kept from line to line.

use std::fmt;

/// The names of all groups of a filter; a group is known by its number among them.
#[derive(Clone, Debug)]
pub(in crate::filter) struct Names(Vec<String>);

/// A group's number among the [`Names`].
pub(super) type Slot = usize;

/// Groups that mean something to fail2ban; [`Names`] begins with these.
const KNOWN: [&str; 11] = [
    "fid",
    "ip4",
    "ip6",
    "dns",
    "cidr",
    "user",
    "mlfid",
    "nofail",
    "mlfgained",
    "mlfforget",
    "content",
];

pub(super) const FID: Slot = 0;
pub(super) const IP4: Slot = 1;
pub(super) const IP6: Slot = 2;
pub(super) const DNS: Slot = 3;
pub(super) const CIDR: Slot = 4;
pub(super) const USER: Slot = 5;
pub(super) const MLFID: Slot = 6;
pub(super) const NOFAIL: Slot = 7;
pub(super) const MLFGAINED: Slot = 8;
pub(super) const MLFFORGET: Slot = 9;
pub(super) const CONTENT: Slot = 10;

impl Default for Names {
    fn default() -> Self {
        Self(KNOWN.iter().map(|name| (*name).to_owned()).collect())
    }
}

impl Names {
    /// The number of a name, which is new or not.
    pub(super) fn slot(&mut self, name: &str) -> Slot {
        self.0.iter().position(|other| other == name).unwrap_or_else(|| {
            self.0.push(name.to_owned());
            self.0.len() - 1
        })
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    fn get(&self, slot: Slot) -> &str {
        self.0.get(slot).map_or("", String::as_str)
    }
}

/// A value for each name, or none. Its room is used again, and so it costs no allocation a line.
#[derive(Clone, Default)]
pub(in crate::filter) struct Values(Vec<Value>);

#[derive(Clone, Default)]
struct Value {
    set: bool,
    text: String,
    /// The parts of a value that is put together of several (`TUPLE_`); empty: it is one.
    parts: Vec<String>,
}

impl Values {
    pub(super) fn new(names: &Names) -> Self {
        Self(vec![Value::default(); names.len()])
    }

    pub(super) fn clear(&mut self) {
        for value in &mut self.0 {
            value.unset();
        }
    }

    pub(super) fn get(&self, slot: Slot) -> Option<&str> {
        self.0.get(slot).filter(|value| value.set).map(|value| value.text.as_str())
    }

    /// A value that is not empty.
    pub(super) fn some(&self, slot: Slot) -> Option<&str> {
        self.get(slot).filter(|text| !text.is_empty())
    }

    pub(super) fn set(&mut self, slot: Slot, text: Option<&str>) {
        let Some(value) = self.0.get_mut(slot) else { return };
        value.unset();
        if let Some(text) = text {
            value.set = true;
            value.text.push_str(text);
        }
    }

    /// Takes a value away; whether it was there, and not empty.
    pub(super) fn take(&mut self, slot: Slot) -> bool {
        let there = self.some(slot).is_some();
        self.set(slot, None);
        there
    }

    /// Copies one value to another place.
    pub(super) fn copy(&mut self, from: Slot, to: Slot) {
        let Some(value) = self.0.get(from).cloned() else { return };
        if let Some(place) = self.0.get_mut(to) {
            *place = value;
        }
    }

    /// Puts a part to a value that is one of several.
    pub(super) fn join(&mut self, part: Slot, whole: Slot) {
        let part = self.get(part).unwrap_or_default().to_owned();
        let Some(value) = self.0.get_mut(whole) else { return };
        if value.parts.is_empty() {
            value.parts.push(value.text.clone());
        }
        value.parts.push(part);
        value.set = true;
        value.text = value.parts.join(",");
    }

    /// Takes over whatever `other` has.
    pub(super) fn update(&mut self, other: &Self) {
        for (value, other) in self.0.iter_mut().zip(&other.0) {
            if other.set {
                value.clone_from(other);
            }
        }
    }

    /// All that there are, those put together of several left out.
    pub(in crate::filter) fn texts<'v>(
        &'v self,
        names: &'v Names,
    ) -> impl Iterator<Item = (&'v str, &'v str)> {
        let single =
            self.0.iter().enumerate().filter(|(_, value)| value.set && value.parts.is_empty());
        single.map(|(slot, value)| (names.get(slot), value.text.as_str()))
    }

    /// Those put together of several.
    pub(in crate::filter) fn lists<'v>(
        &'v self,
        names: &'v Names,
    ) -> impl Iterator<Item = (&'v str, &'v [String])> {
        let several = self.0.iter().enumerate().filter(|(_, value)| !value.parts.is_empty());
        several.map(|(slot, value)| (names.get(slot), value.parts.as_slice()))
    }
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = self.0.iter().enumerate().filter(|(_, value)| value.set);
        f.debug_map().entries(set.map(|(slot, value)| (slot, &value.text))).finish()
    }
}

impl Value {
    fn unset(&mut self) {
        self.set = false;
        self.text.clear();
        self.parts.clear();
    }
}
