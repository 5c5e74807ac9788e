//! From what a source sends to verdicts, and what follows from them.

use std::sync::Arc;

use jiff::tz::TimeZone;

use super::running::RunningJail;
use super::telling::Cause;
use super::{Daemon, recent};
use crate::failure::Failure;
use crate::jail::ban::{Ban, JailName};
use crate::jail::{Jail, Verdict};
use crate::moment::Moment;
use crate::record::exhibit::Exhibit;
use crate::source::batch::{Batch, Body, Finding, Message, Notice, SourceName};
use crate::store::change::Totals;
use crate::telemetry::metrics::jail::Heard;
use crate::telemetry::{lines, news};
use crate::trace::TraceId;

/// How many findings of one batch are logged one by one; a flood's rest is summed up in a line,
/// since a line each would cost more than finding them did.
const LOGGED: usize = 20;

/// How many records a second are logged at which a regex used up its budget: they are an attacker's.
pub(super) const OVERRUNS: u64 = 5;

/// A ban that a batch led to.
struct Sentence {
    ban: Ban,
    cause: Cause,
}

impl Daemon {
    /// A source speaks.
    pub(super) fn on_message(&mut self, message: Message, now: Moment) {
        match message.body {
            Body::Batch(batch) => self.on_batch(&message.source, batch, now),
            Body::Notice(notice) => self.on_notice(&message.source, notice, now),
        }
    }

    fn on_batch(&mut self, source: &SourceName, batch: Batch, now: Moment) {
        if let Some(running) = self.sources.get_mut(source) {
            if !Arc::ptr_eq(source, &running.source.name()) {
                // A reload ended that reader and then began another, which reads the same again.
                return;
            }
            running.caught_up = batch.caught_up;
            running.late = batch.late && !batch.caught_up;
            running.last_record = batch.tally.last_record.or(running.last_record);
        }
        self.report_overruns(&batch, now);
        let sentences = self.judge(source, &batch, now);
        for Sentence { ban, cause } in sentences {
            self.begin_ban(&ban, Some(cause), now);
        }
        // Last: records that are counted as read are judged, whenever somebody asks.
        if let Some(running) = self.sources.get(source) {
            running.metrics.observe_batch(&batch);
        }
        self.positions.insert(source.clone(), batch.through.clone());
        self.keeping.read(source, batch.through, now.boot);
        self.changed(now);
    }

    /// Tells of records of which nobody knows what they are.
    fn report_overruns(&mut self, batch: &Batch, now: Moment) {
        let overruns = batch.tally.overruns.iter().flat_map(|overruns| &overruns.first);
        for overrun in overruns {
            let Some(jail) = batch.listeners.get(usize::from(overrun.listener)) else { continue };
            if self.overruns.allows(now.boot) {
                lines::exceeded(jail, overrun.part, batch.found.excerpts.get(overrun.text));
            }
        }
    }

    /// Hands each finding to its jail. Jails that a reload took away hear nothing.
    fn judge(&mut self, source: &SourceName, batch: &Batch, now: Moment) -> Vec<Sentence> {
        let indices: Vec<Option<usize>> =
            batch.listeners.iter().map(|name| self.index(name)).collect();
        for (listener, index) in indices.iter().enumerate() {
            if let Some(index) = index {
                self.jails[*index].metrics.observe_tally(&batch.tally, listener);
            }
        }
        let mut heard = vec![Heard::default(); self.jails.len()];
        let (mut sentences, mut tripped) = (Vec::new(), Vec::new());
        for (number, finding) in batch.found.failures.iter().enumerate() {
            let listener = usize::from(finding.listener);
            let Some(index) = indices.get(listener).copied().flatten() else { continue };
            let running = &mut self.jails[index];
            running.metrics.detected(finding, batch.caught_up);
            let first = self.telling.first(&running.jail, finding);
            let (verdict, then) = decide(&mut running.jail, finding.failure, batch.late, now);
            let user = finding.user.map(|user| batch.found.excerpts.get(user));
            self.telling.found(running.name(), running.filter(), finding, &verdict, user);
            heard[index].note(finding.pattern, &verdict);
            if number < LOGGED {
                log(running, finding, &verdict, &self.zone);
            }
            if number < LOGGED || matches!(verdict, Verdict::Withheld { .. }) {
                let address = finding.failure.address.into();
                let said = recent::on_failure(running, address, &verdict, now.wall);
                self.recent.extend(said);
            }
            if let Some(trace) = counted(&verdict) {
                let until = now.boot.after(running.settings.threshold.findtime());
                let exhibit = exhibit(running, source, batch, finding);
                self.evidence.note(trace, exhibit, until);
            }
            if running.trips(&verdict, self.new_bans.as_mut(), then) {
                tripped.push(index);
            }
            if let Verdict::Banned(ban) = verdict {
                sentences.push(Sentence { ban, cause: Cause { read: finding.read, first } });
            }
        }
        if batch.found.failures.len() > LOGGED {
            news::found_more(batch.found.failures.len() - LOGGED);
        }
        for index in tripped {
            self.tripped(index, now);
        }
        for index in indices.into_iter().flatten() {
            self.heard(index, &heard[index], now);
        }
        sentences
    }

    /// Adds what a jail has heard to its numbers.
    pub(super) fn heard(&mut self, index: usize, heard: &Heard, now: Moment) {
        let running = &mut self.jails[index];
        running.metrics.heard(heard);
        let more = Totals { failed: heard.failed(), banned: 0 };
        running.totals.failed += more.failed;
        self.keeping.count(&running.settings.name, more, now.boot);
        running.track();
    }

    fn on_notice(&mut self, source: &SourceName, notice: Notice, now: Moment) {
        let Some(running) = self.sources.get_mut(source) else { return };
        running.metrics.observe_notice(&notice);
        news::source(source, &notice);
        match notice {
            Notice::Up => {
                running.up = true;
                running.trouble = None;
            }
            Notice::CaughtUp => {
                running.caught_up = true;
                running.late = false;
            }
            Notice::Down(trouble) => {
                running.up = false;
                running.late = false;
                running.trouble = Some(trouble);
            }
            Notice::Error(_) | Notice::Lost(_) | Notice::Rotated(_) | Notice::Restarted(_) => {}
        }
        self.publish(now);
    }

    /// Where a jail stands in the list.
    pub(super) fn index(&self, name: &JailName) -> Option<usize> {
        self.jails.binary_search_by(|running| running.name().cmp(name)).ok()
    }
}

/// What a jail says of a failure, and as of when.
fn decide(jail: &mut Jail, failure: Failure, late: bool, now: Moment) -> (Verdict, Moment) {
    if late {
        let then = jail.judged(failure, now);
        (jail.on_late_failure(failure, now), then)
    } else {
        (jail.on_failure(failure, now), now)
    }
}

/// The trace of a failure that counted just now: its record is evidence.
pub(super) fn counted(verdict: &Verdict) -> Option<TraceId> {
    match verdict {
        Verdict::Counted { .. } | Verdict::Withheld { .. } | Verdict::Banned(_) => verdict.trace(),
        Verdict::Ignored(_) | Verdict::Stale | Verdict::AlreadyBanned { .. } => None,
    }
}

fn exhibit(
    running: &RunningJail,
    source: &SourceName,
    batch: &Batch,
    finding: &Finding,
) -> Exhibit {
    let pattern = running.lines.get(usize::from(finding.pattern));
    Exhibit {
        time: finding.failure.time,
        address: finding.failure.address,
        source: Arc::clone(source),
        pattern: pattern.map_or_else(|| "".into(), Arc::clone),
        user: finding.user.map(|user| batch.found.excerpts.get(user).into()),
        text: batch.found.excerpts.get(finding.text).into(),
        cut: finding.text.cut,
    }
}

/// Logs a verdict, with times in `zone`.
pub(super) fn log(running: &RunningJail, finding: &Finding, verdict: &Verdict, zone: &TimeZone) {
    let (jail, address) = (running.name(), finding.failure.address);
    match verdict {
        Verdict::Ignored(reason) => lines::ignored(jail, address, reason.as_str()),
        Verdict::Stale => {}
        Verdict::Counted { .. }
        | Verdict::AlreadyBanned { .. }
        | Verdict::Banned(_)
        | Verdict::Withheld { .. } => {
            lines::found(jail, address, finding.failure.time, zone, verdict.trace());
            if let Verdict::AlreadyBanned { trace } = verdict {
                lines::already_banned(jail, address, *trace);
            }
        }
    }
}
