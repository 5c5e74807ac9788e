//! The rule file and its tests, as they are written.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::tool::{files, read};

/// The rule file.
pub const RULES: &str = "alerts/gaoler.rules.yaml";

/// Where the tests of the rules are.
pub const TESTS: &str = "tests/alerts";

/// What Prometheus reads.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    pub groups: Vec<Group>,
}

/// Rules that are evaluated one after the other.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    #[serde(rename = "name")]
    _name: String,
    pub rules: Vec<Rule>,
}

/// An alert, or a series that is recorded.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub alert: Option<String>,
    pub record: Option<String>,
    pub expr: String,
    #[serde(rename = "for")]
    pub pending: Option<String>,
    pub keep_firing_for: Option<String>,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// A file of tests for `promtool test rules`; what matters here of it.
#[derive(Debug, Deserialize)]
pub struct Tests {
    pub tests: Vec<Test>,
}

/// One test.
#[derive(Debug, Deserialize)]
pub struct Test {
    pub alert_rule_test: Vec<Expectation>,
}

/// What one alert does at one time.
#[derive(Debug, Deserialize)]
pub struct Expectation {
    pub alertname: String,
    pub exp_alerts: Vec<serde_json::Value>,
}

/// The rules, in their order.
pub fn rules() -> Vec<Rule> {
    let rules: Rules = serde_yaml::from_str(&read(RULES)).unwrap();
    rules.groups.into_iter().flat_map(|group| group.rules).collect()
}

/// The alerts among them, with their names.
pub fn alerts() -> Vec<(String, Rule)> {
    rules().into_iter().filter_map(|rule| Some((rule.alert.clone()?, rule))).collect()
}

/// What the tests expect, of all files.
pub fn expectations() -> Vec<Expectation> {
    let texts = files(TESTS, ".yaml").into_iter().map(|name| read(&format!("{TESTS}/{name}")));
    let read = texts.map(|text| serde_yaml::from_str::<Tests>(&text).unwrap());
    read.flat_map(|file| file.tests).flat_map(|test| test.alert_rule_test).collect()
}

/// A duration of Prometheus' (`90s`, `1h`, `1d`), in seconds.
pub fn seconds(duration: &str) -> u64 {
    let (number, unit) = duration.split_at(duration.len() - 1);
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => panic!("{duration}: which unit is that?"),
    };
    number.parse::<u64>().unwrap() * unit
}
