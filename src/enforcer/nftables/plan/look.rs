//! Looks: the table first, then its sets, one after the other; new bans go in between.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::{Due, Found, PERIOD, Plan, TOLERANCE, Work};
use crate::enforcer::nftables::desired::{SetId, Target};
use crate::enforcer::nftables::group::{Group, Kind};
use crate::enforcer::nftables::reply::Left;
use crate::enforcer::nftables::ruleset::{Seen, compare};
use crate::enforcer::nftables::span::{Elements, End, covers};
use crate::enforcer::nftables::trouble::Trouble;
use crate::enforcer::order::{Condition, Report};
use crate::moment::{Boot, Moment};

/// Up to how many bans the sets are listed whenever somebody else changed something.
const FEW: usize = 5_000;

/// How often at most they are, where there are more.
const PAUSE: SignedDuration = SignedDuration::from_secs(10);

/// A look under way.
#[derive(Debug)]
pub(super) struct Look {
    trigger: &'static str,
    /// Whether the sets are listed as well.
    deep: bool,
    /// The sets still to be listed; `None` before the table was looked at.
    pending: Option<Vec<SetId>>,
}

impl Look {
    /// What to do next for it.
    pub(super) fn work(&self, groups: &[Group]) -> Work {
        match self.pending.as_ref().and_then(|pending| pending.last()) {
            None => Work::Ruleset,
            Some(set) => Work::Elements(groups[set.group].set(set.kind), set.kind),
        }
    }
}

/// Where a set differs from what it should hold.
#[derive(Debug, Default)]
struct Drift {
    amiss: BTreeSet<Target>,
    missing: u64,
    unexpected: u64,
}

impl Plan {
    pub(super) fn begin_look(&mut self, trigger: &'static str, now: Boot) {
        self.due = None;
        self.setbacks.begin();
        let rested = self.listed.is_none_or(|at| now.since(at) >= PAUSE);
        let deep = trigger != "changed" || !self.known || rested || self.desired.len() <= FEW;
        self.look = Some(Look { trigger, deep, pending: None });
    }

    pub(super) fn saw_ruleset(&mut self, seen: &Seen, now: Moment) {
        let Some(mut look) = self.look.take() else { return };
        if !self.adopted && seen.is_foreign() {
            return self.suffer(&Trouble::Foreign, now.boot);
        }
        if self.refusals == 0 {
            self.set_condition(Condition::Ready);
        }
        let wanted = self.wanted();
        let verdict = compare(&wanted, self.ipv6_prefix, seen);
        self.amiss = verdict.amiss;
        if self.sparing.on {
            self.amiss.extras.clear();
        }
        self.begin_telling();
        self.whole = verdict.whole;
        self.held.retain(|set, _| verdict.usable.contains(&set.group));
        let whole = self.whole.clone();
        let lost = self.lose(|desired, key| {
            desired.element_of(key).is_none_or(|(set, ..)| !whole.contains(&set.group))
        });
        let is_gone = |set: SetId| !verdict.usable.contains(&set.group);
        let gone = self.desired.targets(is_gone);
        self.notice(look.trigger, self.unasked(&gone).max(lost), 0);
        if look.deep {
            self.repairs.clear(); // What still needs them is found again.
        }
        self.repairs.extend(gone);
        if !seen.table {
            self.counters.restart();
        }
        let sets =
            verdict.usable.iter().flat_map(|&group| Kind::ALL.map(|kind| SetId { group, kind }));
        let pending: Vec<SetId> = sets.filter(|_| look.deep).collect();
        if look.deep {
            self.listed = Some(now.boot);
        } else {
            let again = self.listed.unwrap_or(now.boot).after(PAUSE);
            self.look_at(again, "changed");
        }
        look.pending = Some(pending);
        self.go_on(look, now);
    }

    pub(super) fn saw_elements(&mut self, elements: Vec<Left>, now: Moment) {
        let Some(mut look) = self.look.take() else { return };
        let Some(set) = look.pending.as_mut().and_then(Vec::pop) else { return };
        let seen: Elements =
            elements.into_iter().map(|(span, left)| (span, ends(left, now.boot))).collect();
        self.tell_found(set, &seen, now.boot);
        let Drift { amiss, missing, unexpected } = self.drift(set, &seen, now.boot);
        let soon = End::At(now.boot.after(TOLERANCE));
        self.lose(|desired, key| {
            desired.element_of(key).is_some_and(|(of, span, end)| {
                of == set && end > soon && !covers(&seen, span, soon)
            })
        });
        self.notice(look.trigger, missing, unexpected);
        self.repairs.extend(amiss);
        self.held.insert(set, seen);
        self.go_on(look, now);
    }

    /// Where a set differs from what it should hold. What ends in a moment is left to end.
    fn drift(&self, set: SetId, seen: &Elements, now: Boot) -> Drift {
        let wanted = self.desired.elements(set, now);
        let soon = End::At(now.after(TOLERANCE));
        let mut drift = Drift::default();
        for (span, end) in &wanted {
            let target = target_of(set, span.first);
            match seen.get(span) {
                Some(held) if held.is_about(*end, TOLERANCE) => {}
                None if *end <= soon => {}
                held => {
                    drift.amiss.insert(target);
                    drift.missing += u64::from(held.is_none() && !self.agenda.may_concern(target));
                }
            }
        }
        for (span, end) in seen {
            let target = target_of(set, span.first);
            if !self.sparing.on && !wanted.contains_key(span) && *end > soon {
                drift.amiss.insert(target);
                drift.unexpected += u64::from(!self.agenda.may_concern(target));
            }
        }
        drift
    }

    /// Says what a look found, once all of it is put right.
    pub(super) fn conclude(&mut self, now: Boot) {
        self.report_capacity();
        if let Some(Found { trigger, missing, unexpected }) = self.found.take() {
            self.setbacks.forget();
            self.adopted = true;
            self.reports.push(Report::Reconciled { trigger, missing, unexpected });
            self.counters_due.get_or_insert(now);
        }
    }

    /// Goes on with the look, or ends it.
    fn go_on(&mut self, look: Look, now: Moment) {
        if look.pending.as_ref().is_none_or(|pending| !pending.is_empty()) {
            self.look = Some(look);
            return;
        }
        self.known = true;
        self.end_telling();
        self.due.get_or_insert(Due { at: now.boot.after(PERIOD), trigger: "periodic" });
        self.announce_all(now);
    }

    /// How many of the targets were not asked for just now.
    fn unasked(&self, targets: &[Target]) -> u64 {
        let count = targets.iter().filter(|target| !self.agenda.may_concern(**target)).count();
        u64::try_from(count).unwrap_or(u64::MAX)
    }

    fn notice(&mut self, trigger: &'static str, missing: u64, unexpected: u64) {
        let found = self.found.get_or_insert(Found { trigger, missing: 0, unexpected: 0 });
        found.missing += missing;
        found.unexpected += unexpected;
    }
}

fn target_of(set: SetId, first: u128) -> Target {
    if set.kind.is_interval() { Target::Nets(set) } else { Target::Host(set, first) }
}

fn ends(left: Option<u64>, now: Boot) -> End {
    let Some(left) = left else { return End::Never };
    End::At(now.after(SignedDuration::from_millis(i64::try_from(left).unwrap_or(i64::MAX))))
}
