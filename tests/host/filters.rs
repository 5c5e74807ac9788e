//! The filters that come with gaoler, named and nothing more, on what the real daemons write: httpd's
//! logs, and what PAM says in the journal.

use anyhow::Result;

use crate::client::{Client, Outcome};
use crate::host::{Host, SEED};
use crate::observe::{Status, await_ban};

const JAILS: &str = "
state: {path: /var/lib/gaoler/state.db}
control: {socket: /run/gaoler/gaoler.sock}
telemetry: {listen: 127.0.0.1:9642}
defaults: {bantime: 60s}
jails:
  httpd-botsearch: {}
  httpd-badbots: {}
  httpd-overflows: {}
  httpd-denied: {}
  cockpit: {}
  pam: {port: ftp}
";

/// Scanners, tools that say who they are, overlong targets, and methods that are none: each is
/// banned by its own filter at its own count, and honest requests by none.
pub(crate) fn of_httpd(host: &Host) -> Result<()> {
    host.settle()?;
    host.configure(JAILS)?;
    host.gaoler_ok(&["reload"])?;
    let honest = Client::at(host, "192.0.2.169");
    for path in ["/", "/index.html", "/favicon.ico", "/.well-known/security.txt"] {
        honest.get(path)?;
    }
    let overlong = format!("/{}", "a".repeat(3000));
    let attacks: [(&str, &str, &str, &[&str], usize); 4] = [
        ("httpd-botsearch", "192.0.2.170", "/.env?203.0.113.9", &[], 3),
        ("httpd-badbots", "192.0.2.171", "/", &["-A", "sqlmap/1.8 203.0.113.9"], 2),
        ("httpd-overflows", "192.0.2.172", &overlong, &[], 3),
        ("httpd-denied", "192.0.2.173", "/", &["-X", "BREW"], 5),
    ];
    for (jail, address, path, options, times) in attacks {
        let client = Client::at(host, address);
        for _ in 0..times {
            assert_ne!(client.http(path, options)?, Outcome::Refused, "{jail}: too early");
        }
        await_ban(host, jail, address, true)?;
        host.await_rule(address, 80, true)?;
        assert_eq!(client.get("/")?, Outcome::Refused, "{jail}");
        assert!(!Status::of(host, jail)?.bans(honest.address), "{jail}");
    }
    assert_eq!(honest.get("/")?, Outcome::Served);
    tear_down(host)
}

/// Lines of `cockpit-session` and of vsftpd's PAM, as root's programs log them by syslog(3); and the
/// same from a user of the host, which count for nothing.
pub(crate) fn of_the_journal(host: &Host) -> Result<()> {
    host.settle()?;
    host.configure(JAILS)?;
    host.gaoler_ok(&["reload"])?;
    let failure = |service: &str, fields: &str, address: &str| {
        format!(
            "pam_unix({service}:auth): authentication failure; logname= uid=0 euid=0 {fields} rhost={address}  user=bob"
        )
    };
    let cockpit = failure("cockpit", "tty= ruser=", "192.0.2.174");
    let vsftpd = failure("vsftpd", "tty=ftp ruser=bob", "::ffff:192.0.2.175");
    let framed = failure("vsftpd", "tty=ftp ruser=bob", "203.0.113.9");
    for _ in 0..5 {
        host.sh(&format!("logger -p authpriv.notice -t cockpit-session -- '{cockpit}'"))?;
        host.sh(&format!("logger -p authpriv.notice -t vsftpd -- '{vsftpd}'"))?;
        host.sh(&format!(
            "setpriv --reuid mallory --clear-groups logger -p authpriv.notice -t vsftpd -- '{framed}'"
        ))?;
    }
    await_ban(host, "cockpit", "192.0.2.174", true)?;
    let pam = await_ban(host, "pam", "192.0.2.175", true)?;
    assert!(!pam.bans("192.0.2.174"), "Cockpit has a filter of its own: {}", pam.text);
    assert!(!pam.bans("203.0.113.9"), "{}", pam.text);
    assert_eq!(pam.total_failed, 5, "{}", pam.text);
    tear_down(host)
}

fn tear_down(host: &Host) -> Result<()> {
    host.gaoler_ok(&["unban", "--all"])?;
    host.configure(SEED)?;
    host.gaoler_ok(&["reload"])?;
    Ok(())
}
