//! docs/metrics.md says what the code says.

use gaoler::telemetry::catalog::{catalog, markdown};

use crate::golden::check;
use crate::script::started;

const HEAD: &str = "\
# Metrics

Served at `/metrics`, as Prometheus text 0.0.4 or OpenMetrics 1.0, whichever the scraper asks for.
No address and no user name is ever a label. Counters start at 0 with the process; lifetime totals
are in `gaoler status`. Every series of a jail, a source and a backend is there from the moment that
is; a jail or source that a reload takes away takes its series along.

A histogram NAME has the series `NAME_bucket`, `NAME_sum` and `NAME_count`.

This page is generated from the code: `UPDATE=1 cargo test --test telemetry documented`.

";

#[test]
fn documented() {
    let entries = catalog(&started().metrics.families());
    check("docs/metrics.md", &format!("{HEAD}{}", markdown(&entries)));
}
