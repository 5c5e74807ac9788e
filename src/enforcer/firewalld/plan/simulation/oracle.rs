//! What should be, worked out from the bans alone.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use ipnet::IpNet;

use super::firewall::{group, overlap, parse};
use super::world::World;
use crate::config::checked::{Action, Mode};
use crate::enforcer::firewalld::rule::Rule;
use crate::enforcer::order::{Block, Condition};
use crate::enforcer::shard::SetName;
use crate::jail::ban::{BanKey, show};

impl World {
    /// The set that must hold the block, if there is one.
    fn set_for(&self, block: &Block) -> Option<SetName> {
        let shards = self.shards.filter(|_| self.mode != Mode::RichRule)?;
        let served = block.scope.ports.is_empty();
        served.then(|| group(shards).set_for(&block.address, 64))
    }

    /// The rules that must be in each zone.
    pub(super) fn rules(&self) -> BTreeSet<String> {
        let blocks = self.bans.values().filter(|block| self.set_for(block).is_none());
        let rules = blocks.flat_map(|block| Rule::all(block, Action::Reject).unwrap());
        rules.map(|rule| rule.to_string()).collect()
    }

    /// Every ban's network is in its own set, or in the one that stands in for it, or a wider one is
    /// there; and nothing else is anywhere.
    #[track_caller]
    fn check_sets(&self) {
        let wanted: BTreeMap<IpNet, SetName> =
            self.bans.values().filter_map(|b| Some((b.address, self.set_for(b)?))).collect();
        let mut nets = BTreeSet::new();
        for (set, entries) in &self.firewall.sets {
            let held: Vec<IpNet> = entries.iter().map(|entry| parse(entry)).collect();
            for (entry, net) in entries.iter().zip(&held) {
                assert_eq!(*entry, show(net), "{set}: not our spelling");
                assert!(!held.iter().any(|o| o != net && overlap(o, net)), "{set}: {held:?}");
                assert!(nets.insert(*net), "{net} is in two sets");
                let places = wanted.get(net).map(places).unwrap_or_default();
                assert!(places.contains(set), "{net} is in {set}, not in {places:?}");
            }
        }
        for (net, home) in &wanted {
            let held = places(home).iter().any(|set| self.firewall.holds(set, net));
            assert!(held, "{net} is not in {home}: {:?}", self.firewall.sets);
        }
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
        self.check_sets();
        let in_force: HashSet<_> =
            self.told.iter().filter(|(_, on)| **on).map(|(k, _)| k).collect();
        assert_eq!(in_force, self.bans.keys().collect(), "each ban, and no other, is told of");
        assert_eq!(self.plan.condition, Some(Condition::Ready));
        assert!(self.plan.releases.is_empty(), "{:?}", self.plan.releases);
        assert!(self.reconciled);
    }
}

/// Where what belongs in a set may be.
fn places(home: &SetName) -> Vec<String> {
    [Some(home.clone()), home.refuge()].iter().flatten().map(ToString::to_string).collect()
}
