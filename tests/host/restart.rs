//! gaoler stops, or is killed, and comes back: bans stay in force all along, and none stays for ever.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context, Result};

use crate::client::{Client, Outcome, RIGHT, WRONG};
use crate::host::{Host, SEED, SOON};
use crate::observe::{Status, await_ban};

/// `systemctl restart`: the rule never goes away.
pub(crate) fn keeps_bans(host: &Host) -> Result<()> {
    const ADDRESS: &str = "192.0.2.160";
    host.settle()?;
    host.gaoler_ok(&["ban", "sshd", ADDRESS])?;
    let before = Status::of(host, "sshd")?;
    always_refused(host, ADDRESS, || host.sh("systemctl restart gaoler").map(drop))?;
    let after = Status::of(host, "sshd")?;
    assert!(after.bans(ADDRESS));
    assert_eq!(after.total_banned, before.total_banned, "lifetime totals survive; none was new");
    assert_eq!(after.total_failed, before.total_failed);
    assert_eq!(Client::at(host, ADDRESS).ssh("alice", RIGHT)?, Outcome::Refused);
    assert_eq!(host.gaoler_ok(&["unban", ADDRESS])?, "1\n");
    assert!(!host.refuses(ADDRESS, 22)?);
    Ok(())
}

/// kill -9, and systemd starts it again.
pub(crate) fn kill_9_keeps_bans(host: &Host) -> Result<()> {
    const ADDRESS: &str = "192.0.2.161";
    host.settle()?;
    host.gaoler_ok(&["ban", "sshd", ADDRESS])?;
    always_refused(host, ADDRESS, || {
        // Asked for together: between two questions systemd may notice the death.
        let state = || host.sh("systemctl show -P ActiveState -P MainPID gaoler");
        let before = state()?;
        host.sh("systemctl kill -s KILL --kill-who=main gaoler")?;
        host.until("systemd starts it again", SOON, || {
            let now = state()?;
            Ok((now != before && now.lines().any(|line| line == "active")).then_some(()))
        })
    })?;
    assert!(Status::of(host, "sshd")?.bans(ADDRESS));
    assert_eq!(host.gaoler_ok(&["unban", ADDRESS])?, "1\n");
    Ok(())
}

/// One failure before, one after: together they make the ban; and one while it was down counts too.
pub(crate) fn failures_before_it_count(host: &Host) -> Result<()> {
    host.settle()?;
    let before = Status::of(host, "sshd")?;
    let across = Client::at(host, "192.0.2.162");
    assert_eq!(across.ssh("root", WRONG)?, Outcome::Denied);
    host.until("the failure is counted", SOON, || {
        Ok((Status::of(host, "sshd")?.total_failed > before.total_failed).then_some(()))
    })?;
    host.sh("systemctl stop gaoler")?;
    assert_eq!(across.ssh("root", WRONG)?, Outcome::Denied);
    host.sh("systemctl start gaoler")?;
    let after = await_ban(host, "sshd", across.address, true)?;
    assert_eq!(after.total_failed, before.total_failed + 2, "each line counts once");
    host.await_rule(across.address, 22, true)?;
    host.gaoler_ok(&["unban", across.address])?;
    Ok(())
}

/// With `on_stop: remove` a stop takes the bans out of the firewall, and a start puts them back.
pub(crate) fn leaves_nothing_where_told_to(host: &Host) -> Result<()> {
    const ADDRESS: &str = "192.0.2.164";
    host.configure(&format!("enforcement: {{on_stop: remove}}\n{SEED}"))?;
    host.sh("systemctl restart gaoler")?;
    host.gaoler_ok(&["ban", "sshd", ADDRESS])?;
    assert!(host.refuses(ADDRESS, 22)?);
    host.sh("systemctl stop gaoler")?;
    assert!(!host.refuses(ADDRESS, 22)?);
    host.sh("systemctl start gaoler")?;
    host.await_rule(ADDRESS, 22, true)?;
    assert_eq!(host.gaoler_ok(&["unban", ADDRESS])?, "1\n");
    Ok(())
}

/// A ban that ends while gaoler is down is removed at its start.
pub(crate) fn expired_while_down(host: &Host) -> Result<()> {
    const ADDRESS: &str = "192.0.2.163";
    host.settle()?;
    host.gaoler_ok(&["ban", "sshd", ADDRESS, "--for", "3s"])?;
    let banned = host.sh("date +%s")?;
    host.sh("systemctl stop gaoler")?;
    let banned: u64 = banned.trim().parse()?;
    host.until("its time is over", SOON, || {
        let now: u64 = host.sh("date +%s")?.trim().parse()?;
        Ok((now > banned + 4).then_some(()))
    })?;
    assert!(host.refuses(ADDRESS, 22)?, "a stopped gaoler removes nothing");
    host.sh("systemctl start gaoler")?;
    host.await_rule(ADDRESS, 22, false)?;
    assert!(!Status::of(host, "sshd")?.bans(ADDRESS));
    Ok(())
}

/// Looks at the firewall, over and over, while `disturb` runs: the rule is there at every look.
fn always_refused(host: &Host, address: &str, disturb: impl FnOnce() -> Result<()>) -> Result<()> {
    let over = AtomicBool::new(false);
    let looks = thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut looks = 0;
            while !over.load(Ordering::Relaxed) {
                assert!(host.refuses(address, 22)?, "{address} was let in after {looks} looks");
                looks += 1;
            }
            Ok::<u32, anyhow::Error>(looks)
        });
        let disturbed = disturb();
        over.store(true, Ordering::Relaxed);
        let looks = watcher.join().ok().context("the rule was gone for a while")??;
        disturbed.map(|()| looks)
    })?;
    assert!(looks > 1, "looked {looks} times");
    assert!(host.refuses(address, 22)?);
    Ok(())
}
