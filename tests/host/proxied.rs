//! httpd behind a proxy, its own log format and `mod_remoteip`: whom the proxy names is banned, never
//! the proxy, and nobody else chooses an address.

use anyhow::Result;

use crate::client::{Client, Outcome};
use crate::host::{Host, SEED};
use crate::observe::{Metrics, Status, await_ban, await_metric};

/// The proxy, and what it names.
const PROXY: &str = "192.0.2.160";
const HTTPD: &str = "/etc/httpd/httpd.conf";
const FORMAT: &str =
    r#"%{c}a %a %l %u %t \"%r\" %>s %O \"%{User-Agent}i\" \"%{X-Forwarded-For}i\""#;
/// Somebody who has done nothing.
const VICTIM: &str = "203.0.113.9";

/// Has httpd write such a log and no other, with further directives, and gaoler follow it.
fn set_up(host: &Host, directives: &str) -> Result<()> {
    host.settle()?;
    let log = format!(
        "{directives}\nLogFormat \"{FORMAT}\" proxied\nCustomLog /var/log/httpd/proxied_log proxied\n"
    );
    host.sh(&format!("cp -n {HTTPD} {HTTPD}.orig; grep -v ^CustomLog {HTTPD}.orig >{HTTPD}"))?;
    host.feed(&format!("cat >>{HTTPD}; : >/var/log/httpd/proxied_log"), log.as_bytes())?;
    host.sh("systemctl restart httpd")?;
    let jail = format!(
        "logpath: [/var/log/httpd/proxied_log]\n    trusted_proxies: {PROXY}\n    logformat: '{FORMAT}'"
    );
    host.configure(&SEED.replace("logpath: [/var/log/httpd/access_log]", &jail))?;
    host.gaoler_ok(&["reload"])?;
    Ok(())
}

fn tear_down(host: &Host) -> Result<()> {
    host.sh(&format!("mv {HTTPD}.orig {HTTPD}; systemctl restart httpd"))?;
    host.configure(SEED)?;
    host.gaoler_ok(&["reload"])?;
    Ok(())
}

/// Requests from one address with such a header.
fn ask(host: &Host, from: &str, forwarded: &str, times: usize) -> Result<()> {
    let header = format!("X-Forwarded-For: {forwarded}");
    // An agent that would like to be the fields behind it.
    let agent = format!("a\" \"{VICTIM}\" \\\" \"{VICTIM}");
    for _ in 0..times {
        let options = ["-H", &header, "-A", &agent];
        assert_eq!(Client::at(host, from).http("/", &options)?, Outcome::Served);
    }
    Ok(())
}

/// `X-Forwarded-For` counts from the proxy, from its right end, and from nobody else.
pub(crate) fn by_header(host: &Host) -> Result<()> {
    set_up(host, "")?;
    ask(host, PROXY, &format!("{VICTIM}, {PROXY}, \" {VICTIM}, [2001:db8::161]:4711"), 2)?;
    await_ban(host, "http-get-dos", "2001:db8::161", true)?;

    ask(host, "192.0.2.162", VICTIM, 2)?;
    await_ban(host, "http-get-dos", "192.0.2.162", true)?;

    let nobodys = [("jail", "http-get-dos"), ("reason", "unattributed")];
    let before = Metrics::of(host)?.value("gaoler_ignored_total", &nobodys)?;
    ask(host, PROXY, &format!("{VICTIM}, unknown"), 4)?;
    await_metric(host, "gaoler_ignored_total", &nobodys, |is| is >= before + 4.0)?;
    let own = [("jail", "http-get-dos"), ("reason", "proxy")];
    assert_eq!(Client::at(host, PROXY).get("/")?, Outcome::Served);
    await_metric(host, "gaoler_ignored_total", &own, |is| is >= 1.0)?;

    let status = Status::of(host, "http-get-dos")?;
    assert!(!status.bans(VICTIM) && !status.bans(PROXY), "{}", status.text);
    let refused = host.gaoler(&["ban", "http-get-dos", PROXY])?;
    assert!(refused.stderr.contains("trusted_proxies"), "{refused:?}");
    host.gaoler_ok(&["unban", "--all"])?;
    tear_down(host)
}

/// With `mod_remoteip` the client stands beside the peer; and `gaoler check` sees the module.
pub(crate) fn by_mod_remoteip(host: &Host) -> Result<()> {
    let directives = format!(
        "LoadModule remoteip_module /usr/lib/apache2/modules/mod_remoteip.so
         RemoteIPHeader X-Forwarded-For
         RemoteIPInternalProxy {PROXY}"
    );
    set_up(host, &directives)?;
    ask(host, PROXY, &format!("{VICTIM}, 192.0.2.163"), 2)?;
    await_ban(host, "http-get-dos", "192.0.2.163", true)?;
    let status = Status::of(host, "http-get-dos")?;
    assert!(!status.bans(VICTIM) && !status.bans(PROXY), "{}", status.text);
    host.gaoler_ok(&["unban", "--all"])?;

    host.sh("mkdir -p /etc/httpd/conf.d; cp /etc/httpd/httpd.conf /etc/httpd/conf.d/seen.conf")?;
    let seen = "RemoteIPHeader in /etc/httpd/conf.d/seen.conf";
    assert!(!host.gaoler_ok(&["check"])?.contains(seen), "the proxies are named");
    host.configure(SEED)?;
    let told = host.gaoler_ok(&["check"])?;
    assert!(told.contains(seen) && told.contains("trusted_proxies"), "{told}");
    host.sh("rm /etc/httpd/conf.d/seen.conf")?;
    tear_down(host)
}
