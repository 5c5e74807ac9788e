//! What each jail found, counted and banned.

mod families;
mod heard;

use jiff::SignedDuration;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

pub(super) use self::families::JailFamilies;
pub use self::heard::Heard;
use super::dropped::Dropped;
use super::label::PerWord;
use super::reason::{Ignored, Unbanned, Withheld};
use super::scale::seconds;
use super::traced::{Traced, TracedCounter, TracedHistogram};
use crate::filter::Part;
use crate::jail::ban::BanOrigin;
use crate::source::batch::{Finding, Tally};

/// What a jail's settings gauges show, and how many patterns its filter has.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many failregexes its filter has; [`Finding::pattern`] is below it.
    pub patterns: u16,
    /// As configured.
    pub findtime: SignedDuration,
    /// As configured.
    pub maxretry: usize,
    /// As configured; for ever when `None`.
    pub bantime: Option<SignedDuration>,
    /// Which backend enforces its bans: the `backend` label.
    pub backend: String,
}

/// How many of each address family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerFamily {
    /// IPv4.
    pub ipv4: u32,
    /// IPv6.
    pub ipv6: u32,
}

/// One jail's series. The one loop that owns the jail keeps it beside the jail.
#[derive(Debug)]
pub struct JailMetrics {
    name: String,
    backend: String,
    matches: Vec<Counter>,
    date_errors: Counter,
    exceeded: PerWord,
    failures: Counter,
    ignored: PerWord,
    stale: Counter,
    tracked: Gauge,
    forgotten: Counter,
    bans: PerWord<TracedCounter>,
    restored: Counter,
    breaker: Gauge,
    withheld: PerWord,
    unbans: PerWord,
    cut: PerWord,
    desired: PerWord<Gauge>,
    enforced: PerWord<Gauge>,
    unprovisioned: Gauge,
    dropped: Dropped,
    detection: Histogram,
    enforcement: TracedHistogram,
}

impl JailMetrics {
    /// The jail's name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// A batch came; `listener` is the jail's index in it.
    pub fn observe_tally(&self, tally: &Tally, listener: usize) {
        let of = |counts: &[u64]| counts.get(listener).copied().unwrap_or_default();
        self.ignored.add(Ignored::Ignoreregex.word(), of(&tally.ignored));
        self.ignored.add(Ignored::Unattributed.word(), of(&tally.unattributed));
        self.date_errors.inc_by(of(&tally.date_errors));
        let overruns = tally.overruns.as_ref().and_then(|overruns| overruns.counts.get(listener));
        for (word, count) in Part::WORDS.into_iter().zip(overruns.into_iter().flatten()) {
            self.exceeded.add(word, *count);
        }
    }

    /// A failregex matched, so long after the record was written. `caught_up`: of the batch it came in.
    pub fn detected(&self, finding: &Finding, caught_up: bool) {
        if let Some(delay) = detection_delay(finding, caught_up) {
            self.detection.observe(seconds(delay));
        }
    }

    /// How many addresses the jail has failures of, and how many more it has had to forget.
    pub fn tracking(&self, addresses: usize, forgotten: u64) {
        self.tracked.set(i64::try_from(addresses).unwrap_or(i64::MAX));
        self.forgotten.inc_by(forgotten);
    }

    /// A ban began.
    pub fn banned(&self, origin: BanOrigin, traced: Option<Traced>) {
        if let Some(bans) = self.bans.get(origin.as_str()) {
            bans.inc(traced);
        }
    }

    /// A ban of an earlier run goes on.
    pub fn restored(&self) {
        self.restored.inc();
    }

    /// Whether its breaker is open.
    pub fn breaker(&self, open: bool) {
        self.breaker.set(open.into());
    }

    /// A ban was due and did not begin.
    pub fn withheld(&self, reason: Withheld) {
        self.withheld.add(reason.word(), 1);
    }

    /// A ban ended.
    pub fn unbanned(&self, reason: Unbanned) {
        self.unbans.add(reason.word(), 1);
    }

    /// Live connections of banned addresses were closed: sockets of this host, and flows that it
    /// forwards.
    pub fn cut(&self, sockets: u64, flows: u64) {
        self.cut.add("socket", sockets);
        self.cut.add("flow", flows);
    }

    /// How many bans should be in force, and how many the firewall was seen to have.
    pub fn set_bans(&self, desired: PerFamily, enforced: PerFamily) {
        for (gauges, bans) in [(&self.desired, desired), (&self.enforced, enforced)] {
            for (word, count) in [("ipv4", bans.ipv4), ("ipv6", bans.ipv6)] {
                if let Some(gauge) = gauges.get(word) {
                    gauge.set(count.into());
                }
            }
        }
    }

    /// Whether its bans take rich rules, since no set is provisioned for its ports.
    pub fn unprovisioned(&self, unprovisioned: bool) {
        self.unprovisioned.set(unprovisioned.into());
    }

    /// The firewall dropped packets of banned addresses; `bytes` with their IP headers.
    pub fn dropped(&self, ipv6: bool, packets: u64, bytes: u64) {
        self.dropped.add(ipv6, packets, bytes);
    }

    /// A ban is in force, so long after the record that decided it was read.
    pub fn enforced_after(&self, took: SignedDuration, traced: Option<Traced>) {
        self.enforcement.observe(seconds(took), traced);
    }
}

/// From the record's own time to its reading; `None` where that would measure something else: a
/// stamp in whole seconds, a backlog, a log whose clock is ahead.
fn detection_delay(finding: &Finding, caught_up: bool) -> Option<SignedDuration> {
    let written = finding.failure.time;
    let precise = written.subsec_nanosecond() != 0;
    let delay = finding.read.wall.duration_since(written);
    (caught_up && precise && !delay.is_negative()).then_some(delay)
}
