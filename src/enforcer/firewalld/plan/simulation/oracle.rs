//! What should be, worked out from the bans alone.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use ipnet::IpNet;

use super::firewall::group;
use super::world::World;
use crate::config::checked::{Action, Mode};
use crate::enforcer::firewalld::rule::Rule;
use crate::enforcer::order::{Block, Condition};
use crate::jail::ban::{BanKey, show};

impl World {
    /// The set that must hold the block, if there is one.
    fn set_for(&self, block: &Block) -> Option<String> {
        let shards = self.shards.filter(|_| self.mode != Mode::RichRule)?;
        let served = block.scope.ports.is_empty();
        served.then(|| group(shards).set_for(&block.address, 64).to_string())
    }

    /// The rules that must be in each zone.
    pub(super) fn rules(&self) -> BTreeSet<String> {
        let blocks = self.bans.values().filter(|block| self.set_for(block).is_none());
        let rules = blocks.flat_map(|block| Rule::all(block, Action::Reject).unwrap());
        rules.map(|rule| rule.to_string()).collect()
    }

    /// The entries that must be in each set: of those that overlap, the widest.
    fn entries(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut wanted: BTreeMap<String, BTreeSet<IpNet>> = BTreeMap::new();
        for block in self.bans.values() {
            if let Some(set) = self.set_for(block) {
                wanted.entry(set).or_default().insert(block.address);
            }
        }
        let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for set in self.firewall.sets.keys() {
            let nets = wanted.remove(set).unwrap_or_default();
            let widest = |net: &&IpNet| !nets.iter().any(|o| o != *net && o.contains(*net));
            all.insert(set.clone(), nets.iter().filter(widest).map(show).collect());
        }
        all
    }

    /// All rules and entries that bans need, wherever.
    pub(super) fn texts(&self) -> BTreeSet<String> {
        let blocks = self.bans.values();
        let entries = blocks.filter(|b| self.set_for(b).is_some()).map(|b| show(&b.address));
        self.rules().into_iter().chain(entries).collect()
    }

    pub(super) fn is_refused(&self, block: &Block) -> bool {
        let rules: Vec<_> = Rule::all(block, Action::Reject).unwrap();
        let in_public = |rule: &Rule| self.firewall.zones["public"].contains(&rule.to_string());
        let by_set = block.scope.ports.is_empty() && self.firewall.blocks(&block.address);
        rules.iter().all(in_public) || by_set
    }

    /// Whether nothing holds what only this ban needed.
    pub(super) fn is_gone(&self, key: &BanKey) -> bool {
        let Some(texts) = self.awaited.get(key) else { return true };
        let needed = self.texts();
        let holders = || self.firewall.zones.values().chain(self.firewall.sets.values());
        let mut texts = texts.iter().filter(|text| !needed.contains(*text));
        !texts.any(|text| holders().any(|held| held.contains(text)))
    }

    #[track_caller]
    pub(super) fn check(&self) {
        let expected = self.rules();
        for (zone, rules) in &self.firewall.zones {
            let ours: BTreeSet<_> =
                rules.iter().filter(|r| r.contains("-31007")).cloned().collect();
            let bound = *zone == "public" || self.firewall.active.contains(zone);
            assert_eq!(ours, if bound { expected.clone() } else { BTreeSet::new() }, "{zone}");
        }
        assert_eq!(self.firewall.sets, self.entries());
        let in_force: HashSet<_> =
            self.told.iter().filter(|(_, on)| **on).map(|(k, _)| k).collect();
        assert_eq!(in_force, self.bans.keys().collect(), "each ban, and no other, is told of");
        assert_eq!(self.plan.condition, Some(Condition::Ready));
        assert!(self.plan.releases.is_empty(), "{:?}", self.plan.releases);
        assert!(self.reconciled);
    }
}
