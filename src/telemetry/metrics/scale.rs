//! Seconds, as metrics have them.

use jiff::{SignedDuration, Timestamp};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, NativeHistogramConfig};
use std::sync::atomic::AtomicU64;

/// A gauge of anything that is not a whole number.
pub(super) type FloatGauge = Gauge<f64, AtomicU64>;

/// Upper bounds in seconds. A ban should take less than 15 ms; a firewalld that reloads takes
/// seconds; a call that nobody answers takes its timeout.
pub(super) const BOUNDS: [f64; 16] = [
    0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];

/// How many native buckets a histogram has at most, as Prometheus' own exporters have it: past it the
/// buckets grow twice as wide.
const NATIVE_BUCKETS: usize = 160;

/// An empty histogram of durations in seconds: with classic buckets, which every format has, and with
/// native ones, each at most a tenth wider than the one below it, which protobuf alone has.
pub(super) fn durations() -> Histogram {
    let native = NativeHistogramConfig::new(1.1).max_buckets(NATIVE_BUCKETS);
    Histogram::new_classic_and_native(BOUNDS, native)
}

/// Seconds and their fraction.
pub(super) fn seconds(span: SignedDuration) -> f64 {
    span.as_secs_f64()
}

/// Seconds since 1970, to the millisecond: what an `f64` holds exactly enough, and reads well.
pub(super) fn unix(time: Timestamp) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of any year fit 53 bits")]
    let milliseconds = time.as_millisecond() as f64;
    milliseconds / 1000.0
}
