//! Why an address is banned, or is not: what is remembered to tell it.

use super::*;
use crate::control::explanation::Explanation;

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

impl Stage {
    async fn explain(&mut self, address: &str) -> Explanation {
        let address = address.parse().unwrap();
        match self.ask(Request::Explain { address }).await.unwrap() {
            Ok(Answer::Explanation(told)) => *told,
            other => panic!("{other:?}"),
        }
    }
}

/// The texts of records, with the users they name.
fn texts(records: &[crate::control::explanation::RecordView]) -> Vec<String> {
    let text = |record: &crate::control::explanation::RecordView| {
        format!("{} {}", record.text, record.user.as_deref().unwrap_or("-"))
    };
    records.iter().map(text).collect()
}

#[tokio::test]
async fn a_ban_is_explained_by_its_records_also_after_a_restart_and_after_its_end() {
    let mut stage = Stage::new(JAILS, false);
    stage.failures("sshd", "203.0.113.7", 2).kept().await;
    stage.enforced("sshd", "203.0.113.7");
    let told = stage.explain("203.0.113.7/32").await;
    let sshd = &told.jails[0];
    let (ban, records) = (&sshd.bans[0].ban, texts(&sshd.bans[0].records));
    assert_eq!((ban.state.as_str(), ban.failures), ("enforced", 2));
    let text = "Failed password for \u{1b}[2J from 203.0.113.7 \u{1b}[2J";
    assert_eq!(records, [text, text]);
    assert!(sshd.bans[0].records[0].pattern.contains("<ADDR>"), "{:?}", sshd.bans[0].records);
    assert_eq!(told.verdicts[0].trace_id, ban.trace_id);
    assert_eq!((told.earlier.len(), told.trouble), (0, None));
    assert!(told.jails[1].bans.is_empty() && told.jails[1].counting.is_none());

    let trace = ban.trace_id;
    let mut stage = Stage::resumed(stage.end(), JAILS, false);
    let told = stage.explain("203.0.113.0/24").await;
    let ban = &told.jails[0].bans[0];
    assert_eq!((ban.ban.trace_id, texts(&ban.records)), (trace, records.clone()));

    stage.after(60_000).kept().await;
    let told = stage.explain("203.0.113.7/32").await;
    assert_eq!(told.jails[0].bans, []);
    let earlier = &told.earlier[0];
    assert_eq!((earlier.reason.as_str(), earlier.trace_id), ("expired", trace));
    assert_eq!(texts(&earlier.records), records);
}

#[tokio::test]
async fn who_is_not_banned_is_explained_too() {
    let yaml = JAILS.replace("sshd: {", "sshd: {max_new_bans: 1/1m, ");
    let mut stage = Stage::new(&yaml, false);
    stage.failures("sshd", "203.0.113.7", 1);
    let told = stage.explain("203.0.113.7/32").await;
    let counting = told.jails[0].counting.as_ref().unwrap();
    assert_eq!((counting.failures, counting.records.len()), (1, 1));
    assert_eq!(counting.trace_id, told.verdicts[0].trace_id);
    let told = stage.explain("198.51.100.7/32").await;
    assert_eq!(told.jails[0].ignored.as_deref(), Some("ignoreip"));
    stage.failures("sshd", "203.0.113.1", 2).failures("sshd", "203.0.113.2", 2);
    let told = stage.explain("203.0.113.2/32").await;
    let withheld = told.jails[0].withheld.as_ref().unwrap();
    assert_eq!((withheld.failures, withheld.records.len()), (2, 2));
    assert!(told.jails[0].breaker_open);
    let told = stage.explain("192.0.2.77/32").await;
    let sshd = &told.jails[0];
    assert!(sshd.bans.is_empty() && sshd.counting.is_none() && sshd.withheld.is_none());
    assert_eq!((told.verdicts.len(), told.trouble), (0, None));
}

#[tokio::test]
async fn a_ban_of_an_ipv6_network_is_explained_by_the_records_of_all_its_hosts() {
    let mut stage = Stage::new(JAILS, false);
    stage.failures("sshd", "2001:db8::1", 1);
    stage.failures("sshd", "2001:db8::2", 1).kept().await;
    let told = stage.explain("2001:db8::3/128").await;
    let ban = &told.jails[0].bans[0];
    let hosts: Vec<_> = ban.records.iter().map(|record| record.address.as_str()).collect();
    assert_eq!(
        (ban.ban.address.as_str(), hosts),
        ("2001:db8::/64", vec!["2001:db8::1", "2001:db8::2"])
    );
}
