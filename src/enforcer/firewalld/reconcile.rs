//! What is, what should be, and the steps from the one to the other.
//!
//! Pure. What firewalld holds of ours is kept holder by holder, as it was last seen or confirmed.
//! A call that is under way or came to an unknown end leaves its element in doubt, and one in doubt
//! is neither added nor removed: its holder is looked at first.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use ipnet::IpNet;

use super::desired::Desired;
use super::element::{Element, Holder, Zone, within};
use super::rule::{Marked, Rule, address};
use crate::enforcer::shard::SetName;
use crate::jail::widths::Widths;

/// One change to one holder.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// It is needed and not there.
    Add(Holder, Element),
    /// It is there and not needed.
    Remove(Holder, Element),
    /// It is in a place of ours, or bears our mark, and could not be ours.
    RemoveStray(Holder, String),
    /// All that a set should hold and does not, which must be empty: firewalld empties it first.
    Fill(SetName, Vec<IpNet>),
    /// All that a set holds goes: it should hold nothing.
    Empty(SetName),
}

impl Step {
    /// Where it changes something.
    #[must_use]
    pub fn holder(&self) -> Holder {
        match self {
            Self::Add(holder, _) | Self::Remove(holder, _) | Self::RemoveStray(holder, _) => {
                holder.clone()
            }
            Self::Fill(set, _) | Self::Empty(set) => Holder::Set(set.clone()),
        }
    }
}

/// What is known of an element that a holder may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// It is there: seen, or confirmed.
    Held,
    /// Nobody knows.
    Doubtful,
}

/// What firewalld is known to hold of ours.
#[derive(Debug, Default)]
pub struct Placed {
    /// The holders that were ever listed, or added to.
    holders: BTreeMap<Holder, Holding>,
}

#[derive(Debug, Default)]
struct Holding {
    elements: BTreeMap<Element, Hold>,
    widths: Widths,
    strays: BTreeSet<String>,
    /// Whether it was listed since anything may have gone.
    seen: bool,
}

/// How a holder differed from what was known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drift {
    /// What was there and should still be.
    pub missing: u64,
    /// What is ours, and nobody knew of and nobody needs.
    pub unexpected: u64,
}

impl Placed {
    /// What is known of an element; `None`: it is not there.
    #[must_use]
    pub fn hold(&self, holder: &Holder, element: &Element) -> Option<Hold> {
        self.holders.get(holder)?.elements.get(element).copied()
    }

    /// Whether packets that the element refuses are refused: it is held, or in a set a wider one.
    #[must_use]
    pub fn covers(&self, holder: &Holder, element: &Element) -> bool {
        let Some(holding) = self.holders.get(holder) else { return false };
        let held = |element: &Element| holding.elements.get(element) == Some(&Hold::Held);
        held(element) || holding.wider(element).any(|wider| held(&wider))
    }

    /// Whether the holder was not listed yet, or may have lost since what it is known to hold.
    #[must_use]
    pub fn doubts(&self, holder: &Holder) -> bool {
        self.holders.get(holder).is_none_or(|holding| !holding.seen)
    }

    /// Notes that every holder may have lost what it is known to hold, until it is listed.
    pub fn doubt(&mut self) {
        for holding in self.holders.values_mut() {
            holding.seen = false;
        }
    }

    /// Notes what became known of an element.
    pub fn note(&mut self, holder: &Holder, element: Element, hold: Option<Hold>) {
        if let Some(hold) = hold {
            self.holders.entry(holder.clone()).or_default().insert(element, hold);
        } else if let Some(holding) = self.holders.get_mut(holder) {
            holding.remove(&element);
        }
    }

    /// Notes that a stray is gone.
    pub fn forget_stray(&mut self, holder: &Holder, text: &str) {
        if let Some(holding) = self.holders.get_mut(holder) {
            holding.strays.remove(text);
        }
    }

    /// Notes that a holder is gone, and all in it.
    pub fn forget(&mut self, holder: &Holder) {
        self.holders.remove(holder);
    }

    /// Notes that these are all the holders there are.
    pub fn forget_except(&mut self, exists: impl Fn(&Holder) -> bool) {
        self.holders.retain(|holder, _| exists(holder));
    }

    /// Takes what was just listed of a holder in place of what was known, and says how they
    /// differ. `expected`: what should have been there, although nothing was known.
    pub fn see(
        &mut self,
        holder: &Holder,
        listed: &[String],
        desired: &Desired,
        zones: &[Zone],
        expected: impl Fn(&Element) -> bool,
    ) -> Drift {
        let known = self.holders.remove(holder).unwrap_or_default();
        let holding = Holding::of(holder, listed);
        let belongs = |element: &Element| desired.belongs(element, holder, zones);
        let gone = |element: &Element| !holding.elements.contains_key(element);
        let held = known.elements.iter().filter(|&(_, &hold)| hold == Hold::Held);
        let lost = held.filter(|(element, _)| gone(element) && belongs(element)).count();
        let never = |element: &Element| !known.elements.contains_key(element) && gone(element);
        let wanted = desired.belonging(holder, zones).filter(|e| never(e) && expected(e));
        let missing = lost + wanted.count();
        let new = |element: &&Element| !known.elements.contains_key(element) && !belongs(element);
        let unexpected = holding.elements.keys().filter(new).count()
            + holding.strays.difference(&known.strays).count();
        self.holders.insert(holder.clone(), holding);
        Drift { missing: missing as u64, unexpected: unexpected as u64 }
    }

    /// Whether the holder was ever listed.
    #[must_use]
    pub fn knows(&self, holder: &Holder) -> bool {
        self.holders.contains_key(holder)
    }

    /// Whether the holder is known to hold nothing.
    #[must_use]
    pub fn is_empty(&self, holder: &Holder) -> bool {
        self.holders.get(holder).is_some_and(Holding::is_empty)
    }

    /// The holders that hold the element, or may.
    pub fn holders_of(&self, element: Element) -> impl Iterator<Item = &Holder> {
        let holding =
            move |(_, holding): &(&Holder, &Holding)| holding.elements.contains_key(&element);
        self.holders.iter().filter(holding).map(|(holder, _)| holder)
    }

    /// The holders that hold something, or may.
    pub fn holders(&self) -> impl Iterator<Item = &Holder> {
        self.holders.iter().filter(|(_, holding)| !holding.is_empty()).map(|(holder, _)| holder)
    }

    /// What a holder holds, or may.
    pub fn elements(&self, holder: &Holder) -> impl Iterator<Item = (Element, Hold)> + '_ {
        let holding = self.holders.get(holder);
        holding.into_iter().flat_map(|holding| &holding.elements).map(|(&e, &hold)| (e, hold))
    }

    /// What is nearest to its limit, the rules of all zones together or one of the sets: how much it
    /// holds, and how much it may (`rules`, or `entries` a set).
    #[must_use]
    pub fn fullest(&self, rules: usize, entries: usize) -> (usize, usize) {
        let (mut in_zones, mut in_a_set) = (0, 0);
        for (holder, holding) in &self.holders {
            let held = holding.elements.len() + holding.strays.len();
            match holder {
                Holder::Zone(_) => in_zones += held,
                Holder::Set(_) => in_a_set = held.max(in_a_set),
            }
        }
        let set_is_fuller = in_a_set * rules > in_zones * entries;
        if set_is_fuller { (in_a_set, entries) } else { (in_zones, rules) }
    }

    /// The step that takes an element of a holder to where it should be; `None` if it is there
    /// already, in doubt, or in the way of what it overlaps.
    #[must_use]
    pub fn step(&self, holder: &Holder, element: &Element, wanted: bool) -> Option<Step> {
        match (wanted, self.hold(holder, element)) {
            (true, None) if self.in_the_way(holder, element).is_empty() => {
                Some(Step::Add(holder.clone(), *element))
            }
            (false, Some(Hold::Held)) => Some(Step::Remove(holder.clone(), *element)),
            _ => None,
        }
    }

    /// The steps that put an element into a holder: first what it overlaps must go.
    #[must_use]
    pub fn steps_to_add(&self, holder: &Holder, element: &Element) -> Vec<Step> {
        if self.hold(holder, element).is_some() {
            return Vec::new();
        }
        let others = self.in_the_way(holder, element);
        let removals = others.iter().filter_map(|other| self.step(holder, other, false));
        removals.chain([Step::Add(holder.clone(), *element)]).collect()
    }

    /// Every step from what is to what should be: first strays, then what protects, the newest ban
    /// first, each ban whole before the next; then what is needless.
    #[must_use]
    pub fn steps(&self, desired: &Desired, zones: &[Zone]) -> Vec<Step> {
        let needs = desired.newest_first();
        let needed = needs.iter().flat_map(|need| {
            need.holders(zones).into_iter().map(|holder| (holder, need.element()))
        });
        let needed = needed.filter(|(holder, element)| desired.belongs(element, holder, zones));
        self.steps_within(desired, zones, self.holders.keys(), needed)
    }

    /// The same for one set alone.
    #[must_use]
    pub fn steps_of_set(&self, set: &SetName, desired: &Desired) -> Vec<Step> {
        let holder = Holder::Set(set.clone());
        let needed = desired.belonging(&holder, &[]).map(|element| (holder.clone(), element));
        self.steps_within(desired, &[], [&holder], needed)
    }

    /// The same for the zones in use.
    #[must_use]
    pub fn steps_of_zones(&self, desired: &Desired, zones: &[Zone]) -> Vec<Step> {
        let holders: Vec<Holder> = zones.iter().cloned().map(Holder::Zone).collect();
        let rules = desired.newest_first().into_iter().map(|need| need.element());
        let rules = rules.filter(|element| matches!(element, Element::Rule(_)));
        let needed = rules.flat_map(|rule| holders.iter().map(move |zone| (zone.clone(), rule)));
        self.steps_within(desired, zones, &holders, needed)
    }

    /// The steps that put what is `needed` in its place, and clear `holders` of what is not.
    fn steps_within<'a>(
        &'a self,
        desired: &Desired,
        zones: &[Zone],
        holders: impl IntoIterator<Item = &'a Holder>,
        needed: impl Iterator<Item = (Holder, Element)>,
    ) -> Vec<Step> {
        let holdings = |holder| Some((holder, self.holders.get(holder)?));
        let holdings: Vec<_> = holders.into_iter().filter_map(holdings).collect();
        // An odd entry may be in the way of any other.
        let strays = holdings.iter().flat_map(|(holder, holding)| {
            holding.strays.iter().map(|text| Step::RemoveStray((*holder).clone(), text.clone()))
        });
        let mut steps: Vec<Step> = strays.collect();
        steps.extend(needed.flat_map(|(holder, element)| self.steps_to_add(&holder, &element)));
        for (holder, holding) in holdings {
            let needless = holding.elements.keys();
            let needless = needless.filter(|element| !desired.belongs(element, holder, zones));
            steps.extend(needless.filter_map(|element| self.step(holder, element, false)));
        }
        let mut seen = HashSet::new();
        steps.retain(|step| seen.insert(step.clone()));
        steps
    }

    /// What a set holds, or may, that overlaps the element: firewalld would refuse it.
    fn in_the_way(&self, holder: &Holder, element: &Element) -> Vec<Element> {
        let (Element::Entry(net), Some(holding)) = (*element, self.holders.get(holder)) else {
            return Vec::new();
        };
        let wider = holding.wider(element);
        let (first, last) = within(net).into_inner();
        let within = Element::Entry(first)..=Element::Entry(last);
        let narrower = holding.elements.range(within).map(|(other, _)| *other);
        wider.chain(narrower.filter(|other| other != element)).collect()
    }
}

impl Holding {
    /// Ours among what was listed.
    fn of(holder: &Holder, listed: &[String]) -> Self {
        let mut holding = Self { seen: true, ..Self::default() };
        for text in listed {
            let element = match holder {
                Holder::Zone(_) => match Rule::marked(text) {
                    Some(Marked::Rule(rule)) => Some(Element::Rule(rule)),
                    Some(Marked::Stray(_)) => None,
                    None => continue,
                },
                // The whole set is ours.
                Holder::Set(_) => address(text).map(Element::Entry),
            };
            match element {
                Some(element) => holding.insert(element, Hold::Held),
                None => drop(holding.strays.insert(text.clone())),
            }
        }
        holding
    }

    fn insert(&mut self, element: Element, hold: Hold) {
        if self.elements.insert(element, hold).is_none()
            && let Element::Entry(net) = element
        {
            self.widths.add(net);
        }
    }

    fn remove(&mut self, element: &Element) {
        if self.elements.remove(element).is_some()
            && let Element::Entry(net) = element
        {
            self.widths.remove(*net);
        }
    }

    /// What it holds, or may, that is wider than the element and holds it.
    fn wider(&self, element: &Element) -> impl Iterator<Item = Element> {
        let net = if let Element::Entry(net) = *element { Some(net) } else { None };
        let wider = net.into_iter().flat_map(|net| self.widths.wider(net)).map(Element::Entry);
        wider.filter(|wider| self.elements.contains_key(wider))
    }

    fn is_empty(&self) -> bool {
        self.elements.is_empty() && self.strays.is_empty()
    }
}

#[cfg(test)]
mod tests;
