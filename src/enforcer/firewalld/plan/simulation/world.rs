//! The plan, its firewall, and who should be banned; what is reported is held against what is.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::event::{Bad, Event, ban_key};
use super::firewall::Firewall;
use crate::config::checked::{Action, Firewalld, Mode};
use crate::enforcer::firewalld::call::{Answer, Call, Signal};
use crate::enforcer::firewalld::fault::Fault;
use crate::enforcer::firewalld::plan::Plan;
use crate::enforcer::firewalld::rule::Rule;
use crate::enforcer::order::{Block, Demand, Order, Report};
use crate::enforcer::testing::{block, demand, net_block};
use crate::jail::ban::BanKey;
use crate::moment::{Boot, Moment};

/// All there is.
#[derive(Debug)]
pub(super) struct World {
    pub(super) firewall: Firewall,
    pub(super) mode: Mode,
    pub(super) shards: Option<u8>,
    /// Whether what was lost was said; if not, belief may differ from truth.
    silent: bool,
    pub(super) plan: Plan,
    under_way: Option<(Call, Option<Result<Answer, Fault>>)>,
    pub(super) bans: BTreeMap<BanKey, Block>,
    /// What only a released ban needed.
    pub(super) awaited: BTreeMap<BanKey, BTreeSet<String>>,
    pub(super) told: BTreeMap<BanKey, bool>,
    pub(super) reconciled: bool,
    /// What was found missing, in all.
    pub(super) drift: u64,
    now: Boot,
}

impl World {
    pub(super) fn new(
        mode: Mode,
        shards: Option<u8>,
        restored: Vec<(BanKey, Block)>,
        left: &[u8],
    ) -> Self {
        let bans: BTreeMap<_, _> = restored.iter().cloned().collect();
        let mut firewall = Firewall::new(shards);
        firewall.meddled = !left.is_empty();
        for &host in left {
            let rule = Rule::all(&block(host, &[1]), Action::Reject).unwrap()[0].to_string();
            let zone = ["dmz", "public"][usize::from(host % 2)];
            firewall.zones.entry(zone).or_default().insert(rule);
            if let Some(set) = firewall.sets.values_mut().nth(usize::from(host)) {
                set.insert(format!("198.51.100.{host}"));
            }
        }
        let mut world = Self {
            firewall,
            mode,
            shards,
            silent: false,
            plan: plan(mode, restored),
            under_way: None,
            awaited: BTreeMap::new(),
            bans,
            told: BTreeMap::new(),
            reconciled: false,
            drift: 0,
            now: Boot::default(),
        };
        world.plan.owner_gained(world.moment());
        world
    }

    /// A firewalld of the kind that fills sets after it has answered.
    pub(super) fn late(mut self) -> Self {
        self.firewall.filling = Some(BTreeMap::default());
        self
    }

    fn moment(&self) -> Moment {
        Moment { wall: Timestamp::UNIX_EPOCH, boot: self.now }
    }

    pub(super) fn happen(&mut self, event: &Event) {
        let now = self.moment();
        self.silent |= event.is_silent();
        match event {
            Event::Run(calls) => (0..*calls).for_each(|_| self.call(None)),
            Event::Begin(at_once) => self.begin(*at_once),
            Event::Fail(bad, done) => self.call(Some((*bad, *done))),
            Event::Enforce(ban, ports) => self.enforce(*ban, block(ban % 3, ports)),
            Event::Net(ban) => self.enforce(*ban, net_block(ban - 6)),
            Event::Host(ban) => self.enforce(*ban, block(*ban, &[])),
            Event::Crowd(first) => {
                (*first..first + 12).for_each(|ban| self.enforce(ban, block(ban, &[])));
            }
            Event::Release(ban) => self.release(*ban),
            Event::Disperse(first) => (*first..first + 12).for_each(|ban| self.release(ban)),
            Event::Reload => {
                self.firewall.reload();
                self.say(&Signal::Reloaded);
            }
            Event::Wipe => self.firewall.wipe(),
            Event::Flush => self.firewall.flush(),
            Event::Foreign(ours) => {
                let mark = if *ours { r#"priority="-31007" "# } else { "" };
                let text =
                    format!(r#"rule {mark}family="ipv4" source address="198.51.100.1" accept"#);
                self.firewall.zones.entry("public").or_default().insert(text);
            }
            Event::ForeignEntry(tidy) => self.firewall.meddle(*tidy),
            Event::MakePermanent => self.firewall.make_permanent(),
            Event::Provision(shards, kept) => {
                self.shards = *shards;
                self.firewall.provision(*shards);
                if *kept {
                    self.firewall.meddled = true;
                    self.firewall.flushed = None;
                } else {
                    self.firewall.reload();
                }
                self.say(&Signal::Reloaded);
            }
            Event::Restart => {
                self.plan.owner_lost();
                self.firewall.reload();
                self.plan.owner_gained(now);
            }
            Event::Again => self.start_again(),
            Event::Panic(on) => {
                self.firewall.panic = *on;
                self.say(if *on { &Signal::PanicOn } else { &Signal::PanicOff });
            }
            Event::Zone(on) => {
                let active = &mut self.firewall.active;
                let _ = if *on { active.insert("trusted") } else { active.remove("trusted") };
                self.say(&Signal::Zones);
            }
            Event::Exists(true) => {
                self.firewall.zones.entry("trusted").or_default();
            }
            Event::Exists(false) => {
                self.firewall.zones.remove("trusted");
                self.say(&Signal::Zones);
            }
        }
        self.hear();
    }

    pub(super) fn run_until_told(&mut self, ban: u8, on: bool) {
        self.run_until(|world| world.told.get(&ban_key(ban)) == Some(&on));
    }

    pub(super) fn run_until(&mut self, so: impl Fn(&Self) -> bool) {
        for _ in 0..100 {
            if so(self) {
                return;
            }
            self.call(None);
        }
        panic!("{:?}", self.told);
    }

    fn enforce(&mut self, ban: u8, block: Block) {
        let key = ban_key(ban);
        self.bans.insert(key.clone(), block.clone());
        self.told.remove(&key);
        self.awaited.remove(&key);
        self.plan.order(Order::Enforce(demand(key, block)), self.moment());
    }

    fn release(&mut self, ban: u8) {
        let (key, before) = (ban_key(ban), self.texts());
        if self.bans.remove(&key).is_some() {
            let needless = before.difference(&self.texts()).cloned().collect();
            self.awaited.insert(key.clone(), needless);
        }
        self.told.remove(&key);
        self.plan.order(Order::Release(key), self.moment());
    }

    /// Whatever call was under way, nobody hears of its end; nor of what was released and not gone.
    /// It takes a moment: a set that firewalld still fills is full by then.
    fn start_again(&mut self) {
        self.now = self.now.after(SignedDuration::from_secs(2));
        self.plan = plan(self.mode, self.bans.clone());
        self.under_way = None;
        self.told.clear();
        self.awaited.clear();
        self.plan.owner_gained(self.moment());
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
        self.firewall.now = self.now;
        let result = match bad {
            None => answer.unwrap_or_else(|| self.firewall.answer(&call)),
            Some((bad, done)) => {
                if done && answer.is_none() {
                    let _ = self.firewall.answer(&call);
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
        self.firewall.now = self.now;
        if self.under_way.is_none() {
            let call = self.plan.next_call(self.moment());
            self.under_way = call.map(|call| {
                let answer = at_once.then(|| self.firewall.answer(&call));
                (call, answer)
            });
        }
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
                Report::Reconciled { missing, .. } => {
                    self.reconciled = true;
                    self.drift += missing;
                }
                Report::Lost { key } => {
                    assert_eq!(self.told.remove(&key), Some(true), "{key:?} was not in force");
                }
                Report::Failed { gives_up, .. } => assert!(!gives_up),
                Report::MadePermanent { .. } => {
                    assert!(self.firewall.meddled, "nobody made anything permanent");
                }
                _ => {}
            }
        }
    }

    /// Lets everything come right: no more faults, five minutes pass.
    pub(super) fn settle(&mut self) {
        self.happen(&Event::Panic(false));
        if self.firewall.flushed.is_some() {
            self.happen(&Event::Restart);
        }
        self.reconciled = false;
        self.pass_time();
    }

    pub(super) fn pass_time(&mut self) {
        let end = self.now.after(SignedDuration::from_mins(5));
        while self.now < end {
            self.call(None);
        }
    }
}

fn plan(mode: Mode, restored: impl IntoIterator<Item = (BanKey, Block)>) -> Plan {
    let settings = Firewalld { mode, zones: None, action: Action::Reject, bus: None };
    let restored: Vec<Demand> = restored.into_iter().map(|(k, b)| demand(k, b)).collect();
    Plan::new(&settings, restored)
}
