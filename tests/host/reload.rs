//! SIGHUP and `gaoler reload`: the new configuration, or the old one; bans and lines stay.

use anyhow::Result;

use crate::client::{Client, Outcome};
use crate::host::{CONFIG, Host, SEED};
use crate::observe::{Metrics, Status, await_ban, await_metric};

const RELOADED: &str = "gaoler_config_last_reload_successful";

/// Reloads while requests come in: each is counted once, and who is banned stays so.
pub(crate) fn keeps_bans_and_misses_no_line(host: &Host) -> Result<()> {
    const REQUESTS: usize = 60;
    const BANNED: &str = "192.0.2.140";
    host.settle()?;
    host.gaoler_ok(&["ban", "http-get-dos", BANNED])?;
    let jail = [("jail", "http-get-dos")];
    let failures = Metrics::of(host)?.value("gaoler_failures_total", &jail)?;

    let client = Client::at(host, "192.0.2.141");
    for request in 0..REQUESTS {
        if request % 10 == 0 {
            let maxretry = 1000 + request;
            host.configure(&SEED.replace("maxretry: 2", &format!("maxretry: {maxretry}")))?;
            host.sh("systemctl reload gaoler")?;
            if request == 0 {
                await_metric(host, "gaoler_jail_maxretry", &jail, |is| is >= 1000.0)?;
            }
        }
        assert_eq!(client.get("/")?, Outcome::Served);
    }
    let last = f64::from(1000 + 50);
    await_metric(host, "gaoler_jail_maxretry", &jail, |is| (is - last).abs() < 0.5)?;
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let all = failures + REQUESTS as f64;
    await_metric(host, "gaoler_failures_total", &jail, |is| is >= all)?;
    let counted = Metrics::of(host)?.value("gaoler_failures_total", &jail)?;
    assert!((counted - all).abs() < 0.5, "{} of {REQUESTS} counted", counted - failures);

    assert!(host.refuses(BANNED, 80)?, "the ban outlives the reload");
    assert!(Status::of(host, "http-get-dos")?.bans(BANNED));

    // Back to two: the window that was kept is full, so one more request is enough.
    host.configure(SEED)?;
    host.gaoler_ok(&["reload"])?;
    assert_eq!(client.get("/")?, Outcome::Served);
    await_ban(host, "http-get-dos", client.address, true)?;
    host.gaoler_ok(&["unban", BANNED, client.address])?;
    Ok(())
}

/// The old configuration stays in force, the metric and the exit code say so.
pub(crate) fn broken_configuration(host: &Host) -> Result<()> {
    host.settle()?;
    await_metric(host, RELOADED, &[], |is| is > 0.5)?;
    host.configure(&SEED.replace("findtime: 30s", "fintime: 30s"))?;
    let ran = host.gaoler(&["reload"])?;
    assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    for says in [CONFIG, "fintime", "findtime"] {
        assert!(ran.stderr.contains(says), "`{says}` in: {}", ran.stderr);
    }
    await_metric(host, RELOADED, &[], |is| is < 0.5)?;
    assert_eq!(host.gaoler(&["check"])?.code, 1);

    host.sh("systemctl kill -s HUP --kill-who=main gaoler")?;
    let client = Client::at(host, "192.0.2.142");
    assert_eq!(client.get("/")?, Outcome::Served);
    assert_eq!(client.get("/")?, Outcome::Served);
    host.await_rule(client.address, 80, true)?;
    await_metric(host, RELOADED, &[], |is| is < 0.5)?;

    host.configure(SEED)?;
    host.gaoler_ok(&["reload"])?;
    await_metric(host, RELOADED, &[], |is| is > 0.5)?;
    assert!(host.refuses(client.address, 80)?);
    host.gaoler_ok(&["unban", client.address])?;
    Ok(())
}
