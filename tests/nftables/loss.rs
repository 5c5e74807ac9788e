//! What others do to the table, and to their own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gaoler::enforcer::order::{Demand, Report};

use super::enforcing::{Enforcing, ban, host, run_in, ssh, transactions};
use super::rig::Net;

/// Damage, after which every ban is lost, said to be, and put back.
fn heals(what: &[&str]) {
    let net = Arc::new(Net::new());
    let within = net.clone();
    let what: Vec<String> = what.iter().map(ToString::to_string).collect();
    run_in(&net, async move || {
        let mut enforcing = Enforcing::ready().await;
        let bans: Vec<Demand> = (0..100).map(|n| ssh(&host(n))).collect();
        let more = [ssh("172.16.0.0/12"), ssh("2001:db8:1::/64")];
        let all: Vec<Demand> = bans.into_iter().chain(more).collect();
        for ban in &all {
            enforcing.ban(ban);
        }
        enforcing.until_all_enforced(all.len()).await;
        enforcing.take_heard();
        let whole = within.table();
        within.run(&what.iter().map(String::as_str).collect::<Vec<_>>());
        let began = Instant::now();
        enforcing.until_all_enforced(all.len()).await;
        eprintln!("{}: healed in {:?}", what.join(" "), began.elapsed());
        let lost = |r: &&Report| matches!(r, Report::Lost { .. });
        assert_eq!(enforcing.take_heard().iter().filter(lost).count(), all.len());
        let bare = |table: &str| {
            let lines = table.lines().filter(|line| !line.contains("expires"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(bare(&within.table()), bare(&whole));
        assert_eq!(within.table().matches("expires").count(), whole.matches("expires").count());
    });
}

#[test]
fn a_flushed_ruleset_is_healed() {
    heals(&["nft", "flush", "ruleset"]);
}

#[test]
fn a_deleted_table_is_healed() {
    heals(&["nft", "delete", "table", "inet", "gaoler"]);
}

#[test]
fn flushed_rules_are_healed() {
    heals(&["nft", "flush", "table", "inet", "gaoler"]);
}

#[test]
fn a_table_that_is_switched_off_is_healed() {
    heals(&["nft", "add", "table", "inet", "gaoler", "{ flags dormant; }"]);
}

#[test]
fn a_rule_of_somebody_else_s_before_ours_is_removed() {
    heals(&["nft", "insert", "rule", "inet", "gaoler", "prerouting", "accept"]);
}

#[test]
fn an_element_that_somebody_deletes_or_adds_is_put_right() {
    let net = Arc::new(Net::new());
    let within = net.clone();
    run_in(&net, async move || {
        let mut enforcing = Enforcing::ready().await;
        let [one, two] = [ssh("192.0.2.7"), ssh("172.16.0.0/12")];
        for ban in [&one, &two] {
            enforcing.ban_now(ban).await;
        }
        let table = within.table();
        let words = table.split_whitespace();
        let sets: Vec<&str> = words.filter(|w| w.starts_with("sshd-") && w.len() > 14).collect();
        let hosts = sets.iter().find(|name| name.ends_with("-4")).unwrap();
        let nets = format!("{hosts}-net");
        let set = |verb: &str, set: &str, element: &str| {
            within.run(&["nft", verb, "element", "inet", "gaoler", set, element]);
        };
        set("delete", hosts, "{ 192.0.2.7 }");
        set("add", hosts, "{ 192.0.2.9 }");
        enforcing.until_enforced(&one.key).await;
        enforcing.until_reconciled("changed").await;
        set("add", &nets, "{ 10.0.0.0/8, 192.0.2.0/24 }");
        assert_eq!(enforcing.until_reconciled("changed").await, (0, 2));
        set("delete", &nets, "{ 172.16.0.0/12 }");
        enforcing.until_enforced(&two.key).await;
        let table = within.table();
        assert!(!table.contains("192.0.2.9") && !table.contains("10.0.0.0"), "{table}");
        assert!(table.contains("192.0.2.7 ") && table.contains("172.16.0.0/12 "), "{table}");
    });
}

#[test]
fn others_tables_are_not_touched_and_their_changes_cost_a_look() {
    let net = Arc::new(Net::new());
    let within = net.clone();
    run_in(&net, async move || {
        let theirs = "table inet firewalld { set s { type ipv4_addr; elements = { 192.0.2.7 } }
            chain gaoler { ip saddr @s drop; }; }
            table ip gaoler { chain prerouting { type filter hook prerouting priority -310; }; }";
        within.nft(theirs);
        let foreign = || {
            let list =
                |family: &str, name: &str| within.run(&["nft", "list", "table", family, name]);
            list("inet", "firewalld") + &list("ip", "gaoler")
        };
        let before = foreign();
        let mut enforcing = Enforcing::ready().await;
        enforcing.ban_now(&ssh("192.0.2.7")).await;
        enforcing.take_heard();
        within.run(&["nft", "add", "table", "inet", "more"]);
        assert_eq!(enforcing.until_reconciled("changed").await, (0, 0));
        let heard = enforcing.take_heard();
        assert_eq!(transactions(&heard), 0, "{heard:?}");
        enforcing.release_now(&ssh("192.0.2.7").key).await;
        assert_eq!(foreign(), before);
    });
}

#[test]
fn its_own_changes_are_no_news() {
    let net = Net::new();
    run_in(&net, async || {
        let mut enforcing = Enforcing::ready().await;
        for n in 0..50 {
            enforcing.ban_now(&ban("sshd", &host(n), &[22], Some(1))).await;
        }
        // All of them end, and more than one watch goes by.
        let heard = enforcing.listen(Duration::from_millis(1500)).await;
        let looked = |r: &&Report| matches!(r, Report::Reconciled { trigger: "changed", .. });
        assert_eq!(heard.iter().filter(looked).count(), 0, "{heard:?}");
    });
}
