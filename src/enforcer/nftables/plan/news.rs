//! What is said: which bans are in force, which no longer, and how nftables fares.

use std::collections::BTreeSet;

use super::{Plan, TOLERANCE};
use crate::enforcer::nftables::desired::{Desired, LIMIT};
use crate::enforcer::nftables::span::{End, covers};
use crate::enforcer::order::{Condition, Coverage, Report};
use crate::jail::ban::BanKey;
use crate::moment::{Boot, Moment};

impl Plan {
    /// Reports the ban to be in force, if it is and nobody was told.
    pub(super) fn announce(&mut self, key: &BanKey, now: Moment) {
        if self.known && self.is_in_force(key, now.boot) && self.announced.insert(key.clone()) {
            self.reports.push(Report::Enforced { key: key.clone(), at: now });
        }
    }

    /// Reports all bans that are in force and of which nobody was told.
    pub(super) fn announce_all(&mut self, now: Moment) {
        let silent = self.desired.bans().filter(|key| !self.announced.contains(*key));
        for key in silent.cloned().collect::<Vec<_>>() {
            self.announce(&key, now);
        }
    }

    fn is_in_force(&self, key: &BanKey, now: Boot) -> bool {
        let Some((set, span, end)) = self.desired.element_of(key) else { return false };
        let about = match end {
            End::Never => End::Never,
            End::At(at) => End::At(Boot(at.0.saturating_sub(TOLERANCE))),
        };
        let is_held = || self.held.get(&set).is_some_and(|held| covers(held, span, about));
        end.is_past(now) || self.whole.contains(&set.group) && is_held()
    }

    /// Reports bans that were in force and are not; gives how many.
    pub(super) fn lose(&mut self, is_lost: impl Fn(&Desired, &BanKey) -> bool) -> u64 {
        let lost: Vec<BanKey> =
            self.announced.extract_if(|key| is_lost(&self.desired, key)).collect();
        let count = u64::try_from(lost.len()).unwrap_or(u64::MAX);
        self.reports.extend(lost.into_iter().map(|key| Report::Lost { key }));
        count
    }

    /// Takes note of the condition; says it if it is another one.
    pub(super) fn set_condition(&mut self, condition: Condition) {
        if self.condition.as_ref() == Some(&condition) {
            return;
        }
        if condition == Condition::Ready {
            self.reports.push(Report::Coverage(Coverage {
                mode: "nftables",
                established: true,
                forwarded: true,
                published: true,
                unprovisioned: BTreeSet::new(),
            }));
        }
        self.condition = Some(condition.clone());
        self.reports.push(Report::Condition(condition));
    }

    /// Says how full the sets are, if that has changed.
    pub(super) fn report_capacity(&mut self) {
        let used = self.announced.len();
        if self.used.replace(used) != Some(used) {
            let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
            self.reports.push(Report::Capacity { used: count(used), limit: count(LIMIT) });
        }
    }
}
