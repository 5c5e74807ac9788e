//! Bans that begin and end, and what came of the calls made for them.

use super::{LIMIT, PERIOD, Plan};
use crate::enforcer::firewalld::call::Answer;
use crate::enforcer::firewalld::fault::Fault;
use crate::enforcer::firewalld::reconcile::{Hold, Step};
use crate::enforcer::firewalld::rule::Rule;
use crate::enforcer::order::{Block, Condition, Report};
use crate::jail::ban::BanKey;
use crate::moment::{Boot, Moment};

/// What an operator can do when polkit, or firewalld's lockdown, says no.
const UNAUTHORIZED: &str = "put 45-gaoler.rules into /etc/polkit-1/rules.d, or run gaoler as root";

impl Plan {
    pub(super) fn enforce(&mut self, key: &BanKey, block: Block, now: Moment) {
        self.releasing.remove(key);
        self.announced.remove(key);
        match self.desired.enforce(key, block, self.room()) {
            Ok(shift) => {
                for rule in shift.needless {
                    self.ask_for(rule);
                }
                for rule in self.desired.rules_of(key).unwrap_or_default().to_vec() {
                    self.ask_for(rule);
                }
                self.announce(key, now);
            }
            Err(refusal) => self.give_up(key, &refusal.to_string()),
        }
    }

    pub(super) fn release(&mut self, key: &BanKey) {
        self.announced.remove(key);
        let rules = self.desired.release(key);
        for &rule in &rules {
            self.ask_for(rule);
        }
        self.releasing.entry(key.clone()).or_default().extend(rules);
        self.report_released();
    }

    /// Takes what came of adding or removing a rule.
    pub(super) fn changed(&mut self, step: Step, result: Result<Answer, Fault>, now: Moment) {
        match (step, result) {
            (step, Ok(_) | Err(Fault::AlreadySo)) => self.confirmed(step, now),
            (Step::Add(zone, rule), Err(Fault::Invalid(why))) => {
                self.placed.note(&zone, rule, None);
                for key in self.bans_of(&rule) {
                    self.give_up(&key, &Fault::Invalid(why.clone()).to_string());
                }
            }
            (Step::Remove(zone, _) | Step::RemoveStray(zone, _), Err(Fault::NoZone(_))) => {
                self.placed.forget_zone(&zone);
                self.report_released();
            }
            (step, Err(fault)) => self.failed(step, &fault, now),
        }
    }

    /// Reports the bans whose last rule has gone since.
    pub(super) fn report_released(&mut self) {
        if !self.adopted {
            return; // An earlier run may have left the rule.
        }
        let (desired, placed) = (&self.desired, &self.placed);
        let gone = |rule: &Rule| desired.needs(rule) || !placed.anywhere(rule);
        let released = self.releasing.extract_if(|_, rules| rules.iter().all(gone));
        self.reports.extend(released.map(|(key, _)| Report::Released { key }));
    }

    /// Reports the ban to be in force, if it is and nobody was told.
    pub(super) fn announce(&mut self, key: &BanKey, now: Moment) {
        let sure = self.is_ready() && !self.in_doubt;
        if sure && self.is_in_force(key) && self.announced.insert(key.clone()) {
            self.reports.push(Report::Enforced { key: key.clone(), at: now });
        }
    }

    /// Whether each of the ban's rules is known to be in each zone.
    pub(super) fn is_in_force(&self, key: &BanKey) -> bool {
        let Some(rules) = self.desired.rules_of(key) else { return false };
        let holds = |rule| self.zones.iter().all(|z| self.placed.hold(z, rule) == Some(Hold::Held));
        !self.zones.is_empty() && rules.iter().all(holds)
    }

    /// Refuses the oldest bans for which there is no room.
    pub(super) fn shed(&mut self) {
        let room = self.room();
        for key in self.desired.surplus(room) {
            self.give_up(
                &key,
                &crate::enforcer::firewalld::desired::Refusal::Full(room).to_string(),
            );
        }
    }

    pub(super) fn refuse(&mut self, key: &BanKey, why: &str) {
        let (key, why) = (key.clone(), why.to_owned());
        self.reports.push(Report::Failed { key, why, gives_up: true });
    }

    /// Notes that something failed, and looks again: soon at first, then less and less so.
    pub(super) fn falter(&mut self, now: Boot) {
        let at = self.setbacks.fail(now);
        self.look_at(at, "retry");
    }

    /// Says why nothing works, and tries again at length.
    pub(super) fn break_down(&mut self, why: String, now: Boot) {
        self.look = None;
        self.set_condition(Condition::Broken(why));
        self.falter(now);
    }

    /// What to do about a fault that concerns more than one rule.
    pub(super) fn suffer(&mut self, fault: &Fault, now: Boot) {
        match fault {
            Fault::Panic => {
                self.look = None;
                self.set_condition(Condition::Panic);
                self.look_at(now.after(PERIOD), "periodic");
            }
            Fault::Unauthorized(_) => self.break_down(format!("{fault}: {UNAUTHORIZED}"), now),
            Fault::Silent => self.break_down(fault.to_string(), now),
            _ => self.falter(now),
        }
    }

    /// How many rules there may be in each zone.
    fn room(&self) -> usize {
        LIMIT / self.zones.len().max(1)
    }

    /// Takes a ban back that cannot be enforced, for good.
    fn give_up(&mut self, key: &BanKey, why: &str) {
        self.announced.remove(key);
        for rule in self.desired.release(key) {
            self.ask_for(rule);
        }
        self.refuse(key, why);
    }

    /// Queues what it takes to bring the rule to where it should be, in every zone.
    fn ask_for(&mut self, rule: Rule) {
        if !self.is_ready() {
            return; // The look that makes it ready will find it.
        }
        if self.desired.needs(&rule) {
            let steps = self.zones.iter().filter_map(|zone| self.placed.step(zone, &rule, true));
            self.agenda.enforce(steps);
        } else {
            let steps = self.placed.zones().filter_map(|zone| self.placed.step(zone, &rule, false));
            self.agenda.release(steps);
        }
    }

    /// It is as the step wanted it. What was ordered meanwhile may want it otherwise.
    fn confirmed(&mut self, step: Step, now: Moment) {
        match step {
            Step::Add(zone, rule) => {
                self.placed.note(&zone, rule, Some(Hold::Held));
                for key in self.bans_of(&rule) {
                    self.announce(&key, now);
                }
                self.ask_for(rule);
            }
            Step::Remove(zone, rule) => {
                self.placed.note(&zone, rule, None);
                self.ask_for(rule);
            }
            Step::RemoveStray(zone, text) => self.placed.forget_stray(&zone, &text),
        }
        self.report_released();
    }

    /// It is not known to be as the step wanted it.
    fn failed(&mut self, step: Step, fault: &Fault, now: Moment) {
        let undone = matches!(fault, Fault::Panic | Fault::Unauthorized(_) | Fault::NoZone(_));
        match step {
            Step::Add(zone, rule) => {
                if undone {
                    self.placed.note(&zone, rule, None);
                }
                for key in self.bans_of(&rule) {
                    let why = fault.to_string();
                    self.reports.push(Report::Failed { key, why, gives_up: false });
                }
            }
            Step::Remove(zone, rule) if undone => {
                self.placed.note(&zone, rule, Some(Hold::Held));
            }
            Step::Remove(..) | Step::RemoveStray(..) => {}
        }
        self.suffer(fault, now.boot);
    }

    fn bans_of(&self, rule: &Rule) -> Vec<BanKey> {
        self.desired.bans_of(rule).cloned().collect()
    }
}
