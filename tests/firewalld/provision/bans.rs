//! Bans, and what is provisioned while they are in force.

use std::collections::BTreeMap;

use gaoler::enforcer::order::Block;
use gaoler::enforcer::shard::Group;
use gaoler::jail::ban::BanKey;

use super::super::enforcing::{Enforcing, ssh, ssh_rule};
use super::super::rig::{Rig, wait_until};
use super::super::sets::{all, auto};
use super::{SSH, contains, done, gaoler, said};

/// The entries of the set that holds the ban, as firewalld and as the kernel have them.
fn entries(rig: &Rig, (key, block): &(BanKey, Block)) -> (String, bool) {
    let set = Group::of(&block.scope).set_for(&key.address, 64);
    let listed = rig.cmd(&[&format!("--ipset={set}"), "--get-entries"]);
    let kernel = rig.output(&["nft", "-n", "list", "set", "inet", "firewalld", set.as_str()]);
    (listed, kernel.contains(&key.address.addr().to_string()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn bans_move_into_the_sets_once_they_are_loaded_and_out_when_they_are_removed() {
    let rig = Rig::started();
    let mut enforcing = Enforcing::start(auto(&rig), Vec::new());
    let [before, after] = [ssh("192.0.2.7"), ssh("2001:db8::7")];
    enforcing.ban_now(&before).await;
    assert_eq!(rig.rules("public"), [ssh_rule("192.0.2.7")]);

    done(&rig, SSH, &["--apply"]);
    enforcing.take_heard();
    rig.cmd(&["--reload"]);
    enforcing.until_reconciled("reloaded").await;
    enforcing.ban_now(&after).await;
    wait_until("the old ban is an entry", || entries(&rig, &before) == ("192.0.2.7".into(), true));
    assert_eq!(entries(&rig, &after), ("2001:db8::7".into(), true));
    assert_eq!(rig.rules("public"), [""; 0]);
    enforcing.release_now(&after.0).await;
    assert_eq!(entries(&rig, &after), (String::new(), false));

    done(&rig, SSH, &["--apply", "--remove"]);
    rig.cmd(&["--reload"]);
    enforcing.until_reconciled("reloaded").await;
    wait_until("the ban is a rule again", || rig.rules("public") == [ssh_rule("192.0.2.7")]);
    assert_eq!(rig.complaints(), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_permanent_by_mistake_is_not_so_after_the_next_run() {
    let rig = Rig::started();
    done(&rig, SSH, &["--apply"]);
    rig.cmd(&["--reload"]);
    let mut enforcing = Enforcing::start(auto(&rig), Vec::new());
    let ban = ssh("192.0.2.7");
    enforcing.ban_now(&ban).await;
    rig.cmd(&["--runtime-to-permanent"]);
    let set = Group::of(&ban.1.scope).set_for(&ban.0.address, 64);
    contains(
        &done(&rig, SSH, &["--apply"]),
        &[&format!("~ set {set}: it has 1 permanent entries"), "Done: 1 changes"],
    );
    assert_eq!(entries(&rig, &ban), ("192.0.2.7".into(), true));
    enforcing.release_now(&ban.0).await;
    rig.cmd(&["--reload"]);
    enforcing.until_reconciled("reloaded").await;
    assert_eq!(entries(&rig, &ban), (String::new(), false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn more_sets_share_the_bans_from_the_next_reload_on() {
    let rig = Rig::started();
    done(&rig, "", &["--apply"]);
    rig.cmd(&["--reload"]);
    let mut enforcing = Enforcing::start(auto(&rig), Vec::new());
    let bans: Vec<_> = (1..=40).map(|host| all(&format!("192.0.2.{host}"))).collect();
    for ban in &bans {
        enforcing.ban(ban);
    }
    enforcing.until_all_enforced(&bans).await;

    let refused = gaoler(&rig, "", &["--shards", "101"]);
    assert_eq!(refused.status.code(), Some(2));
    contains(&said(&refused), &["101", "from 1 to 100"]);
    let more = done(&rig, "", &["--shards", "16", "--apply"]);
    contains(&more, &["+ group all, every port: 16 sets", "Done: 18 changes"]);
    enforcing.take_heard();
    rig.cmd(&["--reload"]);
    enforcing.until_reconciled("reloaded").await;

    let sixteen = Group::of(&bans[0].1.scope).with_shards(16.try_into().unwrap());
    let mut expected: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (key, _) in &bans {
        let set = sixteen.set_for(&key.address, 64).to_string();
        expected.entry(set).or_default().push(key.address.addr().to_string());
    }
    assert!(expected.keys().any(|set| set.as_str() > "gaoler4-07"), "{expected:?}");
    wait_until("each set has its share", || {
        expected.iter_mut().all(|(set, addresses)| {
            let held = rig.cmd(&[&format!("--ipset={set}"), "--get-entries"]);
            let mut held: Vec<&str> = held.lines().collect();
            held.sort_unstable();
            addresses.sort_unstable();
            held == *addresses
        })
    });
    // They stay where nothing else is asked for.
    contains(&done(&rig, "", &["--apply"]), &["Nothing to do: all 36 sets and policies"]);
    assert_eq!(rig.complaints(), "");
}
