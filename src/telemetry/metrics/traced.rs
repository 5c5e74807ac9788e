//! Metrics that name the trace of something they counted: exemplars.
//!
//! prometheus-client has exemplars for counters and for classic histograms, none for native ones,
//! and a sample without a trace takes a counter's exemplar away. So they are kept here, the latest
//! of a counter and of each bucket, and written into the samples when those are taken.
//!
//! Source: OpenMetrics 1.0, "Exemplars"; the names of their labels are OpenTelemetry's (Prometheus
//! and OpenMetrics compatibility, "Exemplars").

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model as model;
use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::{MetricType, TypedMetric};
use prost_types::Timestamp;

use super::scale::{BOUNDS, durations};
use crate::trace::TraceId;

/// Which trace something belongs to, and when it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traced {
    /// The trace. Only one that is kept: a name that leads nowhere helps nobody.
    pub trace: TraceId,
    /// By the wall clock.
    pub at: jiff::Timestamp,
}

/// A metric and its exemplars. A copy of it is the same metric.
#[derive(Clone, Debug)]
pub(super) struct WithTraces<M> {
    metric: M,
    seen: Arc<Mutex<Vec<Option<Seen>>>>,
}

/// What is known of one observation.
#[derive(Clone, Copy, Debug)]
struct Seen {
    value: f64,
    traced: Traced,
}

/// Counts what has traces.
pub(super) type TracedCounter = WithTraces<Counter>;

/// Durations of what has traces.
pub(super) type TracedHistogram = WithTraces<Histogram>;

impl Default for TracedCounter {
    fn default() -> Self {
        Self::with_room(Counter::default(), 1)
    }
}

impl TracedCounter {
    /// One more.
    pub(super) fn inc(&self, traced: Option<Traced>) {
        self.metric.inc();
        self.saw(0, 1.0, traced);
    }

    /// Writes the exemplar into a sample of this counter.
    pub(super) fn attach(&self, sample: &mut model::Metric) {
        if let Some(counter) = &mut sample.counter {
            counter.exemplar = self.seen().first().copied().flatten().map(exemplar);
        }
    }
}

impl TracedHistogram {
    /// An empty histogram of durations in seconds.
    pub(super) fn of_durations() -> Self {
        Self::with_room(durations(), BOUNDS.len() + 1)
    }

    /// Something took so many seconds.
    pub(super) fn observe(&self, seconds: f64, traced: Option<Traced>) {
        self.metric.observe(seconds);
        self.saw(BOUNDS.partition_point(|bound| *bound < seconds), seconds, traced);
    }

    /// Writes the exemplars into a sample of this histogram: those of the classic buckets into
    /// them, and all of them beside the native ones, oldest first.
    pub(super) fn attach(&self, sample: &mut model::Metric) {
        let Some(histogram) = &mut sample.histogram else { return };
        let mut seen = self.seen().clone();
        for (bucket, seen) in histogram.bucket.iter_mut().zip(&seen) {
            bucket.exemplar = seen.map(exemplar);
        }
        seen.sort_by_key(|seen| seen.map(|seen| seen.traced.at));
        histogram.exemplars = seen.into_iter().flatten().map(exemplar).collect();
    }
}

impl<M> WithTraces<M> {
    fn with_room(metric: M, exemplars: usize) -> Self {
        Self { metric, seen: Arc::new(Mutex::new(vec![None; exemplars])) }
    }

    fn saw(&self, place: usize, value: f64, traced: Option<Traced>) {
        if let (Some(traced), Some(seen)) = (traced, self.seen().get_mut(place)) {
            *seen = Some(Seen { value, traced });
        }
    }

    fn seen(&self) -> MutexGuard<'_, Vec<Option<Seen>>> {
        // Each write is whole: whoever died holding it left nothing half done.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M: EncodeMetric> EncodeMetric for WithTraces<M> {
    fn encode(&self, encoder: MetricEncoder) -> Result<(), fmt::Error> {
        self.metric.encode(encoder)
    }

    fn metric_type(&self) -> MetricType {
        self.metric.metric_type()
    }
}

impl<M: TypedMetric> TypedMetric for WithTraces<M> {
    const TYPE: MetricType = M::TYPE;
}

fn exemplar(Seen { value, traced }: Seen) -> model::Exemplar {
    let label = |name: &str, value: String| model::LabelPair { name: name.to_owned(), value };
    let (seconds, nanos) = (traced.at.as_second(), traced.at.subsec_nanosecond());
    model::Exemplar {
        label: vec![
            label("trace_id", traced.trace.to_string()),
            label("span_id", traced.trace.root().to_string()),
        ],
        value,
        timestamp: Some(Timestamp { seconds, nanos }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traced(id: u128, second: i64) -> Traced {
        Traced { trace: TraceId::new(id), at: jiff::Timestamp::from_second(second).unwrap() }
    }

    fn trace_of(exemplar: &model::Exemplar) -> u128 {
        u128::from_str_radix(&exemplar.label[0].value, 16).unwrap()
    }

    #[test]
    fn a_counter_keeps_its_trace_past_what_has_none() {
        let counter = TracedCounter::default();
        let mut sample =
            model::Metric { counter: Some(model::Counter::default()), ..Default::default() };
        counter.inc(None);
        counter.attach(&mut sample);
        assert_eq!(sample.counter.as_ref().unwrap().exemplar, None);
        counter.inc(Some(traced(1, 5)));
        counter.inc(Some(traced(2, 6)));
        counter.inc(None);
        counter.attach(&mut sample);
        let exemplar = sample.counter.unwrap().exemplar.unwrap();
        assert_eq!((trace_of(&exemplar), exemplar.timestamp.unwrap().seconds), (2, 6));
        assert_eq!(counter.metric.get(), 4);
    }

    #[test]
    fn each_bucket_has_the_trace_of_its_latest() {
        let histogram = TracedHistogram::of_durations();
        // A bound belongs to the bucket that it ends; what is over all of them to the last.
        for (id, seconds) in [(1, 0.0), (2, 0.001), (3, 0.0011), (4, 60.0), (5, 61.0)] {
            let second = 10 - i64::try_from(id).unwrap();
            histogram.observe(seconds, Some(traced(id, second)));
        }
        histogram.observe(0.5, None);
        let bucket = |upper_bound| model::Bucket { upper_bound, ..Default::default() };
        let bounds = BOUNDS.into_iter().chain([f64::INFINITY]);
        let classic =
            model::Histogram { bucket: bounds.map(bucket).collect(), ..Default::default() };
        let mut sample = model::Metric { histogram: Some(classic), ..Default::default() };
        histogram.attach(&mut sample);
        let sample = sample.histogram.unwrap();
        let found: Vec<_> = sample
            .bucket
            .iter()
            .filter_map(|bucket| Some((bucket.upper_bound, trace_of(bucket.exemplar.as_ref()?))))
            .collect();
        assert_eq!(found, [(0.001, 2), (0.0025, 3), (60.0, 4), (f64::INFINITY, 5)]);
        assert_eq!(sample.exemplars.iter().map(trace_of).collect::<Vec<_>>(), [5, 4, 3, 2]);
    }
}
