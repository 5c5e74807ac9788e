//! gaoler on fail2ban's own files, with no configuration of its own.

use anyhow::Result;

use crate::client::{Client, Outcome, WRONG};
use crate::host::{CONFIG, Host};
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
    Ok(())
}
