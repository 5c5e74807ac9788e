//! Tells a collector what happens: an event each, and a trace for each ban once its story is over.
//!
//! Nothing here waits, and nothing that goes wrong here touches a ban: what cannot be handed over is
//! dropped and counted.

mod earlier;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use self::earlier::Earlier;
use crate::enforcer::order::{Order, Outcome};
use crate::failure::Failure;
use crate::jail::ban::{Ban, BanKey, JailName};
use crate::jail::{Jail, Verdict};
use crate::moment::Moment;
use crate::printable::Printable;
use crate::record::exhibit::Exhibit;
use crate::source::batch::Finding;
use crate::telemetry::event;
use crate::telemetry::metrics::traced::Traced;
use crate::telemetry::otlp::exporters::Exporters;
use crate::telemetry::trace::ban::{End, Kept, Story};
use crate::telemetry::trace::book::{Book, CAP};
use crate::telemetry::trace::call::CallMade;
use crate::telemetry::trace::unban::Release;
use crate::trace::TraceId;

/// What led to a ban that a jail decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cause {
    /// When the record that decided was read.
    pub(super) read: Moment,
    /// When the first of the failures was, by the log's own time.
    pub(super) first: Timestamp,
}

/// A call to the firewall, as it was reported.
pub(super) struct Operation {
    pub(super) word: &'static str,
    pub(super) outcome: Outcome,
    pub(super) took: SignedDuration,
    pub(super) ended: Moment,
}

/// What is to be told, and to whom.
#[derive(Debug)]
pub(super) struct Telling {
    exporters: Exporters,
    book: Book,
    earlier: Earlier,
    backend: &'static str,
    /// Names the traces of unbans.
    random: fastrand::Rng,
}

impl Telling {
    /// Nothing has happened yet. `enforces`: whether a firewall will confirm bans.
    pub(super) fn new(exporters: Exporters, backend: &'static str, seed: u64) -> Self {
        let random = fastrand::Rng::with_seed(seed);
        Self { exporters, book: Book::new(CAP), earlier: Earlier::default(), backend, random }
    }

    /// Whether bans are told as traces.
    pub(super) fn wants_traces(&self) -> bool {
        self.exporters.wants_traces()
    }

    /// What metrics name as the trace of something that was now: one that the collector gets too.
    /// Where there is no collector, log lines and `gaoler explain` still bear the name of every one.
    pub(super) fn traced(&self, trace: TraceId, now: Moment) -> Option<Traced> {
        let found = !self.wants_traces() || self.exporters.samples(trace);
        found.then_some(Traced { trace, at: now.wall })
    }

    /// When the failure was that is the first of those that a finding counts with. Asked before the
    /// jail judges, since a ban spends its failures.
    pub(super) fn first(&self, jail: &Jail, finding: &Finding) -> Timestamp {
        let Failure { address, time } = finding.failure;
        let known = self.wants_traces().then(|| jail.first_failure(address.into(), time));
        known.flatten().map_or(time, |first| first.min(time))
    }

    /// A jail has judged a failure.
    pub(super) fn found(
        &self,
        jail: &JailName,
        filter: &str,
        finding: &Finding,
        verdict: &Verdict,
        user: Option<&[u8]>,
    ) {
        if verdict.trace().is_some() {
            self.exporters.event(|| {
                let user = user.map(|user| Printable(user).to_string());
                event::failure(jail, filter, finding, verdict, user.as_deref())
            });
        }
    }

    /// A ban of an earlier run goes on, or was.
    pub(super) fn remember(&mut self, key: &BanKey, trace: TraceId) {
        if self.wants_traces() {
            self.earlier.note(key.address, trace);
        }
    }

    /// A ban has begun; `evidence` is what it rests on.
    pub(super) fn began(
        &mut self,
        ban: &Ban,
        filter: &str,
        evidence: &[Arc<Exhibit>],
        cause: Option<Cause>,
        now: Moment,
    ) {
        self.exporters.event(|| event::ban(ban, filter, self.backend));
        if !self.wants_traces() {
            return;
        }
        let earlier = self.earlier.note(ban.key.address, ban.trace);
        if !self.exporters.samples(ban.trace) {
            return;
        }
        let cause = cause.unwrap_or(Cause { read: now, first: now.wall });
        let story = Story {
            ban: ban.clone(),
            filter: filter.to_owned(),
            backend: self.backend,
            user: evidence.iter().rev().find_map(|exhibit| user_of(exhibit)),
            first: cause.first,
            read: cause.read,
            decided: now,
            earlier,
        };
        match self.book.begin(story) {
            Ok(spans) => self.exporters.trace(spans),
            Err(_) => self.exporters.trace_lost(),
        }
    }

    /// Orders go to the firewall; `kept` is how their bans fared with the store.
    pub(super) fn ordered(&mut self, orders: &[Order], kept: Kept, now: Moment) {
        for order in orders {
            if let Order::Enforce(demand) = order {
                self.book.ordered(&demand.key, kept, now);
                if self.watches() {
                    self.end(&demand.key, &End::Watched, now);
                }
            }
        }
    }

    /// A call was made for these bans, or for their ends.
    pub(super) fn called(&mut self, bans: &[BanKey], call: &Operation) {
        if self.book.is_empty() {
            return;
        }
        let Operation { word: operation, outcome, took, ended } = *call;
        let call = CallMade { backend: self.backend, operation, outcome, why: None, ended, took };
        for key in bans {
            self.book.called(key, &call);
        }
    }

    /// The last call for a ban failed, and will be made again.
    pub(super) fn failed(&mut self, key: &BanKey, why: &str) {
        self.book.failed(key, why);
    }

    /// A ban's story has come to this end, if it was still open.
    pub(super) fn end(&mut self, key: &BanKey, end: &End, at: Moment) {
        let spans = self.book.end(key, end, at);
        self.exporters.trace(spans);
    }

    /// A ban has ended, for a reason in the words of metrics.
    pub(super) fn ended(&mut self, ban: &Ban, reason: &'static str, now: Moment) {
        self.exporters.event(|| event::unban(ban, reason, now.wall));
        self.end(&ban.key, &End::Lifted, now);
        // An unban goes with its ban, so that its link leads somewhere.
        if !self.exporters.samples(ban.trace) {
            return;
        }
        let trace = TraceId::new(self.random.u128(..));
        let release = Release::new(ban.clone(), trace, reason, self.backend, now);
        if self.watches() {
            self.exporters.trace(release.spans(None, now));
        } else if self.book.release(ban.key.clone(), release).is_err() {
            self.exporters.trace_lost();
        }
    }

    /// A ban's rules are gone.
    pub(super) fn released(&mut self, key: &BanKey, at: Moment) {
        let spans = self.book.released(key, at);
        self.exporters.trace(spans);
    }

    /// Tells what has waited long enough as it stands.
    pub(super) fn sweep(&mut self, now: Moment) {
        let spans = self.book.overdue(now);
        self.exporters.trace(spans);
    }

    /// How many addresses' earlier traces were forgotten for want of room since the last time.
    pub(super) fn take_forgotten(&mut self) -> u64 {
        self.earlier.take_forgotten()
    }

    /// Tells all that is left as it stands. What is still to be sent is the exporters' business.
    pub(super) fn close(mut self, now: Moment) -> Exporters {
        let spans = self.book.close(now);
        self.exporters.trace(spans);
        self.exporters
    }

    /// Whether there is no firewall that could confirm anything.
    fn watches(&self) -> bool {
        self.backend == "none"
    }
}

/// The user that a record names. A peer chose it: it is made fit to be shown.
fn user_of(exhibit: &Exhibit) -> Option<String> {
    exhibit.user.as_ref().map(|user| Printable(user).to_string())
}
