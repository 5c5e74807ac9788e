//! Whom a ban hits: IPv6 attackers, whoever an administrator names, never whom `ignoreip` lists.

use anyhow::Result;

use crate::client::{Client, Outcome, RIGHT, WRONG};
use crate::host::Host;
use crate::observe::{Status, await_ban, await_metric};

/// The sshd jail, over IPv6.
pub(crate) fn ipv6_ssh(host: &Host) -> Result<()> {
    host.settle()?;
    let client = Client::at(host, "2001:db8::113");
    assert_eq!(client.ssh("root", WRONG)?, Outcome::Denied);
    assert_eq!(client.ssh("root", WRONG)?, Outcome::Denied);
    await_ban(host, "sshd", client.address, true)?;
    // The whole /64 is on the host's own link, so the ban is of the one address.
    host.await_rule(client.address, 22, true)?;
    assert_eq!(client.ssh("root", RIGHT)?, Outcome::Refused);
    assert_eq!(Client::at(host, "2001:db8::114").ssh("alice", RIGHT)?, Outcome::Served);
    assert_eq!(host.gaoler_ok(&["unban", client.address])?, "1\n");
    assert_eq!(client.ssh("root", RIGHT)?, Outcome::Served);
    Ok(())
}

/// The http-get-dos jail, over IPv6.
pub(crate) fn ipv6_http(host: &Host) -> Result<()> {
    host.settle()?;
    let client = Client::at(host, "2001:db8::115");
    assert_eq!(client.get("/")?, Outcome::Served);
    assert_eq!(client.get("/")?, Outcome::Served);
    host.await_rule(client.address, 80, true)?;
    assert_eq!(client.get("/")?, Outcome::Refused);
    assert_eq!(host.gaoler_ok(&["unban", client.address, "--jail", "http-get-dos"])?, "1\n");
    assert_eq!(client.get("/")?, Outcome::Served);
    Ok(())
}

/// However often it fails.
pub(crate) fn ignoreip(host: &Host) -> Result<()> {
    host.settle()?;
    for address in ["192.0.2.199", "2001:db8::199"] {
        let ignored = [("jail", "http-get-dos")];
        let before = await_metric(host, "gaoler_ignored_total", &ignored, |_| true)?;
        let client = Client::at(host, address);
        for _ in 0..10 {
            assert_eq!(client.get("/")?, Outcome::Served);
        }
        await_metric(host, "gaoler_ignored_total", &ignored, |now| now - before >= 10.0)?;
        assert_eq!(client.get("/")?, Outcome::Served);
        assert!(!Status::of(host, "http-get-dos")?.bans(address));
        assert!(!host.refuses(address, 80)?);
    }
    Ok(())
}

/// `ban`, `banned` and `unban` of several addresses, acknowledged when the firewall has them.
pub(crate) fn by_hand(host: &Host) -> Result<()> {
    host.settle()?;
    let addresses = ["192.0.2.116", "2001:db8::116"];
    let before = Status::of(host, "sshd")?;
    let ban = [&["ban", "sshd"], &addresses[..], &["--for", "1h"]].concat();
    assert_eq!(host.gaoler_ok(&ban)?, "2\n");
    for address in addresses {
        assert!(host.refuses(address, 22)?, "{address}: acknowledged, but not in force");
        assert_eq!(Client::at(host, address).ssh("alice", RIGHT)?, Outcome::Refused);
    }
    let after = Status::of(host, "sshd")?;
    assert_eq!(after.total_banned - before.total_banned, 2);
    assert_eq!(after.total_failed, before.total_failed, "nobody failed");

    let listed = host.gaoler_ok(&["banned"])?;
    let in_jail = host.gaoler_ok(&["banned", "sshd"])?;
    let elsewhere = host.gaoler_ok(&["banned", "http-get-dos"])?;
    for address in addresses {
        assert!(listed.contains(address) && in_jail.contains(address), "{listed}\n{in_jail}");
        assert!(!elsewhere.contains(address), "{elsewhere}");
    }
    let unban = [&["unban"], &addresses[..]].concat();
    assert_eq!(host.gaoler_ok(&unban)?, "2\n");
    for address in addresses {
        assert!(!host.refuses(address, 22)?);
        assert_eq!(Client::at(host, address).ssh("alice", RIGHT)?, Outcome::Served);
    }
    Ok(())
}
