//! Decides what to ask of the kernel next, and what to say of it.
//!
//! Pure: it touches no socket and reads no clock. Whoever drives it asks for the [next
//! work](Plan::next_work), does it, and brings what came of it to [`finished`](Plan::finished); in
//! between it takes orders. One piece of work is under way at a time, so all orders that come
//! meanwhile are the next transaction.
//!
//! What should be ([`Desired`]) and what is (`held`, `whole`) are compared, and the next
//! transaction is whatever brings them closer; orders are never replayed. What is known is known
//! from the kernel's acknowledgements and from looks, and is looked at again when the generation
//! of the rule set shows that somebody else changed something, when an answer was lost, and every
//! minute.

mod agenda;
mod commit;
mod look;
mod news;
#[cfg(test)]
mod simulation;
mod sparing;
mod work;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::SignedDuration;
use rustc_hash::{FxHashMap, FxHashSet};

use self::agenda::{Agenda, Asked, Task};
use self::commit::Flight;
use self::look::Look;
use self::sparing::Sparing;
pub use self::work::{Answer, Generations, Work};
use super::counters::Counters;
use super::desired::{Desired, SetId, Target};
use super::group::Group;
use super::reply::Count;
use super::ruleset::Amiss;
use super::span::Elements;
use super::trouble::Trouble;
use crate::enforcer::order::{Condition, Demand, Order, Report};
use crate::enforcer::setbacks::Setbacks;
use crate::jail::ban::{BanKey, JailName};
use crate::jail::scope::Scope;
use crate::moment::{Boot, Moment};

/// How long after the last look the next is due, if nothing calls for one.
const PERIOD: SignedDuration = SignedDuration::from_secs(60);

/// How long changes of others are collected before a look: a reload of firewalld is several.
const DEBOUNCE: SignedDuration = SignedDuration::from_millis(50);

/// How often the counters are read.
const COUNTING: SignedDuration = SignedDuration::from_secs(5);

/// By how much a ban's end may differ in the kernel before it counts as another one: what was said
/// in milliseconds is kept in ticks, and read a moment later.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(2);

/// How many releases wait at most while the kernel cannot be had.
const MOST_RELEASES: usize = 100_000;

/// What is to be done, and what is known.
#[derive(Debug)]
pub struct Plan {
    ipv6_prefix: u8,
    desired: Desired,
    /// What the sets hold. A set that is not here holds nothing, or is not there.
    held: FxHashMap<SetId, Elements>,
    /// The groups of which all is in place.
    whole: BTreeSet<usize>,
    /// The jails there are; a group of another one goes with its last ban.
    jails: BTreeMap<JailName, Scope>,
    /// Whether the above can be relied on.
    known: bool,
    /// What is wrong with the table, by the last look at it.
    amiss: Amiss,
    /// The bans last reported to be in force.
    announced: FxHashSet<BanKey>,
    agenda: Agenda,
    /// What looks found amiss.
    repairs: VecDeque<Target>,
    flight: Option<Flight>,
    look: Option<Look>,
    due: Option<Due>,
    /// What looks have found since the last one that ended well.
    found: Option<Found>,
    /// When all sets were last listed.
    listed: Option<Boot>,
    /// Whether a commit came last, while a look is under way.
    committed_last: bool,
    generation: Option<u32>,
    counters: Counters,
    counters_due: Option<Boot>,
    condition: Option<Condition>,
    setbacks: Setbacks,
    /// How many commits in a row failed.
    refusals: u32,
    sparing: Sparing,
    /// Whether all was compared once.
    adopted: bool,
    used: Option<usize>,
    reports: Vec<Report>,
}

/// When to look next, and why.
#[derive(Clone, Copy, Debug)]
struct Due {
    at: Boot,
    trigger: &'static str,
}

/// What looks found amiss, and what started them.
#[derive(Clone, Copy, Debug)]
struct Found {
    trigger: &'static str,
    missing: u64,
    unexpected: u64,
}

impl Plan {
    /// Begins with the bans of an earlier run, oldest first: what of them the kernel still holds
    /// is adopted, the rest is put back. IPv6 bans of `ipv6_prefix` bits are the usual ones.
    #[must_use]
    pub fn new(ipv6_prefix: u8, restored: Vec<Demand>, now: Boot) -> Self {
        let mut plan = Self {
            ipv6_prefix,
            desired: Desired::new(ipv6_prefix),
            held: FxHashMap::default(),
            whole: BTreeSet::new(),
            jails: BTreeMap::new(),
            known: false,
            amiss: Amiss::default(),
            announced: FxHashSet::default(),
            agenda: Agenda::default(),
            repairs: VecDeque::new(),
            flight: None,
            look: None,
            due: Some(Due { at: now, trigger: "start" }),
            found: None,
            listed: None,
            committed_last: false,
            generation: None,
            counters: Counters::default(),
            counters_due: None,
            condition: None,
            setbacks: Setbacks::default(),
            refusals: 0,
            sparing: Sparing::default(),
            adopted: false,
            used: None,
            reports: Vec::new(),
        };
        for demand in restored {
            let key = demand.key.clone();
            if let Err(refusal) = plan.desired.enforce(demand) {
                plan.refuse(key, refusal.to_string());
            }
        }
        plan
    }

    /// Takes an order; [`Order::Stop`] is the driver's.
    pub fn order(&mut self, order: Order, now: Moment) {
        match order {
            Order::Enforce(demand) => self.enforce(demand),
            Order::Release(key) => {
                self.announced.remove(&key);
                let targets = self.desired.release(&key).into_iter().collect();
                self.agenda.add(Task { key, asked: Asked::Release, targets });
                self.forget_releases();
            }
            Order::Jails(jails) => {
                self.jails = jails;
                self.know_groups(now.boot);
                if self.whole.iter().any(|at| !self.is_wanted(*at)) {
                    self.look_at(now.boot, "asked");
                }
            }
            Order::Clear => self.clear(now.boot),
            Order::Look => self.look_at(now.boot, "asked"),
            Order::Stop => {}
        }
    }

    /// The next work, if there is some to do now. The caller does it and brings what came of it to
    /// [`finished`](Self::finished) before it asks again.
    pub fn next_work(&mut self, now: Moment) -> Option<Work> {
        if self.look.is_none()
            && let Some(due) = self.due.filter(|due| due.at <= now.boot)
        {
            self.begin_look(due.trigger, now.boot);
        }
        let may_commit = self.known && !(self.committed_last && self.look.is_some());
        if may_commit && !self.agenda.is_empty() {
            self.committed_last = true;
            if let Some(work) = self.next_commit(now) {
                return Some(work);
            }
        }
        self.committed_last = false;
        if let Some(look) = &self.look {
            return Some(look.work(self.desired.groups()));
        }
        if !self.known {
            return None;
        }
        if let Some(work) = self.next_commit(now) {
            return Some(work);
        }
        self.conclude(now.boot);
        if self.counters_due.is_some_and(|at| at <= now.boot) {
            self.counters_due = None;
            return Some(Work::Counters);
        }
        None
    }

    /// Takes what came of a piece of work.
    pub fn finished(
        &mut self,
        work: &Work,
        generations: Option<Generations>,
        result: Result<Answer, Trouble>,
        now: Moment,
    ) {
        let committed = matches!(result, Ok(Answer::Committed));
        if let Some(Generations { before, after }) = generations {
            if *work != Work::Ruleset {
                self.generation_is(before, now.boot);
            }
            self.generation = Some(before.wrapping_add(committed.into()));
            self.generation_is(after, now.boot);
        }
        match result {
            Ok(Answer::Committed) => self.committed(now),
            Ok(Answer::Ruleset(seen)) => self.saw_ruleset(&seen, now),
            Ok(Answer::Elements(elements)) => self.saw_elements(elements, now),
            Ok(Answer::Counters(counts)) => self.count(counts, now.boot),
            Err(trouble) => self.suffer(&trouble, now.boot),
        }
    }

    /// The generation of the rule set is this. If it is not the one that our own transactions
    /// led to, somebody else changed something.
    pub fn generation_is(&mut self, generation: u32, now: Boot) {
        if self.generation.replace(generation).is_some_and(|known| known != generation) {
            self.look_at(now.after(DEBOUNCE), "changed");
        }
    }

    /// When to ask for the next work although nothing happened.
    #[must_use]
    pub fn wake_at(&self) -> Option<Boot> {
        let counters = self.counters_due.filter(|_| self.known);
        self.due.map(|due| due.at).into_iter().chain(counters).min()
    }

    /// Whether nothing that was ordered is left to do.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.agenda.is_empty() && self.flight.is_none()
    }

    /// Whether the kernel does what it is asked.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.condition == Some(Condition::Ready)
    }

    /// Adds a report of the driver's own, in its place among the others.
    pub fn note(&mut self, report: Report) {
        self.reports.push(report);
    }

    /// What there is to report since the last time.
    pub fn take_reports(&mut self) -> Vec<Report> {
        std::mem::take(&mut self.reports)
    }

    fn enforce(&mut self, demand: Demand) {
        let key = demand.key.clone();
        self.announced.remove(&key);
        match self.desired.enforce(demand) {
            Ok(targets) => self.agenda.add(Task { key, asked: Asked::Enforce, targets }),
            Err(refusal) => {
                // What it blocked before goes as well: a ban is in force as it was ordered last.
                let targets = self.desired.release(&key).into_iter().collect();
                self.agenda.add(Task { key: key.clone(), asked: Asked::Enforce, targets });
                self.refuse(key, refusal.to_string());
            }
        }
    }

    /// While the kernel cannot be had, so many releases wait at most. The look that comes before all
    /// else once it can be had sees what is needless by itself.
    fn forget_releases(&mut self) {
        if !self.known && self.agenda.len() >= self.desired.len() + MOST_RELEASES {
            let released = self.agenda.drop_releases().into_iter();
            self.reports.extend(released.map(|key| Report::Released { key }));
        }
    }

    fn refuse(&mut self, key: BanKey, why: String) {
        self.reports.push(Report::Failed { key, why, gives_up: true });
    }

    /// The groups that should be there.
    fn wanted(&self) -> BTreeMap<usize, &Group> {
        let groups = self.desired.groups().iter().enumerate();
        groups.filter(|(at, _)| self.is_wanted(*at)).collect()
    }

    /// Whether a group has bans, or is there and may soon have some again.
    fn is_wanted(&self, at: usize) -> bool {
        let Group { jail, scope } = &self.desired.groups()[at];
        let may_have = || self.whole.contains(&at) && self.jails.get(jail) == Some(scope);
        let may_be_found = || self.sparing.on && self.jails.get(jail) == Some(scope);
        self.desired.count_in(at) > 0 || may_have() || may_be_found()
    }

    fn count(&mut self, counts: Vec<Count>, now: Boot) {
        let jails = self.desired.groups().iter().map(|group| &group.jail);
        self.reports.extend(self.counters.since(counts, jails));
        self.counters_due = Some(now.after(COUNTING));
    }

    /// What to do about work that came to nothing.
    fn suffer(&mut self, trouble: &Trouble, now: Boot) {
        let flight = self.flight.take();
        self.known = false;
        self.look = None;
        self.repairs.clear();
        if flight.is_some() {
            self.refusals += 1;
        }
        let passes = matches!(trouble, Trouble::Refused { .. } | Trouble::Unknown(_));
        // Somebody may have changed the table in between; the look tells. Not so the second time.
        let is_serious = !passes || self.refusals > 1;
        if is_serious {
            self.set_condition(Condition::Broken(trouble.to_string()));
        }
        for task in flight.into_iter().flat_map(|flight| flight.tasks) {
            if is_serious {
                let (key, why) = (task.key.clone(), trouble.to_string());
                self.reports.push(Report::Failed { key, why, gives_up: false });
            }
            self.agenda.put_back(task);
        }
        let at = self.setbacks.fail(now);
        self.due = Some(Due { at, trigger: if self.adopted { "retry" } else { "start" } });
    }

    /// Sees to it that there is a look at `at`, or before.
    fn look_at(&mut self, at: Boot, trigger: &'static str) {
        if self.due.is_none_or(|due| at < due.at) {
            self.due = Some(Due { at, trigger });
        }
    }
}
