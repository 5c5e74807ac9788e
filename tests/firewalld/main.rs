//! The enforcer against the real firewalld, each test in a network namespace, on a bus and with a
//! configuration of its own. Needs root, firewalld, dbus-daemon and nft.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail loudly too")]

mod enforcing;
mod loss;
mod measure;
mod provision;
mod rig;
mod sets;
mod start;

use gaoler::config::checked::{Action, Firewalld};
use gaoler::enforcer::order::{Order, Report};
use gaoler::jail::scope::Protocol::{Tcp, Udp};

use enforcing::{Enforcing, ban, demand, settings, ssh, ssh_rule};
use rig::Rig;

const NONE: [&str; 0] = [];

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_ban_is_in_the_kernel_when_it_is_reported_and_gone_when_released() {
    let rig = Rig::started();
    let mut enforcing = Enforcing::ready(&rig).await;
    let attacker = ssh("192.0.2.7");
    enforcing.ban_now(&attacker).await;
    let rule = "ip saddr 192.0.2.7 tcp dport 22 reject with icmp 3";
    assert_eq!(rig.kernel("public", "192.0.2.7"), [rule]);
    assert_eq!(rig.rules("public"), [ssh_rule("192.0.2.7")]);
    enforcing.release_now(&attacker.0).await;
    assert_eq!(rig.kernel("public", "192.0.2.7"), NONE);
    assert_eq!(rig.rules("public"), NONE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn every_kind_of_ban_becomes_the_rule_it_means() {
    let rig = Rig::started();
    let mut enforcing = Enforcing::ready(&rig).await;
    let kinds: [(_, &[&str]); 5] = [
        (
            ban("http", "192.0.2.1", &[(80, 80), (8000, 8010)], &[Tcp]),
            &[
                "ip saddr 192.0.2.1 tcp dport 80 reject with icmp 3",
                "ip saddr 192.0.2.1 tcp dport 8000-8010 reject with icmp 3",
            ],
        ),
        (
            ban("named", "192.0.2.2", &[(53, 53)], &[Tcp, Udp]),
            &[
                "ip saddr 192.0.2.2 tcp dport 53 reject with icmp 3",
                "ip saddr 192.0.2.2 udp dport 53 reject with icmp 3",
            ],
        ),
        (
            ban("all", "198.51.100.0/24", &[], &[Tcp]),
            &["ip saddr 198.51.100.0/24 reject with icmp 3"],
        ),
        (ssh("2001:db8::7"), &["ip6 saddr 2001:db8::7 tcp dport 22 reject with icmpv6 4"]),
        (
            ban("all", "2001:db8:1::/64", &[], &[Tcp]),
            &["ip6 saddr 2001:db8:1::/64 reject with icmpv6 4"],
        ),
    ];
    for (ban, expected) in &kinds {
        enforcing.ban_now(ban).await;
        let address = gaoler::jail::ban::show(&ban.0.address);
        let mut rules = rig.kernel("public", &format!("saddr {address} "));
        rules.sort();
        assert_eq!(rules, *expected);
    }
    for (ban, _) in &kinds {
        enforcing.release_now(&ban.0).await;
    }
    assert_eq!(rig.kernel("public", "saddr"), NONE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_ban_may_drop() {
    let rig = Rig::started();
    let settings = Firewalld { action: Action::Drop, ..settings(&rig) };
    let mut enforcing = Enforcing::start(settings, Vec::new());
    enforcing.ban_now(&ssh("192.0.2.7")).await;
    assert_eq!(rig.kernel("public", "192.0.2.7"), ["ip saddr 192.0.2.7 tcp dport 22 drop"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn asking_twice_is_asking_once() {
    let rig = Rig::started();
    let mut enforcing = Enforcing::ready(&rig).await;
    enforcing.ban_now(&ssh("192.0.2.7")).await;
    enforcing.ban_now(&ssh("192.0.2.7")).await;
    // Somebody else was faster.
    rig.cmd(&[&format!("--add-rich-rule={}", ssh_rule("192.0.2.8"))]);
    enforcing.ban_now(&ssh("192.0.2.8")).await;
    assert_eq!(rig.rules("public"), [ssh_rule("192.0.2.7"), ssh_rule("192.0.2.8")]);
    enforcing.release_now(&ssh("192.0.2.7").0).await;
    enforcing.release_now(&ssh("192.0.2.7").0).await;
    let failed = |report: &&Report| matches!(report, Report::Failed { .. });
    assert_eq!(enforcing.stop().await.iter().filter(failed).count(), 0);
    assert_eq!(rig.rules("public"), [ssh_rule("192.0.2.8")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_rule_that_two_bans_need_stays_until_the_second_is_released() {
    let rig = Rig::started();
    let mut enforcing = Enforcing::ready(&rig).await;
    let [sshd, recidive] = ["sshd", "recidive"].map(|j| ban(j, "192.0.2.7", &[(22, 22)], &[Tcp]));
    enforcing.ban_now(&sshd).await;
    enforcing.ban_now(&recidive).await;
    enforcing.release_now(&sshd.0).await;
    assert_eq!(rig.rules("public"), [ssh_rule("192.0.2.7")]);
    enforcing.release_now(&recidive.0).await;
    assert_eq!(rig.rules("public"), NONE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_does_not_fit_is_refused_and_said_so() {
    let rig = Rig::started();
    let mut enforcing = Enforcing::ready(&rig).await;
    let ports: Vec<(u16, u16)> = (1..=501).map(|port| (2 * port, 2 * port)).collect();
    let (key, block) = ban("greedy", "192.0.2.7", &ports, &[Tcp, Udp]);
    enforcing.order(Order::Enforce(demand(key.clone(), block)));
    let refused = |r: &Report| matches!(r, Report::Failed { gives_up: true, .. });
    let Report::Failed { key: refused, why, .. } = enforcing.until("refused", refused).await else {
        unreachable!("it was one")
    };
    assert_eq!(refused, key);
    assert!(why.contains("1000"), "{why}");
    // The others are none the worse for it.
    enforcing.ban_now(&ssh("192.0.2.8")).await;
    assert_eq!(rig.rules("public"), [ssh_rule("192.0.2.8")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_stop_finishes_what_was_ordered_and_leaves_bans_in_force() {
    let rig = Rig::started();
    let enforcing = Enforcing::ready(&rig).await;
    let bans: Vec<_> = (1..=20).map(|host| ssh(&format!("192.0.2.{host}"))).collect();
    for ban in &bans {
        enforcing.ban(ban);
    }
    enforcing.order(Order::Release(bans[0].0.clone()));
    enforcing.stop().await;
    assert_eq!(rig.rules("public").len(), 19);
}
