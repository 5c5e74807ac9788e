//! What an attacker chooses is never a label.

use std::collections::BTreeSet;

use super::*;
use crate::telemetry::metrics::MetricFamily;

const ATTACKERS: [&str; 3] = ["203.0.113.77", "2001:db8:bad::1", "198.51.100.9"];

/// Each sample's name and labels.
fn series(families: &[MetricFamily]) -> BTreeSet<String> {
    let of = |family: &MetricFamily| {
        let samples = family.metric.iter();
        samples.map(|sample| format!("{} {:?}", family.name, sample.label)).collect::<Vec<_>>()
    };
    families.iter().flat_map(of).collect()
}

#[tokio::test]
async fn an_attack_brings_no_series_and_no_address_to_the_page() {
    let mut stage = Stage::new(JAILS, false);
    let before = series(&stage.daemon.metrics.families());
    for address in ATTACKERS {
        stage.failures("sshd", address, 3).failures("web", address, 3);
    }
    stage.kept().await;
    let ordered = stage.ordered();
    assert!(ordered.iter().any(|order| order.contains("2001:db8:bad:")), "{ordered:?}");
    stage.enforced("sshd", ATTACKERS[0]);
    let why = format!("INVALID_RULE: {}", ATTACKERS[0]);
    let key = key("web", ATTACKERS[0]);
    stage.turn(Event::Firewall(Report::Failed { key, why, gives_up: true }));
    stage.after(90_000);

    let families = stage.daemon.metrics.families();
    assert_eq!(series(&families), before);
    let open = Format::OpenMetrics(exposition::OpenMetricsVersion::V100);
    for format in [Format::Text004, open, Format::Protobuf] {
        let page = exposition::render(&families, format);
        let page = String::from_utf8_lossy(&page);
        assert_eq!(page.contains("trace_id"), format != Format::Text004);
        assert!(page.contains("gaoler_bans_total") || page.contains("# TYPE gaoler_bans "));
        for address in ["203.0.113", "198.51.100", "2001:db8"] {
            assert!(!page.contains(address), "{format:?} shows {address}");
        }
    }
}
