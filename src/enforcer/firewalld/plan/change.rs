//! Bans that begin and end, and the steps that follow.

use super::Plan;
use super::gathering::CROWD;
use crate::enforcer::firewalld::element::{Element, Holder, Need};
use crate::enforcer::firewalld::reconcile::{Hold, Step};
use crate::enforcer::order::{Block, Report};
use crate::enforcer::shard::SetName;
use crate::jail::ban::BanKey;
use crate::moment::{Boot, Moment};

impl Plan {
    pub(super) fn enforce(&mut self, key: &BanKey, block: Block, now: Moment) {
        self.releases.forget(key);
        self.announced.remove(key);
        self.restored.remove(key);
        let room = self.room();
        match self.desired.enforce(key, block, &mut self.means, room) {
            Ok(shift) => {
                for need in &shift.needless {
                    self.ask_for(need);
                }
                for need in self.desired.needs_of(key).unwrap_or_default().to_vec() {
                    self.ask_for(&need);
                }
                self.announce(key, now);
            }
            Err(refusal) => self.give_up(key, &refusal.to_string()),
        }
    }

    pub(super) fn release(&mut self, key: &BanKey) {
        self.announced.remove(key);
        let block = self.desired.block_of(key);
        let traces = block.map(|block| self.means.traces(block)).unwrap_or_default();
        for need in self.desired.release(key) {
            self.ask_for(&need);
        }
        if self.releases.has_room() && self.releases.begin(key, traces.clone()) {
            for trace in &traces {
                self.report_released(trace);
            }
        } else {
            self.reports.push(Report::Released { key: key.clone() });
        }
    }

    /// Reports the bans that waited for nothing but the end of this element.
    pub(super) fn report_released(&mut self, element: &Element) {
        // Before the first look: an earlier run may have left it.
        if !self.adopted || !self.releases.awaits(element) {
            return;
        }
        let stays = |holder| element.need(holder).is_some_and(|need| self.desired.needs(&need));
        if self.placed.holders_of(*element).all(stays) {
            let gone = self.releases.gone(element).into_iter();
            self.reports.extend(gone.map(|key| Report::Released { key }));
        }
    }

    /// Reports the ban to be in force, if it is and nobody was told.
    pub(super) fn announce(&mut self, key: &BanKey, now: Moment) {
        let sure = self.is_ready() && !self.is_in_doubt(key);
        if sure && self.is_in_force(key) && self.announced.insert(key.clone()) {
            self.reports.push(Report::Enforced { key: key.clone(), at: now });
        }
    }

    /// Reports the ban lost, if it was said to be in force and is not.
    pub(super) fn denounce(&mut self, key: &BanKey) {
        if !self.is_in_force(key) && self.announced.remove(key) {
            self.reports.push(Report::Lost { key: key.clone() });
        }
    }

    /// Whether all that the ban needs is known to be where it must be.
    fn is_in_force(&self, key: &BanKey) -> bool {
        let met = |need: &Need| {
            let (element, holders) = (need.element(), need.holders(&self.zones));
            let holds =
                |h: &Holder| self.placed.covers(h, &element) && !self.settling.holds_back(h);
            !holders.is_empty() && holders.iter().all(holds)
        };
        let needs = self.desired.needs_of(key).unwrap_or_default();
        !needs.is_empty() && needs.iter().all(met)
    }

    /// Whether something that the ban needs may have gone since it was seen.
    fn is_in_doubt(&self, key: &BanKey) -> bool {
        let needs = self.desired.needs_of(key).unwrap_or_default();
        let mut holders = needs.iter().flat_map(|need| need.holders(&self.zones));
        holders.any(|holder| self.placed.doubts(&holder))
    }

    /// Works out anew what each ban needs; refuses the oldest if there is no room for all.
    pub(super) fn rework(&mut self) {
        let room = self.room();
        for (key, refusal) in self.desired.rework(&mut self.means, room) {
            self.announced.remove(&key);
            self.refuse(&key, &refusal.to_string());
        }
    }

    pub(super) fn refuse(&mut self, key: &BanKey, why: &str) {
        let (key, why) = (key.clone(), why.to_owned());
        self.reports.push(Report::Failed { key, why, gives_up: true });
    }

    /// Takes a ban back that cannot be enforced, for good.
    pub(super) fn give_up(&mut self, key: &BanKey, why: &str) {
        self.announced.remove(key);
        for need in self.desired.release(key) {
            self.ask_for(&need);
        }
        self.refuse(key, why);
    }

    /// Queues what it takes to bring something to where it should be.
    pub(super) fn ask_for(&mut self, need: &Need) {
        if !self.is_ready() {
            return; // The look that makes it ready will find it.
        }
        let element = need.element();
        if self.desired.needs(need) {
            for holder in need.holders(&self.zones) {
                if self.desired.belongs(&element, &holder, &self.zones) {
                    self.agenda.enforce(self.placed.steps_to_add(&holder, &element));
                }
            }
            return;
        }
        let holders: Vec<&Holder> = self.placed.holders_of(element).collect();
        let needless = |holder: &&Holder| element.need(holder).as_ref() == Some(need);
        let steps = holders.into_iter().filter(needless);
        let steps = steps.filter_map(|holder| self.placed.step(holder, &element, false));
        self.agenda.release(steps);
    }

    /// Queues what a change of `element` in `holder` may have made possible or needless.
    pub(super) fn ask_around(&mut self, holder: &Holder, element: &Element) {
        let Some(need) = element.need(holder) else { return };
        self.ask_for(&need);
        if let Need::Entry(set, net) = &need {
            for other in self.desired.overlapping(set, *net) {
                self.ask_for(&other);
            }
        }
    }

    /// Whether a step is still to be taken.
    pub(super) fn is_needed(&self, step: &Step) -> bool {
        let holder = step.holder();
        // Once it has settled, or is listed, what is needed is asked for again.
        if self.settling.holds_back(&holder) || self.placed.doubts(&holder) {
            return false;
        }
        match step {
            Step::Add(holder, element) | Step::Remove(holder, element) => {
                let wanted = self.desired.belongs(element, holder, &self.zones);
                self.placed.step(holder, element, wanted).as_ref() == Some(step)
            }
            Step::RemoveStray(..) | Step::Fill(..) | Step::Empty(_) => true,
        }
    }

    /// Notes that a ban has come, perhaps with a crowd.
    pub(super) fn gather(&mut self, now: Boot) {
        let mut gathering = self.gathering;
        let newest = self.agenda.newest();
        gathering.joined(newest.len(), || self.mostly_for_empty_sets(), now);
        self.gathering = gathering;
    }

    /// Whether most of the newest steps add to sets that are empty, or may be, and could be filled.
    fn mostly_for_empty_sets(&self) -> bool {
        let empty = |set: &Holder| self.placed.is_empty(set) || self.placed.doubts(set);
        let for_empty =
            |step: &&Step| matches!(step, Step::Add(set @ Holder::Set(_), _) if empty(set));
        2 * self.agenda.newest().take(CROWD).filter(for_empty).count() >= CROWD
    }

    /// What to do instead: one call for all that is to be added to an empty set, or removed from a
    /// set of which nothing is needed.
    pub(super) fn widened(&self, step: Step) -> Step {
        let wide = match &step {
            Step::Add(Holder::Set(set), _) if !self.one_by_one.contains(set) => self.fill(set),
            Step::Remove(Holder::Set(set), _) => self.empty(set),
            _ => None,
        };
        wide.unwrap_or(step)
    }

    fn fill(&self, set: &SetName) -> Option<Step> {
        let holder = Holder::Set(set.clone());
        let worth = self.desired.entries(set) >= self.settling.worth_a_call();
        if !worth || !self.placed.is_empty(&holder) {
            return None;
        }
        let entries = self.desired.belonging(&holder, &self.zones);
        let nets = entries.filter_map(|element| match element {
            Element::Entry(net) => Some(net),
            Element::Rule(_) => None,
        });
        Some(Step::Fill(set.clone(), nets.collect()))
    }

    fn empty(&self, set: &SetName) -> Option<Step> {
        let held = self.placed.elements(&Holder::Set(set.clone())).count();
        let worth = held >= self.settling.worth_a_call();
        (worth && self.desired.entries(set) == 0 && !self.spares())
            .then(|| Step::Empty(set.clone()))
    }

    /// Puts what the step is about in doubt until its call is back.
    pub(super) fn begin(&mut self, step: &Step) {
        match step {
            Step::Add(holder, element) => self.begin_adding(holder, *element),
            Step::Fill(set, nets) => {
                let holder = Holder::Set(set.clone());
                for net in nets {
                    self.begin_adding(&holder, Element::Entry(*net));
                }
            }
            Step::Remove(holder, element) => {
                self.placed.note(holder, *element, Some(Hold::Doubtful));
                // It may have stood for narrower ones, or makes room for a wider one.
                for key in
                    element.need(holder).map(|n| self.desired.bans_of(&n)).unwrap_or_default()
                {
                    self.denounce(&key);
                }
            }
            Step::Empty(set) => {
                let holder = Holder::Set(set.clone());
                for element in self.elements_of(&holder) {
                    self.placed.note(&holder, element, Some(Hold::Doubtful));
                }
            }
            Step::RemoveStray(..) => {}
        }
    }

    /// What a holder holds, or may.
    pub(super) fn elements_of(&self, holder: &Holder) -> Vec<Element> {
        self.placed.elements(holder).map(|(element, _)| element).collect()
    }

    fn begin_adding(&mut self, holder: &Holder, element: Element) {
        self.leftovers.adding(holder, element);
        self.placed.note(holder, element, Some(Hold::Doubtful));
    }
}
