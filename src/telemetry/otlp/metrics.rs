//! The registry in OTLP's words.
//!
//! Counters become monotonic cumulative sums, classic histograms explicit-bucket ones, exemplars keep
//! their trace. Names stay those of Prometheus without the suffix that its translation adds again.
//!
//! Source: the OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility".

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::exemplar::Value as ExemplarValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Exemplar, Gauge, Histogram, HistogramDataPoint, Metric,
    NumberDataPoint, Sum,
};
use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model as model;

use super::resource::text;
use crate::telemetry::metrics::MetricFamily;

/// From when to when the samples count, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub struct Since {
    /// When counting began.
    pub start: u64,
    /// Now.
    pub now: u64,
}

/// Each family as a metric.
#[must_use]
pub fn metrics(families: &[MetricFamily], since: Since) -> Vec<Metric> {
    families.iter().map(|family| metric(family, since)).collect()
}

fn metric(family: &MetricFamily, since: Since) -> Metric {
    let cumulative = AggregationTemporality::Cumulative.into();
    let (data, suffix) = match family.r#type() {
        model::MetricType::Counter => {
            let data_points = points(family, since);
            let sum = Sum { data_points, aggregation_temporality: cumulative, is_monotonic: true };
            (Data::Sum(sum), "_total")
        }
        model::MetricType::Histogram => {
            let data_points = family.metric.iter().filter_map(|m| histogram(m, since)).collect();
            (Data::Histogram(Histogram { data_points, aggregation_temporality: cumulative }), "")
        }
        _ => (Data::Gauge(Gauge { data_points: points(family, since) }), ""),
    };
    let name = family.name.strip_suffix(suffix).unwrap_or(&family.name);
    let unit = unit(&family.unit);
    let name = if unit.is_empty() {
        name
    } else {
        name.strip_suffix(&family.unit).and_then(|name| name.strip_suffix('_')).unwrap_or(name)
    };
    Metric {
        name: name.to_owned(),
        description: family.help.clone(),
        unit: unit.to_owned(),
        data: Some(data),
        ..Metric::default()
    }
}

/// How many samples a metric has.
#[must_use]
pub fn points_of(metric: &Metric) -> u64 {
    let points = match &metric.data {
        Some(Data::Sum(sum)) => sum.data_points.len(),
        Some(Data::Gauge(gauge)) => gauge.data_points.len(),
        Some(Data::Histogram(histogram)) => histogram.data_points.len(),
        _ => 0,
    };
    points as u64
}

/// UCUM's word for Prometheus' one.
fn unit(unit: &str) -> &str {
    match unit {
        "seconds" => "s",
        "bytes" => "By",
        "ratio" => "1",
        _ => "",
    }
}

fn points(family: &MetricFamily, since: Since) -> Vec<NumberDataPoint> {
    let point = |metric: &model::Metric| {
        let counter = metric.counter.as_ref();
        let value = counter
            .map(|counter| counter.value)
            .or_else(|| metric.gauge.as_ref().map(|gauge| gauge.value))?;
        Some(NumberDataPoint {
            attributes: attributes(&metric.label),
            start_time_unix_nano: since.start,
            time_unix_nano: since.now,
            value: Some(Value::AsDouble(value)),
            exemplars: counter
                .and_then(|counter| counter.exemplar.as_ref())
                .map(exemplar)
                .into_iter()
                .collect(),
            ..NumberDataPoint::default()
        })
    };
    family.metric.iter().filter_map(point).collect()
}

fn histogram(metric: &model::Metric, since: Since) -> Option<HistogramDataPoint> {
    let histogram = metric.histogram.as_ref()?;
    let finite = || histogram.bucket.iter().filter(|bucket| bucket.upper_bound.is_finite());
    let mut below = 0;
    let mut bucket_counts: Vec<u64> = finite()
        .map(|bucket| {
            bucket.cumulative_count - std::mem::replace(&mut below, bucket.cumulative_count)
        })
        .collect();
    bucket_counts.push(histogram.sample_count - below);
    Some(HistogramDataPoint {
        attributes: attributes(&metric.label),
        start_time_unix_nano: since.start,
        time_unix_nano: since.now,
        count: histogram.sample_count,
        sum: Some(histogram.sample_sum),
        bucket_counts,
        explicit_bounds: finite().map(|bucket| bucket.upper_bound).collect(),
        exemplars: histogram
            .bucket
            .iter()
            .filter_map(|bucket| bucket.exemplar.as_ref())
            .map(exemplar)
            .collect(),
        ..HistogramDataPoint::default()
    })
}

fn attributes(labels: &[model::LabelPair]) -> Vec<KeyValue> {
    labels.iter().map(|pair| text(&pair.name, pair.value.as_str())).collect()
}

fn exemplar(exemplar: &model::Exemplar) -> Exemplar {
    let id = |name: &str| {
        let label = exemplar.label.iter().find(|pair| pair.name == name);
        label.and_then(|pair| unhex(&pair.value)).unwrap_or_default()
    };
    let nanos = exemplar.timestamp.as_ref().map(|time| {
        let whole = u64::try_from(time.seconds).unwrap_or_default().saturating_mul(1_000_000_000);
        whole.saturating_add(u64::try_from(time.nanos).unwrap_or_default())
    });
    Exemplar {
        time_unix_nano: nanos.unwrap_or_default(),
        trace_id: id("trace_id"),
        span_id: id("span_id"),
        value: Some(ExemplarValue::AsDouble(exemplar.value)),
        ..Exemplar::default()
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = (0..text.len()).step_by(2);
    pairs.map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::moment::{Boot, Moment};
    use crate::telemetry::metrics::Metrics;

    const SPAN: Since = Since { start: 1, now: 2 };

    fn all() -> Vec<Metric> {
        let now = Moment { wall: Timestamp::UNIX_EPOCH, boot: Boot::default() };
        let metrics = Metrics::new("1", "r", now, "/nonexistent".into());
        metrics.signal_appears("traces").dropped(3);
        metrics.state.stored(jiff::SignedDuration::from_millis(3), true);
        super::metrics(&metrics.families(), SPAN)
    }

    #[test]
    fn a_counter_is_a_monotonic_sum_without_its_suffix() {
        let metrics = all();
        let dropped = metrics.iter().find(|metric| metric.name == "gaoler_otlp_dropped").unwrap();
        let Some(Data::Sum(sum)) = &dropped.data else { panic!("{dropped:?}") };
        assert!(sum.is_monotonic);
        assert_eq!(sum.data_points[0].value, Some(Value::AsDouble(3.0)));
        assert_eq!(sum.data_points[0].attributes, [text("signal", "traces")]);
        assert_eq!(sum.data_points[0].start_time_unix_nano, 1);
    }

    #[test]
    fn a_histogram_counts_each_bucket_by_itself() {
        let metrics = all();
        let name = "gaoler_state_write_duration";
        let writes = metrics.iter().find(|metric| metric.name == name).unwrap();
        assert_eq!(writes.unit, "s");
        let Some(Data::Histogram(histogram)) = &writes.data else { panic!("{writes:?}") };
        let point = &histogram.data_points[0];
        assert_eq!(point.count, 1);
        assert_eq!(point.bucket_counts.iter().sum::<u64>(), 1);
        assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
        let bucket = point.bucket_counts.iter().position(|&count| count == 1).unwrap();
        assert!(point.explicit_bounds[bucket] >= 0.003);
        assert!(bucket == 0 || point.explicit_bounds[bucket - 1] < 0.003);
    }

    #[test]
    fn an_exemplar_keeps_its_trace() {
        let pair = |name: &str, value: &str| model::LabelPair {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        let label =
            vec![pair("trace_id", "5b8efff798038103d269b633813fc60c"), pair("span_id", "zz")];
        let kept = exemplar(&model::Exemplar { label, value: 0.5, timestamp: None });
        assert_eq!(kept.trace_id.len(), 16);
        assert_eq!(kept.trace_id[0], 0x5b);
        assert_eq!(kept.span_id, [0_u8; 0]);
        assert_eq!(kept.value, Some(ExemplarValue::AsDouble(0.5)));
    }
}
