//! What came of a step, and what to do about a fault.

use ipnet::IpNet;

use super::{DEBOUNCE, PERIOD, Plan};
use crate::enforcer::firewalld::call::Answer;
use crate::enforcer::firewalld::element::{Element, Holder};
use crate::enforcer::firewalld::fault::Fault;
use crate::enforcer::firewalld::reconcile::{Hold, Step};
use crate::enforcer::order::{Condition, Report};
use crate::enforcer::shard::SetName;
use crate::moment::{Boot, Moment};

/// What an operator can do when polkit, or firewalld's lockdown, says no.
const UNAUTHORIZED: &str = "put 45-gaoler.rules into /etc/polkit-1/rules.d, or run gaoler as root";

/// What is to be said when the kernel has lost what firewalld made.
const FLUSHED: &str = "firewalld answers and the kernel has none of its rules, as after `nft flush \
ruleset`: nothing is refused, and firewalld does not know. Restart firewalld (before version 2 its \
reload fails, too)";

impl Plan {
    /// Takes what came of a step.
    pub(super) fn changed(&mut self, step: Step, result: Result<Answer, Fault>, now: Moment) {
        // However it ended, firewalld may be at it.
        match &step {
            Step::Fill(set, nets) => self.settling.filled(set, nets.len(), now.boot),
            Step::Empty(set) => {
                let entries = self.elements_of(&step.holder()).len();
                self.settling.filled(set, entries, now.boot);
            }
            Step::Add(..) | Step::Remove(..) | Step::RemoveStray(..) => {}
        }
        match (step, result) {
            (step, Ok(_) | Err(Fault::AlreadySo)) => self.confirmed(step, now),
            (Step::Add(holder, element), Err(Fault::Invalid(why))) => {
                self.invalid(&holder, element, &Fault::Invalid(why));
            }
            (Step::Fill(set, nets), Err(Fault::Invalid(_) | Fault::Overlap(_))) => {
                self.fill_singly(set, &nets);
            }
            (
                step @ (Step::Remove(..) | Step::RemoveStray(..) | Step::Empty(_)),
                Err(Fault::Missing(_)),
            ) => self.holder_gone(&step.holder(), now.boot),
            (step, Err(fault)) => self.failed(step, &fault, now),
        }
    }

    /// There is no such zone or set, so nothing of ours is in it; which there are must be looked up.
    fn holder_gone(&mut self, holder: &Holder, now: Boot) {
        let elements = self.elements_of(holder);
        self.placed.forget(holder);
        for element in elements {
            self.report_released(&element);
        }
        self.look_at(now.after(DEBOUNCE), "missing");
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

    /// The same, where what firewalld holds refuses nobody.
    pub(super) fn break_down_bare(&mut self, why: &str, now: Boot) {
        self.placed.doubt();
        self.lose_bans();
        self.break_down(why.to_owned(), now);
    }

    /// What to do about a fault that concerns more than one element.
    pub(super) fn suffer(&mut self, fault: &Fault, now: Boot) {
        match fault {
            Fault::Panic => {
                self.look = None;
                self.set_condition(Condition::Panic);
                self.look_at(now.after(PERIOD), "periodic");
            }
            Fault::Unauthorized(_) => self.break_down(format!("{fault}: {UNAUTHORIZED}"), now),
            Fault::Silent => self.break_down(fault.to_string(), now),
            Fault::Flushed(_) => self.break_down_bare(FLUSHED, now),
            _ => self.falter(now),
        }
    }

    /// It is as the step wanted it. What was ordered meanwhile may want it otherwise.
    fn confirmed(&mut self, step: Step, now: Moment) {
        match step {
            Step::Add(holder, element) => self.added(&holder, element, now),
            Step::Fill(set, nets) => {
                let holder = Holder::Set(set);
                for net in nets {
                    self.added(&holder, Element::Entry(net), now);
                }
            }
            Step::Remove(holder, element) => self.removed(&holder, &element),
            Step::Empty(set) => {
                let holder = Holder::Set(set);
                for element in self.elements_of(&holder) {
                    self.removed(&holder, &element);
                }
            }
            Step::RemoveStray(holder, text) => self.placed.forget_stray(&holder, &text),
        }
    }

    fn removed(&mut self, holder: &Holder, element: &Element) {
        self.placed.note(holder, *element, None);
        self.ask_around(holder, element);
        self.report_released(element);
    }

    fn added(&mut self, holder: &Holder, element: Element, now: Moment) {
        self.placed.note(holder, element, Some(Hold::Held));
        self.leftovers.adding(holder, element); // Since a reload that was heard meanwhile, perhaps.
        let Some(need) = element.need(holder) else { return };
        for key in self.desired.bans_of(&need) {
            self.announce(&key, now);
        }
        self.ask_around(holder, &element);
    }

    /// It is not known to be as the step wanted it.
    fn failed(&mut self, step: Step, fault: &Fault, now: Moment) {
        match step {
            Step::Add(holder, element) => self.not_added(&holder, element, fault),
            Step::Fill(set, nets) => {
                let holder = Holder::Set(set);
                for net in nets {
                    self.not_added(&holder, Element::Entry(net), fault);
                }
            }
            Step::Remove(holder, element) if is_undone(fault) => {
                self.placed.note(&holder, element, Some(Hold::Held));
            }
            Step::Empty(set) if is_undone(fault) => {
                let holder = Holder::Set(set);
                for element in self.elements_of(&holder) {
                    self.placed.note(&holder, element, Some(Hold::Held));
                }
            }
            Step::Remove(..) | Step::RemoveStray(..) | Step::Empty(_) => {}
        }
        self.suffer(fault, now.boot);
    }

    fn not_added(&mut self, holder: &Holder, element: Element, fault: &Fault) {
        if is_undone(fault) {
            self.placed.note(holder, element, None);
        }
        let need = element.need(holder);
        for key in need.map(|need| self.desired.bans_of(&need)).unwrap_or_default() {
            self.reports.push(Report::Failed { key, why: fault.to_string(), gives_up: false });
        }
    }

    /// firewalld will never take it: the bans that need it cannot be enforced.
    fn invalid(&mut self, holder: &Holder, element: Element, fault: &Fault) {
        self.placed.note(holder, element, None);
        let Some(need) = element.need(holder) else { return };
        for key in self.desired.bans_needing(&need) {
            self.give_up(&key, &fault.to_string());
        }
    }

    /// firewalld refuses one of many, and thereby all: which, shows when each comes alone.
    fn fill_singly(&mut self, set: SetName, nets: &[IpNet]) {
        self.one_by_one.insert(set.clone());
        let holder = Holder::Set(set);
        for net in nets {
            self.placed.note(&holder, Element::Entry(*net), None);
            self.ask_around(&holder, &Element::Entry(*net));
        }
    }
}

/// Whether firewalld did nothing, for sure.
fn is_undone(fault: &Fault) -> bool {
    matches!(fault, Fault::Panic | Fault::Unauthorized(_) | Fault::Missing(_) | Fault::Overlap(_))
}
