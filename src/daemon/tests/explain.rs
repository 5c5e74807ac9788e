//! Why an address is banned, or is not: what is remembered to tell it.

use super::*;

/// What is remembered, the oldest first: verdict, reason, address, failures, how often.
fn told(stage: &Stage) -> Vec<String> {
    let told = stage.daemon.recent.newest_first().map(|verdict| {
        let reason = verdict.reason.as_deref().unwrap_or("-");
        let (word, address) = (verdict.verdict.as_str(), verdict.address.addr());
        format!("{word} {reason} {address} {} x{}", verdict.failures, verdict.times)
    });
    let mut told: Vec<_> = told.collect();
    told.reverse();
    told
}

#[tokio::test]
async fn the_last_verdicts_are_remembered_and_those_of_a_ban_share_its_trace() {
    let mut stage = Stage::new(JAILS, false);
    stage.failures("sshd", "203.0.113.7", 4).kept().await;
    stage.failures("sshd", "198.51.100.7", 3);
    let unban = UnbanRequest { all: true, ..UnbanRequest::default() };
    stage.ask(Request::Unban(unban));
    let expected = [
        "counted - 203.0.113.7 1 x1",
        "already_banned - 203.0.113.7 0 x2",
        "banned detected 203.0.113.7 2 x1",
        "ignored ignoreip 198.51.100.7 0 x3",
        "unbanned manual 203.0.113.7 2 x1",
    ];
    assert_eq!(told(&stage), expected);
    let traces = stage.daemon.recent.newest_first().filter_map(|verdict| verdict.trace_id);
    let traces: std::collections::BTreeSet<_> = traces.collect();
    assert_eq!(traces.len(), 1);
    stage.after(1000);
    assert_eq!(stage.daemon.overview.borrow().verdicts.len(), 5);
}

#[tokio::test]
async fn a_dry_run_tells_whom_it_would_ban() {
    let yaml = JAILS.replace("sshd: {", "sshd: {dry_run: true, ");
    let mut stage = Stage::new(&yaml, false);
    stage.failures("sshd", "203.0.113.7", 2);
    let expected = ["counted - 203.0.113.7 1 x1", "withheld dry_run 203.0.113.7 2 x1"];
    assert_eq!(told(&stage), expected);
}
