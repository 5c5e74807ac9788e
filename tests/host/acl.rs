//! httpd's logs by ACL, in place of the capability that reads every file: whoever sets the directory's
//! mode takes it away without a word. That is told, and set right.

use std::time::Duration;

use anyhow::Result;

use crate::client::{Client, Outcome};
use crate::host::{Host, SOON};
use crate::observe::{Metrics, await_metric};

const SOURCE: [(&str, &str); 1] = [("source", "/var/log/httpd/access_log")];

/// How soon a log that may no longer be read must be known to be.
const PROMISED: Duration = Duration::from_secs(10);

/// As docs/operating.md has it: no capability, but an ACL, that is put back.
pub(crate) fn a_lost_acl_is_told_and_put_back(host: &Host) -> Result<()> {
    host.settle()?;
    host.sh("mkdir -p /etc/systemd/system/gaoler.service.d
         ln -s /dev/null /etc/systemd/system/gaoler.service.d/20-httpd-logs.conf
         systemctl daemon-reload
         systemctl start gaoler-httpd-acl.service
         systemctl restart gaoler")?;
    let played = lost_and_put_back(host);
    host.sh("systemctl disable -q --now gaoler-httpd-acl.path
         rm /etc/systemd/system/gaoler.service.d/20-httpd-logs.conf
         systemctl daemon-reload
         systemctl restart gaoler")?;
    played
}

fn lost_and_put_back(host: &Host) -> Result<()> {
    let pid = host.sh("systemctl show -P MainPID gaoler")?;
    let capabilities = host.sh(&format!("grep CapEff: /proc/{}/status", pid.trim()))?;
    assert!(capabilities.trim().ends_with("\t0000000000000000"), "{capabilities}");
    await_metric(host, "gaoler_source_up", &SOURCE, |up| up > 0.5)?;
    let banned = Client::at(host, "192.0.2.165");
    for _ in 0..2 {
        assert_eq!(banned.get("/")?, Outcome::Served);
    }
    host.await_rule(banned.address, 80, true)?;

    // What rpm does when an update of httpd has the directory among its files.
    let (_, cursor) = host.journal(None)?;
    host.sh("chmod 0700 /var/log/httpd")?;
    host.until("the source is down", PROMISED, || {
        let up = Metrics::of(host)?.value("gaoler_source_up", &SOURCE)?;
        Ok((up < 0.5).then_some(()))
    })?;
    let denied = [SOURCE[0], ("reason", "permission")];
    await_metric(host, "gaoler_source_errors_total", &denied, |errors| errors > 0.5)?;
    assert!(host.journal(Some(&cursor))?.0.contains("access_log: permission denied"));

    host.sh("systemctl enable -q --now gaoler-httpd-acl.path")?;
    await_metric(host, "gaoler_source_up", &SOURCE, |up| up > 0.5)?;
    // From now on nobody has to do it: systemd sees the mode change.
    host.sh("chmod 0700 /var/log/httpd")?;
    host.until("the ACL is back", SOON, || {
        let ran = host.sh("runuser -u gaoler -- head -c 1 /var/log/httpd/access_log");
        Ok(ran.is_ok().then_some(()))
    })?;
    let after = Client::at(host, "192.0.2.166");
    for _ in 0..2 {
        assert_eq!(after.get("/")?, Outcome::Served);
    }
    host.await_rule(after.address, 80, true)?;
    // Nobody else was let in.
    let other =
        host.sh("runuser -u mallory -- head -c 1 /var/log/httpd/access_log 2>&1 || true")?;
    assert!(other.contains("Permission denied"), "{other}");
    Ok(())
}
