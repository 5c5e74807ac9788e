//! The telemetry listener: every series from the start, every format, and its other pages.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::host::Host;
use crate::observe::{Metrics, await_metric};

/// Alerts on counters need them before they first count: every known label set is there, at 0.
pub(crate) fn every_series_starts_at_zero(host: &Host) -> Result<()> {
    host.sh("systemctl restart gaoler")?;
    let metrics = Metrics::of(host)?;
    for jail in ["sshd", "http-get-dos"] {
        for (name, labels) in [
            ("gaoler_failures_total", &[][..]),
            ("gaoler_ignored_total", &[]),
            ("gaoler_stale_total", &[]),
            ("gaoler_filter_matches_total", &[]),
            ("gaoler_bans_total", &[("origin", "detected")]),
            ("gaoler_bans_total", &[("origin", "manual")]),
            ("gaoler_bans_restored_total", &[]),
            ("gaoler_unbans_total", &[("reason", "expired")]),
            ("gaoler_unbans_total", &[("reason", "manual")]),
            ("gaoler_bans_desired", &[("family", "ipv4")]),
            ("gaoler_bans_desired", &[("family", "ipv6")]),
            ("gaoler_bans_enforced", &[("family", "ipv4")]),
            ("gaoler_bans_enforced", &[("family", "ipv6")]),
            ("gaoler_tracked_addresses", &[]),
            ("gaoler_ban_enforcement_duration_seconds_count", &[]),
        ] {
            let labels = [labels, &[("jail", jail)]].concat();
            let value = metrics.value(name, &labels)?;
            assert!(value.abs() < f64::EPSILON, "{name} {labels:?} is {value}");
        }
        let maxretry = metrics.value("gaoler_jail_maxretry", &[("jail", jail)])?;
        assert!((maxretry - 2.0).abs() < f64::EPSILON);
    }
    for (name, is) in [
        ("gaoler_build_info", 1.0),
        ("gaoler_config_last_reload_successful", 1.0),
        ("gaoler_enforcement_up", 1.0),
        ("gaoler_enforcement_pending", 0.0),
        ("gaoler_drift_total", 0.0),
        ("gaoler_source_up", 2.0),
        ("gaoler_source_caught_up", 2.0),
        ("gaoler_state_up", 1.0),
    ] {
        await_metric(host, name, &[], |value| (value - is).abs() < f64::EPSILON)?;
    }
    Ok(())
}

/// `promtool check metrics`, after all that the other tests did.
pub(crate) fn promtool_accepts_the_page(host: &Host) -> Result<()> {
    host.settle()?;
    let page = host.sh("curl -sSf http://127.0.0.1:9642/metrics")?;
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("promtool, of Debian's package prometheus")?;
    promtool.stdin.take().context("a pipe")?.write_all(page.as_bytes())?;
    let said = promtool.wait_with_output()?;
    let text = [said.stdout, said.stderr].concat();
    ensure!(said.status.success() && text.is_empty(), "{}", String::from_utf8_lossy(&text));
    for address in ["192.0.2.", "2001:db8"] {
        assert!(!page.contains(address), "an address is a label:\n{page}");
    }
    Ok(())
}

/// What is served under which `Accept`, and the pages beside the metrics.
pub(crate) fn formats_and_pages(host: &Host) -> Result<()> {
    host.settle()?;
    let get = |path: &str, accept: &str| {
        host.sh(&format!("curl -sS -i -H 'Accept: {accept}' http://127.0.0.1:9642{path}"))
    };
    let text = get("/metrics", "text/plain")?;
    assert!(text.contains("\r\ncontent-type: text/plain; version=0.0.4"), "{text}");
    let open = get("/metrics", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")?;
    assert!(
        open.contains("\r\ncontent-type: application/openmetrics-text; version=1.0.0"),
        "{open}"
    );
    assert!(open.ends_with("# EOF\n"), "{open}");
    for (path, status) in [("/-/healthy", 200), ("/-/ready", 200), ("/", 200), ("/nosuch", 404)] {
        let answer = get(path, "*/*")?;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {answer}");
    }
    Ok(())
}
