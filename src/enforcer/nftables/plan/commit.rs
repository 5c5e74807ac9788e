//! Transactions: what is put into one, and what follows when it is done.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use rustc_hash::FxHashSet;

use super::agenda::{Asked, Task};
use super::{Plan, Work};
use crate::enforcer::nftables::desired::{SetId, Target};
use crate::enforcer::nftables::group::{Kind, counter};
use crate::enforcer::nftables::ruleset::{Amiss, order};
use crate::enforcer::nftables::span::{Elements, End, Span};
use crate::enforcer::nftables::statement::{BASE, Statement, add_group, edit};
use crate::enforcer::order::{Condition, Report};
use crate::jail::ban::BanKey;
use crate::moment::{Boot, Moment};

/// About how many elements a transaction changes at most: while the kernel works on one, new bans
/// wait.
const CHUNK: usize = 16_384;

/// By how much the end of a ban may change before its element is replaced.
const EXACT: SignedDuration = SignedDuration::from_millis(100);

/// A transaction under way.
#[derive(Debug, Default)]
pub(super) struct Flight {
    /// The tasks it does.
    pub(super) tasks: Vec<Task>,
    targets: FxHashSet<Target>,
    edits: BTreeMap<SetId, Edit>,
    size: usize,
    /// The groups that it makes whole.
    groups: BTreeSet<usize>,
    /// Whether it lays out the base chain, and removes what nobody asked for.
    lays_out: bool,
    /// Whether it replaces the table.
    replaces: bool,
}

/// What changes in a set.
#[derive(Debug, Default)]
struct Edit {
    old: Elements,
    new: Elements,
}

impl Plan {
    /// The bans that the transaction under way is made for, or for whose end.
    #[must_use]
    pub fn bans_under_way(&self) -> Vec<BanKey> {
        let tasks = self.flight.iter().flat_map(|flight| &flight.tasks);
        tasks.map(|task| task.key.clone()).collect()
    }

    /// The next transaction, if there is something to change. What needs no change is answered.
    pub(super) fn next_commit(&mut self, now: Moment) -> Option<Work> {
        let mut flight = Flight { replaces: self.amiss.replace, ..Flight::default() };
        if self.amiss.replace {
            self.repairs = self.desired.targets(|_| true).into();
        }
        while self.amiss.replace || flight.size < CHUNK {
            if let Some(task) = self.agenda.take() {
                for target in &task.targets {
                    self.bring(*target, &mut flight, now.boot);
                }
                flight.tasks.push(task);
            } else if let Some(target) = self.repairs.pop_front() {
                self.bring(target, &mut flight, now.boot);
            } else {
                break;
            }
        }
        let mut statements = self.structure(&mut flight);
        for (set, Edit { old, new }) in &flight.edits {
            let name = self.desired.groups()[set.group].set(set.kind);
            statements.extend(edit(&name, set.kind, old, new, now.boot));
        }
        if statements.is_empty() {
            self.settle(flight, now);
            return None;
        }
        self.flight = Some(flight);
        Some(Work::Commit(statements))
    }

    /// Takes note of a transaction that was made.
    pub(super) fn committed(&mut self, now: Moment) {
        let Some(flight) = self.flight.take() else { return };
        self.refusals = 0;
        self.set_condition(Condition::Ready);
        if flight.replaces {
            self.held.clear();
            self.whole.clear();
            self.counters.restart();
        }
        if flight.lays_out {
            let wanted: BTreeSet<usize> = self.wanted().into_keys().collect();
            self.amiss = Amiss::default();
            self.held.retain(|set, _| wanted.contains(&set.group));
            self.whole.retain(|group| wanted.contains(group));
            self.whole.extend(&flight.groups);
        }
        for (set, Edit { old, new }) in &flight.edits {
            let held = self.held.entry(*set).or_default();
            for span in old.keys() {
                held.remove(span);
            }
            held.extend(new);
        }
        self.settle(flight, now);
    }

    /// Says what is now so.
    fn settle(&mut self, flight: Flight, now: Moment) {
        for Task { key, asked, .. } in &flight.tasks {
            match asked {
                Asked::Enforce => self.announce(key, now),
                Asked::Release if self.desired.has(key) => {}
                Asked::Release => self.reports.push(Report::Released { key: key.clone() }),
            }
        }
        for target in flight.targets {
            for key in self.desired.holders_of(target) {
                self.announce(&key, now);
            }
        }
        if !flight.groups.is_empty() {
            self.announce_all(now);
        }
        self.report_capacity();
    }

    /// Puts into the transaction what brings the target to where it should be.
    fn bring(&self, target: Target, flight: &mut Flight, now: Boot) {
        if !flight.targets.insert(target) {
            return;
        }
        let nothing = Elements::new();
        let held = |set| if flight.replaces { None } else { self.held.get(&set) };
        let (set, old, new) = match target {
            Target::Host(set, address) => {
                let span = Span::point(address);
                let old = held(set).and_then(|held| held.get(&span)).copied();
                (set, one(span, old), one(span, self.desired.host(set, address, now)))
            }
            Target::Nets(set) => {
                let old = held(set).unwrap_or(&nothing).clone();
                (set, old, self.desired.spans(set, now))
            }
        };
        let same = |span: &Span, end: End, others: &Elements| {
            others.get(span).is_some_and(|other| other.is_about(end, EXACT))
        };
        let gone: Elements = extract(&old, |span, end| !same(span, end, &new));
        let come: Elements = extract(&new, |span, end| !same(span, end, &old));
        if gone.is_empty() && come.is_empty() {
            return;
        }
        flight.size += gone.len() + come.len();
        let edit = flight.edits.entry(set).or_default();
        edit.old.extend(gone);
        edit.new.extend(come);
    }

    /// What must be there before elements can be, or must go.
    fn structure(&mut self, flight: &mut Flight) -> Vec<Statement> {
        let wanted = self.wanted();
        let is_lacking = |at: &usize| flight.replaces || !self.whole.contains(at);
        let lacking: BTreeSet<usize> = wanted.keys().copied().filter(is_lacking).collect();
        let lays_out = self.amiss.replace
            || self.amiss.dispatch
            || !lacking.is_empty()
            || !self.amiss.extras.is_empty();
        if !lays_out {
            return Vec::new();
        }
        let mut all = vec![Statement::AddTable];
        if self.amiss.replace {
            all.extend([Statement::DeleteTable, Statement::AddTable]);
        }
        all.push(Statement::AddBase);
        for at in &lacking {
            all.extend(add_group(wanted[at], self.ipv6_prefix));
        }
        all.push(Statement::FlushChain(BASE.to_owned()));
        let rules = order(&wanted).into_iter();
        all.extend(rules.map(|rule| Statement::AddRule(BASE.to_owned(), rule)));
        // Since the look that found them, some may have come to be wanted.
        let names: BTreeSet<String> = wanted
            .values()
            .flat_map(|group| {
                let sets = Kind::ALL.map(|kind| group.set(kind));
                let counters = [false, true].map(|ipv6| counter(&group.jail, ipv6));
                sets.into_iter().chain(counters).chain([group.chain()])
            })
            .collect();
        let stray = |s: &&Statement| s.removes().is_some_and(|name| !names.contains(name));
        if !self.amiss.replace {
            all.extend(self.amiss.extras.iter().filter(stray).cloned());
        }
        (flight.groups, flight.lays_out) = (lacking, true);
        all
    }
}

fn one(span: Span, end: Option<End>) -> Elements {
    end.map(|end| (span, end)).into_iter().collect()
}

fn extract(from: &Elements, keep: impl Fn(&Span, End) -> bool) -> Elements {
    from.iter().filter(|(span, end)| keep(span, **end)).map(|(span, end)| (*span, *end)).collect()
}
