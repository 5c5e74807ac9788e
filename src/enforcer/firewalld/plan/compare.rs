//! The end of a look: what is in force, what is not, what to do, and how much a ban stops.

use std::collections::BTreeSet;

use super::{Found, LIMIT, PERIOD, Plan};
use crate::config::checked::Mode;
use crate::enforcer::firewalld::reconcile::{Drift, Step};
use crate::enforcer::order::{Coverage, Report};
use crate::enforcer::shard::MOST_ENTRIES;
use crate::jail::ban::{BanKey, JailName};
use crate::moment::{Boot, Moment};

impl Plan {
    /// Says what is in force and what is not, and queues what it takes.
    pub(super) fn compare(&mut self, now: Moment) {
        self.reports.extend(self.leftovers.looked());
        let announced: Vec<BanKey> = self.announced.iter().cloned().collect();
        for key in &announced {
            self.denounce(key);
        }
        let bans: Vec<BanKey> = self.desired.bans().cloned().collect();
        for key in &bans {
            self.announce(key, now);
        }
        let steps = self.placed.steps(&self.desired, &self.zones);
        let awaited =
            |step: &Step| matches!(step, Step::Remove(_, element) if self.releases.awaits(element));
        let (releases, mut repairs): (Vec<Step>, Vec<Step>) = steps.into_iter().partition(awaited);
        repairs.retain(|step| self.may_take(step));
        self.agenda.replace(releases, repairs);
        for element in self.releases.elements() {
            self.report_released(&element);
        }
        self.tell_found();
    }

    /// Reports how it ends, once nothing is left to do.
    pub(super) fn conclude(&mut self, now: Boot) {
        if self.look.is_some() || !self.is_ready() {
            return;
        }
        self.report_capacity();
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

    /// How many rules there may be in each zone.
    pub(super) fn room(&self) -> usize {
        LIMIT / self.zones.len().max(1)
    }

    /// Says what a ban stops, if that is known and is news.
    pub(super) fn report_coverage(&mut self) {
        if !self.is_ready() {
            return;
        }
        let coverage = self.covered();
        if self.coverage.as_ref() != Some(&coverage) {
            self.coverage = Some(coverage.clone());
            self.reports.push(Report::Coverage(coverage));
        }
    }

    fn covered(&mut self) -> Coverage {
        let sets = self.means.sets() > 0;
        let unprovisioned: BTreeSet<JailName> = if sets || self.means.mode() == Mode::Ipset {
            let jails = self.jails.iter();
            let lacking = jails.filter(|(_, scope)| self.means.group(scope).is_none());
            lacking.map(|(jail, _)| jail.clone()).collect()
        } else {
            BTreeSet::new()
        };
        // What is true of one jail's bans alone is not said of all.
        let served = self.jails.is_empty() || unprovisioned.len() < self.jails.len();
        Coverage {
            mode: if sets && served { "ipset" } else { "rich-rule" },
            established: false,
            forwarded: self.means.forwards() && unprovisioned.is_empty(),
            published: false,
            unprovisioned,
        }
    }

    fn report_capacity(&mut self) {
        let (used, limit) = self.placed.fullest(LIMIT, MOST_ENTRIES);
        if self.capacity.replace((used, limit)) != Some((used, limit)) {
            self.reports.push(Report::Capacity { used: used as u64, limit: limit as u64 });
        }
    }
}
