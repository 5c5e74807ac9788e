//! The metrics there are, for docs/metrics.md and for whoever checks a dashboard against them.

use std::fmt::Write;

use super::exposition::kind;
use super::metrics::MetricFamily;

/// One metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name in Prometheus; a histogram's without `_bucket`, `_sum` and `_count`.
    pub name: String,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// The names of its labels.
    pub labels: Vec<String>,
    /// `seconds`, `bytes`, `ratios`; empty: a plain number.
    pub unit: String,
    /// What it means.
    pub help: String,
}

/// The metrics that `families` hold.
#[must_use]
pub fn catalog(families: &[MetricFamily]) -> Vec<Entry> {
    families.iter().map(entry).collect()
}

fn entry(family: &MetricFamily) -> Entry {
    let series = family.metric.first().map(|metric| metric.label.as_slice()).unwrap_or_default();
    Entry {
        name: family.name.clone(),
        kind: kind(family),
        labels: series.iter().map(|label| label.name.clone()).collect(),
        unit: family.unit.clone(),
        help: family.help.clone(),
    }
}

/// The catalog as a table in Markdown.
#[must_use]
pub fn markdown(entries: &[Entry]) -> String {
    let mut table =
        String::from("| name | type | labels | unit | meaning |\n|---|---|---|---|---|\n");
    for Entry { name, kind, labels, unit, help } in entries {
        let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
        let labels = labels.join(", ");
        let help = help.replace('|', "\\|").replace('\n', " ");
        writeln!(table, "| `{name}` | {kind} | {labels} | {unit} | {help} |")
            .expect("a String takes any text");
    }
    table
}
