//! The plan against a kernel of few words: orders, ends, lost answers, refusals and other people's
//! changes in any order, drawn from a seed. Once they stop, what is in force is what is wanted, and
//! nothing was ever reported to be in force that was not.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{Answer, Generations, Plan, Work};
use crate::enforcer::nftables::group::Kind;
use crate::enforcer::nftables::message::{ACCEPT, PRIORITY, comment};
use crate::enforcer::nftables::ruleset::{Chain, Seen, Set};
use crate::enforcer::nftables::span::{Elements, End, Span, covers};
use crate::enforcer::nftables::statement::{BASE, Statement};
use crate::enforcer::nftables::testing::{demand, ports};
use crate::enforcer::nftables::trouble::Trouble;
use crate::enforcer::order::{Demand, Order, Report};
use crate::jail::ban::BanKey;
use crate::moment::{Boot, Moment};

/// Does what the real one does with our statements, as strictly.
#[derive(Clone, Debug, Default)]
struct Kernel {
    seen: Seen,
    elements: BTreeMap<String, Elements>,
    generation: u32,
}

impl Kernel {
    fn expire(&mut self, now: Boot) {
        for elements in self.elements.values_mut() {
            elements.retain(|_, end| !end.is_past(now));
        }
    }

    /// All or nothing.
    fn commit(&mut self, statements: &[Statement], now: Boot) -> Result<(), Trouble> {
        let mut next = self.clone();
        for statement in statements {
            next.carry_out(statement, now).map_err(|why| Trouble::Refused {
                table: "gaoler".to_owned(),
                why: format!("{why}: {statement:?}"),
            })?;
        }
        next.generation += 1;
        *self = next;
        Ok(())
    }

    fn carry_out(&mut self, statement: &Statement, now: Boot) -> Result<(), &'static str> {
        if !self.seen.table && *statement != Statement::AddTable {
            return Err("no table");
        }
        match statement {
            Statement::AddTable => self.seen.table = true,
            Statement::DeleteTable => {
                *self = Self { generation: self.generation, ..Self::default() };
            }
            Statement::AddBase => {
                let base = Chain {
                    hook: Some((Some(0), Some(PRIORITY))),
                    policy: Some(ACCEPT),
                    kind: Some("filter".to_owned()),
                    rules: Vec::new(),
                };
                self.seen.chains.entry(BASE.to_owned()).or_insert(base);
            }
            Statement::AddChain(name) => drop(self.seen.chains.entry(name.clone()).or_default()),
            Statement::FlushChain(name) => self.chain(name)?.rules.clear(),
            Statement::DeleteChain(name) => {
                drop(self.seen.chains.remove(name).ok_or("no chain")?);
            }
            Statement::AddSet(name, kind) => {
                let interval = if kind.is_interval() { 0x4 } else { 0 };
                let key_length = if kind.is_ipv6() { 16 } else { 4 };
                let set = Set { flags: 0x10 | interval, key_length };
                self.seen.sets.entry(name.clone()).or_insert(set);
                self.elements.entry(name.clone()).or_default();
            }
            Statement::DeleteSet(name) => {
                self.seen.sets.remove(name).ok_or("no set")?;
                self.elements.remove(name);
            }
            Statement::AddCounter(name) => drop(self.seen.counters.insert(name.clone())),
            Statement::DeleteCounter(name) => {
                self.seen.counters.remove(name).then_some(()).ok_or("no counter")?;
            }
            Statement::AddRule(chain, rule) => self.chain(chain)?.rules.push(comment(rule)),
            Statement::AddElements(set, kind, elements) => {
                let held = self.elements.get_mut(set).ok_or("no set")?;
                for (span, left) in elements {
                    add(held, *kind, *span, ends(*left, now))?;
                }
            }
            Statement::DeleteElements(set, _, spans) => {
                let held = self.elements.get_mut(set).ok_or("no set")?;
                for span in spans {
                    held.remove(span).ok_or("no element")?;
                }
            }
        }
        Ok(())
    }

    fn chain(&mut self, name: &str) -> Result<&mut Chain, &'static str> {
        self.seen.chains.get_mut(name).ok_or("no chain")
    }

    /// Whether packets that the ban is about are dropped.
    fn refuses(&self, demand: &Demand, ban: &Plan) -> bool {
        let Some((set, span, _)) = ban.desired.element_of(&demand.key) else { return false };
        let group = &ban.desired.groups()[set.group];
        let leads = |name: &str| self.seen.chains.get(name).is_some_and(|c| !c.rules.is_empty());
        let held = self.elements.get(&group.set(set.kind));
        let soon = End::At(Boot::default());
        leads(BASE) && leads(&group.chain()) && held.is_some_and(|held| covers(held, span, soon))
    }
}

/// As kernels before 6.12: what is there keeps its end.
fn add(held: &mut Elements, kind: Kind, span: Span, end: End) -> Result<(), &'static str> {
    let overlaps = |other: &Span| other.first <= span.last && span.first <= other.last;
    if held.contains_key(&span) {
        return Ok(());
    }
    if kind.is_interval() && held.keys().any(overlaps) {
        return Err("overlap");
    }
    held.insert(span, end);
    Ok(())
}

fn ends(left: Option<u64>, now: Boot) -> End {
    let span = |left: u64| SignedDuration::from_millis(i64::try_from(left).unwrap());
    left.map_or(End::Never, |left| End::At(now.after(span(left))))
}

/// One thing that happens.
#[derive(Clone, Debug)]
enum Event {
    /// A ban of the nth address, for so many seconds or for ever, on one scope or the other.
    Ban(usize, Option<i64>, bool),
    /// Its release.
    Release(usize),
    /// Time goes by.
    Wait(i64),
    /// The next work is done, and its answer comes, or is lost, or it is refused.
    Work(Fate),
    /// Somebody deletes the table, all rules, or all elements.
    Damage(u8),
    /// A look is asked for.
    Look,
}

#[derive(Clone, Copy, Debug)]
enum Fate {
    Done,
    Lost,
    Refused,
}

const ADDRESSES: [&str; 9] = [
    "192.0.2.1/32",
    "192.0.2.2/32",
    "192.0.2.0/24",
    "192.0.0.0/16",
    "192.0.2.128/25",
    "255.255.255.0/24",
    "2001:db8::/64",
    "2001:db8::/32",
    "2001:db8::1/128",
];

struct World {
    kernel: Kernel,
    plan: Plan,
    now: Boot,
    wanted: BTreeMap<BanKey, Demand>,
    enforced: BTreeSet<BanKey>,
}

impl World {
    fn new() -> Self {
        let now = Boot(SignedDuration::from_secs(1000));
        Self {
            kernel: Kernel::default(),
            plan: Plan::new(64, Vec::new(), now),
            now,
            wanted: BTreeMap::new(),
            enforced: BTreeSet::new(),
        }
    }

    fn moment(&self) -> Moment {
        Moment { wall: Timestamp::UNIX_EPOCH, boot: self.now }
    }

    fn happen(&mut self, event: &Event) {
        match *event {
            Event::Ban(at, seconds, other) => {
                let until = seconds.map(|seconds| self.now.0.as_secs() + seconds);
                let scope = ports(if other { &[80] } else { &[22] });
                let demand = demand("sshd", ADDRESSES[at], &scope, until);
                self.wanted.insert(demand.key.clone(), demand.clone());
                self.plan.order(Order::Enforce(demand), self.moment());
            }
            Event::Release(at) => {
                self.release(&demand("sshd", ADDRESSES[at], &ports(&[]), None).key);
            }
            Event::Wait(milliseconds) => self.pass(SignedDuration::from_millis(milliseconds)),
            Event::Work(fate) => drop(self.work(fate)),
            Event::Damage(what) => self.damage(what),
            Event::Look => self.plan.order(Order::Look, self.moment()),
        }
    }

    fn release(&mut self, key: &BanKey) {
        self.wanted.remove(key);
        self.enforced.remove(key);
        self.plan.order(Order::Release(key.clone()), self.moment());
    }

    /// Time goes by; what has ended goes, here and there.
    fn pass(&mut self, span: SignedDuration) {
        self.now = self.now.after(span);
        self.kernel.expire(self.now);
        let now = self.now;
        let over = |demand: &&Demand| demand.until.is_some_and(|until| until <= now);
        let over: Vec<BanKey> = self.wanted.values().filter(over).map(|d| d.key.clone()).collect();
        for key in over {
            self.release(&key);
        }
        self.plan.generation_is(self.kernel.generation, self.now);
    }

    fn damage(&mut self, what: u8) {
        self.kernel.generation += 1;
        match what {
            0 => self.kernel = Kernel { generation: self.kernel.generation, ..Kernel::default() },
            1 => self.kernel.seen.chains.values_mut().for_each(|chain| chain.rules.clear()),
            _ => self.kernel.elements.values_mut().for_each(Elements::clear),
        }
    }

    /// Does the next work; whether there was some.
    fn work(&mut self, fate: Fate) -> bool {
        let work = self.plan.next_work(self.moment());
        self.hear();
        let Some(work) = work else { return false };
        let before = self.kernel.generation;
        let refused = || Trouble::Refused { table: "gaoler".to_owned(), why: "moody".to_owned() };
        let done = match fate {
            Fate::Refused => Err(refused()),
            _ => self.answer(&work),
        };
        let result = match fate {
            Fate::Lost => Err(Trouble::Unknown("lost".to_owned())),
            _ => done,
        };
        let generations = Generations { before, after: self.kernel.generation };
        let generations = result.is_ok().then_some(generations);
        self.plan.finished(&work, generations, result, self.moment());
        self.hear();
        true
    }

    fn answer(&mut self, work: &Work) -> Result<Answer, Trouble> {
        match work {
            Work::Commit(statements) => {
                self.kernel.commit(statements, self.now).map(|()| Answer::Committed)
            }
            Work::Ruleset => Ok(Answer::Ruleset(self.kernel.seen.clone())),
            Work::Elements(set, _) => {
                let left = |end: &End| match end {
                    End::Never => None,
                    End::At(at) => u64::try_from(at.since(self.now).as_millis()).ok(),
                };
                let held = self.kernel.elements.get(set).into_iter().flatten();
                Ok(Answer::Elements(held.map(|(span, end)| (*span, left(end))).collect()))
            }
            Work::Counters => Ok(Answer::Counters(Vec::new())),
        }
    }

    /// What is said to be in force was wanted.
    fn hear(&mut self) {
        for report in self.plan.take_reports() {
            match report {
                Report::Enforced { key, .. } => {
                    assert!(self.wanted.contains_key(&key), "{key:?} was not wanted");
                    self.enforced.insert(key);
                }
                Report::Lost { key } | Report::Released { key } => drop(self.enforced.remove(&key)),
                _ => {}
            }
        }
    }

    /// Nothing happens any longer but work.
    fn settle(&mut self) {
        self.plan.order(Order::Look, self.moment());
        for _ in 0..40 {
            while self.work(Fate::Done) {}
            self.pass(SignedDuration::from_secs(1));
        }
        while self.work(Fate::Done) {}
    }

    fn check(&self) {
        let mut sets: BTreeMap<String, Elements> = BTreeMap::new();
        for (at, group) in self.plan.desired.groups().iter().enumerate() {
            for kind in Kind::ALL {
                let set = crate::enforcer::nftables::desired::SetId { group: at, kind };
                let elements = self.plan.desired.elements(set, self.now);
                if !elements.is_empty() {
                    sets.insert(group.set(kind), elements);
                }
            }
        }
        let held: BTreeMap<&String, &Elements> =
            self.kernel.elements.iter().filter(|(_, held)| !held.is_empty()).collect();
        assert_eq!(held.keys().copied().collect::<Vec<_>>(), sets.keys().collect::<Vec<_>>());
        for (name, wanted) in &sets {
            let held = held[name];
            assert!(held.keys().eq(wanted.keys()), "{name}: {held:?} {wanted:?}");
            let about = |(held, wanted): (&End, &End)| held.is_about(*wanted, super::TOLERANCE);
            assert!(held.values().zip(wanted.values()).all(about), "{name}: {held:?} {wanted:?}");
        }
        for (key, demand) in &self.wanted {
            assert!(self.kernel.refuses(demand, &self.plan), "{key:?}");
            assert!(self.enforced.contains(key), "{key:?} was not said to be in force");
        }
    }
}

fn event() -> impl Strategy<Value = Event> {
    let seconds = prop_oneof![Just(None), Just(Some(2)), Just(Some(900)), Just(Some(3600))];
    prop_oneof![
        5 => (0..ADDRESSES.len(), seconds, prop::bool::weighted(0.1))
            .prop_map(|(at, seconds, other)| Event::Ban(at, seconds, other)),
        3 => (0..ADDRESSES.len()).prop_map(Event::Release),
        3 => (0i64..3000).prop_map(Event::Wait),
        8 => Just(Event::Work(Fate::Done)),
        1 => Just(Event::Work(Fate::Lost)),
        1 => Just(Event::Work(Fate::Refused)),
        1 => (0u8..3).prop_map(Event::Damage),
        1 => Just(Event::Look),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn once_errors_stop_what_is_wanted_is_what_is(events in prop::collection::vec(event(), 0..80)) {
        let mut world = World::new();
        for event in &events {
            world.happen(event);
        }
        world.settle();
        world.check();
    }
}

#[test]
fn a_new_ban_goes_before_the_rest_of_a_look_and_of_repairs() {
    let mut world = World::new();
    world.happen(&Event::Ban(0, None, false));
    world.happen(&Event::Ban(6, None, false));
    world.settle();
    world.happen(&Event::Look);
    let next = |world: &mut World| world.plan.next_work(world.moment());
    assert_eq!(next(&mut world), Some(Work::Ruleset));
    world.work(Fate::Done);
    world.happen(&Event::Ban(1, None, false));
    // The look is under way: the ban is next, and then the look goes on.
    assert!(world.work(Fate::Done) && world.work(Fate::Done));
    let key = demand("sshd", ADDRESSES[1], &ports(&[]), None).key;
    assert!(world.enforced.contains(&key), "{:?}", world.enforced);
    assert!(world.plan.look.is_some());
}

#[test]
fn a_refusal_that_lasts_is_said_and_what_was_ordered_waits() {
    let mut world = World::new();
    world.settle();
    world.happen(&Event::Ban(0, None, false));
    for _ in 0..20 {
        while let Some(work) = world.plan.next_work(world.moment()) {
            let fate = if matches!(work, Work::Commit(_)) { Fate::Refused } else { Fate::Done };
            let result = match fate {
                Fate::Refused => Err(Trouble::Unknown("full".to_owned())),
                _ => world.answer(&work),
            };
            world.plan.finished(&work, None, result, world.moment());
        }
        world.pass(SignedDuration::from_secs(2));
    }
    assert!(!world.plan.is_ready());
    let failed = |r: &Report| matches!(r, Report::Failed { gives_up: false, .. });
    assert!(world.plan.take_reports().iter().any(failed));
    world.settle();
    world.check();
    assert!(world.plan.is_ready());
}
