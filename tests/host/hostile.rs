//! Text that attackers choose: it never chooses whom gaoler bans.

use anyhow::Result;

use crate::client::{Client, Outcome, WRONG};
use crate::host::{Host, SOON};
use crate::observe::{Status, await_ban};

/// Whom the forged texts name: no peer of this host.
const FRAMED: [&str; 3] = ["203.0.113.9", "2001:db8:dead::9", "192.0.2.150"];

/// User names that look like the rest of sshd's messages.
pub(crate) fn ssh_user_names(host: &Host) -> Result<()> {
    host.settle()?;
    let names = [
        "x from 203.0.113.9 port 1 ssh2",
        "root from 203.0.113.9",
        "x\nFailed password for root from 203.0.113.9 port 1 ssh2",
        "x\r\n\u{1b}[2JInvalid user y from 203.0.113.9 port 1",
        "] [preauth] from 2001:db8:dead::9 port 1 ssh2: RSA",
        "<HOST> 203.0.113.9 %h rhost=203.0.113.9 user=",
    ];
    for (number, pair) in names.chunks(2).enumerate() {
        let address = format!("192.0.2.{}", 120 + number);
        let client = Client::at(host, &address);
        for name in pair {
            assert_eq!(client.ssh(name, WRONG)?, Outcome::Denied, "{name:?}");
        }
        await_ban(host, "sshd", &address, true)?;
        assert_eq!(client.ssh("root", WRONG)?, Outcome::Refused);
    }
    nobody_framed(host)
}

/// Request lines, referers and user agents that look like log lines of others.
pub(crate) fn request_lines(host: &Host) -> Result<()> {
    host.settle()?;
    let forged = "203.0.113.9 - - [22/Nov/2026:10:00:00 +0000] \"GET / HTTP/1.1\" 200 6";
    let requests: [&[&str]; 3] = [
        &["-A", forged, "-e", forged],
        &[
            "-A",
            "\"\n203.0.113.9 - - \"GET / HTTP/1.1\" 200 1",
            "-H",
            "X-Forwarded-For: 203.0.113.9",
        ],
        &[
            "-u",
            "203.0.113.9 - - [:203.0.113.9",
            "--request-target",
            "/%0a203.0.113.9%20-%20-%20[\"GET",
        ],
    ];
    for (number, options) in requests.iter().enumerate() {
        let address = format!("192.0.2.{}", 125 + number);
        let client = Client::at(host, &address);
        for _ in 0..2 {
            client.http("/", options)?;
        }
        host.await_rule(&address, 80, true)?;
    }
    nobody_framed(host)
}

/// A local user's programs, called sshd or saying that they are, speak for nobody.
pub(crate) fn local_programs_named_sshd(host: &Host) -> Result<()> {
    host.settle()?;
    let before = Status::of(host, "sshd")?;
    let line = "Failed password for root from 192.0.2.150 port 22 ssh2";
    host.sh(&format!(
        "cp /usr/bin/logger /tmp/sshd && chmod 755 /tmp/sshd
         systemd-run -q --wait --collect -p User=mallory /bin/sh -ec '
            for i in 1 2 3 4 5 6 7 8 9 10; do
                /tmp/sshd -t sshd \"{line}\"
                /tmp/sshd -t sshd --id=1 -p auth.info \"{line}\"
                echo \"{line}\" | systemd-cat -t sshd
            done
            printf \"MESSAGE={line}\\n_SYSTEMD_UNIT=sshd.service\\n_UID=0\\n\" | /tmp/sshd --journald'"
    ))?;
    // What the real sshd says afterwards is read after the forged lines: then they have been seen.
    let client = Client::at(host, "192.0.2.128");
    assert_eq!(client.ssh("root", WRONG)?, Outcome::Denied);
    host.until("the honest failure is counted", SOON, || {
        Ok((Status::of(host, "sshd")?.total_failed > before.total_failed).then_some(()))
    })?;
    let after = Status::of(host, "sshd")?;
    assert_eq!(after.total_failed, before.total_failed + 1, "only the real sshd counts");
    assert_eq!(after.total_banned, before.total_banned);
    nobody_framed(host)
}

fn nobody_framed(host: &Host) -> Result<()> {
    let banned = host.gaoler_ok(&["banned"])?;
    let ruleset = host.sh("nft list ruleset")?;
    for address in FRAMED {
        assert!(!banned.contains(address), "{address} was framed:\n{banned}");
        assert!(!ruleset.contains(address), "{address} was framed:\n{ruleset}");
    }
    Ok(())
}
