//! gaoler restarts with bans in force: it finds them, and changes nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context, Result};

use crate::backend::{Addresses, Backend, desired, lacks, network};
use crate::host::{Host, SOON};
use crate::load::line;
use crate::observe::{Metrics, await_ban, await_metric, ban};

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

/// `gaoler flush` leaves nothing of ours in the firewall while no daemon runs, and only then; what is
/// remembered is banned again at the next start.
pub(crate) fn flush_leaves_nothing(host: &Host, backend: Backend) -> Result<()> {
    const BANNED: [&str; 2] = ["198.18.251.1", "2001:db8:fc:1::/64"];
    let banned: Addresses = BANNED.iter().map(|one| network(one)).collect::<Result<_>>()?;
    host.settle()?;
    backend.release_all(host, "public")?;
    ban(host, "load", &BANNED)?;
    let refused = host.gaoler(&["flush"])?;
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert!(refused.stderr.contains("the daemon runs"), "{}", refused.stderr);
    backend.assert_exact(host, "public", &banned)?;
    host.sh("systemctl stop gaoler")?;
    backend.assert_exact(host, "public", &banned)?;
    host.gaoler_ok(&["flush"])?;
    backend.assert_exact(host, "public", &Addresses::new())?;
    assert!(!host.sh("nft list tables")?.contains("inet gaoler"), "a table is left");
    host.sh("systemctl start gaoler")?;
    await_metric(host, "gaoler_bans_enforced", &[], |are| (are - 2.0).abs() < 0.5)?;
    backend.assert_exact(host, "public", &banned)?;
    backend.release_all(host, "public")
}

/// The state database is found damaged at a start: it is kept aside, the bans are taken up from the
/// firewall and never lifted, and what the log says of the last minutes counts anew.
pub(crate) fn a_damaged_store_costs_no_ban(host: &Host, backend: Backend) -> Result<()> {
    const BANNED: [&str; 3] = ["198.18.253.1", "198.18.252.0/30", "2001:db8:fd:1::/64"];
    let banned: Addresses = BANNED.iter().map(|one| network(one)).collect::<Result<_>>()?;
    host.settle()?;
    backend.release_all(host, "public")?;
    ban(host, "load", &BANNED)?;
    host.sh("systemctl stop gaoler
        dd if=/dev/urandom of=/var/lib/gaoler/state.db bs=4096 seek=1 count=3 conv=notrunc status=none")?;
    let again = "198.19.253.9";
    host.feed("cat >>/var/log/load.log", line(host, again)?.as_bytes())?;
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let are = backend.in_kernel(host, "public")?;
                assert!(are.is_superset(&banned), "let in: {:?}", lacks(&are, &banned));
            }
            Ok::<(), anyhow::Error>(())
        });
        let started = rebuilt(host, again);
        over.store(true, Ordering::Relaxed);
        watcher.join().ok().context("somebody was let in")?.and(started)
    })?;
    let desired = desired(host)?;
    assert!(desired.is_superset(&banned), "not known: {:?}", lacks(&desired, &banned));
    let aside = host.sh("ls /var/lib/gaoler")?;
    assert!(aside.contains("state.db.damaged-20"), "{aside}");
    let said = host.sh("journalctl -u gaoler -p err -o cat -n 20")?;
    assert!(said.contains("damaged") && said.contains("it is kept as"), "{said}");
    host.sh("rm /var/lib/gaoler/state.db.damaged-*")?;
    host.sh("systemctl restart gaoler")?;
    await_metric(host, "gaoler_bans_adopted", &[], |are| are < 0.5)?;
    let kept = crate::backend::desired(host)?;
    assert!(kept.is_superset(&banned), "the new file keeps them: {kept:?}");
    backend.release_all(host, "public")
}

/// Starts it over a damaged file, and waits until all is as it was.
fn rebuilt(host: &Host, again: &str) -> Result<()> {
    host.sh("systemctl start gaoler")?;
    await_metric(host, "gaoler_bans_adopted", &[], |are| (are - 3.0).abs() < 0.5)?;
    await_metric(host, "gaoler_state_damaged", &[], |are| (are - 1.0).abs() < 0.5)?;
    await_metric(host, "gaoler_state_up", &[], |up| up > 0.5)?;
    await_metric(host, "gaoler_reconcile_last_success_timestamp_seconds", &[], |at| at > 0.5)?;
    await_ban(host, "load", again, true)?;
    Ok(())
}

/// The state's directory is not there: whoever attacks is banned all the same, what the firewall
/// holds stays, and once there is one all of it is kept.
pub(crate) fn a_store_without_a_place_stops_nobody(host: &Host, backend: Backend) -> Result<()> {
    const BEFORE: &str = "198.18.253.3";
    let attacker = "198.19.253.4";
    host.settle()?;
    backend.release_all(host, "public")?;
    ban(host, "load", &[BEFORE])?;
    let elsewhere = "/var/lib/gaoler/none/state.db";
    let config = backend.config().replace("/var/lib/gaoler/state.db", elsewhere);
    anyhow::ensure!(config.contains(elsewhere), "the box's configuration has another path");
    host.configure(&config)?;
    host.sh("systemctl restart gaoler")?;
    await_metric(host, "gaoler_state_up", &[], |up| up < 0.5)?;
    host.feed("cat >>/var/log/load.log", line(host, attacker)?.as_bytes())?;
    await_ban(host, "load", attacker, true)?;
    let both: Addresses =
        [BEFORE, attacker].iter().map(|one| network(one)).collect::<Result<_>>()?;
    host.until("both are refused", SOON, || {
        Ok(backend.in_kernel(host, "public")?.is_superset(&both).then_some(()))
    })?;
    await_metric(host, "gaoler_bans_volatile", &[], |are| are > 0.5)?;
    host.sh("install -d -o gaoler -g gaoler /var/lib/gaoler/none")?;
    await_metric(host, "gaoler_state_up", &[], |up| up > 0.5)?;
    await_metric(host, "gaoler_bans_volatile", &[], |are| are < 0.5)?;
    host.sh("systemctl restart gaoler")?;
    let kept = desired(host)?;
    assert!(kept.is_superset(&both), "{kept:?}");
    backend.release_all(host, "public")?;
    host.settle()
}
