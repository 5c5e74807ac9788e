//! What is found of ours while nobody knows all that was banned: it is spared, and told of.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use super::Plan;
use crate::enforcer::firewalld::element::{Element, Holder};
use crate::enforcer::firewalld::reconcile::Step;
use crate::enforcer::order::Report;
use crate::enforcer::shard::{Group, SetName};
use crate::jail::ban::JailName;
use crate::jail::scope::Scope;
use crate::moment::Moment;

/// Whether what is found is spared.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sparing {
    on: bool,
    told: bool,
}

impl Plan {
    /// Spares what it finds of ours, until it is told to clear it away.
    #[must_use]
    pub fn spare(mut self) -> Self {
        self.sparing.on = true;
        self
    }

    /// Whether it does.
    pub(super) fn spares(&self) -> bool {
        self.sparing.on
    }

    /// All that is wanted has been said: the rest may go.
    pub(super) fn clear(&mut self, now: Moment) {
        if std::mem::take(&mut self.sparing.on) {
            self.look_at(now.boot, "asked");
        }
    }

    /// The jails are known now: what was found can be told.
    pub(super) fn tell_later(&mut self, now: Moment) {
        if self.sparing.on && !self.sparing.told && self.adopted {
            self.look_at(now.boot, "asked");
        }
    }

    /// Whether a step that a look led to is one of those that are taken now. What is in the way of
    /// a ban goes: firewalld would not take that.
    pub(super) fn may_take(&self, step: &Step) -> bool {
        match step {
            Step::Add(..) | Step::Fill(..) => true,
            Step::Remove(Holder::Set(set), Element::Entry(net)) => {
                !self.sparing.on || !self.desired.overlapping(set, *net).is_empty()
            }
            Step::Remove(..) | Step::RemoveStray(..) | Step::Empty(_) => !self.sparing.on,
        }
    }

    /// Tells whom firewalld refuses on our behalf though nobody asked for it, once all was listed.
    pub(super) fn tell_found(&mut self) {
        if !self.sparing.on || self.sparing.told || self.jails.is_empty() {
            return;
        }
        self.sparing.told = true;
        let mut found: BTreeMap<IpNet, BTreeSet<JailName>> = BTreeMap::new();
        for holder in self.placed.holders() {
            for (element, _) in self.placed.elements(holder) {
                let wanted = element.need(holder).is_some_and(|need| self.desired.needs(&need));
                if wanted || self.releases.awaits(&element) {
                    continue;
                }
                let address = address(&element);
                let jails = self.jails.iter().filter(|(_, scope)| fits(holder, &element, scope));
                found.entry(address).or_default().extend(jails.map(|(jail, _)| jail.clone()));
            }
        }
        let found = found.into_iter().filter(|(_, jails)| !jails.is_empty());
        let found = found.map(|(address, jails)| Report::Found {
            address,
            jails: jails.into_iter().collect(),
            left: None,
        });
        self.reports.extend(found);
        self.reports.push(Report::FoundAll);
    }
}

fn address(element: &Element) -> IpNet {
    match element {
        Element::Rule(rule) => rule.address(),
        Element::Entry(net) => *net,
    }
}

/// Whether a ban that refuses `scope` may have put the element there.
fn fits(holder: &Holder, element: &Element, scope: &Scope) -> bool {
    match (holder, element) {
        (Holder::Set(set), _) => {
            let group = SetName::parse(set.as_str());
            group.is_some_and(|(tag, ..)| tag == *Group::of(scope).tag())
        }
        (Holder::Zone(_), Element::Rule(rule)) => rule.is_within(scope),
        (Holder::Zone(_), Element::Entry(_)) => false,
    }
}
