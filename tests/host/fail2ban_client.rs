//! `fail2ban-client` on a real host: what a runbook written for fail2ban does with it.

use anyhow::Result;

use crate::host::{Host, Ran, Side};

/// Beside the real one, which is there for other tests.
const NAMED: &str = "/usr/local/bin/fail2ban-client";

/// Bans, stops, starts, releases: the firewall obeys, and systemd does.
pub(crate) fn a_runbook_goes_on_working(host: &Host) -> Result<()> {
    const ADDRESS: &str = "192.0.2.136";
    host.settle()?;
    host.sh(&format!("ln -s /usr/bin/gaoler {NAMED}"))?;
    says(host, &["ping"], "Server replied: pong")?;
    says(host, &["set", "sshd", "banip", ADDRESS], "1")?;
    assert!(host.refuses(ADDRESS, 22)?);
    says(host, &["stop"], "Shutdown successful")?;
    assert_eq!(host.sh("systemctl is-active gaoler || true")?.trim(), "inactive");
    let down = client(host, &["status"])?;
    assert_eq!((down.code, down.stdout.as_str()), (255, ""), "{}", down.stderr);
    says(host, &["start"], "Server ready")?;
    let banned = client(host, &["get", "sshd", "banip"])?.stdout;
    assert!(banned.split_whitespace().any(|banned| banned == ADDRESS), "{banned}");
    says(host, &["restart"], "Server ready")?;
    says(host, &["get", "sshd", "banned", ADDRESS], "1")?;
    assert!(host.refuses(ADDRESS, 22)?, "bans outlive a restart");
    says(host, &["set", "sshd", "unbanip", ADDRESS], "1")?;
    assert!(!host.refuses(ADDRESS, 22)?);
    says(host, &["-t"], "OK: configuration test is successful")?;
    host.sh(&format!("rm {NAMED}"))?;
    Ok(())
}

fn says(host: &Host, words: &[&str], expected: &str) -> Result<()> {
    let ran = client(host, words)?;
    assert_eq!((ran.code, ran.stdout.trim_end()), (0, expected), "{words:?}: {}", ran.stderr);
    Ok(())
}

fn client(host: &Host, words: &[&str]) -> Result<Ran> {
    host.run(Side::Server, &[&[NAMED], words].concat())
}
