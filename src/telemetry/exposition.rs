//! Writes the metrics: as Prometheus' text 0.0.4, as OpenMetrics 1.0 with exemplars, and as
//! Prometheus' protobuf with exemplars and native histograms.
//!
//! All are written from the same samples, so they cannot disagree; families come by name and
//! series by label, so two pages can be compared. prometheus-client's own text is neither sorted
//! nor are its HELP lines escaped.
//!
//! Source: the Prometheus exposition formats; the OpenMetrics 1.0 specification; metrics.proto of
//! Prometheus' client model.

use std::fmt::{self, Write};

use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model as model;
use prost::Message as _;

use super::metrics::MetricFamily;

/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text 0.0.4: what every scraper reads.
    Text004,
    /// OpenMetrics 1.0, or 0.0.1, which differs in nothing we write.
    OpenMetrics(OpenMetricsVersion),
    /// Prometheus' protobuf, each family behind its length: the one with native histograms.
    Protobuf,
}

/// Which OpenMetrics was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMetricsVersion {
    /// 0.0.1
    V001,
    /// 1.0.0
    V100,
}

impl Format {
    /// The Content-Type that says so; Prometheus 3 refuses a page without one.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text004 => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics(OpenMetricsVersion::V001) => {
                "application/openmetrics-text; version=0.0.1; charset=utf-8"
            }
            Self::OpenMetrics(OpenMetricsVersion::V100) => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8"
            }
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; \
                 encoding=delimited"
            }
        }
    }
}

/// The whole page.
#[must_use]
pub fn render(families: &[MetricFamily], format: Format) -> Vec<u8> {
    match format {
        Format::Text004 => text(families, false).into_bytes(),
        Format::OpenMetrics(_) => text(families, true).into_bytes(),
        Format::Protobuf => {
            families.iter().flat_map(MetricFamily::encode_length_delimited_to_vec).collect()
        }
    }
}

fn text(families: &[MetricFamily], openmetrics: bool) -> String {
    let mut page = Page { text: String::with_capacity(16 * 1024), openmetrics };
    // A String takes any text: there is no error to tell of.
    _ = page.families(families);
    page.text
}

/// A page of text being written.
struct Page {
    text: String,
    openmetrics: bool,
}

impl Page {
    fn families(&mut self, families: &[MetricFamily]) -> fmt::Result {
        for family in families {
            self.family(family)?;
        }
        if self.openmetrics { self.text.write_str("# EOF\n") } else { Ok(()) }
    }

    fn family(&mut self, family: &MetricFamily) -> fmt::Result {
        let (name, kind) = if self.openmetrics {
            openmetrics_head(family)
        } else {
            (family.name.as_str(), kind(family))
        };
        writeln!(
            self.text,
            "# HELP {name} {}",
            Escaped { text: &family.help, quote: self.openmetrics }
        )?;
        writeln!(self.text, "# TYPE {name} {kind}")?;
        if self.openmetrics && !family.unit.is_empty() {
            writeln!(self.text, "# UNIT {name} {}", family.unit)?;
        }
        for metric in &family.metric {
            self.metric(&family.name, metric)?;
        }
        Ok(())
    }

    fn metric(&mut self, name: &str, metric: &model::Metric) -> fmt::Result {
        let line = Line { name, suffix: "", labels: &metric.label, bound: None, exemplar: None };
        if let Some(counter) = &metric.counter {
            let exemplar = counter.exemplar.as_ref();
            self.sample(&Line { exemplar, ..line }, counter.value)?;
        }
        if let Some(gauge) = &metric.gauge {
            self.sample(&line, gauge.value)?;
        }
        if let Some(histogram) = &metric.histogram {
            self.histogram(&line, histogram)?;
        }
        Ok(())
    }

    /// Its classic buckets: text has no others.
    fn histogram(&mut self, line: &Line, histogram: &model::Histogram) -> fmt::Result {
        let (last, finite): (Vec<_>, Vec<_>) =
            histogram.bucket.iter().partition(|bucket| bucket.upper_bound.is_infinite());
        for bucket in finite {
            let (bound, exemplar) = (Some(bucket.upper_bound), bucket.exemplar.as_ref());
            let line = Line { suffix: "_bucket", bound, exemplar, ..*line };
            self.sample(&line, bucket.cumulative_count)?;
        }
        let exemplar = last.first().and_then(|bucket| bucket.exemplar.as_ref());
        let line = Line { suffix: "_bucket", bound: Some(f64::INFINITY), exemplar, ..*line };
        self.sample(&line, histogram.sample_count)?;
        let line = Line { bound: None, exemplar: None, ..line };
        self.sample(&Line { suffix: "_sum", ..line }, histogram.sample_sum)?;
        self.sample(&Line { suffix: "_count", ..line }, histogram.sample_count)
    }

    /// One line.
    fn sample(&mut self, line: &Line, value: impl Into<Value>) -> fmt::Result {
        write!(self.text, "{}{}", line.name, line.suffix)?;
        let open = self.labels("{", line.labels)?;
        if let Some(bound) = line.bound {
            // OpenMetrics wants `1.0` where Prometheus' own text has `1`.
            let point = if self.openmetrics && bound.fract() == 0.0 { ".0" } else { "" };
            write!(self.text, "{open}le=\"{}{point}\"}}", Value::Float(bound))?;
        } else if open == "," {
            self.text.write_char('}')?;
        }
        write!(self.text, " {}", value.into())?;
        // Prometheus' own text knows none, and takes one for a broken line.
        if let Some(exemplar) = line.exemplar.filter(|_| self.openmetrics) {
            self.exemplar(exemplar)?;
        }
        self.text.write_char('\n')
    }

    /// Writes labels; the answer is what comes before the next one.
    fn labels(
        &mut self,
        mut open: &'static str,
        labels: &[model::LabelPair],
    ) -> Result<&'static str, fmt::Error> {
        for model::LabelPair { name, value } in labels {
            write!(self.text, "{open}{name}=\"{}\"", Escaped { text: value, quote: true })?;
            open = ",";
        }
        Ok(open)
    }

    fn exemplar(&mut self, exemplar: &model::Exemplar) -> fmt::Result {
        self.text.write_str(" # {")?;
        self.labels("", &exemplar.label)?;
        write!(self.text, "}} {}", Value::Float(exemplar.value))?;
        match &exemplar.timestamp {
            Some(at) => write!(self.text, " {}.{:03}", at.seconds, at.nanos / 1_000_000),
            None => Ok(()),
        }
    }
}

/// A sample, but for its value.
#[derive(Clone, Copy)]
struct Line<'a> {
    name: &'a str,
    suffix: &'static str,
    labels: &'a [model::LabelPair],
    /// The upper bound of a bucket.
    bound: Option<f64>,
    exemplar: Option<&'a model::Exemplar>,
}

/// A family's name and type as OpenMetrics has them: a counter's name is without its `_total`, an
/// info's without its `_info`.
fn openmetrics_head(family: &MetricFamily) -> (&str, &'static str) {
    let kind = kind(family);
    if kind == "counter" {
        (family.name.strip_suffix("_total").unwrap_or(&family.name), kind)
    } else if let Some(name) = family.name.strip_suffix("_info") {
        (name, "info")
    } else {
        (&family.name, kind)
    }
}

/// A family's type, as text 0.0.4 names it.
pub(super) fn kind(family: &MetricFamily) -> &'static str {
    match model::MetricType::try_from(family.r#type) {
        Ok(model::MetricType::Counter) => "counter",
        Ok(model::MetricType::Gauge) => "gauge",
        Ok(model::MetricType::Histogram) => "histogram",
        _ => "untyped",
    }
}

/// A number, as both formats write it.
enum Value {
    Count(u64),
    Float(f64),
}

impl From<u64> for Value {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Count(count) => count.fmt(f),
            Self::Float(number) if number == f64::INFINITY => f.write_str("+Inf"),
            Self::Float(number) if number == f64::NEG_INFINITY => f.write_str("-Inf"),
            Self::Float(number) => number.fmt(f),
        }
    }
}

/// A label's value, or HELP, in which only OpenMetrics escapes quotes.
struct Escaped<'a> {
    text: &'a str,
    quote: bool,
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.text.chars() {
            match c {
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '"' if self.quote => f.write_str("\\\"")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
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
        let open = "# HELP x_bytes X.\n# TYPE x_bytes counter\n# UNIT x_bytes bytes\nx_bytes_total 0\n# EOF\n";
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
            family.get_or_create_owned(&[("l", "a\\\"\nb 1")]);
            family
        };
        let text = "# HELP x A \\\\ \"b\"\\nx 2.\n# TYPE x gauge\nx{l=\"a\\\\\\\"\\nb 1\"} 0\n";
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
}
