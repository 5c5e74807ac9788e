//! A dashboard, as Grafana reads it; what the tests want to know of it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::tool::{files, read};

/// Where the dashboards are.
pub const DASHBOARDS: &str = "dashboards";

/// One dashboard.
pub struct Dashboard {
    pub file: String,
    pub json: Value,
}

/// A query of a panel or an annotation.
pub struct Query {
    /// Where it stands.
    pub place: String,
    /// As Grafana has it, with variables.
    pub expr: String,
    pub legend: String,
}

/// All that ship.
pub fn dashboards() -> Vec<Dashboard> {
    let files = files(DASHBOARDS, ".json");
    assert!(files.len() >= 4, "{files:?}");
    let read = |file: String| {
        let json = serde_json::from_str(&read(&format!("{DASHBOARDS}/{file}"))).unwrap();
        Dashboard { file, json }
    };
    files.into_iter().map(read).collect()
}

/// A text within a value; empty if there is none.
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A list within a value; empty if there is none.
pub fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

impl Dashboard {
    pub fn uid(&self) -> &str {
        text(&self.json, "/uid")
    }

    /// Every panel but the titles of rows.
    pub fn panels(&self) -> impl Iterator<Item = &Value> {
        list(&self.json, "/panels").iter().filter(|panel| text(panel, "/type") != "row")
    }

    /// Names of variables.
    pub fn variables(&self) -> BTreeSet<&str> {
        let all = list(&self.json, "/templating/list").iter();
        all.map(|variable| text(variable, "/name")).collect()
    }

    /// The queries of panels.
    pub fn targets(&self) -> Vec<Query> {
        let mut queries = Vec::new();
        for panel in self.panels() {
            for target in list(panel, "/targets") {
                queries.push(Query {
                    place: format!("{}: {}", self.file, text(panel, "/title")),
                    expr: text(target, "/expr").to_owned(),
                    legend: text(target, "/legendFormat").to_owned(),
                });
            }
        }
        queries
    }

    /// The queries of panels and annotations.
    pub fn queries(&self) -> Vec<Query> {
        let ours = |event: &&Value| event.get("builtIn").is_none();
        let events = list(&self.json, "/annotations/list").iter().filter(ours);
        let query = |event: &Value| Query {
            place: format!("{}: annotation {}", self.file, text(event, "/name")),
            expr: text(event, "/expr").to_owned(),
            legend: format!("{} {}", text(event, "/titleFormat"), text(event, "/textFormat")),
        };
        self.targets().into_iter().chain(events.map(query)).collect()
    }
}

impl Query {
    /// With a time where the zoom decides; variables as they stand.
    pub fn expr_with_ranges(&self) -> String {
        let intervals = [("$__rate_interval", "5m"), ("$__interval", "1m"), ("$__range", "6h")];
        intervals.iter().fold(self.expr.clone(), |expr, (name, time)| expr.replace(name, time))
    }

    /// As Prometheus gets it, everything chosen.
    pub fn promql(&self) -> String {
        let intervals = self.expr_with_ranges();
        ["job", "instance", "jail"]
            .iter()
            .fold(intervals, |expr, variable| expr.replace(&format!("\"${variable}\""), "\".+\""))
    }
}
