//! What an earlier run, or somebody else, left.

use std::sync::Arc;

use gaoler::enforcer::order::{Block, Demand, Order, Report};

use super::enforcing::{Enforcing, ban, host, run_in, ssh, transactions};
use super::rig::Net;

#[test]
fn a_restart_with_ten_thousand_bans_applies_nothing_anew() {
    let net = Arc::new(Net::new());
    run_in(&net, async || {
        let bans: Vec<Demand> = (0..10_000).map(|n| ssh(&host(n))).collect();
        let nets = ["172.16.0.0/12", "172.16.5.0/24", "2001:db8::/48", "2001:db8:1::/64"];
        let all: Vec<Demand> = bans.into_iter().chain(nets.map(ssh)).collect();
        let mut first = Enforcing::ready().await;
        for ban in &all {
            first.ban(ban);
        }
        first.until_all_enforced(all.len()).await;
        first.stop().await;

        let mut second = Enforcing::start(all.clone());
        let began = std::time::Instant::now();
        assert_eq!(second.until_reconciled("start").await, (0, 0));
        eprintln!("restart with {} bans: ready in {:?}", all.len(), began.elapsed());
        let heard = second.take_heard();
        let enforced = heard.iter().filter(|r| matches!(r, Report::Enforced { .. })).count();
        assert_eq!((transactions(&heard), enforced), (0, all.len()));
    });
}

#[test]
fn what_is_missing_is_added_and_what_nobody_wants_is_removed() {
    let net = Arc::new(Net::new());
    let within = net.clone();
    run_in(&net, async move || {
        let mut first = Enforcing::ready().await;
        let gone = ban("gone", "192.0.2.1", &[80], None);
        let [kept, expired, longer] = ["192.0.2.2", "192.0.2.3", "192.0.2.4"].map(ssh);
        for ban in [&gone, &kept, &expired, &longer] {
            first.ban_now(ban).await;
        }
        first.stop().await;

        let longer = ban("sshd", "192.0.2.4", &[22], Some(7200));
        let missing = ssh("192.0.2.5");
        let mut second = Enforcing::start(vec![kept.clone(), longer.clone(), missing.clone()]);
        assert_eq!(second.until_reconciled("start").await, (1, 1));
        let table = within.table();
        for part in ["192.0.2.2 ", "192.0.2.4 timeout 1h59m59s", "192.0.2.5 "] {
            assert!(table.contains(part), "{part} in {table}");
        }
        for part in ["192.0.2.1", "192.0.2.3", "gone"] {
            assert!(!table.contains(part), "{part} in {table}");
        }
    });
}

#[test]
fn where_bans_may_be_unknown_what_is_found_is_told_and_spared_until_it_is_cleared() {
    let net = Arc::new(Net::new());
    let within = net.clone();
    run_in(&net, async move || {
        let mut first = Enforcing::ready().await;
        let gone = ban("gone", "192.0.2.1", &[80], None);
        let [known, unknown, odd] = ["192.0.2.2", "2001:db8:7::/64", "10.0.0.0/9"].map(ssh);
        for ban in [&gone, &known, &unknown, &odd] {
            first.ban_now(ban).await;
        }
        first.stop().await;

        let mut second = Enforcing::sparing(vec![known.clone()]);
        let Block { scope, .. } = known.block.clone();
        second.order(Order::Jails([(known.key.jail.clone(), scope)].into()));
        second.until("all that is found", |r| matches!(r, Report::FoundAll)).await;
        let mut found: Vec<String> = Vec::new();
        for report in second.take_heard() {
            if let Report::Found { address, jails, left: Some(left) } = report {
                assert!((3500..=3600).contains(&left.as_secs()), "{left:?}");
                found.push(format!("{} {address}", jails[0]));
            }
        }
        found.sort();
        assert_eq!(found, ["sshd 10.0.0.0/9", "sshd 2001:db8:7::/64"]);
        second.ban(&unknown);
        // Either may be told of first.
        let ends = |r: &Report| matches!(r, Report::Reconciled { trigger: "start", .. });
        second.until_heard("start", ends).await;
        let stands = |r: &Report| matches!(r, Report::Enforced { key, .. } if *key == unknown.key);
        second.until_heard("enforced", stands).await;
        let table = within.table();
        for part in ["192.0.2.1", "192.0.2.2", "2001:db8:7::", "10.0.0.0/9"] {
            assert!(table.contains(part), "{part} in {table}");
        }
        second.order(Order::Clear);
        let cleared = |r: &Report| matches!(r, Report::Reconciled { unexpected: 1, .. });
        second.until("it is cleared away", cleared).await;
        let table = within.table();
        for (part, there) in [
            ("192.0.2.1", false),
            ("192.0.2.2", true),
            ("2001:db8:7::", true),
            ("10.0.0.0/9", false),
        ] {
            assert_eq!(table.contains(part), there, "{part} in {table}");
        }
    });
}

#[test]
fn a_table_of_another_layout_is_replaced_in_one_transaction() {
    let net = Arc::new(Net::new());
    let within = net.clone();
    run_in(&net, async move || {
        let mut first = Enforcing::ready().await;
        let kept = ssh("192.0.2.7");
        first.ban_now(&kept).await;
        first.stop().await;
        // An earlier version hung its chain elsewhere.
        let table = within.table().replace("raw - 10", "raw - 20");
        within.run(&["nft", "delete", "table", "inet", "gaoler"]);
        within.nft(&table);

        let mut second = Enforcing::start(vec![kept.clone()]);
        second.until_enforced(&kept.key).await;
        assert_eq!(transactions(&second.take_heard()), 1);
        let table = within.table();
        assert!(table.contains("raw - 10") && table.contains("192.0.2.7"), "{table}");
        assert_eq!(table.matches("chain prerouting").count(), 1);
    });
}

#[test]
fn somebody_else_s_table_is_never_taken() {
    let net = Arc::new(Net::new());
    let within = net.clone();
    run_in(&net, async move || {
        let theirs = "table inet gaoler { chain c { type filter hook input priority 0;
            tcp dport 22 accept; }; }";
        within.nft(theirs);
        let before = within.table();
        let mut enforcing = Enforcing::start(vec![ssh("192.0.2.7")]);
        let why = enforcing.until_broken().await;
        assert!(why.contains("enforcement.nftables.table"), "{why}");
        enforcing.stop().await;
        assert_eq!(within.table(), before);
    });
}
