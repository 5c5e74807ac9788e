//! Whatever empties the sets, they are filled again; and what cannot be healed is said.

use gaoler::enforcer::order::{Condition, Order, Report};

use super::super::enforcing::{ssh, ssh_rule};
use super::super::rig::Rig;
use super::{all, kernel, provisioned, ready};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_reload_empties_the_sets_and_they_are_filled_again() {
    let mut rig = provisioned();
    let mut enforcing = ready(&rig).await;
    let bans: Vec<_> = (1..=40).map(|host| all(&format!("192.0.2.{host}"))).collect();
    for ban in &bans {
        enforcing.ban(ban);
    }
    enforcing.until_all_enforced(&bans).await;
    let before = kernel(&rig);
    assert_eq!(before.len(), 40);
    for how in ["--reload", "--complete-reload"] {
        rig.cmd(&[how]);
        assert_eq!(enforcing.until_reconciled("reloaded").await, (40, 0));
        assert_eq!(kernel(&rig), before);
    }
    for kill in [false, true] {
        rig.stop(kill);
        enforcing.until_condition(&Condition::Absent).await;
        rig.start();
        assert_eq!(enforcing.until_reconciled("owner").await, (40, 0));
        assert_eq!(kernel(&rig), before);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_entry_that_somebody_removes_comes_back() {
    let rig = provisioned();
    let mut enforcing = ready(&rig).await;
    let attacker = all("198.51.100.0/24");
    enforcing.ban_now(&attacker).await;
    rig.cmd(&["--ipset=gaoler4-net", "--remove-entry=198.51.100.0/24"]);
    enforcing.until_lost(&attacker.0).await;
    assert_eq!(enforcing.until_reconciled("entry_removed").await, (1, 0));
    assert_eq!(kernel(&rig), ["gaoler4-net 198.51.100.0/24"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_was_made_permanent_is_removed_at_run_time_and_said_once() {
    let rig = provisioned();
    let mut enforcing = ready(&rig).await;
    let [rule, entry] = [ssh("192.0.2.7"), all("198.51.100.0/24")];
    enforcing.ban_now(&rule).await;
    enforcing.ban_now(&entry).await;
    rig.cmd(&["--runtime-to-permanent"]);
    enforcing.release_now(&rule.0).await;
    enforcing.release_now(&entry.0).await;
    enforcing.take_heard();
    rig.cmd(&["--reload"]);
    assert_eq!(enforcing.until_reconciled("reloaded").await, (0, 2));
    assert_eq!((rig.rules("public"), kernel(&rig)), (vec![], vec![]));
    let remedy = enforcing.take_heard().into_iter().find_map(|report| match report {
        Report::MadePermanent { count, remedy } => Some((count, remedy)),
        _ => None,
    });
    let expected = format!(
        "firewall-cmd --permanent --zone=public --remove-rich-rule='{}'",
        ssh_rule("192.0.2.7")
    );
    assert_eq!(remedy, Some((2, expected)));
    rig.cmd(&["--reload"]);
    enforcing.until_reconciled("reloaded").await;
    let again = |r: &Report| matches!(r, Report::MadePermanent { .. });
    assert!(!enforcing.take_heard().iter().any(again), "it is said once");
    assert_eq!((rig.rules("public"), kernel(&rig)), (vec![], vec![]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_flushed_kernel_is_broken_until_firewalld_restarts() {
    for (mut rig, bans) in [
        (provisioned(), ["192.0.2.1", "192.0.2.2"].map(all)),
        (Rig::started(), ["192.0.2.1", "192.0.2.2"].map(ssh)),
    ] {
        let mut enforcing = ready(&rig).await;
        enforcing.ban_now(&bans[0]).await;
        rig.run(&["nft", "flush", "ruleset"]);
        // The periodic look would find it; an operator's is the same.
        enforcing.order(Order::Look);
        enforcing.until_lost(&bans[0].0).await;
        let why = enforcing.until_broken().await;
        assert!(why.contains("nft flush ruleset") && why.contains("estart firewalld"), "{why}");
        enforcing.ban(&bans[1]);
        rig.stop(false);
        rig.start();
        enforcing.until_all_enforced(&bans).await;
        let held = kernel(&rig).len() + rig.kernel("public", "192.0.2.").len();
        assert_eq!(held, 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_ban_that_meets_a_flushed_kernel_finds_it_out() {
    let rig = provisioned();
    let mut enforcing = ready(&rig).await;
    enforcing.ban_now(&all("192.0.2.1")).await;
    rig.run(&["nft", "flush", "ruleset"]);
    enforcing.ban(&all("192.0.2.2"));
    enforcing.until_lost(&all("192.0.2.1").0).await;
    let why = enforcing.until_broken().await;
    assert!(why.contains("nft flush ruleset"), "{why}");
}
