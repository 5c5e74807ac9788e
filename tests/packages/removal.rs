//! Removals that come at a bad time, and what other packages' updates do.

use anyhow::{Result, ensure};

use crate::backend::Backend;
use crate::format::Format;
use crate::host::{CONFIG, Host, SOON};
use crate::journey::{begin, end, nothing_is_left};

type Test = (&'static str, fn(&Host, Format) -> Result<()>);

/// What is played on each format's box.
pub(crate) const TESTS: [Test; 4] = [
    ("removal::a_broken_configuration_keeps_no_ban", a_broken_configuration_keeps_no_ban),
    ("removal::a_stopped_daemons_bans_go_too", a_stopped_daemons_bans_go_too),
    ("removal::firewalld_starts_without_it", firewalld_starts_without_it),
    ("update::httpds_gives_the_acl_back", httpds_update_gives_the_acl_back),
];

/// gaoler cannot read its configuration any more, whatever it was.
fn a_broken_configuration_keeps_no_ban(host: &Host, format: Format) -> Result<()> {
    for backend in [Backend::RichRule, Backend::Nftables] {
        format.install(host, "gaoler", 1)?;
        begin(host, backend)?;
        host.sh(&format!("echo 'jails: [' >>{CONFIG}"))?;
        assert_ne!(host.gaoler(&["check"])?.code, 0, "it is broken");
        format.remove(host, "gaoler")?;
        nothing_is_left(host)?;
        end(host, format)?;
    }
    Ok(())
}

/// A daemon that was stopped leaves its bans in the firewall.
fn a_stopped_daemons_bans_go_too(host: &Host, format: Format) -> Result<()> {
    format.install(host, "gaoler", 1)?;
    let banned = begin(host, Backend::RichRule)?;
    host.sh("systemctl stop gaoler")?;
    Backend::RichRule.assert_exact(host, "public", &banned)?;
    format.remove(host, "gaoler")?;
    nothing_is_left(host)?;
    end(host, format)
}

/// firewalld is down meanwhile, and what `gaoler provision` wrote names sets that the package brought.
fn firewalld_starts_without_it(host: &Host, format: Format) -> Result<()> {
    format.install(host, "gaoler", 1)?;
    begin(host, Backend::Ipset)?;
    host.sh("test -e /etc/firewalld/policies/gaoler-in.xml; systemctl stop firewalld")?;
    format.remove(host, "gaoler")?;
    let (_, cursor) = host.journal(None)?;
    host.sh("systemctl start firewalld")?;
    host.until("firewalld runs", SOON, || {
        Ok((host.sh("firewall-cmd --state 2>&1 || true")? == "running\n").then_some(()))
    })?;
    let said = host
        .sh(&format!("journalctl -q -u firewalld -o cat -p warning --after-cursor='{cursor}'"))?;
    assert!(!said.contains("gaoler"), "{said}");
    nothing_is_left(host)?;
    end(host, format)
}

/// Another package sets the log directory's mode, which takes away what an ACL gives.
fn httpds_update_gives_the_acl_back(host: &Host, format: Format) -> Result<()> {
    const MAY_READ: &str = "runuser -u gaoler -- test -r /var/log/httpd/access_log";
    format.install(host, "gaoler", 1)?;
    // Enabled and not started: the package's trigger alone is to do it.
    host.sh("touch /var/log/httpd/access_log
         systemctl -q enable gaoler-httpd-acl.path
         systemctl start gaoler-httpd-acl.service")?;
    host.sh(MAY_READ)?;
    host.sh("chmod 0700 /var/log/httpd")?;
    ensure!(host.sh(MAY_READ).is_err(), "the mode takes it away");
    let ran = format.install_other(host, "httpd", "/var/log/httpd")?;
    assert_eq!(ran.code, 0, "{ran:?}");
    host.sh(MAY_READ)?;
    format.remove(host, "httpd")?;
    format.remove(host, "gaoler")?;
    nothing_is_left(host)?;
    end(host, format)
}
