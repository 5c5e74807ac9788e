//! Text that attackers choose: it never chooses whom gaoler bans.

use anyhow::Result;

use crate::client::{Client, Outcome, WRONG};
use crate::host::{Host, SOON};
use crate::observe::{Status, await_ban};

/// Whom the forged texts name: no peer of this host.
const FRAMED: [&str; 3] = ["203.0.113.9", "2001:db8:dead::9", "192.0.2.150"];

/// User names that look like the rest of sshd's messages, through the real sshd.
pub(crate) fn ssh_user_names(host: &Host) -> Result<()> {
    host.settle()?;
    let names = [
        "x from 203.0.113.9 port 1 ssh2",
        "root from 203.0.113.9",
        "] [preauth] from 203.0.113.9 port 1 ssh2 [preauth]",
        "203.0.113.9 port 22 user= rhost=203.0.113.9",
    ];
    for (number, pair) in names.chunks(2).enumerate() {
        let address = format!("192.0.2.{}", 120 + number);
        let client = Client::at(host, &address);
        assert_eq!(client.ssh(pair[0], WRONG)?, Outcome::Denied, "{:?}", pair[0]);
        // One try of an unknown user may draw more than one message of sshd's.
        assert_ne!(client.ssh(pair[1], WRONG)?, Outcome::Served, "{:?}", pair[1]);
        await_ban(host, "sshd", &address, true)?;
        host.await_rule(&address, 22, true)?;
        assert_eq!(client.ssh("root", WRONG)?, Outcome::Refused);
    }
    nobody_framed(host)
}

/// What a client may not send but a journal may hold: line breaks, escapes, NULs, broken UTF-8,
/// said by sshd itself.
pub(crate) fn journal_entries_of_any_bytes(host: &Host) -> Result<()> {
    host.settle()?;
    let framed = b"Failed password for root from 203.0.113.9 port 1 ssh2";
    let long = "A".repeat(100_000);
    let mut entries = Vec::new();
    for between in [&b"\n"[..], b"\r\n", b"\0", b"\x1b[2J\x1b]0;", b"\xff\xfe\xc3", long.as_bytes()]
    {
        let tail = b" from 192.0.2.122 port 4 ssh2";
        let head = b"Failed password for invalid user x";
        let message = [&head[..], between, &framed[..], &tail[..]].concat();
        // The journal's native form for values of any bytes: name, line feed, length, value.
        entries.extend_from_slice(b"SYSLOG_IDENTIFIER=sshd\nPRIORITY=6\nMESSAGE\n");
        entries.extend_from_slice(&(message.len() as u64).to_le_bytes());
        entries.extend_from_slice(&message);
        entries.extend_from_slice(b"\n\n");
    }
    host.feed(AS_SSHD, &entries)?;
    let before = Status::of(host, "sshd")?.total_failed;
    let client = Client::at(host, "192.0.2.123");
    assert_eq!(client.ssh("root", WRONG)?, Outcome::Denied);
    host.until("what came after is counted", SOON, || {
        Ok((Status::of(host, "sshd")?.total_failed > before).then_some(()))
    })?;
    nobody_framed(host)
}

/// Sends native journal entries (blank lines between) as a root process of sshd's unit would.
pub(crate) const AS_SSHD: &str = "
    echo $$ >/sys/fs/cgroup/system.slice/sshd.service/cgroup.procs
    exec python3 -c '
import socket, sys, time
journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
journal.connect(\"/run/systemd/journal/socket\")
for entry in sys.stdin.buffer.read().split(b\"\\n\\n\"):
    if entry: journal.send(entry + b\"\\n\")
time.sleep(0.5) # journald looks up the unit of a process that is still there
'";

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

/// Headers that httpd writes as more than gaoler holds of a line: nobody hides behind them.
pub(crate) fn headers_without_end(host: &Host) -> Result<()> {
    const HIDING: &str = "192.0.2.129";
    host.settle()?;
    // httpd joins headers of one name, and puts a backslash before each quote.
    let header = format!("Referer: {}", "\"".repeat(8_000));
    let options = ["-H", header.as_str()].repeat(10);
    let client = Client::at(host, HIDING);
    for _ in 0..2 {
        client.http("/", &options)?;
    }
    host.await_rule(HIDING, 80, true)?;
    let longest =
        host.sh("awk '{ if (length > n) n = length } END { print n }' /var/log/httpd/access_log")?;
    assert!(
        longest.trim().parse::<u32>()? > 65_536,
        "too short a line to prove anything: {longest}"
    );
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
