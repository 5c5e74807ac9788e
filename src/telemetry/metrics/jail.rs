//! What each jail found, counted and banned.

use jiff::SignedDuration;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::MetricFamily;
use super::dropped::{Dropped, DroppedFamilies};
use super::label::{Labels, PerWord, family, family_of, forget_words, label as pair, per_word};
use super::reason::{Ignored, Unbanned, Withheld};
use super::scale::{BOUNDS, FloatGauge, durations, seconds};
use super::traced::{Traced, TracedCounter, TracedHistogram};
use crate::jail::ban::{BanOrigin, JailName};
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

/// The families whose samples have exemplars, by their whole names.
const BANS: &str = "gaoler_bans_total";
const ENFORCEMENT: &str = "gaoler_ban_enforcement_duration_seconds";

/// Families that have one series a jail.
const ALONE: usize = 10;

const ORIGINS: [&str; 2] = ["detected", "manual"];
const FAMILIES: [&str; 2] = ["ipv4", "ipv6"];
const CUT: [&str; 2] = ["socket", "flow"];

/// The families with a `jail` label.
#[derive(Debug)]
pub(super) struct JailFamilies {
    matches: Family<Labels<2>, Counter>,
    date_errors: Family<Labels<1>, Counter>,
    failures: Family<Labels<1>, Counter>,
    ignored: Family<Labels<2>, Counter>,
    stale: Family<Labels<1>, Counter>,
    tracked: Family<Labels<1>, Gauge>,
    bans: Family<Labels<2>, TracedCounter>,
    restored: Family<Labels<1>, Counter>,
    breaker: Family<Labels<1>, Gauge>,
    withheld: Family<Labels<2>, Counter>,
    unbans: Family<Labels<2>, Counter>,
    cut: Family<Labels<2>, Counter>,
    desired: Family<Labels<2>, Gauge>,
    enforced: Family<Labels<2>, Gauge>,
    unprovisioned: Family<Labels<1>, Gauge>,
    dropped: DroppedFamilies,
    detection: Family<Labels<1>, Histogram>,
    enforcement: Family<Labels<2>, TracedHistogram>,
    findtime: Family<Labels<1>, FloatGauge>,
    maxretry: Family<Labels<1>, Gauge>,
    bantime: Family<Labels<1>, FloatGauge>,
}

/// One jail's series. The one loop that owns the jail keeps it beside the jail.
#[derive(Debug)]
pub struct JailMetrics {
    name: String,
    backend: String,
    matches: Vec<Counter>,
    date_errors: Counter,
    failures: Counter,
    ignored: PerWord,
    stale: Counter,
    tracked: Gauge,
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
    }

    /// A failregex matched. `caught_up`: of the batch it came in.
    pub fn found(&self, finding: &Finding, caught_up: bool) {
        if let Some(matches) = self.matches.get(usize::from(finding.pattern)) {
            matches.inc();
        }
        if let Some(delay) = detection_delay(finding, caught_up) {
            self.detection.observe(seconds(delay));
        }
    }

    /// A failure counted against its address.
    pub fn failed(&self) {
        self.failures.inc();
    }

    /// A failure did not count.
    pub fn ignored(&self, reason: Ignored) {
        self.ignored.add(reason.word(), 1);
    }

    /// A failure was too old to count.
    pub fn stale(&self) {
        self.stale.inc();
    }

    /// How many addresses the jail has failures of.
    pub fn tracking(&self, addresses: usize) {
        self.tracked.set(i64::try_from(addresses).unwrap_or(i64::MAX));
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

impl JailFamilies {
    pub(super) fn register(to: &mut Registry) -> Self {
        Self {
            matches: family(to, "filter_matches", "Records each failregex matched, from 0"),
            date_errors: family(
                to,
                "filter_date_errors",
                "Failures without a readable date; they count at the time of reading",
            ),
            failures: family(to, "failures", "Failures that counted against their address"),
            ignored: family(to, "ignored", "Records and failures that did not count, and why"),
            stale: family(to, "stale", "Failures too old to count: before now by over findtime"),
            tracked: family(to, "tracked_addresses", "Addresses with failures in the window"),
            bans: family(to, "bans", "Bans that began, by who decided"),
            restored: family(to, "bans_restored", "Bans of an earlier run that go on"),
            withheld: family(to, "bans_withheld", "Bans that were due and did not begin, and why"),
            breaker: family(
                to,
                "breaker_open",
                "Whether the jail only watches, having banned too many too fast, until resumed",
            ),
            unbans: family(to, "unbans", "Bans that ended, and why"),
            cut: family(
                to,
                "connections_cut",
                "Live connections of banned addresses closed: sockets of this host, flows it forwards",
            ),
            desired: family(to, "bans_desired", "Bans that should be in force"),
            enforced: family(to, "bans_enforced", "Bans the firewall was last seen to have"),
            unprovisioned: family(
                to,
                "enforcement_unprovisioned",
                "Whether the jail's bans take rich rules since no set is provisioned for its ports",
            ),
            dropped: DroppedFamilies::register(to),
            detection: family_of(
                to,
                "detection_delay",
                Unit::Seconds,
                "From a record's own time to its reading: sub-second stamps, no backlog",
                durations,
            ),
            enforcement: family_of(
                to,
                "ban_enforcement_duration",
                Unit::Seconds,
                "From the reading of the record that decided a ban to the ban seen in force",
                TracedHistogram::of_durations,
            ),
            findtime: family_of(
                to,
                "jail_findtime",
                Unit::Seconds,
                "The jail's findtime",
                FloatGauge::default,
            ),
            maxretry: family(to, "jail_maxretry", "The jail's maxretry"),
            bantime: family_of(
                to,
                "jail_bantime",
                Unit::Seconds,
                "The jail's bantime; +Inf: permanent",
                FloatGauge::default,
            ),
        }
    }

    /// How many series a jail has: lines of text, that is.
    pub(super) fn series(settings: &Settings) -> usize {
        let words = [Ignored::WORDS, Withheld::WORDS, Unbanned::WORDS].map(<[_]>::len);
        let pairs = ORIGINS.len() + CUT.len() + 2 * FAMILIES.len();
        let histogram = BOUNDS.len() + 3;
        ALONE
            + words.iter().sum::<usize>()
            + pairs
            + DroppedFamilies::series(&settings.backend)
            + 2 * histogram
            + usize::from(settings.patterns)
    }

    pub(super) fn appear(&self, name: &JailName, settings: &Settings) -> JailMetrics {
        let name = name.as_str();
        let one = [pair("jail", name)];
        let first = ("jail", name);
        self.show(&one, settings);
        let with_backend = [pair("jail", name), pair("backend", &settings.backend)];
        JailMetrics {
            name: name.to_owned(),
            backend: settings.backend.clone(),
            matches: self.patterns(name, settings.patterns),
            date_errors: self.date_errors.get_or_create_owned(&one),
            failures: self.failures.get_or_create_owned(&one),
            ignored: per_word(&self.ignored, first, "reason", Ignored::WORDS),
            stale: self.stale.get_or_create_owned(&one),
            tracked: self.tracked.get_or_create_owned(&one),
            bans: per_word(&self.bans, first, "origin", &ORIGINS),
            restored: self.restored.get_or_create_owned(&one),
            breaker: self.breaker.get_or_create_owned(&one),
            withheld: per_word(&self.withheld, first, "reason", Withheld::WORDS),
            unbans: per_word(&self.unbans, first, "reason", Unbanned::WORDS),
            cut: per_word(&self.cut, first, "kind", &CUT),
            desired: per_word(&self.desired, first, "family", &FAMILIES),
            enforced: per_word(&self.enforced, first, "family", &FAMILIES),
            unprovisioned: self.unprovisioned.get_or_create_owned(&one),
            dropped: self.dropped.appear(name, &settings.backend),
            detection: self.detection.get_or_create_owned(&one),
            enforcement: self.enforcement.get_or_create_owned(&with_backend),
        }
    }

    /// Sets the gauges of the jail's settings.
    fn show(&self, one: &Labels<1>, settings: &Settings) {
        self.findtime.get_or_create_owned(one).set(seconds(settings.findtime));
        let maxretry = i64::try_from(settings.maxretry).unwrap_or(i64::MAX);
        self.maxretry.get_or_create_owned(one).set(maxretry);
        self.bantime.get_or_create_owned(one).set(settings.bantime.map_or(f64::INFINITY, seconds));
    }

    /// One counter a pattern. Those that a reload has taken away go.
    fn patterns(&self, jail: &str, count: u16) -> Vec<Counter> {
        let labels = |pattern: u16| [pair("jail", jail), pair("pattern", &pattern.to_string())];
        for gone in count..=u16::MAX {
            if !self.matches.remove(&labels(gone)) {
                break;
            }
        }
        (0..count).map(|pattern| self.matches.get_or_create_owned(&labels(pattern))).collect()
    }

    /// Writes exemplars into the samples of those families that have them.
    pub(super) fn attach(&self, families: &mut [MetricFamily]) {
        for family in families {
            for sample in &mut family.metric {
                match (family.name.as_str(), sample.label.as_slice()) {
                    (BANS, [jail, origin]) => {
                        let labels = [pair("jail", &jail.value), pair("origin", &origin.value)];
                        if let Some(bans) = self.bans.get(&labels) {
                            bans.attach(sample);
                        }
                    }
                    (ENFORCEMENT, [jail, backend]) => {
                        let labels = [pair("jail", &jail.value), pair("backend", &backend.value)];
                        if let Some(enforcement) = self.enforcement.get(&labels) {
                            enforcement.attach(sample);
                        }
                    }
                    _ => {}
                }
            }
        }
    }

    pub(super) fn forget(&self, jail: &JailMetrics) {
        let name = jail.name.as_str();
        let one = [pair("jail", name)];
        for counters in [&self.date_errors, &self.failures, &self.stale, &self.restored] {
            counters.remove(&one);
        }
        for gauges in [&self.tracked, &self.maxretry, &self.breaker, &self.unprovisioned] {
            gauges.remove(&one);
        }
        for gauges in [&self.findtime, &self.bantime] {
            gauges.remove(&one);
        }
        self.dropped.forget(name);
        self.detection.remove(&one);
        self.enforcement.remove(&[pair("jail", name), pair("backend", &jail.backend)]);
        self.patterns(name, 0);
        let first = ("jail", name);
        forget_words(&self.ignored, first, "reason", Ignored::WORDS);
        forget_words(&self.bans, first, "origin", &ORIGINS);
        forget_words(&self.withheld, first, "reason", Withheld::WORDS);
        forget_words(&self.unbans, first, "reason", Unbanned::WORDS);
        forget_words(&self.cut, first, "kind", &CUT);
        for gauges in [&self.desired, &self.enforced] {
            forget_words(gauges, first, "family", &FAMILIES);
        }
    }
}
