//! docs/metrics.md says what the code says.

use gaoler::telemetry::catalog::{catalog, markdown};

use crate::golden::check;
use crate::script::started;

const HEAD: &str = "\
# Metrics

Served at `/metrics`, in the format that the scraper asks for: Prometheus' text 0.0.4, OpenMetrics 1.0,
or Prometheus' protobuf; compressed by gzip for whom that suits. All are written from one registry.

| format | exemplars | histograms |
|---|---|---|
| text 0.0.4 | no | classic |
| OpenMetrics 1.0 | yes | classic |
| protobuf | yes | classic and native |

**Exemplars** are the ids of traces: of the latest ban that each bucket of
`gaoler_ban_enforcement_duration_seconds` and each series of `gaoler_bans_total` counted. Where traces go to
a collector, only those that `OTEL_TRACES_SAMPLER` sends there; log lines and `gaoler explain` bear all of
their names. Prometheus stores them with `--enable-feature=exemplar-storage`.

**Native histograms** come with Prometheus' `scrape_native_histograms: true` (before 3.8:
`--enable-feature=native-histograms`). Prometheus then drops the classic buckets, which the dashboards and
alerts of this package ask for, unless `always_scrape_classic_histograms: true` is set as well (before
3.0: `scrape_classic_histograms`).

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
