//! The formats, as text.

use std::time::{Duration, UNIX_EPOCH};

use prometheus_client::encoding::prometheus_protobuf::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::exemplar::CounterWithExemplar;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry, Unit};

use super::*;

const OPEN: Format = Format::OpenMetrics(OpenMetricsVersion::V100);

#[track_caller]
fn check(
    name: &str,
    help: &str,
    unit: Option<Unit>,
    metric: impl Metric,
    format: Format,
    expected: &str,
) {
    let mut registry = Registry::default();
    match unit {
        Some(unit) => registry.register_with_unit(name, help, unit, metric),
        None => registry.register(name, help, metric),
    }
    let page = render(&encode(&registry).unwrap(), format);
    assert_eq!(String::from_utf8(page).unwrap(), expected);
}

fn waits() -> Histogram {
    let histogram = Histogram::new([0.5, 1.0]);
    histogram.observe(0.75);
    histogram.observe(2.0);
    histogram
}

#[test]
fn a_counter_is_named_without_total_in_openmetrics_only() {
    let text = "# HELP x_bytes_total X.\n# TYPE x_bytes_total counter\nx_bytes_total 0\n";
    let bytes = Some(Unit::Bytes);
    check("x", "X", bytes.clone(), Counter::<u64>::default(), Format::Text004, text);
    let open =
        "# HELP x_bytes X.\n# TYPE x_bytes counter\n# UNIT x_bytes bytes\nx_bytes_total 0\n# EOF\n";
    check("x", "X", bytes, Counter::<u64>::default(), OPEN, open);
}

#[test]
fn an_info_is_a_gauge_in_text() {
    let info = || Info::new([("version", "1")]);
    let text = "# HELP x_info X.\n# TYPE x_info gauge\nx_info{version=\"1\"} 1\n";
    check("x", "X", None, info(), Format::Text004, text);
    let open = "# HELP x X.\n# TYPE x info\nx_info{version=\"1\"} 1\n# EOF\n";
    check("x", "X", None, info(), OPEN, open);
}

#[test]
fn a_histogram_is_cumulative_and_ends_in_inf() {
    let text = "# HELP x X.\n# TYPE x histogram\nx_bucket{le=\"0.5\"} 0\nx_bucket{le=\"1\"} 1\n\
                x_bucket{le=\"+Inf\"} 2\nx_sum 2.75\nx_count 2\n";
    check("x", "X", None, waits(), Format::Text004, text);
    let open = text.replace("\"1\"", "\"1.0\"") + "# EOF\n";
    check("x", "X", None, waits(), OPEN, &open);
}

#[test]
fn an_exemplar_stands_behind_its_sample_in_openmetrics_only() {
    let bans = || CounterWithExemplar::<[(&str, &str); 1]>::default();
    let traced = || {
        let bans = bans();
        let at = UNIX_EPOCH + Duration::from_millis(1_795_343_400_012);
        bans.inc_by(1, Some([("trace_id", "ab\"")]), Some(at));
        bans
    };
    let text = "# HELP x_total X.\n# TYPE x_total counter\nx_total 1\n";
    check("x", "X", None, traced(), Format::Text004, text);
    let open = "# HELP x X.\n# TYPE x counter\nx_total 1 \
                # {trace_id=\"ab\\\"\"} 1 1795343400.012\n# EOF\n";
    check("x", "X", None, traced(), OPEN, open);
    let none = "# HELP x X.\n# TYPE x counter\nx_total 0\n# EOF\n";
    check("x", "X", None, bans(), OPEN, none);
}

#[test]
fn protobuf_is_each_family_behind_its_length() {
    let mut registry = Registry::default();
    registry.register("x", "X", waits());
    registry.register("y", "Y", Counter::<u64>::default());
    let families = encode(&registry).unwrap();
    let page = render(&families, Format::Protobuf);
    let mut rest = page.as_slice();
    let read = |rest: &mut &[u8]| MetricFamily::decode_length_delimited(rest).unwrap();
    assert_eq!([read(&mut rest), read(&mut rest)].as_slice(), families);
    assert_eq!(rest, b"");
}

#[test]
fn nothing_breaks_out_of_its_line() {
    let hostile = || {
        let family = Family::<[(&str, &str); 1], Gauge>::default();
        family.get_or_create_owned(&[("l", "ä\\\"\nb 1")]);
        family
    };
    let text = "# HELP x A \\\\ \"b\"\\nx 2.\n# TYPE x gauge\nx{l=\"ä\\\\\\\"\\nb 1\"} 0\n";
    check("x", "A \\ \"b\"\nx 2", None, hostile(), Format::Text004, text);
    let open = text.replace("\"b\"", "\\\"b\\\"") + "# EOF\n";
    check("x", "A \\ \"b\"\nx 2", None, hostile(), OPEN, &open);
}

#[test]
fn numbers_that_are_none() {
    let show = |number: f64| Value::from(number).to_string();
    assert_eq!([f64::INFINITY, f64::NEG_INFINITY, f64::NAN].map(show), ["+Inf", "-Inf", "NaN"]);
    assert_eq!([0.1, 1.0, 1_795_343_400.123].map(show), ["0.1", "1", "1795343400.123"]);
}
