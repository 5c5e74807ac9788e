//! The book of metrics: one registry, and a handle for each thing that is counted.
//!
//! A jail, a source and a backend get their handle when they appear; from then on, counting costs
//! an atomic addition and no look-up by hash. Every series that can come is there at 0 from that
//! moment, since `increase()` cannot see a first increment that creates its series.
//!
//! What they mean: docs/metrics.md. Source of the names: the Prometheus naming practices.

mod dropped;
pub mod enforcement;
pub mod jail;
mod label;
pub mod otlp;
pub mod process;
pub mod reason;
pub mod room;
mod scale;
pub mod source;
pub mod state;
pub mod traced;

use std::mem;
use std::path::PathBuf;

use prometheus_client::encoding::prometheus_protobuf::{encode, prometheus_data_model};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use self::enforcement::{BackendMetrics, EnforcementFamilies};
use self::jail::{JailFamilies, JailMetrics, Settings};
use self::label::PerWord;
use self::otlp::{OtlpFamilies, SignalMetrics};
use self::process::Process;
use self::reason::Forgotten;
use self::room::{Kind, Room};
use self::source::{SourceFamilies, SourceMetrics};
use self::state::{ReloadMetrics, StateMetrics};
use crate::enforcer::cut::Reason;
use crate::jail::ban::JailName;
use crate::moment::Moment;

/// A family of samples as Prometheus models them; what every format is written from.
pub type MetricFamily = prometheus_data_model::MetricFamily;

/// All metrics of the process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    version: String,
    jails: JailFamilies,
    sources: SourceFamilies,
    enforcement: EnforcementFamilies,
    otlp: OtlpFamilies,
    cut_errors: PerWord,
    forgotten: PerWord,
    room: Room,
    /// How the configuration fares.
    pub reload: ReloadMetrics,
    /// How the state database fares.
    pub state: StateMetrics,
}

impl Metrics {
    /// Begins counting. `revision` is the commit the binary was built from; `started` is now, a
    /// time at which the configuration has been read; `proc` is where the process's own
    /// `/proc/self` is.
    #[must_use]
    pub fn new(version: &str, revision: &str, started: Moment, proc: PathBuf) -> Self {
        let mut all = Registry::default();
        all.register_collector(Box::new(Process::new(proc, started)));
        let ours = all.sub_registry_with_prefix("gaoler");
        let build = [("version", version.to_owned()), ("revision", revision.to_owned())];
        ours.register("build", "What this is: always 1", Info::new(build));
        let metrics = Self {
            jails: JailFamilies::register(ours),
            sources: SourceFamilies::register(ours),
            enforcement: EnforcementFamilies::register(ours),
            otlp: OtlpFamilies::register(ours),
            cut_errors: cut_errors(ours),
            forgotten: forgotten(ours),
            room: Room::register(ours, room::SERIES),
            reload: ReloadMetrics::register(ours),
            state: StateMetrics::register(ours),
            version: version.to_owned(),
            registry: all,
        };
        metrics.reload.ended(true, started);
        metrics
    }

    /// gaoler's version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// A jail is there, or has new settings: its series begin at 0, or go on where they were. Where
    /// there are [`room::SERIES`] already, what it counts is not shown.
    #[must_use]
    pub fn jail_appears(&self, jail: &JailName, settings: &Settings) -> JailMetrics {
        if self.room.take(Kind::Jail, jail.as_str(), JailFamilies::series(settings)) {
            return self.jails.appear(jail, settings);
        }
        let unseen = JailFamilies::register(&mut Registry::default()).appear(jail, settings);
        // What an earlier configuration showed of it.
        self.jails.forget(&unseen);
        unseen
    }

    /// A jail is gone, and with it its series. What its handle counts afterwards, nobody sees.
    pub fn jail_leaves(&self, jail: &JailMetrics) {
        self.jails.forget(jail);
        self.room.leave(Kind::Jail, jail.name());
    }

    /// A source is there, likewise.
    #[must_use]
    pub fn source_appears(&self, source: &str) -> SourceMetrics {
        if self.room.take(Kind::Source, source, SourceFamilies::SERIES) {
            return self.sources.appear(source);
        }
        SourceFamilies::register(&mut Registry::default()).appear(source)
    }

    /// A source is gone, and with it its series. What its handle counts afterwards, nobody sees.
    pub fn source_leaves(&self, source: &SourceMetrics) {
        self.sources.forget(source);
        self.room.leave(Kind::Source, source.name());
    }

    /// A backend is in use; `operations` are the words its
    /// [`Report::Operation`](crate::enforcer::order::Report)s will have.
    #[must_use]
    pub fn backend_appears(&self, backend: &str, operations: &[&'static str]) -> BackendMetrics {
        self.enforcement.appear(backend, operations)
    }

    /// A kind of telemetry is exported.
    #[must_use]
    pub fn signal_appears(&self, signal: &'static str) -> SignalMetrics {
        self.otlp.appear(signal)
    }

    /// Live connections of banned addresses could not be closed.
    pub fn cut_failed(&self, reason: Reason) {
        self.cut_errors.add(reason.word(), 1);
    }

    /// So much was forgotten, or not kept, for want of room.
    pub fn forgotten(&self, what: Forgotten, count: u64) {
        self.forgotten.add(what.word(), count);
    }

    /// All samples as they are now, families by name, series by labels.
    ///
    /// # Panics
    ///
    /// Never: only native histograms without classic buckets and clocks before 1970 fail to
    /// encode, and there are none.
    #[must_use]
    pub fn families(&self) -> Vec<MetricFamily> {
        let mut families = encode(&self.registry).expect("classic metrics encode");
        self.jails.attach(&mut families);
        families.sort_by(|a, b| a.name.cmp(&b.name));
        for family in &mut families {
            sort(&mut family.metric);
        }
        families
    }
}

fn cut_errors(to: &mut Registry) -> PerWord {
    let help = "Times that live connections of banned addresses could not be closed, and why";
    let errors = label::family::<1, Counter>(to, "cut_errors", help);
    PerWord::new(Reason::WORDS, |reason| {
        errors.get_or_create_owned(&[label::label("reason", reason)])
    })
}

fn forgotten(to: &mut Registry) -> PerWord {
    let help = "What was forgotten, or not kept, for want of room, the oldest first";
    let all = label::family::<1, Counter>(to, "forgotten", help);
    PerWord::new(Forgotten::WORDS, |what| all.get_or_create_owned(&[label::label("what", what)]))
}

/// Puts series in the order of their labels. It is their places that are sorted: a series is some hundred bytes.
fn sort(series: &mut Vec<prometheus_data_model::Metric>) {
    let mut places: Vec<usize> = (0..series.len()).collect();
    places.sort_by(|&a, &b| labels(&series[a]).cmp(labels(&series[b])));
    *series = places.into_iter().map(|at| mem::take(&mut series[at])).collect();
}

/// A series' label values, in the order they are written.
fn labels(metric: &prometheus_data_model::Metric) -> impl Iterator<Item = &str> {
    metric.label.iter().map(|pair| pair.value.as_str())
}
