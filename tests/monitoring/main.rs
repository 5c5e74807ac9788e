//! What operators load into Prometheus, Alertmanager and Grafana does what it says, over metrics that
//! exist.

#![expect(
    clippy::disallowed_methods,
    reason = "the tests run what users run: promtool, amtool, jsonnet"
)]
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(unreachable_pub, reason = "a test has no outside")]

mod alertmanager;
mod alerts;
mod catalog;
mod dashboard;
mod dashboards;
mod promtool;
mod query;
mod rules;
mod runbooks;
#[path = "../telemetry/script.rs"]
#[allow(dead_code, reason = "its hour is played for the metrics' own tests")]
mod script;
mod tool;
