//! Who is never banned, a jail that bans too many, and one that bans nobody.

use std::thread;

use anyhow::{Context, Result};

use crate::client::{Client, Outcome, RIGHT, WRONG};
use crate::cut::Session;
use crate::host::{Host, SEED};
use crate::observe::{Metrics, Status, await_ban, await_metric};

/// More attackers at once than `max_new_bans`: the jail watches, through a restart, until resumed.
pub(crate) fn breaker(host: &Host) -> Result<()> {
    const LIMIT: usize = 4;
    let attackers: Vec<String> = (187..197).map(|host| format!("192.0.2.{host}")).collect();
    host.settle()?;
    host.configure(&SEED.replace("port: [ssh]", "port: [ssh]\n    max_new_bans: 4/10m"))?;
    host.sh("systemctl restart gaoler")?;
    let open = |wanted: f64| {
        await_metric(host, "gaoler_breaker_open", &[("jail", "sshd")], |is| {
            (is - wanted).abs() < 0.1
        })
    };
    open(0.0)?;
    attack(host, &attackers)?;
    open(1.0)?;
    let withheld = [("jail", "sshd"), ("reason", "breaker")];
    let rest = attackers.len() - LIMIT;
    #[expect(clippy::cast_precision_loss, reason = "they are six")]
    await_metric(host, "gaoler_bans_withheld_total", &withheld, |is| is >= rest as f64)?;
    let banned = |status: &Status| attackers.iter().filter(|one| status.bans(one)).count();
    assert_eq!(banned(&Status::of(host, "sshd")?), LIMIT);

    let told = host.gaoler(&["status", "sshd"])?;
    assert!(told.stderr.contains("gaoler resume sshd"), "{}", told.stderr);
    let json: serde_json::Value =
        serde_json::from_str(&host.gaoler_ok(&["status", "sshd", "--format", "json"])?)?;
    assert_eq!(json["breaker"]["withheld"], rest, "{json}");

    host.sh("systemctl restart gaoler")?;
    open(1.0)?;
    let spared = attackers.iter().find(|one| !Status::of(host, "sshd").is_ok_and(|s| s.bans(one)));
    let spared = spared.context("one that was held back")?.clone();
    attack(host, std::slice::from_ref(&spared))?;
    await_metric(host, "gaoler_bans_withheld_total", &withheld, |is| is > 0.0)?;
    assert!(!host.refuses(&spared, 22)?);

    assert_eq!(host.gaoler_as("watcher", &["resume", "sshd"])?.code, 1, "only admins may");
    let resumed = host.gaoler_ok(&["resume", "sshd"])?;
    assert!(resumed.starts_with("sshd bans again; 1 bans were held back"), "{resumed}");
    assert_eq!(host.gaoler_ok(&["resume", "sshd"])?, "sshd: the breaker was not open\n");
    open(0.0)?;
    attack(host, std::slice::from_ref(&spared))?;
    host.await_rule(&spared, 22, true)?;

    let unban: Vec<&str> =
        std::iter::once("unban").chain(attackers.iter().map(String::as_str)).collect();
    host.gaoler(&unban)?;
    host.settle()
}

/// Two wrong passwords from each address, all at once.
fn attack(host: &Host, addresses: &[String]) -> Result<()> {
    thread::scope(|scope| {
        let attackers: Vec<_> = addresses
            .iter()
            .map(|address| {
                scope.spawn(move || {
                    let client = Client::at(host, address);
                    client.ssh("root", WRONG)?;
                    client.ssh("root", WRONG).map(drop)
                })
            })
            .collect();
        attackers.into_iter().try_for_each(|one| one.join().ok().context("an attacker")?)
    })
}

/// The default gateways fail to log in as often as they like.
pub(crate) fn gateway(host: &Host) -> Result<()> {
    const GATEWAYS: [&str; 2] = ["192.0.2.182", "2001:db8::182"];
    host.settle()?;
    host.sh("ip route add default via 192.0.2.182
         ip -6 route add default via 2001:db8::182
         systemctl restart gaoler")?;
    let ignored = [("jail", "sshd"), ("reason", "gateway")];
    let before = await_metric(host, "gaoler_ignored_total", &ignored, |_| true)?;
    for address in GATEWAYS {
        for _ in 0..3 {
            assert_eq!(Client::at(host, address).ssh("root", WRONG)?, Outcome::Denied);
        }
    }
    await_metric(host, "gaoler_ignored_total", &ignored, |now| now - before >= 6.0)?;
    let refused = host.gaoler(&["ban", "sshd", GATEWAYS[0]])?;
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("default gateways"), "{}", refused.stderr);
    for address in GATEWAYS {
        assert_eq!(Client::at(host, address).ssh("alice", RIGHT)?, Outcome::Served);
    }
    host.sh("ip route del default; ip -6 route del default; systemctl restart gaoler")?;
    Ok(())
}

/// Where root is logged in from is not banned, and no longer banned; where alice is, is.
pub(crate) fn session(host: &Host) -> Result<()> {
    const ROOT: &str = "192.0.2.183";
    const ALICE: &str = "192.0.2.184";
    host.settle()?;
    host.sh("rm /etc/systemd/system/systemd-logind.service
         systemctl daemon-reload
         systemctl start systemd-logind
         systemctl restart gaoler")?;
    host.gaoler_ok(&["ban", "http-get-dos", ROOT, ALICE, "--for", "1h"])?;
    assert_eq!(Client::at(host, ROOT).get("/")?, Outcome::Refused);
    let root = Session::open_as(host, "root", ROOT)?;
    let alice = Session::open_as(host, "alice", ALICE)?;
    await_ban(host, "http-get-dos", ROOT, false)?;
    host.await_rule(ROOT, 80, false)?;
    assert_eq!(Client::at(host, ROOT).get("/nothing")?, Outcome::Denied);
    let unbans = [("jail", "http-get-dos"), ("reason", "guard")];
    await_metric(host, "gaoler_unbans_total", &unbans, |is| (is - 1.0).abs() < 0.1)?;
    assert!(host.refuses(ALICE, 80)?, "alice administrates nothing");

    let ignored = [("jail", "sshd"), ("reason", "session")];
    let before = Metrics::of(host)?.value("gaoler_ignored_total", &ignored)?;
    for _ in 0..3 {
        assert_eq!(Client::at(host, ROOT).ssh("root", WRONG)?, Outcome::Denied);
    }
    await_metric(host, "gaoler_ignored_total", &ignored, |now| now - before >= 3.0)?;
    assert_eq!(host.gaoler(&["ban", "sshd", ROOT])?.code, 1);

    drop((root, alice));
    host.until("logind and gaoler forget the session", crate::host::SOON, || {
        Ok((host.gaoler(&["ban", "sshd", ROOT])?.code == 0).then_some(()))
    })?;
    host.gaoler_ok(&["unban", ROOT, ALICE])?;
    host.sh("systemctl stop systemd-logind
         ln -s /dev/null /etc/systemd/system/systemd-logind.service
         systemctl daemon-reload")?;
    Ok(())
}

/// One jail says whom it would ban, the other bans.
pub(crate) fn dry_run(host: &Host) -> Result<()> {
    const ADDRESS: &str = "192.0.2.185";
    host.settle()?;
    host.gaoler_ok(&["ban", "sshd", "192.0.2.197"])?;
    host.configure(&SEED.replace("port: [ssh]", "port: [ssh]\n    dry_run: true"))?;
    host.gaoler_ok(&["reload"])?;
    host.await_rule("192.0.2.197", 22, false)?;
    let client = Client::at(host, ADDRESS);
    for _ in 0..2 {
        assert_eq!(client.ssh("root", WRONG)?, Outcome::Denied);
    }
    // The pages come after: they count for 10 s only, and a login may take as long.
    for _ in 0..2 {
        assert_eq!(client.get("/")?, Outcome::Served);
    }
    host.await_rule(ADDRESS, 80, true)?;
    host.until("the jail says whom it would ban", crate::host::SOON, || {
        let status = Status::of(host, "sshd")?;
        assert!(!status.bans(ADDRESS), "{}", status.text);
        Ok(status.text.contains(&format!("Would be banned:\t{ADDRESS}")).then_some(()))
    })?;
    assert!(host.gaoler_ok(&["banned", "sshd"])?.contains("dry_run"));
    assert_eq!(client.ssh("alice", RIGHT)?, Outcome::Served);
    assert_eq!(client.get("/")?, Outcome::Refused);
    let desired = Metrics::of(host)?.value("gaoler_bans_desired", &[("jail", "sshd")])?;
    assert!(desired < 0.1, "{desired} bans desired of a dry run");
    let refused = host.gaoler(&["ban", "sshd", "192.0.2.197"])?;
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("dry run"), "{}", refused.stderr);
    host.gaoler_ok(&["unban", ADDRESS])?;
    host.settle()
}
