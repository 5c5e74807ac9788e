//! From an attack to whoever is on call: Prometheus scrapes, the shipped rules fire, Alertmanager
//! routes as the example does, and the webhook is told; and told again when it is over.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::dashboards;
use crate::host::{Host, SOON, Side};
use crate::watch::Watch;

/// Thirty addresses, three requests each: far more than ever before.
const ATTACK: &str = "for address in $(seq 100 129); do
    curl -sS -o /dev/null --interface 192.0.2.$address --connect-timeout 2 -m 10 \
        http://192.0.2.16/ http://192.0.2.16/ http://192.0.2.16/ || true
done";

/// A surge of bans; and from its exemplars the way leads to the traces of verdicts.
pub(crate) fn an_attack_is_told(host: &Host) -> Result<()> {
    host.settle()?;
    let watch = Watch::over(host)?;
    host.run(Side::Client, &["sh", "-c", ATTACK])?;
    let alert = watch.until_told("/chat", "firing", "GaolerBanSurge")?;
    assert_eq!((&alert["jail"], &alert["severity"]), (&"http-get-dos".into(), &"info".into()));
    dashboards::all_are_answered(&watch, host)?;
    let told = told_of_traces(host)?;
    for series in ["gaoler_bans_total", "gaoler_ban_enforcement_duration_seconds_bucket"] {
        let now = host.sh("date +%s")?;
        let now: i64 = now.trim().parse()?;
        let query = format!("query={series}{{jail='http-get-dos'}}&start={}&end={now}", now - 600);
        for series in watch.until_answered("query_exemplars", &query)? {
            for exemplar in series["exemplars"].as_array().context("exemplars")? {
                let trace = exemplar["labels"]["trace_id"].as_str().context("a trace")?;
                ensure!(told.iter().any(|known| known == trace), "{trace} is not in {told:?}");
            }
        }
    }
    watch.until_told("/chat", "resolved", "GaolerBanSurge")?;
    host.gaoler_ok(&["unban", "--all"])?;
    Ok(())
}

/// The traces of recent verdicts, as the API tells them: it hides who that was.
fn told_of_traces(host: &Host) -> Result<Vec<String>> {
    let text = host.sh("curl -sSf http://127.0.0.1:9642/api/v1/verdicts")?;
    let answer: Value = serde_json::from_str(&text)?;
    let verdicts = answer["verdicts"].as_array().context("verdicts")?;
    ensure!(verdicts.iter().all(|verdict| verdict["address"].is_null()), "{text}");
    let traces = verdicts.iter().filter_map(|verdict| verdict["trace_id"].as_str());
    Ok(traces.map(str::to_owned).collect())
}

/// firewalld is stopped, and comes back.
pub(crate) fn a_stopped_firewalld_is_told_and_over(host: &Host) -> Result<()> {
    host.settle()?;
    let watch = Watch::over(host)?;
    host.sh("systemctl stop firewalld")?;
    let alert = watch.until_told("/page", "firing", "GaolerFirewallUnavailable");
    host.sh("systemctl start firewalld")?;
    let alert = alert?;
    assert_eq!((&alert["backend"], &alert["severity"]), (&"firewalld".into(), &"critical".into()));
    watch.until_told("/page", "resolved", "GaolerFirewallUnavailable")?;
    Ok(())
}

/// A log that the jails go by is taken away, and comes back.
pub(crate) fn a_silenced_source_is_told_and_over(host: &Host) -> Result<()> {
    host.settle()?;
    let watch = Watch::over(host)?;
    host.sh("mv /var/log/httpd /var/log/httpd-away")?;
    let alert = watch.until_told("/page", "firing", "GaolerSourceDown");
    host.sh("mv /var/log/httpd-away /var/log/httpd")?;
    let alert = alert?;
    assert_eq!(alert["source"], "/var/log/httpd/access_log");
    watch.until_told("/page", "resolved", "GaolerSourceDown")?;
    host.until("gaoler is ready again", SOON, || {
        Ok(host.sh("curl -sSf http://127.0.0.1:9642/-/ready").ok())
    })?;
    Ok(())
}
