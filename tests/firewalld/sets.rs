//! Bans as entries of provisioned sets: in the kernel, through losses, and where nothing is
//! provisioned.

mod loss;

use std::fs;
use std::path::Path;

use gaoler::config::checked::{Firewalld, Mode};
use gaoler::enforcer::order::{Coverage, Order, Report};
use gaoler::jail::ban::BanKey;
use gaoler::jail::scope::Protocol::Tcp;

use super::NONE;
use super::enforcing::{Ban, Enforcing, ban, settings, ssh, ssh_rule};
use super::rig::Rig;

/// A firewalld with the packaged sets and policies: those of every port.
pub(crate) fn provisioned() -> Rig {
    let mut rig = Rig::new();
    provide(&rig);
    rig.start();
    rig
}

/// Puts the packaged files where firewalld finds them when it starts or is reloaded.
fn provide(rig: &Rig) {
    let packaged = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/firewalld");
    for kind in ["ipsets", "policies"] {
        for file in fs::read_dir(packaged.join(kind)).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), rig.path().join("etc").join(kind).join(file.file_name()))
                .unwrap();
        }
    }
}

pub(crate) fn auto(rig: &Rig) -> Firewalld {
    Firewalld { mode: Mode::Auto, ..settings(rig) }
}

/// A ban from every port.
pub(crate) fn all(address: &str) -> Ban {
    ban("all", address, &[], &[Tcp])
}

pub(crate) async fn ready(rig: &Rig) -> Enforcing {
    let mut enforcing = Enforcing::start(auto(rig), Vec::new());
    enforcing.until_reconciled("start").await;
    enforcing
}

/// What our sets hold in the kernel, sorted, and which set holds it.
#[track_caller]
fn kernel(rig: &Rig) -> Vec<String> {
    let sets = rig.output(&["nft", "list", "sets", "inet"]);
    let mut held = Vec::new();
    for set in sets.split("\tset ").filter(|set| set.starts_with("gaoler")) {
        let name = set.split_whitespace().next().unwrap();
        let Some((_, elements)) = set.split_once("elements = {") else { continue };
        let elements = elements.split('}').next().unwrap().split(',');
        held.extend(elements.map(|element| format!("{name} {}", element.trim())));
    }
    held.sort();
    held
}

fn coverage(heard: &[Report]) -> Option<&Coverage> {
    heard.iter().rev().find_map(|report| match report {
        Report::Coverage(coverage) => Some(coverage),
        _ => None,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_ban_is_one_entry_in_the_kernel_and_gone_when_released() {
    let rig = provisioned();
    let mut enforcing = ready(&rig).await;
    let coverage = coverage(&enforcing.take_heard()).cloned().unwrap();
    assert_eq!((coverage.mode, coverage.forwarded), ("ipset", true));
    assert!(!coverage.established && !coverage.published);
    let bans = ["192.0.2.7", "198.51.100.0/24", "2001:db8::/64", "2001:db8::7", "2001:db8::/32"];
    for address in bans {
        enforcing.ban_now(&all(address)).await;
    }
    let held = kernel(&rig);
    let expected = ["gaoler4-net 198.51.100.0/24", "gaoler6-net 2001:db8::/32"];
    for set in expected {
        assert!(held.contains(&set.to_owned()), "{held:?}");
    }
    // The host is within the /64, and in its shard: one entry for both.
    assert_eq!(held.len(), 4, "{held:?}");
    assert_eq!(rig.rules("public"), NONE);
    for address in bans {
        enforcing.release_now(&all(address).0).await;
    }
    assert_eq!(kernel(&rig), NONE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_wider_ban_takes_the_place_of_narrower_ones_and_gives_it_back() {
    let rig = provisioned();
    let mut enforcing = ready(&rig).await;
    let [narrow, wide] = ["198.51.100.0/25", "198.51.100.0/24"].map(all);
    enforcing.ban_now(&narrow).await;
    enforcing.ban_now(&wide).await;
    enforcing.until_enforced(&narrow.0).await;
    assert_eq!(kernel(&rig), ["gaoler4-net 198.51.100.0/24"]);
    enforcing.release_now(&wide.0).await;
    enforcing.until_enforced(&narrow.0).await;
    assert_eq!(kernel(&rig), ["gaoler4-net 198.51.100.0/25"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_no_set_stops_is_enforced_by_rules() {
    let rig = provisioned();
    let mut enforcing = ready(&rig).await;
    let attacker = ssh("192.0.2.7");
    let scope = |ban: &Ban| (ban.0.jail.clone(), ban.1.scope.clone());
    let jails = [scope(&attacker), scope(&all("192.0.2.7"))];
    enforcing.order(Order::Jails(jails.into()));
    enforcing.ban_now(&attacker).await;
    let coverage = coverage(&enforcing.take_heard()).cloned().unwrap();
    assert_eq!(coverage.unprovisioned, [attacker.0.jail.clone()].into());
    assert_eq!(rig.rules("public"), [ssh_rule("192.0.2.7")]);
    assert_eq!(kernel(&rig), NONE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn where_nothing_is_provisioned_sets_are_not_asked_for_until_they_are() {
    let rig = Rig::started();
    let mode = Mode::Ipset;
    let mut enforcing = Enforcing::start(Firewalld { mode, ..settings(&rig) }, Vec::new());
    let attacker = all("192.0.2.7");
    enforcing.order(Order::Jails([(attacker.0.jail.clone(), attacker.1.scope.clone())].into()));
    enforcing.ban_now(&attacker).await;
    assert_eq!(rig.rules("public").len(), 1);
    let heard = enforcing.take_heard();
    let coverage = coverage(&heard).unwrap();
    assert_eq!((coverage.mode, coverage.unprovisioned.len()), ("rich-rule", 1));
    // An operator provisions: from the next reload on the ban is an entry.
    provide(&rig);
    rig.cmd(&["--reload"]);
    enforcing.until_lost(&attacker.0).await;
    enforcing.until_enforced(&attacker.0).await;
    assert_eq!(kernel(&rig).len(), 1);
    assert_eq!(rig.rules("public"), NONE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_restart_adopts_the_entries_that_are_right_and_adds_and_removes_the_others() {
    let rig = provisioned();
    let mut enforcing = ready(&rig).await;
    let [kept, expired, missing] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(all);
    enforcing.ban_now(&kept).await;
    enforcing.ban_now(&expired).await;
    enforcing.stop().await;
    // Spelled otherwise, and in the way of what it overlaps.
    rig.cmd(&["--ipset=gaoler6-net", "--add-entry=2001:DB8::/40"]);
    let mut enforcing = Enforcing::start(auto(&rig), vec![kept.clone(), missing.clone()]);
    assert_eq!(enforcing.until_reconciled("start").await, (1, 2));
    let heard = enforcing.take_heard();
    let calls = |wanted: &str| {
        let is =
            |r: &&Report| matches!(r, Report::Operation { operation, .. } if *operation == wanted);
        heard.iter().filter(is).count()
    };
    assert_eq!((calls("add_entry"), calls("remove_entry"), calls("set_entries")), (1, 2, 0));
    let held: Vec<String> =
        kernel(&rig).iter().map(|e| e.split(' ').nth(1).unwrap().into()).collect();
    let mut expected = ["192.0.2.1", "192.0.2.3"];
    expected.sort_unstable();
    let mut held = held;
    held.sort();
    assert_eq!(held, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn entries_in_the_wrong_shard_move_to_the_right_one() {
    let rig = provisioned();
    // As an earlier run with another number of shards would have left them.
    let bans: Vec<Ban> = (1..=9).map(|host| all(&format!("192.0.2.{host}"))).collect();
    for ban in &bans {
        rig.cmd(&["--ipset=gaoler4-00", &format!("--add-entry={}", ban.0.address.addr())]);
    }
    let mut enforcing = Enforcing::start(auto(&rig), bans.clone());
    enforcing.until_reconciled("start").await;
    let held = kernel(&rig);
    assert_eq!(held.len(), 9, "{held:?}");
    let sets: std::collections::BTreeSet<&str> =
        held.iter().map(|entry| entry.split(' ').next().unwrap()).collect();
    assert!(sets.len() > 3, "{held:?}");
    enforcing.ban_now(&bans[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_thousand_at_once_are_few_calls() {
    let rig = provisioned();
    let mut enforcing = ready(&rig).await;
    enforcing.take_heard();
    let bans: Vec<Ban> =
        (0..1000).map(|n| all(&format!("198.51.{}.{}", n / 250, n % 250 + 1))).collect();
    for ban in &bans {
        enforcing.ban(ban);
    }
    enforcing.until_all_enforced(&bans).await;
    let keys: std::collections::HashSet<BanKey> = bans.iter().map(|ban| ban.0.clone()).collect();
    assert_eq!((kernel(&rig).len(), keys.len()), (1000, 1000));
    let heard = enforcing.take_heard();
    let changes = heard.iter().filter(|report| {
        matches!(report, Report::Operation { operation: "add_entry" | "set_entries", .. })
    });
    let changes = changes.count();
    // The first do not wait for others, so their shards are no longer empty: an eighth each, one by one.
    assert!(changes < 400, "{changes} calls for 8 shards");
}
