//! A look: which zones there are, and what of ours each holds.

use std::collections::{BTreeSet, VecDeque};

use super::{Found, PERIOD, Plan};
use crate::enforcer::firewalld::call::{Answer, Call};
use crate::enforcer::firewalld::fault::Fault;
use crate::enforcer::firewalld::reconcile::{Drift, Step, Zone};
use crate::enforcer::order::{Condition, Report};
use crate::moment::{Boot, Moment};

/// What is to be said of a firewalld whose reload failed half way: it answers, claims to run, has
/// lost its zones, and drops every new connection.
const HALF_DEAD: &str = "firewalld answers and its default zone is gone, as after a reload that \
failed half way; new connections may be dropped. Run `firewall-cmd --reload` until it prints \
success, or restart firewalld";

/// A look under way.
#[derive(Debug)]
pub(super) struct Look {
    stage: Stage,
    default: Option<Zone>,
    active: Vec<Zone>,
    /// Zones still to be listed.
    unlisted: VecDeque<Zone>,
    /// Whether rules may have gone since it began.
    pub(super) outdated: bool,
}

/// What to ask next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Default,
    Panic,
    Active,
    All,
    List,
}

impl Look {
    fn new() -> Self {
        let (default, active, unlisted) = (None, Vec::new(), VecDeque::new());
        Self { stage: Stage::Default, default, active, unlisted, outdated: false }
    }

    /// The next call.
    pub(super) fn call(&self) -> Call {
        match self.stage {
            Stage::Default => Call::DefaultZone,
            Stage::Panic => Call::PanicMode,
            Stage::Active => Call::ActiveZones,
            Stage::All => Call::Zones,
            Stage::List => {
                let zone = self.unlisted.front().expect("a look ends with its last zone");
                Call::RichRules(zone.clone())
            }
        }
    }
}

impl Plan {
    pub(super) fn begin_look(&mut self, trigger: &'static str) {
        self.due = None;
        self.setbacks.begin();
        self.look = Some(Look::new());
        // What an abandoned look found is still to be reported, under its own name.
        let nothing = Found { trigger, drift: Drift::default() };
        self.found.get_or_insert(nothing);
    }

    /// Takes what came of a look's call.
    pub(super) fn looked(&mut self, call: &Call, result: Result<Answer, Fault>, now: Moment) {
        if self.look.as_ref().is_none_or(|look| look.call() != *call) {
            return; // Of a look that was abandoned.
        }
        match result {
            Ok(answer) => self.answered(call, answer, now),
            Err(fault) => self.look_failed(call, &fault, now),
        }
    }

    /// Reports how it ends, once nothing is left to do.
    pub(super) fn conclude(&mut self, now: Boot) {
        if self.look.is_some() || !self.is_ready() {
            return;
        }
        let used = self.placed.count();
        if self.used.replace(used) != Some(used) {
            self.reports.push(Report::Capacity { used: used as u64, limit: super::LIMIT as u64 });
        }
        if self.setbacks.failed() {
            return;
        }
        if let Some(Found { trigger, drift: Drift { missing, unexpected } }) = self.found.take() {
            self.setbacks.forget();
            self.reports.push(Report::Reconciled { trigger, missing, unexpected });
        }
        if self.due.is_none() {
            self.look_at(now.after(PERIOD), "periodic");
        }
    }

    fn answered(&mut self, call: &Call, answer: Answer, now: Moment) {
        match (call, answer) {
            (Call::DefaultZone, Answer::Zone(zone)) => self.advance(Stage::Panic, |look| {
                look.default = Some(zone);
            }),
            (Call::PanicMode, Answer::Panic(false)) => self.advance(Stage::Active, |_| {}),
            (Call::PanicMode, Answer::Panic(true)) => self.suffer(&Fault::Panic, now.boot),
            (Call::ActiveZones, Answer::Zones(zones)) => self.advance(Stage::All, |look| {
                look.active = zones;
            }),
            (Call::Zones, Answer::Zones(zones)) => self.settle_zones(&zones, now),
            (Call::RichRules(zone), Answer::Rules(rules)) => self.listed(zone, &rules, now),
            (call, answer) => unreachable!("{call:?} answered {answer:?}"),
        }
    }

    fn advance(&mut self, stage: Stage, learn: impl FnOnce(&mut Look)) {
        if let Some(look) = &mut self.look {
            learn(look);
            look.stage = stage;
        }
    }

    /// Decides where bans must be in force, and which zones to list.
    fn settle_zones(&mut self, all: &[Zone], now: Moment) {
        let Some(look) = &mut self.look else { return };
        let default = look.default.clone().filter(|zone| all.contains(zone));
        let Some(default) = default else { return self.break_down(HALF_DEAD.into(), now.boot) };
        let zones: BTreeSet<Zone> = match &self.configured {
            Some(zones) => zones.iter().filter(|zone| all.contains(zone)).cloned().collect(),
            // Some versions leave the default zone out when nothing is bound to it.
            None => look.active.drain(..).chain([default]).collect(),
        };
        self.placed.forget_zones_except(all);
        let mut listed = zones.clone();
        if self.adopted {
            listed.extend(self.placed.zones().cloned());
        } else {
            listed.extend(all.iter().cloned());
        }
        look.unlisted = listed.into_iter().collect();
        look.stage = Stage::List;
        if zones.is_empty() {
            let why = self.no_such_zones(all);
            return self.break_down(why, now.boot);
        }
        let zones: Vec<Zone> = zones.into_iter().collect();
        if zones != self.zones {
            self.warn_of_missing_zones(all);
            self.zones = zones;
        }
        self.shed();
    }

    /// A misspelt zone is enforced nowhere, and the others still are.
    fn warn_of_missing_zones(&self, all: &[Zone]) {
        let configured = self.configured.iter().flatten();
        for zone in configured.filter(|zone| !all.contains(zone)) {
            tracing::warn!(
                zone = &**zone,
                "firewalld has no such zone: see enforcement.firewalld.zones"
            );
        }
    }

    fn no_such_zones(&self, all: &[Zone]) -> String {
        let configured = self.configured.as_deref().unwrap_or_default().join(", ");
        let all = all.join(", ");
        format!(
            "firewalld has none of the zones in enforcement.firewalld.zones ({configured}); it has {all}"
        )
    }

    fn listed(&mut self, zone: &Zone, rules: &[String], now: Moment) {
        let expected = !self.adopted && self.zones.contains(zone);
        let drift = self.placed.see(zone, rules, &self.desired, expected);
        if let Some(found) = &mut self.found {
            found.drift.missing += drift.missing;
            found.drift.unexpected += drift.unexpected;
        }
        self.listing_done(now);
    }

    /// Goes on to the next zone, or to what is to be done.
    fn listing_done(&mut self, now: Moment) {
        let Some(look) = &mut self.look else { return };
        look.unlisted.pop_front();
        if look.unlisted.is_empty() {
            self.in_doubt &= look.outdated;
            self.look = None;
            self.adopted = true;
            self.compare(now);
        }
    }

    /// Says what is in force and what is not, and queues what it takes.
    fn compare(&mut self, now: Moment) {
        self.set_condition(Condition::Ready);
        let lost: Vec<_> =
            self.announced.iter().filter(|key| !self.is_in_force(key)).cloned().collect();
        for key in lost {
            self.announced.remove(&key);
            self.reports.push(Report::Lost { key });
        }
        let bans: Vec<_> = self.desired.bans().cloned().collect();
        for key in bans {
            self.announce(&key, now);
        }
        let steps = self.placed.steps(&self.desired, &self.zones);
        let awaited = |step: &Step| matches!(step, Step::Remove(_, rule) if self.releasing.values().flatten().any(|r| r == rule));
        let (releases, repairs) = steps.into_iter().partition(awaited);
        self.agenda.replace(releases, repairs);
        self.report_released();
    }

    fn look_failed(&mut self, call: &Call, fault: &Fault, now: Moment) {
        match (call, fault) {
            (Call::RichRules(zone), Fault::NoZone(_)) => {
                // It went away since the zones were listed.
                self.placed.forget_zone(zone);
                if self.zones.contains(zone) {
                    self.falter(now.boot);
                }
                self.listing_done(now);
            }
            (_, Fault::Panic | Fault::Unauthorized(_) | Fault::Silent) => {
                self.suffer(fault, now.boot);
            }
            (_, fault) => self.break_down(fault.to_string(), now.boot),
        }
    }
}
