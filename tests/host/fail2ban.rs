//! gaoler on fail2ban's own files, with no configuration of its own.

use anyhow::{Context, Result};

use crate::client::{Client, Outcome, WRONG};
use crate::host::{CONFIG, Host, SOON, Side};
use crate::observe::{Status, await_ban};

/// As its users write it: keys in any case, seconds and words.
const JAIL_LOCAL: &str = "\
[DEFAULT]
banaction = firewallcmd-rich-rules
ignoreip = 127.0.0.1/8 ::1 192.0.2.199

[sshd]
enabled = true
backend = systemd
maxRetry = 2
findtime = 30
bantime = 60

[http-get-dos]
enabled = true
port = http,https
filter = http-get-dos
logpath = /var/log/httpd/access_log
maxRetry = 2
findTime = 10
bantime = 10m
";

const FILTER: &str = "\
[Definition]
failregex = ^<HOST> -.*\"(GET|POST).*
ignoreregex =
";

const DROP_IN: &str = "\
[Service]
ExecStart=
ExecStart=/usr/bin/gaoler run --fail2ban-dir /etc/fail2ban
";

/// Two jails of /etc/fail2ban ban, each at its own ports, and spare whom they are to spare.
pub(crate) fn its_jails_ban(host: &Host) -> Result<()> {
    let drop_in = "/etc/systemd/system/gaoler.service.d/99-fail2ban.conf";
    host.settle()?;
    host.feed("cat >/etc/fail2ban/jail.local", JAIL_LOCAL.as_bytes())?;
    host.feed("cat >/etc/fail2ban/filter.d/http-get-dos.conf", FILTER.as_bytes())?;
    host.feed(&format!("mkdir -p $(dirname {drop_in}); cat >{drop_in}"), DROP_IN.as_bytes())?;
    host.sh(&format!(
        "mv {CONFIG} {CONFIG}.away; systemctl daemon-reload; systemctl restart gaoler"
    ))?;
    let played = play(host);
    host.sh(&format!(
        "rm {drop_in} /etc/fail2ban/jail.local; mv {CONFIG}.away {CONFIG}
         systemctl daemon-reload; systemctl restart gaoler"
    ))?;
    host.gaoler_ok(&["unban", "192.0.2.138", "192.0.2.139"])?;
    played
}

/// Whom a fail2ban that runs has banned, gaoler bans from its start, and after fail2ban has gone; but
/// nobody whom it spares itself.
pub(crate) fn its_bans_are_taken_over(host: &Host) -> Result<()> {
    const BANNED: &str = "192.0.2.143";
    const SPARED: &str = "192.0.2.199";
    host.settle()?;
    host.feed("cat >/etc/fail2ban/jail.local", JAIL_LOCAL.replace("192.0.2.199", "").as_bytes())?;
    host.feed("cat >/etc/fail2ban/filter.d/http-get-dos.conf", FILTER.as_bytes())?;
    host.sh("mkdir -p /run/fail2ban; fail2ban-client start")?;
    let taken = take_over(host, BANNED, SPARED);
    host.sh("rm /etc/fail2ban/jail.local; systemctl start gaoler")?;
    host.gaoler_ok(&["unban", BANNED, "192.0.2.138", "192.0.2.139"])?;
    taken
}

fn take_over(host: &Host, banned: &str, spared: &str) -> Result<()> {
    host.until("fail2ban answers", SOON, || {
        Ok((host.run(Side::Server, &["fail2ban-client", "ping"])?.code == 0).then_some(()))
    })?;
    host.sh(&format!(
        "fail2ban-client set sshd bantime 1h; fail2ban-client set sshd banip {banned} {spared}"
    ))?;
    // It may have banned others, who failed a moment ago.
    let query = format!(
        "import sqlite3; print(sqlite3.connect('/var/lib/fail2ban/fail2ban.sqlite3').execute(
             \"SELECT count(DISTINCT ip) FROM bips WHERE ip IN ('{banned}', '{spared}')\").fetchone()[0])"
    );
    host.until("fail2ban has them in its database", SOON, || {
        let ran = host.run(Side::Server, &["/usr/bin/python3", "-c", &query])?;
        Ok((ran.stdout == "2\n").then_some(()))
    })
    .with_context(|| host.sh("tail -n 30 /var/log/fail2ban.log").unwrap_or_default())?;
    host.sh("systemctl stop gaoler")?;
    let said = host.gaoler_ok(&["import-fail2ban", "--bans"])?;
    assert!(said.contains(" live bans are left out: in ignoreip"), "{said}");
    host.sh("systemctl start gaoler")?;
    await_ban(host, "sshd", banned, true)?;
    host.sh("fail2ban-client stop")?;
    host.await_rule(banned, 22, true)?;
    assert_eq!(Client::at(host, banned).ssh("root", WRONG)?, Outcome::Refused);
    assert!(!Status::of(host, "sshd")?.bans(spared));
    Ok(())
}

fn play(host: &Host) -> Result<()> {
    let ssh = Client::at(host, "192.0.2.138");
    assert_eq!(ssh.ssh("root", WRONG)?, Outcome::Denied);
    assert_eq!(ssh.ssh("root", WRONG)?, Outcome::Denied);
    await_ban(host, "sshd", ssh.address, true)?;
    host.await_rule(ssh.address, 22, true)?;
    assert_eq!(ssh.ssh("root", WRONG)?, Outcome::Refused);
    assert_eq!(ssh.get("/")?, Outcome::Served, "only the jail's port is closed");

    let web = Client::at(host, "192.0.2.139");
    assert_eq!(web.get("/")?, Outcome::Served);
    assert_eq!(web.get("/")?, Outcome::Served);
    host.await_rule(web.address, 80, true)?;
    assert_eq!(web.get("/")?, Outcome::Refused);
    assert!(host.refuses(web.address, 443)?, "https too");

    let spared = Client::at(host, "192.0.2.199");
    for _ in 0..3 {
        assert_eq!(spared.get("/")?, Outcome::Served);
    }
    assert!(!Status::of(host, "http-get-dos")?.bans(spared.address));
    looks_back(host, ssh.address)
}

/// Over the journal and the log, the same configuration decides the same as it did.
fn looks_back(host: &Host, banned: &str) -> Result<()> {
    let files = ["replay", "--fail2ban-dir", "/etc/fail2ban", "--jail"];
    let journal = [&files[..], &["sshd", "--journal", "/var/log/journal"]].concat();
    let said = host.gaoler_ok(&journal)?;
    assert!(
        said.lines().any(|line| line.trim_start().starts_with(&format!("{banned} "))),
        "{said}"
    );
    let log = [&files[..], &["http-get-dos", "/var/log/httpd/access_log"]].concat();
    let said = host.gaoler_ok(&log)?;
    assert!(said.contains("192.0.2.139 "), "{said}");
    Ok(())
}
