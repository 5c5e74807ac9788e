//! How telemetry fares on its way to a collector.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::label::{Labels, family, label as pair};

/// The families with a `signal` label.
#[derive(Debug)]
pub(super) struct OtlpFamilies {
    dropped: Family<Labels<1>, Counter>,
    exports: Family<Labels<2>, Counter>,
}

/// One signal's series.
#[derive(Clone, Debug)]
pub struct SignalMetrics {
    dropped: Counter,
    taken: Counter,
    failed: Counter,
}

impl SignalMetrics {
    /// So many spans, events or points will never arrive.
    pub fn dropped(&self, items: u64) {
        self.dropped.inc_by(items);
    }

    /// A request was taken, or was not.
    pub fn exported(&self, taken: bool) {
        if taken {
            self.taken.inc()
        } else {
            self.failed.inc()
        };
    }
}

impl OtlpFamilies {
    pub(super) fn register(to: &mut Registry) -> Self {
        Self {
            dropped: family(
                to,
                "otlp_dropped",
                "Spans, events and points that no collector took, and none will",
            ),
            exports: family(to, "otlp_exports", "Requests to the collector"),
        }
    }

    pub(super) fn appear(&self, signal: &'static str) -> SignalMetrics {
        let exports = |outcome| {
            self.exports.get_or_create_owned(&[pair("signal", signal), pair("outcome", outcome)])
        };
        SignalMetrics {
            dropped: self.dropped.get_or_create_owned(&[pair("signal", signal)]),
            taken: exports("ok"),
            failed: exports("error"),
        }
    }
}
