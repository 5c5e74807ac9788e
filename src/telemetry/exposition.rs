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
        self.text.push_str(line.name);
        self.text.push_str(line.suffix);
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
            for part in [open, name, "=\""] {
                self.text.push_str(part);
            }
            write!(self.text, "{}\"", Escaped { text: value, quote: true })?;
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

impl Escaped<'_> {
    /// Where the first character stands that is escaped, and as what. All are ASCII.
    fn first(&self, rest: &str) -> Option<(usize, &'static str)> {
        rest.bytes().enumerate().find_map(|(at, byte)| match byte {
            b'\\' => Some((at, "\\\\")),
            b'\n' => Some((at, "\\n")),
            b'"' if self.quote => Some((at, "\\\"")),
            _ => None,
        })
    }
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.text;
        while let Some((at, escaped)) = self.first(rest) {
            f.write_str(&rest[..at])?;
            f.write_str(escaped)?;
            rest = &rest[at + 1..];
        }
        f.write_str(rest)
    }
}

#[cfg(test)]
mod tests;
