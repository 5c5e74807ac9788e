//! Starts: what an earlier run left, zones, and a firewalld that is not there.

use gaoler::config::checked::Firewalld;
use gaoler::enforcer::order::{Condition, Order, Report};
use gaoler::jail::ban::JailName;
use gaoler::jail::scope::Protocol::Tcp;

use super::NONE;
use super::enforcing::{Ban, Enforcing, ban, settings, ssh, ssh_rule};
use super::rig::{Rig, wait_until};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_restart_adopts_what_is_right_adds_what_is_missing_and_removes_the_rest() {
    let rig = Rig::started();
    let mut enforcing = Enforcing::ready(&rig).await;
    let [kept, expired, missing] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(ssh);
    enforcing.ban_now(&kept).await;
    enforcing.ban_now(&expired).await;
    enforcing.stop().await;
    let admins = r#"rule family="ipv4" source address="192.0.2.9" drop"#;
    let stray = r#"rule priority="-31007" family="ipv4" source address="192.0.2.15/24" accept"#;
    for (zone, rule) in [("public", admins), ("public", stray), ("work", &ssh_rule("192.0.2.2"))] {
        rig.cmd(&[&format!("--zone={zone}"), &format!("--add-rich-rule={rule}")]);
    }

    let mut enforcing = Enforcing::start(settings(&rig), vec![kept.clone(), missing.clone()]);
    assert_eq!(enforcing.until_reconciled("start").await, (1, 3));
    let mut added = 0;
    for report in enforcing.take_heard() {
        if let Report::Operation { operation: "add_rich_rule", .. } = report {
            added += 1;
        }
    }
    assert_eq!(added, 1, "what is there already is not added again");
    assert_eq!(rig.rules("public"), [ssh_rule("192.0.2.1"), ssh_rule("192.0.2.3")]);
    assert_eq!(rig.rules("work"), NONE);
    assert!(rig.cmd(&["--list-rich-rules"]).contains(admins), "an administrator's rule stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn where_bans_may_be_unknown_what_is_found_is_told_and_spared_until_it_is_cleared() {
    let rig = Rig::started();
    let mut first = Enforcing::ready(&rig).await;
    let [known, lifted, unknown, odd] =
        ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"].map(ssh);
    let web = ban("web", "192.0.2.3", &[(80, 80)], &[Tcp]);
    let gone = ban("gone", "192.0.2.5", &[(25, 25)], &[Tcp]);
    for ban in [&known, &lifted, &unknown, &odd, &web, &gone] {
        first.ban_now(ban).await;
    }
    first.stop().await;
    let before = rig.rules("public");

    let mut second = Enforcing::sparing(settings(&rig), vec![known.clone()]);
    let scope = |ban: &Ban| (ban.0.jail.clone(), ban.1.scope.clone());
    second.order(Order::Jails([scope(&known), scope(&web)].into()));
    second.until("all that is found", |r| matches!(r, Report::FoundAll)).await;
    let found = second.take_heard().into_iter().filter_map(|report| match report {
        Report::Found { address, jails, left: None } => {
            let jails: Vec<&str> = jails.iter().map(JailName::as_str).collect();
            Some(format!("{address} {}", jails.join(" ")))
        }
        _ => None,
    });
    let expected = ["192.0.2.2/32 sshd", "192.0.2.3/32 sshd web", "192.0.2.4/32 sshd"];
    assert_eq!(found.collect::<Vec<_>>(), expected);
    second.ban_now(&unknown).await;
    // An operator's word counts at once.
    second.ban(&lifted);
    second.release_now(&lifted.0).await;
    second.order(Order::Look);
    second.until_reconciled("asked").await;
    let left: Vec<String> = before.into_iter().filter(|r| *r != ssh_rule("192.0.2.2")).collect();
    assert_eq!(rig.rules("public"), left, "nothing else is removed");
    second.order(Order::Clear);
    second.until_reconciled("asked").await;
    assert_eq!(rig.rules("public"), ["192.0.2.1", "192.0.2.3"].map(ssh_rule));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn orders_given_while_firewalld_is_away_are_carried_out_when_it_comes() {
    let mut rig = Rig::new();
    let mut enforcing = Enforcing::start(settings(&rig), vec![ssh("192.0.2.1")]);
    enforcing.until_condition(&Condition::Absent).await;
    for address in ["192.0.2.2", "192.0.2.3"] {
        enforcing.ban(&ssh(address));
    }
    enforcing.order(Order::Release(ssh("192.0.2.2").0));
    rig.start();
    enforcing.until_reconciled("start").await;
    let rules = ["192.0.2.1", "192.0.2.3"].map(ssh_rule);
    assert_eq!(rig.rules("public"), rules);
    let released = ssh("192.0.2.2").0;
    let told = |r: &Report| matches!(r, Report::Released { key } if *key == released);
    assert!(enforcing.take_heard().iter().any(told));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_zone_that_comes_into_use_gets_every_rule_and_loses_them_with_it() {
    let rig = Rig::started();
    let mut enforcing = Enforcing::ready(&rig).await;
    let attacker = ssh("192.0.2.7");
    enforcing.ban_now(&attacker).await;
    rig.cmd(&["--zone=dmz", "--add-interface=eth1"]);
    wait_until("dmz has the rule", || rig.rules("dmz") == [ssh_rule("192.0.2.7")]);
    assert_eq!(rig.kernel("dmz", "192.0.2.7").len(), 1);
    // A source binds a zone as well, and a ban is in force only when it is so in all of them.
    rig.cmd(&["--zone=work", "--add-source=203.0.113.0/24"]);
    wait_until("work has the rule", || rig.rules("work") == [ssh_rule("192.0.2.7")]);
    enforcing.ban_now(&ssh("192.0.2.8")).await;
    for zone in ["public", "dmz", "work"] {
        assert_eq!(rig.rules(zone), [ssh_rule("192.0.2.7"), ssh_rule("192.0.2.8")], "{zone}");
    }
    rig.cmd(&["--zone=dmz", "--remove-interface=eth1"]);
    wait_until("dmz has no rule", || rig.rules("dmz") == NONE);
    enforcing.release_now(&attacker.0).await;
    assert_eq!(rig.rules("work"), [ssh_rule("192.0.2.8")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_new_default_zone_gets_the_rules() {
    let rig = Rig::started();
    let mut enforcing = Enforcing::ready(&rig).await;
    enforcing.ban_now(&ssh("192.0.2.7")).await;
    rig.cmd(&["--set-default-zone=home"]);
    enforcing.until_enforced(&ssh("192.0.2.7").0).await;
    assert_eq!(rig.rules("home"), [ssh_rule("192.0.2.7")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn configured_zones_are_the_only_ones() {
    let rig = Rig::started();
    let zones = Some(vec!["dmz".to_owned(), "no-such".to_owned()]);
    let mut enforcing = Enforcing::start(Firewalld { zones, ..settings(&rig) }, Vec::new());
    enforcing.ban_now(&ban("all", "192.0.2.7", &[], &[Tcp])).await;
    assert_eq!(rig.rules("dmz").len(), 1);
    assert_eq!(rig.rules("public"), NONE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn zones_that_are_not_there_are_named() {
    let rig = Rig::started();
    let zones = Some(vec!["no-such".to_owned()]);
    let mut enforcing = Enforcing::start(Firewalld { zones, ..settings(&rig) }, Vec::new());
    let why = enforcing.until_broken().await;
    assert!(why.contains("no-such") && why.contains("public"), "{why}");
}
