//! What is, what should be, and the steps from the one to the other.
//!
//! Pure. What firewalld holds of ours is kept zone by zone, as it was last seen or confirmed. A
//! call that is under way or came to an unknown end leaves its rule in doubt, and a rule in doubt
//! is neither added nor removed: its zone is looked at first.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::desired::Desired;
use super::rule::{Marked, Rule};

/// A zone's name.
pub type Zone = Arc<str>;

/// One change to one zone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// A rule is needed and not there.
    Add(Zone, Rule),
    /// A rule is there and not needed.
    Remove(Zone, Rule),
    /// A rule bears our mark and could not be ours.
    RemoveStray(Zone, String),
}

/// What is known of a rule that a zone may hold.
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
    zones: BTreeMap<Zone, Holding>,
}

#[derive(Debug, Default)]
struct Holding {
    rules: HashMap<Rule, Hold>,
    strays: BTreeSet<String>,
}

/// How a zone differed from what was known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drift {
    /// Rules that were there and should still be.
    pub missing: u64,
    /// Rules of ours that nobody knew of and nobody needs.
    pub unexpected: u64,
}

impl Placed {
    /// What is known of a rule; `None`: it is not there.
    #[must_use]
    pub fn hold(&self, zone: &Zone, rule: &Rule) -> Option<Hold> {
        self.zones.get(zone)?.rules.get(rule).copied()
    }

    /// Notes what became known of a rule.
    pub fn note(&mut self, zone: &Zone, rule: Rule, hold: Option<Hold>) {
        let rules = &mut self.zones.entry(zone.clone()).or_default().rules;
        match hold {
            Some(hold) => rules.insert(rule, hold),
            None => rules.remove(&rule),
        };
    }

    /// Notes that a stray is gone.
    pub fn forget_stray(&mut self, zone: &Zone, text: &str) {
        if let Some(holding) = self.zones.get_mut(zone) {
            holding.strays.remove(text);
        }
    }

    /// Notes that a zone is gone, and all in it.
    pub fn forget_zone(&mut self, zone: &Zone) {
        self.zones.remove(zone);
    }

    /// Notes that these are all the zones there are.
    pub fn forget_zones_except(&mut self, all: &[Zone]) {
        self.zones.retain(|zone, _| all.contains(zone));
    }

    /// Takes a zone's rules as just listed in place of what was known, and says how they differ.
    /// `expected`: the desired rules should have been there although nothing was known.
    pub fn see(
        &mut self,
        zone: &Zone,
        listed: &[String],
        desired: &Desired,
        expected: bool,
    ) -> Drift {
        let known = self.zones.remove(zone).unwrap_or_default();
        let holding = Holding::of(listed);
        let drift = Drift {
            missing: missing(&known, &holding, desired, expected),
            unexpected: unexpected(&known, &holding, desired),
        };
        self.zones.insert(zone.clone(), holding);
        drift
    }

    /// Whether any zone holds the rule, or may.
    #[must_use]
    pub fn anywhere(&self, rule: &Rule) -> bool {
        self.zones.values().any(|holding| holding.rules.contains_key(rule))
    }

    /// The zones that hold something, or may.
    pub fn zones(&self) -> impl Iterator<Item = &Zone> {
        self.zones.iter().filter(|(_, holding)| !holding.is_empty()).map(|(zone, _)| zone)
    }

    /// How many rules are in place.
    #[must_use]
    pub fn count(&self) -> usize {
        self.zones.values().map(|holding| holding.rules.len() + holding.strays.len()).sum()
    }

    /// The step that takes a rule in a zone to where it should be; `None` if it is there already,
    /// or in doubt.
    #[must_use]
    pub fn step(&self, zone: &Zone, rule: &Rule, wanted: bool) -> Option<Step> {
        match (wanted, self.hold(zone, rule)) {
            (true, None) => Some(Step::Add(zone.clone(), *rule)),
            (false, Some(Hold::Held)) => Some(Step::Remove(zone.clone(), *rule)),
            _ => None,
        }
    }

    /// Every step from what is to what should be in force in `zones`: first what protects, the
    /// newest ban first, each ban whole before the next; then what is needless.
    #[must_use]
    pub fn steps(&self, desired: &Desired, zones: &[Zone]) -> Vec<Step> {
        let newest = desired.newest_first();
        let adds = newest
            .iter()
            .flat_map(|rule| zones.iter().filter_map(|zone| self.step(zone, rule, true)));
        let removes = self.zones.iter().flat_map(|(zone, holding)| {
            let here = zones.contains(zone);
            let needless = holding.rules.keys().filter(move |rule| !(here && desired.needs(rule)));
            let rules = needless.filter_map(|rule| self.step(zone, rule, false));
            let strays = holding.strays.iter().cloned();
            rules.chain(strays.map(|text| Step::RemoveStray(zone.clone(), text)))
        });
        adds.chain(removes).collect()
    }
}

impl Holding {
    /// Ours among the rules listed.
    fn of(listed: &[String]) -> Self {
        let mut holding = Self::default();
        for text in listed {
            match Rule::marked(text) {
                Some(Marked::Rule(rule)) => {
                    holding.rules.insert(rule, Hold::Held);
                }
                Some(Marked::Stray(text)) => {
                    holding.strays.insert(text);
                }
                None => {}
            }
        }
        holding
    }

    fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.strays.is_empty()
    }
}

fn missing(known: &Holding, listed: &Holding, desired: &Desired, expected: bool) -> u64 {
    if expected {
        let rules = desired.newest_first();
        return rules.iter().filter(|rule| !listed.rules.contains_key(rule)).count() as u64;
    }
    let held = known.rules.iter().filter(|&(_, &hold)| hold == Hold::Held);
    let gone = held.filter(|(rule, _)| desired.needs(rule) && !listed.rules.contains_key(rule));
    gone.count() as u64
}

fn unexpected(known: &Holding, listed: &Holding, desired: &Desired) -> u64 {
    let rules = listed.rules.keys();
    let rules = rules.filter(|rule| !desired.needs(rule) && !known.rules.contains_key(rule));
    let strays = listed.strays.difference(&known.strays);
    (rules.count() + strays.count()) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::config::checked::Action;
    use crate::enforcer::testing::{block, key, rule};

    fn zone(name: &str) -> Zone {
        name.into()
    }

    fn listed(rules: &[(u8, u16)]) -> Vec<String> {
        rules.iter().map(|&(host, port)| rule(host, port).to_string()).collect()
    }

    fn desired(bans: &[(u8, u16)]) -> Desired {
        let mut desired = Desired::new(Action::Reject);
        for &(host, port) in bans {
            let jail = format!("jail-{port}");
            desired.enforce(&key(&jail, host), block(host, &[port]), usize::MAX).unwrap();
        }
        desired
    }

    #[test]
    fn the_newest_ban_comes_first_and_whole() {
        let zones = [zone("a"), zone("b")];
        let steps = Placed::default().steps(&desired(&[(1, 22), (2, 22)]), &zones);
        let expected: Vec<Step> = [(2, 0), (2, 1), (1, 0), (1, 1)]
            .map(|(host, idx): (u8, usize)| Step::Add(zones[idx].clone(), rule(host, 22)))
            .into();
        assert_eq!(steps, expected);
    }

    #[test]
    fn drift_is_what_nobody_ordered() {
        let mut placed = Placed::default();
        let wanted = desired(&[(1, 22), (2, 22)]);
        let public = zone("public");
        let mut see =
            |rules: &[(u8, u16)], expected| placed.see(&public, &listed(rules), &wanted, expected);
        assert_eq!(see(&[(1, 22), (9, 22)], true), Drift { missing: 1, unexpected: 1 });
        // Known since, and to be removed: no news.
        assert_eq!(see(&[(1, 22), (9, 22)], false), Drift::default());
        assert_eq!(see(&[], false), Drift { missing: 1, unexpected: 0 });
        assert_eq!(see(&[], false), Drift::default());
    }

    #[test]
    fn a_rule_in_doubt_is_left_until_it_is_seen() {
        let mut placed = Placed::default();
        let public = zone("public");
        placed.note(&public, rule(1, 22), Some(Hold::Doubtful));
        assert_eq!(placed.step(&public, &rule(1, 22), true), None);
        assert_eq!(placed.step(&public, &rule(1, 22), false), None);
        let drift = placed.see(&public, &[], &desired(&[(1, 22)]), false);
        assert_eq!(drift, Drift::default());
        let add = Step::Add(public.clone(), rule(1, 22));
        assert_eq!(placed.step(&public, &rule(1, 22), true), Some(add));
    }

    fn some_rules() -> impl Strategy<Value = Vec<(u8, u16)>> {
        proptest::collection::vec((0u8..4, 1u16..4), 0..8)
    }

    proptest! {
        /// Played on the sets they came from, the steps yield what is desired, and no step is idle.
        #[test]
        fn the_steps_lead_from_what_is_to_what_should_be(
            wanted in some_rules(),
            held in proptest::collection::vec(some_rules(), 3),
            active in proptest::collection::vec(any::<bool>(), 3),
        ) {
            let names = [zone("a"), zone("b"), zone("c")];
            let wanted = desired(&wanted);
            let mut placed = Placed::default();
            let mut firewall: HashSet<(Zone, Rule)> = HashSet::new();
            for (name, rules) in names.iter().zip(&held) {
                placed.see(name, &listed(rules), &wanted, false);
                firewall.extend(rules.iter().map(|&(h, p)| (name.clone(), rule(h, p))));
            }
            let zones: Vec<Zone> = names.iter().zip(active).filter(|(_, on)| *on)
                .map(|(name, _)| name.clone()).collect();
            for step in placed.steps(&wanted, &zones) {
                match step {
                    Step::Add(zone, rule) => prop_assert!(firewall.insert((zone, rule))),
                    Step::Remove(zone, rule) => prop_assert!(firewall.remove(&(zone, rule))),
                    Step::RemoveStray(..) => prop_assert!(false, "no stray was there"),
                }
            }
            let expected: HashSet<(Zone, Rule)> = zones.iter()
                .flat_map(|zone| wanted.newest_first().into_iter().map(|rule| (zone.clone(), rule)))
                .collect();
            prop_assert_eq!(firewall, expected);
        }
    }
}
