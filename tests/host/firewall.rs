//! firewalld forgets its runtime rules when it reloads or restarts; gaoler puts its own back.

use anyhow::Result;

use crate::client::{Client, Outcome, RIGHT};
use crate::host::{Host, SOON};
use crate::observe::{Metrics, Status, await_metric};

const MISSING: [(&str, &str); 1] = [("kind", "missing")];

/// `firewall-cmd --reload`: back at once, and the loss is counted.
pub(crate) fn reload_is_healed(host: &Host) -> Result<()> {
    healed_after(host, "192.0.2.170", "firewall-cmd -q --reload")
}

/// `systemctl restart firewalld`: another process, another name owner.
pub(crate) fn restart_is_healed(host: &Host) -> Result<()> {
    healed_after(host, "192.0.2.171", "systemctl restart firewalld")
}

/// firewalld is away: a ban waits for it, and is in force when it is back.
pub(crate) fn absence_is_waited_out(host: &Host) -> Result<()> {
    host.settle()?;
    let client = Client::at(host, "192.0.2.172");
    host.sh("systemctl stop firewalld")?;
    assert_eq!(client.get("/")?, Outcome::Served);
    assert_eq!(client.get("/")?, Outcome::Served);
    host.until("the ban is decided", SOON, || {
        Ok(Status::of(host, "http-get-dos")?.bans(client.address).then_some(()))
    })?;
    await_metric(host, "gaoler_enforcement_up", &[("backend", "firewalld")], |up| up < 0.5)?;
    host.sh("systemctl start firewalld")?;
    host.await_rule(client.address, 80, true)?;
    await_metric(host, "gaoler_enforcement_up", &[("backend", "firewalld")], |up| up > 0.5)?;
    assert_eq!(client.get("/")?, Outcome::Refused);
    host.gaoler_ok(&["unban", client.address])?;
    Ok(())
}

fn healed_after(host: &Host, address: &str, disturbance: &str) -> Result<()> {
    host.settle()?;
    host.gaoler_ok(&["ban", "sshd", address])?;
    let drift = Metrics::of(host)?.value("gaoler_drift_total", &MISSING)?;
    let before = Status::of(host, "sshd")?;
    host.sh(disturbance)?;
    host.await_rule(address, 22, true)?;
    await_metric(host, "gaoler_drift_total", &MISSING, |now| now > drift)?;
    assert_eq!(Client::at(host, address).ssh("alice", RIGHT)?, Outcome::Refused);
    let after = Status::of(host, "sshd")?;
    assert_eq!(after.total_banned, before.total_banned, "healing is no new ban");
    assert_eq!(host.gaoler_ok(&["unban", address])?, "1\n");
    assert!(!host.refuses(address, 22)?);
    Ok(())
}
