//! A look: whether firewalld works, and which zones, sets and policies there are.

use std::collections::{BTreeSet, VecDeque};

use super::{Found, Plan};
use crate::enforcer::firewalld::call::{Answer, Call};
use crate::enforcer::firewalld::element::{Holder, Zone};
use crate::enforcer::firewalld::fault::Fault;
use crate::enforcer::firewalld::provision::Policy;
use crate::enforcer::firewalld::reconcile::Drift;
use crate::enforcer::shard::SetName;
use crate::moment::Moment;

/// What is to be said of a firewalld whose reload failed half way: it answers, claims to run, has
/// lost its zones, and drops every new connection.
const HALF_DEAD: &str = "firewalld answers and its default zone is gone, as after a reload that \
failed half way; new connections may be dropped. Run `firewall-cmd --reload` until it prints \
success, or restart firewalld";

/// How the names of our policies begin.
const OURS: &str = "gaoler";

/// A look under way.
#[derive(Debug)]
pub(super) struct Look {
    stage: Stage,
    /// Whether the kernel is tried last. firewalld has built all anew then, a moment ago: what was
    /// lost comes first, and to put it back is a trial of its own.
    pub(super) try_last: bool,
    default: Zone,
    active: Vec<Zone>,
    pub(super) zones: Vec<Zone>,
    /// Every set's name.
    pub(super) sets: Vec<String>,
    /// Our policies that are still to be read.
    unread: VecDeque<String>,
    pub(super) policies: Vec<Policy>,
    /// The zones and sets that are still to be listed.
    pub(super) unlisted: VecDeque<Holder>,
}

/// What to ask next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Default,
    Version,
    Panic,
    Active,
    Zones,
    Canary,
    CanaryGone,
    Sets,
    Policies,
    Policy,
    List,
}

impl Look {
    fn new(trigger: &str) -> Self {
        Self {
            stage: Stage::Default,
            try_last: matches!(trigger, "reloaded" | "owner"),
            default: "".into(),
            active: Vec::new(),
            zones: Vec::new(),
            sets: Vec::new(),
            unread: VecDeque::new(),
            policies: Vec::new(),
            unlisted: VecDeque::new(),
        }
    }

    /// The next call.
    pub(super) fn call(&self) -> Call {
        match self.stage {
            Stage::Default => Call::DefaultZone,
            Stage::Version => Call::Version,
            Stage::Panic => Call::PanicMode,
            Stage::Active => Call::ActiveZones,
            Stage::Zones => Call::Zones,
            Stage::Canary => Call::Canary(self.default.clone()),
            Stage::CanaryGone => Call::CanaryGone(self.default.clone()),
            Stage::Sets => Call::Sets,
            Stage::Policies => Call::Policies,
            Stage::Policy => {
                Call::Policy(self.unread.front().expect("the last one ends the stage").clone())
            }
            Stage::List => {
                Call::List(self.unlisted.front().expect("a look ends with the last").clone())
            }
        }
    }

    /// The zones in which bans must be in force.
    pub(super) fn zones_in_use(&self, configured: Option<&[Zone]>) -> Vec<Zone> {
        let zones: BTreeSet<Zone> = match configured {
            Some(zones) => zones.iter().filter(|z| self.zones.contains(z)).cloned().collect(),
            // Some versions leave the default zone out when nothing is bound to it.
            None => self.active.iter().chain([&self.default]).cloned().collect(),
        };
        zones.into_iter().collect()
    }
}

impl Plan {
    pub(super) fn begin_look(&mut self, trigger: &'static str) {
        self.due = None;
        self.setbacks.begin();
        self.one_by_one.clear();
        self.look = Some(Look::new(trigger));
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
            // An earlier canary was left there, or somebody was faster.
            Err(Fault::AlreadySo) => self.answered(call, Answer::Done, now),
            Err(fault) => self.look_failed(call, &fault, now),
        }
    }

    fn answered(&mut self, call: &Call, answer: Answer, now: Moment) {
        match (call, answer) {
            (Call::DefaultZone, Answer::Zone(zone)) => self.advance(Stage::Version, |look| {
                look.default = zone;
            }),
            (Call::Version, Answer::Version(version)) => {
                self.settling.learn(&version);
                self.advance(Stage::Panic, |_| {});
            }
            (Call::PanicMode, Answer::Panic(false)) => self.advance(Stage::Active, |_| {}),
            (Call::PanicMode, Answer::Panic(true)) => self.suffer(&Fault::Panic, now.boot),
            (Call::ActiveZones, Answer::Zones(zones)) => self.advance(Stage::Zones, |look| {
                look.active = zones;
            }),
            (Call::Zones, Answer::Zones(zones)) => self.zones_are(zones, now),
            (Call::Canary(_), Answer::Done) => self.advance(Stage::CanaryGone, |_| {}),
            (Call::CanaryGone(_), Answer::Done) if self.tries_last() => self.end_look(now),
            (Call::CanaryGone(_), Answer::Done) => self.advance(Stage::Sets, |_| {}),
            (Call::Sets, Answer::Names(sets)) => self.sets_are(sets, now),
            (Call::Policies, Answer::Names(names)) => self.policies_are(names, now),
            (Call::Policy(_), Answer::Policy(policy)) => self.policy_is(Some(policy), now),
            (Call::List(holder), Answer::Texts(texts)) => self.listed(holder, &texts, now),
            (call, answer) => unreachable!("{call:?} answered {answer:?}"),
        }
    }

    pub(super) fn advance(&mut self, stage: Stage, learn: impl FnOnce(&mut Look)) {
        if let Some(look) = &mut self.look {
            learn(look);
            look.stage = stage;
        }
    }

    fn zones_are(&mut self, zones: Vec<Zone>, now: Moment) {
        let default = self.look.as_ref().map(|look| &look.default);
        if default.is_none_or(|default| !zones.contains(default)) {
            return self.break_down_bare(HALF_DEAD, now.boot);
        }
        let next = if self.tries_last() { Stage::Sets } else { Stage::Canary };
        self.advance(next, |look| look.zones = zones);
    }

    /// Whether the look under way ends with trying the kernel.
    fn tries_last(&self) -> bool {
        self.look.as_ref().is_some_and(|look| look.try_last)
    }

    fn sets_are(&mut self, sets: Vec<String>, now: Moment) {
        let sets: Vec<String> =
            sets.into_iter().filter(|name| SetName::ours(name).is_some()).collect();
        let serving = self.means.wants_sets() && !sets.is_empty();
        self.advance(Stage::Policies, |look| look.sets = sets);
        if !serving {
            self.settle(now);
        }
    }

    fn policies_are(&mut self, names: Vec<String>, now: Moment) {
        let unread: VecDeque<String> =
            names.into_iter().filter(|name| name.starts_with(OURS)).collect();
        let none = unread.is_empty();
        self.advance(Stage::Policy, |look| look.unread = unread);
        if none {
            self.settle(now);
        }
    }

    /// Takes a policy; `None`: it is gone since.
    fn policy_is(&mut self, policy: Option<Policy>, now: Moment) {
        let Some(look) = &mut self.look else { return };
        look.unread.pop_front();
        look.policies.extend(policy);
        if look.unread.is_empty() {
            self.settle(now);
        }
    }

    fn look_failed(&mut self, call: &Call, fault: &Fault, now: Moment) {
        match (call, fault) {
            (Call::List(holder), Fault::Missing(_)) => {
                // It went away since; what needs it is enforced otherwise after another look.
                self.placed.forget(holder);
                self.falter(now.boot);
                self.listing_done(now);
            }
            (Call::Policy(_), Fault::Missing(_)) => self.policy_is(None, now),
            (_, Fault::Panic | Fault::Unauthorized(_) | Fault::Silent | Fault::Flushed(_)) => {
                self.suffer(fault, now.boot);
            }
            // The kernel takes nothing, whatever firewalld holds.
            (Call::Canary(_) | Call::CanaryGone(_), Fault::Unknown(_)) => {
                self.break_down_bare(&fault.to_string(), now.boot);
            }
            (_, fault) => self.break_down(fault.to_string(), now.boot),
        }
    }
}
