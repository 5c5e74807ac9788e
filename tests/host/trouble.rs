//! A firewalld that hangs, refuses or is not there: gaoler goes on counting and deciding, and all of
//! it is so when firewalld is back.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};

use crate::backend::{Addresses, Backend, desired, lacks, network};
use crate::host::{Host, SOON, Side};
use crate::load::line;
use crate::observe::{Metrics, Status, await_metric};

/// firewalld does not answer.
pub(crate) fn hangs(host: &Host, backend: Backend) -> Result<()> {
    host.settle()?;
    host.sh("systemctl kill -s STOP firewalld")?;
    through(host, backend, "systemctl kill -s CONT firewalld")
}

/// polkit lets gaoler do nothing.
pub(crate) fn unauthorized(host: &Host, backend: Backend) -> Result<()> {
    const RULES: &str = "/usr/share/polkit-1/rules.d/45-gaoler.rules";
    host.settle()?;
    host.sh(&format!("mv {RULES} /tmp/; systemctl restart polkit"))?;
    through(host, backend, &format!("mv /tmp/45-gaoler.rules {RULES}; systemctl restart polkit"))
}

/// gaoler is there first.
pub(crate) fn absent_at_start(host: &Host, backend: Backend) -> Result<()> {
    host.settle()?;
    host.sh("systemctl stop gaoler firewalld; systemctl start gaoler")?;
    through(host, backend, "systemctl start firewalld")
}

/// Bans and unbans while the trouble is on; then it is `over`.
fn through(host: &Host, backend: Backend, over: &str) -> Result<()> {
    let before = Status::of(host, "load")?;
    let attackers: Vec<String> =
        (1..=6).flat_map(|n| [format!("198.19.7.{n}"), format!("2001:db8:7:{n}::1")]).collect();
    let mut log = OpenOptions::new().append(true).open(host.path("/var/log/load.log"))?;
    for address in &attackers {
        log.write_all(line(host, address)?.as_bytes())?;
    }
    let all: Addresses = attackers.iter().map(|one| network(one)).collect::<Result<_>>()?;
    let decided = host.until("all are decided", SOON, || {
        let desired = desired(host)?;
        Ok((desired.len() >= all.len()).then_some(desired))
    })?;
    let after = Status::of(host, "load")?;
    assert_eq!(after.total_failed - before.total_failed, 12, "each line counts");

    let unban = ["gaoler", "unban", &attackers[0], &attackers[1]];
    let mut unban = host.command(Side::Server, &unban);
    let mut unban = unban.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let left = host.until("who is let go is no longer wanted", SOON, || {
        let desired = desired(host)?;
        Ok((desired.len() + 2 == decided.len()).then_some(desired))
    })?;
    if backend.needs_firewalld() {
        let enforced = Metrics::of(host)?.value("gaoler_bans_enforced", &[("jail", "load")])?;
        assert!(enforced < 0.5, "{enforced} bans are said to be in force");
    } else {
        exactly(host, backend, &left).context("though firewalld is in trouble")?;
    }
    host.sh(over)?;
    let code = unban.wait()?.code();
    ensure!(matches!(code, Some(0 | 1)), "unban ends with {code:?}");
    exactly(host, backend, &left)?;
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let count = left.len() as f64;
    await_metric(host, "gaoler_bans_enforced", &[], |are| (are - count).abs() < 0.5)?;
    await_metric(host, "gaoler_enforcement_up", &[], |up| up > 0.5)?;
    backend.release_all(host, "public")
}

fn exactly(host: &Host, backend: Backend, wanted: &Addresses) -> Result<()> {
    let mut missing = String::new();
    let all = host.until("all who should be banned are", 3 * SOON, || {
        let are = backend.in_kernel(host, "public")?;
        missing = format!("missing {:?}", lacks(&are, wanted));
        Ok((are == *wanted).then_some(()))
    });
    all.with_context(|| missing)?;
    backend.assert_exact(host, "public", wanted)
}
