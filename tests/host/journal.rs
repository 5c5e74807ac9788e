//! The journal under the reader: rotated, vacuumed, its daemon restarted; and a namespace of its own
//! that appears after gaoler has started.

use anyhow::Result;

use crate::client::{Client, Outcome, WRONG};
use crate::host::{Host, SEED, SOON};
use crate::observe::{Metrics, await_ban};
use crate::unit::complained_of_nothing;

/// One failure before, one after: both count, so nothing was lost and nothing read twice.
pub(crate) fn is_rotated_vacuumed_and_restarted(host: &Host) -> Result<()> {
    host.settle()?;
    // What is vacuumed cannot be asked at the end.
    complained_of_nothing(host)?;
    let upheavals = [
        ("192.0.2.147", "journalctl --rotate"),
        ("192.0.2.148", "journalctl --rotate && journalctl -q --vacuum-files=1"),
        ("192.0.2.149", "systemctl restart systemd-journald"),
    ];
    for (address, upheaval) in upheavals {
        let client = Client::at(host, address);
        assert_eq!(client.ssh("root", WRONG)?, Outcome::Denied, "before {upheaval}");
        host.sh(upheaval)?;
        assert_eq!(client.ssh("root", WRONG)?, Outcome::Denied, "after {upheaval}");
        await_ban(host, "sshd", address, true)?;
        host.await_rule(address, 22, true)?;
        assert_eq!(host.gaoler_ok(&["unban", address])?, "1\n");
    }
    Ok(())
}

/// journald is killed, the file it writes to is cut short, and filled with other bytes: gaoler says
/// so, lives on, and reads on.
pub(crate) fn is_killed_and_damaged(host: &Host) -> Result<()> {
    host.settle()?;
    complained_of_nothing(host)?;
    let alive = || host.sh("systemctl show -P MainPID gaoler");
    let before = alive()?;
    let file = "/var/log/journal/$(cat /etc/machine-id)/system.journal";
    // Once it is back, it begins a new file.
    let revive = "systemctl kill -s KILL systemd-journald
                  timeout 20 sh -c 'until journalctl --rotate 2>/dev/null; do sleep 0.1; done'";
    let upheavals = [
        ("192.0.2.173", revive.to_owned(), false),
        ("192.0.2.174", format!("truncate -s 20000 {file}; {revive}"), true),
        (
            "192.0.2.175",
            format!("dd if=/dev/zero of={file} bs=4096 seek=1 count=900 conv=notrunc; {revive}"),
            false,
        ),
    ];
    for (address, upheaval, shows) in upheavals {
        host.sh(&upheaval)?;
        let client = Client::at(host, address);
        host.until(&format!("{address} is banned after {upheaval}"), SOON, || {
            // What is written while journald is down may be lost to everybody.
            client.ssh("root", WRONG)?;
            Ok(host.refuses(address, 22)?.then_some(()))
        })?;
        if shows {
            // Whichever notices first: the reader of what is gone, or who looks at the file.
            host.until("it shows", SOON, || {
                let metrics = Metrics::of(host)?;
                let times =
                    |reason| metrics.value("gaoler_source_restarts_total", &[("reason", reason)]);
                Ok((times("truncated")? + times("corrupt")? >= 1.0).then_some(()))
            })?;
        }
        assert_eq!(host.gaoler_ok(&["unban", address])?, "1\n");
    }
    assert_eq!(alive()?, before, "the same process");
    Ok(())
}

/// A service that logs into a namespace, which is made when it first does.
pub(crate) fn of_a_namespace_is_read(host: &Host) -> Result<()> {
    let address = "192.0.2.151";
    let jail = "  guarded:
    filter: sshd
    journal: {namespace: guarded}
    journalmatch: SYSLOG_IDENTIFIER=sshd
    port: [2222]
    findtime: 30s
    maxretry: 2
    bantime: 60s
";
    host.configure(&format!("{SEED}{jail}"))?;
    host.sh("systemctl reload-or-restart gaoler")?;
    let message = format!("Failed password for root from {address} port 4 ssh2");
    host.sh(&format!(
        "systemd-run -q --wait --unit guarded -p LogNamespace=guarded -p SyslogIdentifier=sshd \
         sh -c 'echo {message}; echo {message}; sleep 1'"
    ))?;
    await_ban(host, "guarded", address, true)?;
    host.await_rule(address, 2222, true)?;
    assert_eq!(host.gaoler_ok(&["unban", address])?, "1\n");
    host.settle()
}
