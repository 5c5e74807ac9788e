//! How the firewall does what it is asked.

use jiff::SignedDuration;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::label::{Labels, OTHER, PerWord, family, family_of, label as pair};
use super::scale::{FloatGauge, durations, seconds, unix};
use crate::enforcer::order::{Condition, Coverage, Outcome};
use crate::moment::Moment;

/// The words of [`Coverage::traffic`].
const TRAFFIC: [&str; 3] = ["established", "forwarded", "published"];

const OUTCOMES: [&str; 3] = ["ok", "error", "unknown"];

/// The families with a `backend` label, and what concerns the comparison with the firewall.
#[derive(Debug)]
pub(super) struct EnforcementFamilies {
    operations: Family<Labels<3>, Counter>,
    durations: Family<Labels<3>, Histogram>,
    up: Family<Labels<1>, Gauge>,
    pending: Family<Labels<1>, Gauge>,
    capacity: Family<Labels<1>, FloatGauge>,
    covers: Family<Labels<2>, Gauge>,
    drift: Family<Labels<1>, Counter>,
    reconciled: FloatGauge,
}

/// One backend's series.
#[derive(Debug)]
pub struct BackendMetrics {
    operations: PerWord<PerWord<Call>>,
    up: Gauge,
    pending: Gauge,
    capacity: FloatGauge,
    covers: PerWord<Gauge>,
    missing: Counter,
    unexpected: Counter,
    reconciled: FloatGauge,
}

/// One operation with one outcome.
#[derive(Clone, Debug)]
struct Call {
    count: Counter,
    took: Histogram,
}

impl BackendMetrics {
    /// The firewall was called.
    pub fn operation(&self, operation: &str, outcome: Outcome, took: SignedDuration) {
        let word = match outcome {
            Outcome::Ok => "ok",
            Outcome::Error => "error",
            Outcome::Unknown => "unknown",
        };
        if let Some(call) = self.operations.get(operation).and_then(|outcomes| outcomes.get(word)) {
            call.count.inc();
            call.took.observe(seconds(took));
        }
    }

    /// The firewall's state changed.
    pub fn condition(&self, condition: &Condition) {
        self.up.set((*condition == Condition::Ready).into());
    }

    /// How many orders are not yet answered.
    pub fn pending(&self, orders: usize) {
        self.pending.set(i64::try_from(orders).unwrap_or(i64::MAX));
    }

    /// How many rules are in place, and how many the backend takes at most.
    pub fn capacity(&self, used: u64, limit: u64) {
        #[expect(clippy::cast_precision_loss, reason = "a ratio")]
        self.capacity.set(used as f64 / limit.max(1) as f64);
    }

    /// What a ban stops is known, or has changed.
    pub fn coverage(&self, coverage: &Coverage) {
        for (traffic, stopped) in coverage.traffic() {
            if let Some(gauge) = self.covers.get(traffic) {
                gauge.set(stopped.into());
            }
        }
    }

    /// What is was compared with what should be; `missing` and `unexpected` as in
    /// [`Report::Reconciled`](crate::enforcer::order::Report::Reconciled).
    pub fn reconciled(&self, missing: u64, unexpected: u64, at: Moment) {
        self.missing.inc_by(missing);
        self.unexpected.inc_by(unexpected);
        self.reconciled.set(unix(at.wall));
    }
}

impl EnforcementFamilies {
    pub(super) fn register(to: &mut Registry) -> Self {
        let reconciled = FloatGauge::default();
        to.register_with_unit(
            "reconcile_last_success_timestamp",
            "When rules wanted and rules in place were last compared, in seconds since 1970",
            Unit::Seconds,
            reconciled.clone(),
        );
        Self {
            operations: family(
                to,
                "enforcement_operations",
                "Calls to the firewall; outcome unknown: no answer in time",
            ),
            durations: family_of(
                to,
                "enforcement_operation_duration",
                Unit::Seconds,
                "How long calls to the firewall took",
                durations,
            ),
            up: family(to, "enforcement_up", "Whether the firewall does what it is asked"),
            pending: family(
                to,
                "enforcement_pending",
                "Orders the firewall has not yet carried out",
            ),
            capacity: family_of(
                to,
                "enforcement_capacity",
                Unit::Other("ratio".to_owned()),
                "Rules in place, as a part of what the backend takes at most",
                FloatGauge::default,
            ),
            covers: family(
                to,
                "enforcement_covers",
                "Whether a ban stops this traffic of the address, besides new connections to the host",
            ),
            drift: family(
                to,
                "drift",
                "Rules found missing and put back, and rules nobody asked for and removed",
            ),
            reconciled,
        }
    }

    pub(super) fn appear(&self, backend: &str, operations: &[&'static str]) -> BackendMetrics {
        let one = [pair("backend", backend)];
        let operations: Vec<_> = operations.iter().copied().chain([OTHER]).collect();
        BackendMetrics {
            operations: PerWord::new(&operations, |operation| {
                PerWord::new(&OUTCOMES, |outcome| self.call(backend, operation, outcome))
            }),
            up: self.up.get_or_create_owned(&one),
            pending: self.pending.get_or_create_owned(&one),
            capacity: self.capacity.get_or_create_owned(&one),
            covers: PerWord::new(&TRAFFIC, |traffic| {
                let labels = [pair("backend", backend), pair("traffic", traffic)];
                self.covers.get_or_create_owned(&labels)
            }),
            missing: self.drift.get_or_create_owned(&[pair("kind", "missing")]),
            unexpected: self.drift.get_or_create_owned(&[pair("kind", "unexpected")]),
            reconciled: self.reconciled.clone(),
        }
    }

    fn call(&self, backend: &str, operation: &str, outcome: &str) -> Call {
        let labels =
            [pair("backend", backend), pair("operation", operation), pair("outcome", outcome)];
        Call {
            count: self.operations.get_or_create_owned(&labels),
            took: self.durations.get_or_create_owned(&labels),
        }
    }
}
