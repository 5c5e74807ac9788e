//! The queries of the dashboards, asked of a Prometheus that has scraped an attacked host.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::host::Host;
use crate::watch::Watch;

/// Panels that rightly show nothing, by dashboard, title and query; and why.
const NOTHING: &[(&str, &str, &str, &str)] = &[
    ("enforcement", "Calls that failed", "A", "no call failed"),
    ("enforcement", "Connections cut", "B", "no connection was to be cut"),
    ("jail", "Packets dropped", "A", "only the nftables backend counts them"),
    ("jail", "Bytes dropped", "A", "only the nftables backend counts them"),
    ("self", "Lost, skipped, unreadable", "A", "nothing was"),
    ("self", "Lost, skipped, unreadable", "B", "nothing was"),
    ("self", "Rotations and readers opened anew", "A", "no log was rotated"),
    ("self", "Rotations and readers opened anew", "B", "no reader ended"),
    ("self", "Telemetry dropped", "A", "no collector is configured"),
    ("self", "Requests to the collector", "A", "no collector is configured"),
    ("overview", "Alerts", "A", "perhaps none fires yet"),
];

/// One query of a panel.
struct Query {
    dashboard: String,
    title: String,
    letter: String,
    promql: String,
}

impl Query {
    /// Whether nothing is a right answer.
    fn may_be_empty(&self) -> bool {
        NOTHING.iter().any(|(dashboard, title, letter, _)| {
            (self.dashboard.as_str(), self.title.as_str(), self.letter.as_str())
                == (*dashboard, *title, *letter)
        })
    }
}

/// Every query returns something, but for those of [`NOTHING`]; these are understood.
pub(crate) fn all_are_answered(watch: &Watch<'_>, host: &Host) -> Result<()> {
    let queries = queries()?;
    ensure!(queries.len() > 100, "{} queries", queries.len());
    for (dashboard, title, letter, why) in NOTHING {
        let known = queries
            .iter()
            .any(|one| (&*one.dashboard, &*one.title, &*one.letter) == (dashboard, title, letter));
        ensure!(known, "{dashboard}: there is no {title} {letter} ({why})");
    }
    for Query { dashboard, title, letter, promql } in
        queries.iter().filter(|one| !one.may_be_empty())
    {
        // In a file: the query has both quotes of a shell.
        host.feed("cat >/run/watch/query", promql.as_bytes())?;
        watch
            .until_answered_file("/run/watch/query")
            .with_context(|| format!("{dashboard}: {title} {letter}: {promql}"))?;
    }
    Ok(())
}

/// Those of all dashboards that ship.
fn queries() -> Result<Vec<Query>> {
    let mut queries = Vec::new();
    for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards"))? {
        let path = file?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let name = name.strip_prefix("gaoler-").and_then(|name| name.strip_suffix(".json"));
        let Some(name) = name else { continue };
        let json: Value = serde_json::from_slice(&fs::read(&path)?)?;
        for panel in json["panels"].as_array().context("panels")? {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let text = |value: &Value| value.as_str().map(str::to_owned).context("a text");
                queries.push(Query {
                    dashboard: name.to_owned(),
                    title: text(&panel["title"])?,
                    letter: text(&target["refId"])?,
                    promql: promql(&text(&target["expr"])?),
                });
            }
        }
    }
    Ok(queries)
}

/// As Prometheus gets it, everything chosen.
fn promql(expr: &str) -> String {
    let times = [("$__rate_interval", "5m"), ("$__interval", "1m"), ("$__range", "6h")];
    let chosen = ["job", "instance", "jail"].map(|name| format!("\"${name}\""));
    let over = times.iter().fold(expr.to_owned(), |expr, (name, time)| expr.replace(name, time));
    chosen.iter().fold(over, |expr, name| expr.replace(name, "\".+\""))
}
