//! The second half of a look: where and how bans must be in force, and what of ours is where.

use std::collections::{BTreeSet, HashMap};

use super::Plan;
use super::look::Stage;
use crate::enforcer::firewalld::element::{Element, Holder};
use crate::enforcer::firewalld::provided::Provided;
use crate::enforcer::order::Condition;
use crate::enforcer::shard::SetName;
use crate::moment::Moment;

impl Plan {
    /// Decides where and how bans must be in force, and what to list.
    pub(super) fn settle(&mut self, now: Moment) {
        let Some(look) = &mut self.look else { return };
        let zones = look.zones_in_use(self.configured.as_deref());
        let provided = Provided::of(&look.sets, &look.policies);
        let names = look.sets.iter().filter_map(|name| SetName::ours(name)).map(Holder::Set);
        let exist: BTreeSet<Holder> =
            look.zones.iter().cloned().map(Holder::Zone).chain(names).collect();
        self.placed.forget_except(|holder| exist.contains(holder));
        if zones.is_empty() {
            let why = self.no_such_zones();
            return self.break_down(why, now.boot);
        }
        let moved = zones != self.zones;
        if moved {
            self.warn_of_missing_zones();
            self.zones = zones;
        }
        // Both must be taken: no `||`.
        if self.means.learn(provided) | moved {
            self.rework();
        }
        let mut unlisted: Vec<Holder> =
            exist.into_iter().filter(|holder| self.is_to_be_listed(holder)).collect();
        unlisted.sort_by_key(|holder| !self.is_needed_to_hold(holder));
        self.advance(Stage::List, |look| look.unlisted = unlisted.into());
        // It works. What it holds is in doubt, holder by holder, until that is listed.
        self.set_condition(Condition::Ready);
        self.report_coverage();
    }

    /// Whether bans need it: those are listed first, and the zones before the sets.
    fn is_needed_to_hold(&self, holder: &Holder) -> bool {
        match holder {
            Holder::Zone(zone) => self.zones.contains(zone),
            Holder::Set(set) => self.desired.entries(set) > 0,
        }
    }

    /// All at first, since an earlier run may have left something anywhere, and after a reload.
    /// Later the sets, and the zones that hold something or should.
    fn is_to_be_listed(&self, holder: &Holder) -> bool {
        let used = match holder {
            Holder::Zone(zone) => {
                let holds = self.placed.knows(holder) && !self.placed.is_empty(holder);
                holds || self.zones.contains(zone)
            }
            Holder::Set(_) => true,
        };
        used || !self.adopted || self.leftovers.is_fresh()
    }

    /// A misspelt zone is enforced nowhere, and the others still are.
    fn warn_of_missing_zones(&self) {
        let zones = self.look.iter().flat_map(|look| &look.zones).collect::<Vec<_>>();
        let configured = self.configured.iter().flatten();
        for zone in configured.filter(|zone| !zones.contains(zone)) {
            tracing::warn!(
                zone = &**zone,
                "firewalld has no such zone: see enforcement.firewalld.zones"
            );
        }
    }

    fn no_such_zones(&self) -> String {
        let configured = self.configured.as_deref().unwrap_or_default().join(", ");
        let all = self.look.as_ref().map(|look| look.zones.join(", ")).unwrap_or_default();
        format!(
            "firewalld has none of the zones in enforcement.firewalld.zones ({configured}); it has {all}"
        )
    }

    pub(super) fn listed(&mut self, holder: &Holder, texts: &[String], now: Moment) {
        let expected = |element: &Element| {
            let need = element.need(holder).filter(|_| !self.adopted);
            let mut bans = need.iter().flat_map(|need| self.desired.bans_needing(need));
            bans.any(|key| self.restored.contains(&key))
        };
        let before: Vec<_> = if self.leftovers.is_fresh() {
            self.placed.elements(holder).collect()
        } else {
            Vec::new()
        };
        let drift = self.placed.see(holder, texts, &self.desired, &self.zones, expected);
        if let Some(found) = &mut self.found {
            found.drift.missing += drift.missing;
            found.drift.unexpected += drift.unexpected;
        }
        if self.leftovers.is_fresh() {
            let before: HashMap<_, _> = before.into_iter().collect();
            for (element, _) in self.placed.elements(holder) {
                self.leftovers.found(holder, element, before.get(&element).copied());
            }
        }
        self.mend(holder, now);
        self.listing_done(now);
    }

    /// Says what is in force of that which was just listed, and queues what is to be put right. The
    /// zones in use are one, since a ban needs its rules in all of them.
    fn mend(&mut self, holder: &Holder, now: Moment) {
        let mut steps = match holder {
            Holder::Set(set) => self.placed.steps_of_set(set, &self.desired),
            Holder::Zone(_) if self.is_last_zone_in_use() => {
                self.placed.steps_of_zones(&self.desired, &self.zones)
            }
            Holder::Zone(_) => return,
        };
        steps.retain(|step| self.may_take(step));
        self.agenda.mend(steps);
        let needs = self.desired.belonging(holder, &self.zones).filter_map(|e| e.need(holder));
        for key in needs.flat_map(|need| self.desired.bans_of(&need)).collect::<Vec<_>>() {
            self.denounce(&key);
            self.announce(&key, now);
        }
    }

    /// Whether what is being listed is the last zone in use.
    fn is_last_zone_in_use(&self) -> bool {
        let in_use = |holder: &&Holder| matches!(holder, Holder::Zone(z) if self.zones.contains(z));
        self.look.iter().flat_map(|look| &look.unlisted).filter(in_use).count() == 1
    }

    /// Goes on to the next, or to what is to be done.
    pub(super) fn listing_done(&mut self, now: Moment) {
        let Some(look) = &mut self.look else { return };
        look.unlisted.pop_front();
        if !look.unlisted.is_empty() {
            return;
        }
        if look.try_last {
            self.advance(Stage::Canary, |_| {});
        } else {
            self.end_look(now);
        }
    }

    /// All there is was listed, and the kernel takes what firewalld is told.
    pub(super) fn end_look(&mut self, now: Moment) {
        self.look = None;
        self.adopted = true;
        self.restored.clear();
        self.compare(now);
    }
}
