//! A firewalld of sets: what each zone and each set holds, as text, and how it answers.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;
use jiff::SignedDuration;

use crate::enforcer::firewalld::call::{Answer, Call};
use crate::enforcer::firewalld::element::{Element, Holder, Zone};
use crate::enforcer::firewalld::fault::Fault;
use crate::enforcer::firewalld::provision::{Policy, PolicyName};
use crate::enforcer::firewalld::reconcile::Step;
use crate::enforcer::firewalld::rule::Rule;
use crate::enforcer::shard::Group;
use crate::enforcer::testing::net_block;
use crate::jail::ban::show;
use crate::moment::Boot;

type Zones = BTreeMap<&'static str, BTreeSet<String>>;
type Sets = BTreeMap<String, BTreeSet<String>>;

/// The firewall.
#[derive(Debug, Default)]
pub(super) struct Firewall {
    pub(super) zones: Zones,
    pub(super) sets: Sets,
    permanent: (Zones, Sets),
    pub(super) active: BTreeSet<&'static str>,
    pub(super) panic: bool,
    /// How every change fails, once the kernel has lost it all.
    pub(super) flushed: Option<Fault>,
    /// Whether sets may hold what the plan cannot know of.
    pub(super) meddled: bool,
    /// The sets that it still fills, if it is one of those that do so after they have answered.
    pub(super) filling: Option<BTreeMap<String, Boot>>,
    pub(super) now: Boot,
    /// Calls that changed something.
    pub(super) calls: usize,
}

impl Firewall {
    pub(super) fn new(shards: Option<u8>) -> Self {
        let mut firewall = Self {
            zones: BTreeMap::from(["dmz", "public", "trusted"].map(|z| (z, BTreeSet::new()))),
            active: BTreeSet::from(["public"]),
            ..Self::default()
        };
        firewall.provision(shards);
        firewall
    }

    /// Has these sets and no others; entries of those that stay, stay.
    pub(super) fn provision(&mut self, shards: Option<u8>) {
        let names = shards.map(names).unwrap_or_default();
        self.sets.retain(|name, _| names.contains(name));
        self.permanent.1.retain(|name, _| names.contains(name));
        for name in names {
            self.sets.entry(name).or_default();
        }
    }

    pub(super) fn wipe(&mut self) {
        for rules in self.zones.values_mut() {
            rules.retain(|rule| !rule.contains("-31007"));
        }
        self.sets.values_mut().for_each(BTreeSet::clear);
        self.filling.iter_mut().for_each(BTreeMap::clear);
    }

    pub(super) fn make_permanent(&mut self) {
        self.meddled = true;
        let ours = |rules: &BTreeSet<String>| {
            rules.iter().filter(|r| r.contains("-31007")).cloned().collect()
        };
        let zones = self.zones.iter().map(|(zone, rules)| (*zone, ours(rules))).collect();
        self.permanent = (zones, self.sets.clone());
    }

    /// Runtime is lost, what is permanent comes back.
    pub(super) fn reload(&mut self) {
        self.flushed = None;
        self.wipe();
        for (zone, rules) in &self.permanent.0 {
            if let Some(zone) = self.zones.get_mut(zone) {
                zone.extend(rules.iter().cloned());
            }
        }
        for (set, entries) in &self.permanent.1 {
            if let Some(set) = self.sets.get_mut(set) {
                set.extend(entries.iter().cloned());
            }
        }
    }

    /// The kernel loses it all; firewalld knows nothing of it.
    pub(super) fn flush(&mut self) {
        self.flushed = Some(Fault::Flushed("COMMAND_FAILED: No such file or directory".into()));
    }

    /// Somebody else adds an entry, if firewalld takes it.
    pub(super) fn meddle(&mut self, tidy: bool) {
        self.meddled = true;
        let text = if tidy { "192.0.2.0/28" } else { "192.0.2.0/32" };
        if let Some(set) = self.sets.values_mut().next() {
            let net: IpNet = text.parse().unwrap();
            if set.iter().all(|other| !overlap(&parse(other), &net)) {
                set.insert(text.to_owned());
            }
        }
    }

    pub(super) fn answer(&mut self, call: &Call) -> Result<Answer, Fault> {
        let zones = |names: Vec<&&'static str>| names.into_iter().map(|z| Zone::from(*z)).collect();
        Ok(match call {
            Call::DefaultZone => Answer::Zone("public".into()),
            Call::Version => {
                Answer::Version(if self.filling.is_some() { "2.4.4" } else { "1.3.3" }.into())
            }
            Call::PanicMode => Answer::Panic(self.panic),
            Call::ActiveZones => {
                let active = self.active.iter().filter(|zone| self.zones.contains_key(*zone));
                Answer::Zones(zones(active.collect()))
            }
            Call::Zones => Answer::Zones(zones(self.zones.keys().collect())),
            Call::Canary(zone) => self.canary(zone, true)?,
            Call::CanaryGone(zone) => self.canary(zone, false)?,
            Call::Sets => {
                let others = ["blocklist".to_owned(), "gaolers".to_owned()];
                Answer::Names(self.sets.keys().cloned().chain(others).collect())
            }
            Call::Policies => Answer::Names(vec!["allow-host-ipv6".into(), "gaoler-in".into()]),
            Call::Policy(name) => Answer::Policy(self.policy(name)),
            Call::List(holder) => Answer::Texts(self.held(holder)?.iter().cloned().collect()),
            Call::Change(_) if self.panic => return Err(Fault::Panic),
            Call::Change(step) => self.change(step)?,
        })
    }

    fn canary(&mut self, zone: &Zone, on: bool) -> Result<Answer, Fault> {
        if let Some(fault) = &self.flushed {
            return Err(fault.clone());
        }
        let (holder, rule) = (Holder::Zone(zone.clone()), Rule::canary().to_string());
        let held = self.held(&holder)?;
        let changed = if on { held.insert(rule) } else { held.remove(&rule) };
        changed.then_some(Answer::Done).ok_or(Fault::AlreadySo)
    }

    fn policy(&self, name: &str) -> Policy {
        assert_eq!(name, "gaoler-in");
        let rule = |set: &String| format!(r#"rule family="ipv4" source ipset="{set}" drop"#);
        let rules = self.sets.keys().map(rule).collect();
        Policy::of(PolicyName::In, rules)
    }

    fn change(&mut self, step: &Step) -> Result<Answer, Fault> {
        if let Some(fault) = &self.flushed {
            return Err(fault.clone());
        }
        self.calls += 1;
        let (holder, now) = (step.holder(), self.now);
        if let Holder::Set(set) = &holder {
            let filling = self.filled_at(set.as_str()) > now;
            assert!(!filling || self.meddled, "{set} is still being filled: {step:?}");
        }
        let changed = match step {
            Step::Add(holder, element) => {
                let held = self.held(holder)?;
                if let Element::Entry(net) = element {
                    let text = show(net);
                    let other = |other: &&String| **other != text;
                    if held.iter().filter(other).any(|other| overlap(&parse(other), net)) {
                        return Err(Fault::Overlap("INVALID_ENTRY: overlaps".into()));
                    }
                }
                held.insert(text(element))
            }
            Step::Remove(holder, element) => self.held(holder)?.remove(&text(element)),
            Step::RemoveStray(holder, text) => self.held(holder)?.remove(text),
            Step::Fill(set, nets) => {
                let overlaps =
                    |(n, net): (usize, &IpNet)| nets[..n].iter().any(|o| overlap(o, net));
                assert!(!nets.iter().enumerate().any(overlaps), "{nets:?}");
                let meddled = self.meddled;
                let held = self.held(&holder)?;
                assert!(held.is_empty() || meddled, "{set} holds {held:?}");
                *held = nets.iter().map(show).collect();
                if let Some(filling) = &mut self.filling {
                    filling.insert(set.to_string(), now.after(SignedDuration::from_secs(1)));
                }
                true
            }
            Step::Empty(set) => {
                let held = self.held(&holder)?;
                let changed = !held.is_empty();
                held.clear();
                if let Some(filling) = &mut self.filling {
                    filling.insert(set.to_string(), now.after(SignedDuration::from_secs(1)));
                }
                changed
            }
        };
        changed.then_some(Answer::Done).ok_or(Fault::AlreadySo)
    }

    pub(super) fn held(&mut self, holder: &Holder) -> Result<&mut BTreeSet<String>, Fault> {
        let held = match holder {
            Holder::Zone(zone) => self.zones.get_mut(&**zone),
            Holder::Set(set) => self.sets.get_mut(set.as_str()),
        };
        held.ok_or(Fault::Missing("INVALID_ZONE".into()))
    }

    /// When the kernel has, or had, all that the set was filled with.
    fn filled_at(&self, set: &str) -> Boot {
        self.filling.as_ref().and_then(|filling| filling.get(set)).copied().unwrap_or_default()
    }

    /// Whether a set stops everything from the address.
    pub(super) fn blocks(&self, address: &IpNet) -> bool {
        let filled = |set: &&String| self.filled_at(set) <= self.now;
        let mut sets = self.sets.iter().filter(|(set, _)| filled(set)).flat_map(|(_, held)| held);
        sets.any(|entry| parse(entry).contains(address))
    }
}

/// The sets of the scope of all ports.
fn names(shards: u8) -> BTreeSet<String> {
    group(shards).sets().iter().map(ToString::to_string).collect()
}

pub(super) fn group(shards: u8) -> Group {
    Group::of(&net_block(0).scope).with_shards(shards.try_into().unwrap())
}

pub(super) fn overlap(one: &IpNet, two: &IpNet) -> bool {
    one.contains(two) || two.contains(one)
}

fn text(element: &Element) -> String {
    match element {
        Element::Rule(rule) => rule.to_string(),
        Element::Entry(net) => show(net),
    }
}

fn parse(entry: &str) -> IpNet {
    entry.parse().unwrap_or_else(|_| entry.parse::<std::net::IpAddr>().unwrap().into())
}
