//! Decides what to ask of firewalld next, and what to say of it.
//!
//! Pure: it makes no call and reads no clock. Whoever drives it asks for the [next
//! call](Plan::next_call), makes it, and brings the [result](Plan::finished); in between it takes
//! orders and what was heard. At most one call is under way, so what a call says is true of the
//! moment it came back.
//!
//! It never replays orders: what should be and what is are two sets, and the next call is whatever
//! brings them closer. So the latest order wins, whatever happened while firewalld was away.
//!
//! The order of work: new bans, releases and what a look found amiss, each in its turn. A look puts
//! right what it finds as it goes, so that what was lost is not out of force until its end; its calls
//! and the others take turns.

mod agenda;
mod change;
mod compare;
mod gathering;
mod leftovers;
mod listing;
mod look;
mod outcome;
mod releases;
mod settling;
mod signal;
#[cfg(test)]
mod simulation;
mod sparing;
mod whose;

use std::collections::{BTreeMap, HashSet};

use jiff::SignedDuration;

use self::agenda::Agenda;
use self::gathering::Gathering;
use self::leftovers::Leftovers;
use self::look::Look;
use self::releases::Releases;
use self::settling::Settling;
use self::sparing::Sparing;
use super::call::{Answer, Call};
use super::desired::Desired;
use super::element::Zone;
use super::fault::Fault;
use super::provided::Means;
use super::reconcile::{Drift, Placed};
use crate::config::checked::Firewalld;
use crate::enforcer::order::{Condition, Coverage, Demand, Order, Report};
use crate::enforcer::setbacks::Setbacks;
use crate::enforcer::shard::SetName;
use crate::jail::ban::{BanKey, JailName};
use crate::jail::scope::Scope;
use crate::moment::{Boot, Moment};

/// How many rules there are at most, over all zones. Each costs firewalld time that grows with
/// their number (13 ms an add at 1,000), and each new connection 25 ns.
pub const LIMIT: usize = 1000;

/// How long after the last look the next is due, if nothing calls for one: some losses are silent.
const PERIOD: SignedDuration = SignedDuration::from_secs(60);

/// How long signals are collected before a look: a zone that changes sends several.
const DEBOUNCE: SignedDuration = SignedDuration::from_millis(100);

/// What is to be done, and what is known.
#[derive(Debug)]
pub struct Plan {
    configured: Option<Vec<Zone>>,
    means: Means,
    desired: Desired,
    placed: Placed,
    /// The zones in which bans must be in force; none before the first look.
    zones: Vec<Zone>,
    /// The bans of an earlier run, until all was listed once: firewalld should have them.
    restored: HashSet<BanKey>,
    /// `None` before anything was heard.
    condition: Option<Condition>,
    /// The bans last reported to be in force.
    announced: HashSet<BanKey>,
    releases: Releases,
    agenda: Agenda,
    look: Option<Look>,
    due: Option<Due>,
    /// What looks have found since the last one that ended well.
    found: Option<Found>,
    /// Whether every zone and set has been listed once.
    adopted: bool,
    leftovers: Leftovers,
    sparing: Sparing,
    /// The sets that refused to be filled at once, since the last look.
    one_by_one: HashSet<SetName>,
    settling: Settling,
    gathering: Gathering,
    /// What the jails' bans refuse.
    jails: BTreeMap<JailName, Scope>,
    /// As last reported.
    coverage: Option<Coverage>,
    setbacks: Setbacks,
    /// What is in place, and how much may be, as last reported.
    capacity: Option<(usize, usize)>,
    reports: Vec<Report>,
}

/// When to look next, and why.
#[derive(Clone, Copy, Debug)]
struct Due {
    at: Boot,
    trigger: &'static str,
}

/// What looks found amiss, and what started them.
#[derive(Clone, Debug)]
struct Found {
    trigger: &'static str,
    drift: Drift,
}

impl Plan {
    /// Begins with the bans of an earlier run, oldest first: what of them firewalld still holds is
    /// adopted, the rest is put back.
    #[must_use]
    pub fn new(settings: &Firewalld, restored: Vec<Demand>) -> Self {
        let configured = settings.zones.as_ref();
        let mut plan = Self {
            configured: configured.map(|zones| zones.iter().map(|z| z.as_str().into()).collect()),
            means: Means::new(settings.mode, settings.action),
            desired: Desired::default(),
            placed: Placed::default(),
            zones: Vec::new(),
            restored: restored.iter().map(|demand| demand.key.clone()).collect(),
            condition: None,
            announced: HashSet::new(),
            releases: Releases::default(),
            agenda: Agenda::default(),
            look: None,
            due: None,
            found: None,
            adopted: false,
            leftovers: Leftovers::default(),
            sparing: Sparing::default(),
            one_by_one: HashSet::new(),
            settling: Settling::default(),
            gathering: Gathering::default(),
            jails: BTreeMap::new(),
            coverage: None,
            setbacks: Setbacks::default(),
            capacity: None,
            reports: Vec::new(),
        };
        for Demand { key, block, until: _ } in restored {
            if let Err(refusal) = plan.desired.enforce(&key, block, &mut plan.means, usize::MAX) {
                plan.refuse(&key, &refusal.to_string());
            }
        }
        // The newest are taken first, and what does not fit is refused.
        plan.rework();
        plan
    }

    /// Takes an order; [`Order::Stop`] is the driver's.
    ///
    /// An order that overtakes another one for the same ban stands in its place: of a release that
    /// was overtaken nothing is reported.
    pub fn order(&mut self, order: Order, now: Moment) {
        match order {
            Order::Enforce(Demand { key, block, until: _ }) => {
                self.enforce(&key, block, now);
                self.gather(now.boot);
            }
            Order::Release(key) => self.release(&key),
            Order::Jails(jails) => {
                self.jails = jails;
                self.tell_later(now);
                self.report_coverage();
            }
            Order::Clear => self.clear(now),
            Order::Look => self.look_at(now.boot, "asked"),
            Order::Stop => {}
        }
    }

    /// Somebody owns firewalld's name, and is perhaps not ready yet.
    pub fn owner_gained(&mut self, now: Moment) {
        self.lose_all();
        if self.adopted {
            self.leftovers.reloaded();
        }
        self.set_condition(Condition::Starting);
        self.look_at(now.boot, if self.adopted { "owner" } else { "start" });
    }

    /// Nobody does. What firewalld held is gone with it, or soon will be.
    pub fn owner_lost(&mut self) {
        self.lose_all();
        self.set_condition(Condition::Absent);
    }

    /// The bus cannot be reached.
    pub fn bus_lost(&mut self, why: &str) {
        self.lose_all();
        self.set_condition(Condition::Broken(why.to_owned()));
    }

    /// The next call to make, if there is one to make now. The caller makes it and brings what
    /// came of it to [`finished`](Self::finished) before it asks again.
    pub fn next_call(&mut self, now: Moment) -> Option<Call> {
        if !self.is_present() {
            return None;
        }
        self.settle_sets(now);
        let now = now.boot;
        if let Some(due) = self.due.filter(|due| due.at <= now && self.look.is_none()) {
            self.begin_look(due.trigger);
        }
        if self.gathering.waits(now) {
            return self.look.as_ref().map(Look::call);
        }
        let call = self.next_step_or_look();
        if call.is_none() {
            self.conclude(now);
        }
        call
    }

    /// Takes what came of a call.
    pub fn finished(&mut self, call: Call, result: Result<Answer, Fault>, now: Moment) {
        match call {
            Call::Change(step) => self.changed(step, result, now),
            _ => self.looked(&call, result, now),
        }
    }

    /// When to ask for the next call although nothing happened.
    #[must_use]
    pub fn wake_at(&self) -> Option<Boot> {
        let due = self.due.map(|due| due.at);
        let wakes = [due, self.settling.wake_at(), self.gathering.wake_at()];
        wakes.into_iter().flatten().min().filter(|_| self.is_present())
    }

    /// Adds a report of the driver's own, in its place among the others.
    pub fn note(&mut self, report: Report) {
        self.reports.push(report);
    }

    /// What there is to report since the last time.
    pub fn take_reports(&mut self) -> Vec<Report> {
        std::mem::take(&mut self.reports)
    }

    /// The next step that is still needed, or the next call of the look under way.
    fn next_step_or_look(&mut self) -> Option<Call> {
        let look = self.look.as_ref().map(Look::call);
        let turn = self.agenda.turn(look.is_some());
        while let Some(step) = turn.filter(|_| self.is_ready()).and_then(|t| self.agenda.take(t)) {
            if self.is_needed(&step) {
                let step = self.widened(step);
                self.begin(&step);
                return Some(Call::Change(step));
            }
        }
        look
    }

    fn is_present(&self) -> bool {
        !matches!(self.condition, None | Some(Condition::Absent))
    }

    fn is_ready(&self) -> bool {
        self.condition == Some(Condition::Ready)
    }

    fn set_condition(&mut self, condition: Condition) {
        if self.condition.as_ref() != Some(&condition) {
            self.condition = Some(condition.clone());
            self.reports.push(Report::Condition(condition));
        }
    }

    /// Sees to it that there is a look at `at`, or before.
    fn look_at(&mut self, at: Boot, trigger: &'static str) {
        if self.due.is_none_or(|due| at < due.at) {
            self.due = Some(Due { at, trigger });
        }
    }

    /// What was seen may be so no longer; a look under way is worthless, and another one must follow.
    fn doubt(&mut self) {
        self.placed.doubt();
        self.look = None;
    }

    /// Nothing that firewalld held can be relied on.
    fn lose_all(&mut self) {
        self.look = None;
        self.due = None;
        self.settling.forget();
        self.placed.doubt();
        self.lose_bans();
    }

    /// Nobody is refused any more.
    fn lose_bans(&mut self) {
        let lost = self.announced.drain().map(|key| Report::Lost { key });
        self.reports.extend(lost);
    }
}
