//! The plan against a firewalld of sets: any order of orders, signals, losses and faults ends with
//! the firewall holding what is desired, once the faults stop.
//!
//! No stand-in for the real one, which `tests/firewalld.rs` drives: here is the order of things,
//! which no real firewall can be made to run through.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::Plan;
use crate::config::checked::{Action, Firewalld, Mode};
use crate::enforcer::firewalld::call::{Answer, Call, Signal};
use crate::enforcer::firewalld::fault::Fault;
use crate::enforcer::firewalld::reconcile::{Step, Zone};
use crate::enforcer::firewalld::rule::Rule;
use crate::enforcer::order::{Block, Condition, Demand, Order, Report};
use crate::enforcer::testing::{block, demand, key};
use crate::jail::ban::BanKey;
use crate::moment::{Boot, Moment};

/// What happens next.
#[derive(Clone, Debug)]
enum Event {
    /// Time passes, and calls are made.
    Run(u8),
    /// A call is made and its answer stays away for a while; `true`: its work is done at once.
    Begin(bool),
    /// The call under way fares badly, `Some`: with its work done.
    Fail(Bad, bool),
    Enforce(u8, Vec<u16>),
    Release(u8),
    Reload,
    /// Rules vanish and nobody says so.
    Wipe,
    /// Somebody adds a rule with our mark, or one of their own.
    Foreign(bool),
    Restart,
    Panic(bool),
    /// A zone becomes active, or ceases to be.
    Zone(bool),
    /// A zone is made, or unmade.
    Exists(bool),
}

#[derive(Clone, Copy, Debug)]
enum Bad {
    Unknown,
    Silent,
    Absent,
}

/// The firewall: what each zone holds, as text.
#[derive(Debug)]
struct World {
    zones: BTreeMap<&'static str, BTreeSet<String>>,
    active: BTreeSet<&'static str>,
    panic: bool,
    /// Whether what was lost was said; if not, belief may differ from truth.
    silent: bool,
    plan: Plan,
    under_way: Option<(Call, Option<Result<Answer, Fault>>)>,
    bans: BTreeMap<BanKey, Block>,
    /// The rules that only a released ban needed.
    awaited: BTreeMap<BanKey, BTreeSet<String>>,
    told: BTreeMap<BanKey, bool>,
    reconciled: bool,
    now: Boot,
}

impl World {
    fn new(restored: Vec<(BanKey, Block)>, left: &[u8]) -> Self {
        let settings =
            Firewalld { mode: Mode::RichRule, zones: None, action: Action::Reject, bus: None };
        let bans: BTreeMap<_, _> = restored.iter().cloned().collect();
        let restored: Vec<Demand> = restored.into_iter().map(|(k, b)| demand(k, b)).collect();
        let mut zones = BTreeMap::from(["dmz", "public", "trusted"].map(|z| (z, BTreeSet::new())));
        for &host in left {
            let rule = Rule::all(&block(host, &[1]), Action::Reject).unwrap()[0].to_string();
            zones.entry(["dmz", "public"][usize::from(host % 2)]).or_default().insert(rule);
        }
        let mut world = Self {
            zones,
            active: BTreeSet::from(["public"]),
            panic: false,
            silent: false,
            plan: Plan::new(&settings, restored),
            under_way: None,
            awaited: BTreeMap::new(),
            bans,
            told: BTreeMap::new(),
            reconciled: false,
            now: Boot::default(),
        };
        world.plan.owner_gained(world.moment());
        world
    }

    fn moment(&self) -> Moment {
        Moment { wall: Timestamp::UNIX_EPOCH, boot: self.now }
    }

    fn wipe(&mut self) {
        for rules in self.zones.values_mut() {
            rules.retain(|rule| !rule.contains("-31007"));
        }
    }

    fn happen(&mut self, event: &Event) {
        let now = self.moment();
        match event {
            Event::Run(calls) => (0..*calls).for_each(|_| self.call(None)),
            Event::Begin(at_once) => self.begin(*at_once),
            Event::Fail(bad, done) => self.call(Some((*bad, *done))),
            Event::Enforce(ban, ports) => {
                let block = block(ban % 3, ports);
                let key = ban_key(*ban);
                self.bans.insert(key.clone(), block.clone());
                self.told.remove(&key);
                self.awaited.remove(&key);
                self.plan.order(Order::Enforce(demand(key, block)), now);
            }
            Event::Release(ban) => {
                let before = self.rules();
                if self.bans.remove(&ban_key(*ban)).is_some() {
                    let needless = before.difference(&self.rules()).cloned().collect();
                    self.awaited.insert(ban_key(*ban), needless);
                }
                self.told.remove(&ban_key(*ban));
                self.plan.order(Order::Release(ban_key(*ban)), now);
            }
            Event::Reload => {
                self.wipe();
                self.say(&Signal::Reloaded);
            }
            Event::Wipe => {
                self.wipe();
                self.silent = true;
            }
            Event::Foreign(ours) => {
                let mark = if *ours { r#"priority="-31007" "# } else { "" };
                let text =
                    format!(r#"rule {mark}family="ipv4" source address="198.51.100.1" accept"#);
                self.zones.entry("public").or_default().insert(text);
            }
            Event::Restart => {
                self.plan.owner_lost();
                self.wipe();
                self.plan.owner_gained(now);
            }
            Event::Panic(on) => {
                self.panic = *on;
                self.say(if *on { &Signal::PanicOn } else { &Signal::PanicOff });
            }
            Event::Zone(on) => {
                let _ =
                    if *on { self.active.insert("trusted") } else { self.active.remove("trusted") };
                self.say(&Signal::Zones);
            }
            Event::Exists(true) => {
                self.zones.entry("trusted").or_default();
            }
            Event::Exists(false) => {
                self.zones.remove("trusted");
                self.say(&Signal::Zones);
            }
        }
        self.hear();
    }

    fn say(&mut self, signal: &Signal) {
        self.plan.heard(signal, self.moment());
    }

    /// Makes one call, or lets time pass if there is none to make.
    fn call(&mut self, bad: Option<(Bad, bool)>) {
        self.begin(false);
        let Some((call, answer)) = self.under_way.take() else {
            self.hear();
            let wait = SignedDuration::from_millis(100);
            self.now = self.plan.wake_at().unwrap_or(self.now).max(self.now.after(wait));
            return;
        };
        self.now = self.now.after(SignedDuration::from_millis(7));
        let result = match bad {
            None => answer.unwrap_or_else(|| self.answer(&call)),
            Some((bad, done)) => {
                if done && answer.is_none() {
                    let _ = self.answer(&call);
                }
                Err(match bad {
                    Bad::Unknown => Fault::Unknown("COMMAND_FAILED".into()),
                    Bad::Silent => Fault::Silent,
                    Bad::Absent => Fault::Absent,
                })
            }
        };
        self.plan.finished(call, result, self.moment());
        self.hear();
    }

    fn begin(&mut self, at_once: bool) {
        if self.under_way.is_none() {
            let call = self.plan.next_call(self.now);
            self.under_way = call.map(|call| {
                let answer = at_once.then(|| self.answer(&call));
                (call, answer)
            });
        }
    }

    fn answer(&mut self, call: &Call) -> Result<Answer, Fault> {
        let zones = |names: Vec<&&'static str>| names.into_iter().map(|z| Zone::from(*z)).collect();
        Ok(match call {
            Call::DefaultZone => Answer::Zone("public".into()),
            Call::PanicMode => Answer::Panic(self.panic),
            Call::ActiveZones => {
                let active = self.active.iter().filter(|zone| self.zones.contains_key(*zone));
                Answer::Zones(zones(active.collect()))
            }
            Call::Zones => Answer::Zones(zones(self.zones.keys().collect())),
            Call::RichRules(zone) => Answer::Rules(self.zone(zone)?.iter().cloned().collect()),
            Call::Change(_) if self.panic => return Err(Fault::Panic),
            Call::Change(step) => self.change(step)?,
        })
    }

    fn change(&mut self, step: &Step) -> Result<Answer, Fault> {
        let changed = match step {
            Step::Add(zone, rule) => self.zone(zone)?.insert(rule.to_string()),
            Step::Remove(zone, rule) => self.zone(zone)?.remove(&rule.to_string()),
            Step::RemoveStray(zone, text) => self.zone(zone)?.remove(text),
        };
        changed.then_some(Answer::Done).ok_or(Fault::AlreadySo)
    }

    fn zone(&mut self, name: &Zone) -> Result<&mut BTreeSet<String>, Fault> {
        self.zones.get_mut(&**name).ok_or(Fault::NoZone("INVALID_ZONE".into()))
    }

    /// Takes the reports; what is said to be in force, or gone, is so.
    fn hear(&mut self) {
        for report in self.plan.take_reports() {
            match report {
                Report::Enforced { key, .. } => {
                    let block = &self.bans[&key];
                    assert!(self.silent || self.is_refused(block), "{key:?} is not in force");
                    let before = self.told.insert(key.clone(), true);
                    assert_eq!(before, None, "{key:?} is told of twice");
                }
                Report::Released { key } => {
                    assert!(!self.bans.contains_key(&key), "{key:?} was enforced since");
                    assert!(self.silent || self.is_gone(&key), "{key:?} is still refused");
                    self.awaited.remove(&key);
                    self.told.insert(key, false);
                }
                Report::Reconciled { .. } => self.reconciled = true,
                Report::Lost { key } => {
                    assert_eq!(self.told.remove(&key), Some(true), "{key:?} was not in force");
                }
                Report::Failed { gives_up, .. } => assert!(!gives_up),
                _ => {}
            }
        }
    }

    fn rules(&self) -> BTreeSet<String> {
        let blocks = self.bans.values();
        let rules = blocks.flat_map(|block| Rule::all(block, Action::Reject).unwrap());
        rules.map(|rule| rule.to_string()).collect()
    }

    fn is_refused(&self, block: &Block) -> bool {
        let rules: Vec<_> = Rule::all(block, Action::Reject).unwrap();
        rules.iter().all(|rule| self.zones["public"].contains(&rule.to_string()))
    }

    /// Whether no zone holds a rule that only this ban needed.
    fn is_gone(&self, key: &BanKey) -> bool {
        let Some(rules) = self.awaited.get(key) else { return true };
        let needed = self.rules();
        let mut rules = rules.iter().filter(|rule| !needed.contains(*rule));
        !rules.any(|rule| self.zones.values().any(|zone| zone.contains(rule)))
    }

    /// Lets everything come right: no more faults, five minutes pass.
    fn settle(&mut self) {
        self.happen(&Event::Panic(false));
        self.reconciled = false;
        let end = self.now.after(SignedDuration::from_mins(5));
        while self.now < end {
            self.call(None);
        }
    }

    #[track_caller]
    fn check(&self) {
        let expected = self.rules();
        for (zone, rules) in &self.zones {
            let ours: BTreeSet<_> =
                rules.iter().filter(|r| r.contains("-31007")).cloned().collect();
            let bound = *zone == "public" || self.active.contains(zone);
            assert_eq!(ours, if bound { expected.clone() } else { BTreeSet::new() }, "{zone}");
        }
        let in_force: HashSet<_> =
            self.told.iter().filter(|(_, on)| **on).map(|(k, _)| k).collect();
        assert_eq!(in_force, self.bans.keys().collect(), "each ban, and no other, is told of");
        assert_eq!(self.plan.condition, Some(Condition::Ready));
        assert!(self.plan.releasing.is_empty(), "{:?}", self.plan.releasing);
        assert!(self.reconciled);
    }
}

/// Two jails and three hosts, so that bans share rules.
fn ban_key(ban: u8) -> BanKey {
    key(["one", "two"][usize::from(ban / 3)], ban % 3)
}

fn any_event() -> impl Strategy<Value = Event> {
    let ports = || proptest::collection::vec(1u16..4, 1..3);
    let bad = prop_oneof![Just(Bad::Unknown), Just(Bad::Silent), Just(Bad::Absent)];
    prop_oneof![
        6 => (1u8..12).prop_map(Event::Run),
        3 => any::<bool>().prop_map(Event::Begin),
        4 => (0u8..6, ports()).prop_map(|(ban, ports)| Event::Enforce(ban, ports)),
        3 => (0u8..6).prop_map(Event::Release),
        3 => (bad, any::<bool>()).prop_map(|(bad, done)| Event::Fail(bad, done)),
        1 => Just(Event::Reload),
        1 => Just(Event::Wipe),
        1 => any::<bool>().prop_map(Event::Foreign),
        1 => Just(Event::Restart),
        1 => any::<bool>().prop_map(Event::Panic),
        1 => any::<bool>().prop_map(Event::Zone),
        1 => any::<bool>().prop_map(Event::Exists),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn whatever_happens_what_is_comes_to_be_what_should_be(
        restored in proptest::collection::btree_map(0u8..6, proptest::collection::vec(1u16..4, 1..3), 0..4),
        left in proptest::collection::vec(0u8..8, 0..4),
        events in proptest::collection::vec(any_event(), 0..60),
        wipes: bool,
    ) {
        let restored = restored.into_iter().map(|(n, p)| (ban_key(n), block(n % 3, &p))).collect();
        let mut world = World::new(restored, &left);
        // What vanishes unheard of cannot be known, so less can be asked of the reports then.
        for event in events.iter().filter(|event| wipes || !matches!(event, Event::Wipe)) {
            world.happen(event);
        }
        world.settle();
        world.check();
    }
}

#[test]
fn a_foreign_rule_is_left_alone() {
    let mut world = World::new(Vec::new(), &[]);
    world.happen(&Event::Foreign(false));
    world.happen(&Event::Foreign(true));
    world.settle();
    assert_eq!(world.zones["public"].len(), 1);
}

#[test]
fn an_order_during_the_opposite_call_is_carried_out_right_after_it() {
    let mut world = World::new(Vec::new(), &[]);
    world.happen(&Event::Run(7)); // The first look, to its end.
    for at_once in [false, true] {
        world.happen(&Event::Enforce(0, vec![1]));
        world.happen(&Event::Begin(at_once));
        world.happen(&Event::Release(0));
        world.happen(&Event::Run(2));
        assert_eq!(world.told.get(&ban_key(0)), Some(&false));
        world.happen(&Event::Enforce(0, vec![1]));
        world.happen(&Event::Run(1));
        world.happen(&Event::Release(0));
        world.happen(&Event::Begin(at_once));
        world.happen(&Event::Enforce(0, vec![1]));
        world.happen(&Event::Run(2));
        assert_eq!(world.told.get(&ban_key(0)), Some(&true));
        world.happen(&Event::Release(0));
        world.happen(&Event::Run(1));
    }
}

#[test]
fn a_reload_during_a_look_makes_it_worthless() {
    let mut world = World::new(vec![(ban_key(1), block(1, &[1]))], &[1]);
    world.happen(&Event::Run(6)); // All but the last zone are listed.
    assert_eq!(world.told, BTreeMap::new());
    world.happen(&Event::Reload);
    world.happen(&Event::Run(1));
    assert_eq!(world.told, BTreeMap::new());
    world.settle();
    world.check();
}

#[test]
fn a_firewalld_without_its_default_zone_is_broken_until_it_has_it() {
    let mut world = World::new(vec![(ban_key(1), block(1, &[1]))], &[]);
    let public = world.zones.remove("public").unwrap();
    world.happen(&Event::Run(12));
    let Some(Condition::Broken(why)) = &world.plan.condition else {
        panic!("{:?}", world.plan.condition)
    };
    assert!(why.contains("firewall-cmd --reload"), "{why}");
    world.zones.insert("public", public);
    world.settle();
    world.check();
}
