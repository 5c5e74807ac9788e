//! The families with a `jail` label, and how a jail's series come and go.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::super::MetricFamily;
use super::super::dropped::DroppedFamilies;
use super::super::label::{Labels, family, family_of, forget_words, label as pair, per_word};
use super::super::reason::{Ignored, Unbanned, Withheld};
use super::super::scale::{BOUNDS, FloatGauge, durations, seconds};
use super::super::traced::{TracedCounter, TracedHistogram};
use super::{JailMetrics, Settings};
use crate::filter::Part;
use crate::jail::ban::JailName;

/// The families whose samples have exemplars, by their whole names.
const BANS: &str = "gaoler_bans_total";
const ENFORCEMENT: &str = "gaoler_ban_enforcement_duration_seconds";

/// Families that have one series a jail.
const ALONE: usize = 11;

const ORIGINS: [&str; 2] = ["detected", "manual"];
const FAMILIES: [&str; 2] = ["ipv4", "ipv6"];
const CUT: [&str; 2] = ["socket", "flow"];

/// The families with a `jail` label.
#[derive(Debug)]
pub(in crate::telemetry::metrics) struct JailFamilies {
    matches: Family<Labels<2>, Counter>,
    date_errors: Family<Labels<1>, Counter>,
    exceeded: Family<Labels<2>, Counter>,
    failures: Family<Labels<1>, Counter>,
    ignored: Family<Labels<2>, Counter>,
    stale: Family<Labels<1>, Counter>,
    tracked: Family<Labels<1>, Gauge>,
    forgotten: Family<Labels<1>, Counter>,
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

impl JailFamilies {
    pub(in crate::telemetry::metrics) fn register(to: &mut Registry) -> Self {
        Self {
            matches: family(to, "filter_matches", "Records each failregex matched, from 0"),
            date_errors: family(
                to,
                "filter_date_errors",
                "Failures without a readable date; they count at the time of reading",
            ),
            exceeded: family(
                to,
                "filter_budget_exceeded",
                "Records at which a regex that backtracks used up its steps: nobody knows what they are",
            ),
            failures: family(to, "failures", "Failures that counted against their address"),
            ignored: family(to, "ignored", "Records and failures that did not count, and why"),
            stale: family(to, "stale", "Failures too old to count: before now by over findtime"),
            tracked: family(to, "tracked_addresses", "Addresses with failures in the window"),
            forgotten: family(
                to,
                "addresses_forgotten",
                "Addresses with failures that were forgotten since others came: those furthest from a ban",
            ),
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
    pub(in crate::telemetry::metrics) fn series(settings: &Settings) -> usize {
        let words = [Ignored::WORDS, Withheld::WORDS, Unbanned::WORDS].map(<[_]>::len);
        let pairs = Part::WORDS.len() + ORIGINS.len() + CUT.len() + 2 * FAMILIES.len();
        let histogram = BOUNDS.len() + 3;
        ALONE
            + words.iter().sum::<usize>()
            + pairs
            + DroppedFamilies::series(&settings.backend)
            + 2 * histogram
            + usize::from(settings.patterns)
    }

    pub(in crate::telemetry::metrics) fn appear(
        &self,
        name: &JailName,
        settings: &Settings,
    ) -> JailMetrics {
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
            exceeded: per_word(&self.exceeded, first, "regex", &Part::WORDS),
            failures: self.failures.get_or_create_owned(&one),
            ignored: per_word(&self.ignored, first, "reason", Ignored::WORDS),
            stale: self.stale.get_or_create_owned(&one),
            tracked: self.tracked.get_or_create_owned(&one),
            forgotten: self.forgotten.get_or_create_owned(&one),
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
    pub(in crate::telemetry::metrics) fn attach(&self, families: &mut [MetricFamily]) {
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

    pub(in crate::telemetry::metrics) fn forget(&self, jail: &JailMetrics) {
        let name = jail.name.as_str();
        let one = [pair("jail", name)];
        for counters in
            [&self.date_errors, &self.failures, &self.stale, &self.restored, &self.forgotten]
        {
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
        forget_words(&self.exceeded, first, "regex", &Part::WORDS);
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
