//! `fail2ban-client` on a real host: what a runbook written for fail2ban does with it.

use anyhow::Result;

use crate::host::{Host, Ran, Side};

/// Bans, stops, starts, releases: the firewall obeys, and systemd does.
pub(crate) fn a_runbook_goes_on_working(host: &Host) -> Result<()> {
    const ADDRESS: &str = "192.0.2.136";
    host.settle()?;
    host.sh("ln -sf /usr/bin/gaoler /usr/bin/fail2ban-client")?;
    says(host, &["ping"], "Server replied: pong")?;
    says(host, &["set", "sshd", "banip", ADDRESS], "1")?;
    assert!(host.refuses(ADDRESS, 22)?);
    says(host, &["stop"], "Shutdown successful")?;
    assert_eq!(host.sh("systemctl is-active gaoler || true")?.trim(), "inactive");
    let down = client(host, &["status"])?;
    assert_eq!((down.code, down.stdout.as_str()), (255, ""), "{}", down.stderr);
    says(host, &["start"], "Server ready")?;
    says(host, &["get", "sshd", "banip"], ADDRESS)?;
    says(host, &["restart"], "Server ready")?;
    says(host, &["get", "sshd", "banned", ADDRESS], "1")?;
    assert!(host.refuses(ADDRESS, 22)?, "bans outlive a restart");
    says(host, &["set", "sshd", "unbanip", ADDRESS], "1")?;
    assert!(!host.refuses(ADDRESS, 22)?);
    says(host, &["-t"], "OK: configuration test is successful")?;
    host.sh("rm /usr/bin/fail2ban-client")?;
    Ok(())
}

fn says(host: &Host, words: &[&str], expected: &str) -> Result<()> {
    let ran = client(host, words)?;
    assert_eq!((ran.code, ran.stdout.trim_end()), (0, expected), "{words:?}: {}", ran.stderr);
    Ok(())
}

fn client(host: &Host, words: &[&str]) -> Result<Ran> {
    host.run(Side::Server, &[&["fail2ban-client"], words].concat())
}
