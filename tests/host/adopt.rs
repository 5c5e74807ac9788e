//! gaoler restarts with bans in force: it finds them, and changes nothing.

use anyhow::Result;

use crate::backend::{Backend, desired};
use crate::host::Host;
use crate::observe::{Metrics, await_metric, ban};

/// Nothing is put where it is already, nothing taken away.
pub(crate) fn restart_changes_nothing(host: &Host, backend: Backend) -> Result<()> {
    const BANNED: [&str; 6] = [
        "198.18.254.1",
        "198.18.254.2",
        "198.18.254.0/30",
        "2001:db8:fe:1::1",
        "2001:db8:fe:2::/64",
        "2001:db8:fd::/48",
    ];
    host.settle()?;
    backend.release_all(host, "public")?;
    ban(host, "load", &BANNED)?;
    host.sh("systemctl restart gaoler")?;
    await_metric(host, "gaoler_bans_enforced", &[], |are| (are - 6.0).abs() < 0.5)?;
    let metrics = Metrics::of(host)?;
    let changes: Vec<_> = metrics.changes().filter(|(_, count)| *count > 0.5).collect();
    assert!(changes.is_empty(), "{changes:?}");
    await_metric(host, "gaoler_reconcile_last_success_timestamp_seconds", &[], |at| at > 0.5)?;
    let drift = Metrics::of(host)?.value("gaoler_drift_total", &[])?;
    assert!(drift.abs() < 0.5, "{drift} rules were put back or removed");
    assert_eq!(desired(host)?.len(), BANNED.len());
    backend.release_all(host, "public")
}
