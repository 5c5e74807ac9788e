//! The two experiments that gaoler was first asked for, as written, and the end of a ban of 60 s.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::client::{Client, Outcome, RIGHT, WRONG};
use crate::host::{Host, SOON};
use crate::observe::{Status, await_ban};

/// It starts, as a unit, with the two jails and nothing banned.
pub(crate) fn starts(host: &Host) -> Result<()> {
    host.sh("systemctl start gaoler")?;
    assert_eq!(host.sh("systemctl is-active gaoler")?, "active\n");

    // What bans stop is known once firewalld has been asked.
    let status = host.until("what bans stop is known", SOON, || {
        let status = host.gaoler_ok(&["status"])?;
        Ok(status.contains("Enforcement").then_some(status))
    })?;
    assert_eq!(
        status.trim_end(),
        "Status\n|- Number of jail:\t2\n|- Enforcement:\trich-rule: stops new connections; not \
         forwarded packets, connections that are open already, published (DNAT) ports\n\
         `- Jail list:\thttp-get-dos, sshd"
    );
    for (jail, source) in [
        ("sshd", "Journal matches:\t_SYSTEMD_UNIT=sshd.service + _COMM=sshd"),
        ("http-get-dos", "File list:\t/var/log/httpd/access_log"),
    ] {
        assert_tree(&Status::of(host, jail)?, jail, source, [0, 0, 0, 0], "");
    }
    Ok(())
}

/// Two wrong passwords, and the third try is refused; `unban`, and the right password works.
pub(crate) fn sshd(host: &Host) -> Result<()> {
    const SOURCE: &str = "Journal matches:\t_SYSTEMD_UNIT=sshd.service + _COMM=sshd";
    host.settle()?;
    let client = Client::at(host, "192.0.2.213");
    let before = Status::of(host, "sshd")?;

    assert_eq!(client.ssh("root", WRONG)?, Outcome::Denied);
    assert_eq!(client.ssh("root", WRONG)?, Outcome::Denied);
    let banned = await_ban(host, "sshd", client.address, true)?;
    host.await_rule(client.address, 22, true)?;
    assert_eq!(client.ssh("root", RIGHT)?, Outcome::Refused);
    assert_eq!(client.get("/")?, Outcome::Served, "only the jail's port is closed");
    let (failed, bans) = (before.total_failed + 2, before.total_banned + 1);
    assert_tree(&banned, "sshd", SOURCE, [0, failed, 1, bans], client.address);

    assert_eq!(host.gaoler_ok(&["unban", client.address])?, "1\n");
    assert!(!host.refuses(client.address, 22)?, "unban is answered when the firewall has done it");
    assert_eq!(client.ssh("root", RIGHT)?, Outcome::Served);
    assert_tree(&Status::of(host, "sshd")?, "sshd", SOURCE, [0, failed, 0, bans], "");
    assert_eq!(host.gaoler_ok(&["unban", client.address])?, "0\n");
    Ok(())
}

/// Two GETs pass, the next is refused; likewise HEAD; `unban` prints 1 and GET works.
pub(crate) fn http_get_dos(host: &Host) -> Result<()> {
    host.settle()?;
    let before = Status::of(host, "http-get-dos")?;
    let client = Client::at(host, "192.0.2.213");
    for request in [Client::get, Client::head] {
        assert_eq!(request(&client, "/")?, Outcome::Served);
        assert_eq!(request(&client, "/")?, Outcome::Served);
        host.await_rule(client.address, 80, true)?;
        assert_eq!(request(&client, "/")?, Outcome::Refused);
        let status = await_ban(host, "http-get-dos", client.address, true)?;
        assert_eq!(status.banned, [client.address]);
        assert!(host.refuses(client.address, 443)?, "https too");
        assert!(!host.refuses(client.address, 22)?, "but not ssh");

        assert_eq!(host.gaoler_ok(&["unban", client.address])?, "1\n");
        assert_eq!(client.get("/")?, Outcome::Served);
        // That one GET counts: the next round must not start with it in the window. It is kept for
        // a minute longer, in case that lines come late.
        host.until("the window forgets", Duration::from_mins(3), || {
            Ok((Status::of(host, "http-get-dos")?.currently_failed == 0).then_some(()))
        })?;
    }
    let after = Status::of(host, "http-get-dos")?;
    assert_eq!(after.total_failed - before.total_failed, 6);
    assert_eq!(after.total_banned - before.total_banned, 2);
    Ok(())
}

static BEGUN: OnceLock<Instant> = OnceLock::new();
const PATIENT: &str = "192.0.2.101";

/// A ban of 60 s, left alone while the other tests run.
pub(crate) fn ban_of_60_s_begins(host: &Host) -> Result<()> {
    host.settle()?;
    let client = Client::at(host, PATIENT);
    let before = Instant::now();
    assert_eq!(client.ssh("alice", WRONG)?, Outcome::Denied);
    assert_eq!(client.ssh("alice", WRONG)?, Outcome::Denied);
    host.await_rule(PATIENT, 22, true)?;
    BEGUN.get_or_init(|| before);
    Ok(())
}

/// It has ended by itself, and not before its time.
pub(crate) fn ban_of_60_s_ends(host: &Host) -> Result<()> {
    if BEGUN.get().is_none() {
        ban_of_60_s_begins(host)?;
    }
    host.until("the ban ends", Duration::from_secs(70), || {
        Ok((!host.refuses(PATIENT, 22)?).then_some(()))
    })?;
    await_ban(host, "sshd", PATIENT, false)?;
    assert_eq!(Client::at(host, PATIENT).ssh("alice", RIGHT)?, Outcome::Served);

    let times = host.sh(&format!(
        "journalctl -q -u gaoler -o json --output-fields=MESSAGE,__REALTIME_TIMESTAMP |
         jq -r 'select(.MESSAGE | tostring | test(\"\\\\[sshd\\\\] (Ban|Unban) {PATIENT}\")) |
                .__REALTIME_TIMESTAMP'"
    ))?;
    let times: Vec<u64> = times.lines().map(str::parse).collect::<Result<_, _>>()?;
    ensure!(times.len() == 2, "one Ban and one Unban in the journal, not {times:?}");
    // The log's own clock, not this machine's speed: a ban may end late, but never early.
    assert!(times[1] - times[0] >= 59_900_000, "ended after {} us", times[1] - times[0]);
    Ok(())
}

/// The tree that `gaoler status JAIL` prints, with the counts in the order they stand there.
fn assert_tree(status: &Status, jail: &str, source: &str, counts: [u64; 4], banned: &str) {
    let [failing, failed, current, total] = counts;
    let expected = [
        format!("Status for the jail: {jail}"),
        "|- Filter".to_owned(),
        format!("|  |- Currently failed:\t{failing}"),
        format!("|  |- Total failed:\t{failed}"),
        format!("|  `- {source}"),
        "`- Actions".to_owned(),
        format!("   |- Currently banned:\t{current}"),
        format!("   |- Total banned:\t{total}"),
        format!("   `- Banned IP list:\t{banned}"),
    ];
    let is: Vec<&str> = status.text.lines().collect();
    // gaoler's own lines may stand between; fail2ban's must all be there, in their order.
    let mut rest = is.iter();
    for line in &expected {
        let found = rest.any(|is| is.trim_end() == line.trim_end());
        assert!(found, "`{line}` is missing, or not in its place, in:\n{}", status.text);
    }
}
