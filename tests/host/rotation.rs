//! Rotation of httpd's log, both ways, with a failure before and after: both count.

use anyhow::Result;

use crate::client::{Client, Outcome};
use crate::host::Host;
use crate::observe::{Metrics, await_metric};

const LOG: &str = "/var/log/httpd/access_log";

/// As logrotate does on RHEL: rename, then httpd is told; until then it writes to the old file.
pub(crate) fn by_rename(host: &Host) -> Result<()> {
    host.settle()?;
    let client = Client::at(host, "192.0.2.145");
    host.sh(&format!("mv {LOG} {LOG}-20261122"))?;
    assert_eq!(client.get("/")?, Outcome::Served);
    host.sh("systemctl reload httpd")?;
    host.until("httpd opens a new log", crate::host::SOON, || {
        Ok(host.path(LOG).exists().then_some(()))
    })?;
    // Another line than the first one: a file that repeats another one whole is its copy.
    assert_eq!(client.get("/?again")?, Outcome::Served);
    host.await_rule(client.address, 80, true)?;
    assert_eq!(host.gaoler_ok(&["unban", client.address])?, "1\n");
    assert_rotated(host)
}

/// `copytruncate`: the same file, shorter than it was.
pub(crate) fn by_copytruncate(host: &Host) -> Result<()> {
    host.settle()?;
    let client = Client::at(host, "192.0.2.146");
    let jail = [("jail", "http-get-dos")];
    let before = Metrics::of(host)?.value("gaoler_failures_total", &jail)?;
    assert_eq!(client.get("/")?, Outcome::Served);
    // Lines between copy and truncate are lost to any reader; this one was read before.
    await_metric(host, "gaoler_failures_total", &jail, |now| now > before)?;
    host.sh(&format!("cp {LOG} {LOG}.1 && : >{LOG}"))?;
    assert_eq!(client.get("/")?, Outcome::Served);
    host.await_rule(client.address, 80, true)?;
    assert_eq!(host.gaoler_ok(&["unban", client.address])?, "1\n");
    assert_rotated(host)
}

fn assert_rotated(host: &Host) -> Result<()> {
    let rotations = Metrics::of(host)?;
    let rotations: f64 = rotations.of_name("gaoler_source_rotations_total").map(|(_, is)| is).sum();
    assert!(rotations >= 1.0, "no rotation was seen");
    Ok(())
}
