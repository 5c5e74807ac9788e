//! `enforcement.backend: nftables` with the drop-in as shipped: the unit's sandbox lets it work.

use anyhow::Result;

use crate::host::{Host, SEED, SOON, Side};
use crate::observe::await_metric;

const DROP_IN: &str = "/etc/systemd/system/gaoler.service.d/10-nftables.conf";

fn by_nftables() -> String {
    format!("enforcement: {{backend: nftables}}\n{SEED}")
}

/// A page's head, which no jail counts, for somebody who gives up after two seconds: whether it came.
fn served(host: &Host, address: &str) -> Result<bool> {
    let argv = ["curl", "-sS", "--head", "-o", "/dev/null", "-m", "2", "--interface", address];
    let ran = host.run(Side::Client, &[&argv[..], &["http://192.0.2.16/"]].concat())?;
    assert!([0, 28].contains(&ran.code), "served or silence: {} {}", ran.code, ran.stderr);
    Ok(ran.code == 0)
}

fn holds(host: &Host, address: &str) -> Result<bool> {
    let table = host.sh("nft list table inet gaoler 2>&1 || true")?;
    Ok(table.contains(&format!("{address} timeout")))
}

/// Without the drop-in: an error with the remedy, and no other harm.
pub(crate) fn without_the_capability(host: &Host) -> Result<()> {
    host.settle()?;
    let (_, cursor) = host.journal(None)?;
    host.configure(&by_nftables())?;
    let check = host.gaoler(&["check"])?;
    assert!(check.stdout.contains("10-nftables.conf"), "{}", check.stdout);
    host.sh("systemctl restart gaoler")?;
    host.until("it says what is missing", SOON, || {
        let told = host.journal(Some(&cursor))?.0;
        Ok(told.contains("/usr/share/gaoler/10-nftables.conf").then_some(()))
    })?;
    Ok(())
}

/// With it: packets are dropped and counted, the table is healed, firewalld's reload is no matter.
pub(crate) fn bans_without_firewalld(host: &Host) -> Result<()> {
    const BANNED: &str = "192.0.2.156";
    const OTHER: &str = "192.0.2.157";
    host.sh(&format!(
        "install -D -m 0644 /usr/share/gaoler/10-nftables.conf {DROP_IN}
         systemctl daemon-reload"
    ))?;
    host.configure(&by_nftables())?;
    host.sh("systemctl restart gaoler")?;
    assert_eq!(host.sh("ps -o user= -C gaoler")?.trim(), "gaoler");
    assert!(served(host, BANNED)?);
    host.gaoler_ok(&["ban", "http-get-dos", BANNED])?;
    assert!(holds(host, BANNED)? && !served(host, BANNED)? && served(host, OTHER)?);
    let ipv4 = [("jail", "http-get-dos"), ("family", "ipv4")];
    await_metric(host, "gaoler_dropped_packets_total", &ipv4, |packets| packets >= 1.0)?;
    await_metric(host, "gaoler_dropped_bytes_total", &ipv4, |bytes| bytes >= 40.0)?;

    host.sh("firewall-cmd --reload")?;
    assert!(!served(host, BANNED)?);
    host.sh("nft delete table inet gaoler")?;
    host.until("the table is back", SOON, || Ok(holds(host, BANNED)?.then_some(())))?;
    host.sh("systemctl restart gaoler")?;
    assert!(holds(host, BANNED)? && !served(host, BANNED)?);
    host.gaoler_ok(&["unban", BANNED])?;
    assert!(!holds(host, BANNED)? && served(host, BANNED)?);

    host.sh(&format!("rm {DROP_IN}; systemctl daemon-reload; nft delete table inet gaoler"))?;
    host.configure(SEED)?;
    host.sh("systemctl restart gaoler")?;
    Ok(())
}
