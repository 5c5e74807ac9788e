//! The plan against a firewalld of zones and sets: any order of orders, signals, losses and faults
//! ends with the firewall holding what is desired, once the faults stop.
//!
//! No stand-in for the real one, which `tests/firewalld` drives: here is the order of things, which
//! no real firewall can be made to run through.

mod event;
mod firewall;
mod oracle;
mod world;

use std::collections::BTreeMap;

use proptest::prelude::*;

use self::event::{Bad, Event, any_event, ban_key};
use self::world::World;
use crate::config::checked::Mode;
use crate::enforcer::firewalld::fault::Fault;
use crate::enforcer::order::Condition;
use crate::enforcer::testing::{block, net_block};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn whatever_happens_what_is_comes_to_be_what_should_be(
        restored in proptest::collection::btree_map(0u8..6, proptest::collection::vec(1u16..4, 1..3), 0..4),
        nets in proptest::collection::btree_set(6u8..18, 0..5),
        left in proptest::collection::vec(0u8..8, 0..4),
        shards in proptest::option::of(1u8..4),
        mode in prop_oneof![Just(Mode::RichRule), Just(Mode::Auto), Just(Mode::Ipset)],
        events in proptest::collection::vec(any_event(), 0..60),
        silent: bool,
        late: bool,
    ) {
        let rules = restored.into_iter().map(|(n, p)| (ban_key(n), block(n % 3, &p)));
        let nets = nets.into_iter().map(|n| (ban_key(n), net_block(n - 6)));
        let mut world = World::new(mode, shards, rules.chain(nets).collect(), &left);
        world.firewall.filling = late.then(BTreeMap::new);
        // What vanishes unheard of cannot be known, so less can be asked of the reports then.
        for event in events.iter().filter(|event| silent || !event.is_silent()) {
            world.happen(event);
        }
        world.settle();
        world.check();
    }
}

#[test]
fn a_foreign_rule_is_left_alone() {
    let mut world = World::new(Mode::RichRule, None, Vec::new(), &[]);
    world.happen(&Event::Foreign(false));
    world.happen(&Event::Foreign(true));
    world.settle();
    assert_eq!(world.firewall.zones["public"].len(), 1);
}

#[test]
fn an_order_during_the_opposite_call_is_carried_out_right_after_it() {
    let mut world = World::new(Mode::RichRule, None, Vec::new(), &[]);
    world.happen(&Event::Run(11)); // The first look, to its end.
    for at_once in [false, true] {
        world.happen(&Event::Enforce(0, vec![1]));
        world.happen(&Event::Begin(at_once));
        world.happen(&Event::Release(0));
        world.happen(&Event::Run(2));
        assert_eq!(world.told.get(&ban_key(0)), Some(&false));
        world.happen(&Event::Enforce(0, vec![1]));
        world.happen(&Event::Run(1));
        world.happen(&Event::Release(0));
        world.happen(&Event::Begin(at_once));
        world.happen(&Event::Enforce(0, vec![1]));
        world.happen(&Event::Run(2));
        assert_eq!(world.told.get(&ban_key(0)), Some(&true));
        world.happen(&Event::Release(0));
        world.happen(&Event::Run(1));
    }
}

#[test]
fn what_a_look_finds_is_put_right_before_it_ends() {
    for mode in [Mode::RichRule, Mode::Ipset] {
        let bans = (1..4).map(|n| (ban_key(n), net_block(n - 1))).collect();
        let mut world = World::new(mode, Some(4), bans, &[]);
        world.settle();
        world.happen(&Event::Reload);
        world.run_until(|world| world.told.len() < 3);
        (1..4).for_each(|ban| world.run_until_told(ban, true));
        assert!(world.plan.look.is_some(), "{mode:?}: the look has ended");
        world.settle();
        world.check();
    }
}

#[test]
fn what_a_reload_has_lost_comes_back_by_one_call_a_set() {
    let mut world = World::new(Mode::Ipset, Some(8), Vec::new(), &[]);
    world.happen(&Event::Crowd(60));
    world.settle();
    let before = world.firewall.sets.clone();
    let full = before.values().filter(|entries| !entries.is_empty()).count();
    assert!(full >= 8, "{before:?}");
    for event in [Event::Reload, Event::Restart] {
        let calls = world.firewall.calls;
        world.happen(&event);
        world.settle();
        world.check();
        assert_eq!(world.firewall.sets, before);
        assert_eq!(world.firewall.calls - calls, full, "{event:?}");
    }
    let calls = world.firewall.calls;
    world.happen(&Event::Again);
    world.settle();
    world.check();
    assert_eq!(world.firewall.calls, calls, "all is where it may be");
}

#[test]
fn what_a_look_has_seen_counts_until_the_next_reload() {
    let bans = vec![(ban_key(1), block(1, &[1]))];
    let mut world = World::new(Mode::RichRule, None, bans, &[1]);
    world.happen(&Event::Run(10)); // All but the last zone are listed.
    assert_eq!(world.told.get(&ban_key(1)), Some(&true));
    world.happen(&Event::Reload);
    world.run_until(|world| world.told.is_empty());
    world.settle();
    world.check();
}

#[test]
fn what_was_listed_just_before_a_reload_is_not_relied_on() {
    let nets = [8, 13, 16].map(|n| (ban_key(n), net_block(n - 6)));
    let mut world = World::new(Mode::Auto, None, nets.into(), &[]);
    world.happen(&Event::Provision(Some(2), false));
    world.happen(&Event::Run(35));
    world.happen(&Event::Begin(true));
    world.happen(&Event::Provision(None, false));
    world.happen(&Event::Run(1));
    world.happen(&Event::Net(13));
    world.settle();
    world.check();
}

#[test]
fn a_set_that_was_being_filled_is_left_alone_after_a_reload_too() {
    let mut world = World::new(Mode::Auto, Some(2), Vec::new(), &[]).late();
    for event in [
        Event::Run(33),
        Event::Crowd(34),
        Event::Fail(Bad::Unknown, false),
        Event::Run(12),
        Event::Crowd(18),
        Event::Fail(Bad::Unknown, true),
        Event::Provision(Some(1), true),
        Event::Run(1),
    ] {
        world.happen(&event);
    }
    world.settle();
    world.check();
}

#[test]
fn a_set_of_which_nothing_is_needed_is_emptied_at_once() {
    let mut world = World::new(Mode::Ipset, Some(1), Vec::new(), &[]);
    world.happen(&Event::Crowd(20));
    world.settle();
    let before = world.firewall.calls;
    world.happen(&Event::Disperse(20));
    world.settle();
    world.check();
    assert_eq!(world.firewall.calls - before, 1);
}

#[test]
fn a_ban_that_is_decided_while_it_starts_is_no_drift() {
    let mut world = World::new(Mode::RichRule, None, vec![(ban_key(1), block(1, &[1]))], &[]);
    world.happen(&Event::Enforce(0, vec![1]));
    world.settle();
    assert_eq!(world.drift, 1, "only that of the earlier run was missing");
}

#[test]
fn what_was_put_there_before_a_reload_was_heard_of_is_not_taken_for_permanent() {
    let rules = [(ban_key(0), block(0, &[1])), (ban_key(2), block(2, &[1]))];
    let mut world = World::new(Mode::RichRule, None, rules.into(), &[]);
    for event in [
        Event::Net(9),
        Event::Enforce(4, vec![1]),
        Event::Exists(false),
        Event::Fail(Bad::Unknown, false),
        Event::Net(6),
        Event::Run(17),
        Event::Run(18),
        Event::Begin(true),
        Event::Reload,
    ] {
        world.happen(&event);
    }
    world.settle();
    world.check();
}

#[test]
fn a_firewalld_without_its_default_zone_is_broken_until_it_has_it() {
    let bans = vec![(ban_key(1), block(1, &[1]))];
    let mut world = World::new(Mode::RichRule, None, bans, &[]);
    let public = world.firewall.zones.remove("public").unwrap();
    world.happen(&Event::Run(12));
    let Some(Condition::Broken(why)) = &world.plan.condition else {
        panic!("{:?}", world.plan.condition)
    };
    assert!(why.contains("firewall-cmd --reload"), "{why}");
    world.firewall.zones.insert("public", public);
    world.settle();
    world.check();
}

#[test]
fn a_flushed_kernel_is_noticed_and_nothing_is_said_to_be_in_force_until_a_restart() {
    for shards in [None, Some(2)] {
        let bans = vec![(ban_key(1), block(1, &[1])), (ban_key(6), net_block(0))];
        let mut world = World::new(Mode::Auto, shards, bans, &[]);
        world.settle();
        world.check();
        world.happen(&Event::Flush);
        world.pass_time();
        assert!(world.told.is_empty(), "{:?}", world.told);
        let Some(Condition::Broken(why)) = &world.plan.condition else {
            panic!("{:?}", world.plan.condition)
        };
        assert!(why.contains("nft flush ruleset") && why.contains("estart firewalld"), "{why}");
        world.happen(&Event::Restart);
        world.settle();
        world.check();
    }
}

#[test]
fn a_kernel_that_takes_nothing_is_noticed_whatever_firewalld_calls_it() {
    let mut world = World::new(Mode::Auto, Some(2), vec![(ban_key(6), net_block(0))], &[]);
    world.settle();
    world.happen(&Event::Flush);
    world.firewall.flushed = Some(Fault::Unknown("COMMAND_FAILED: in other words".into()));
    world.pass_time();
    assert!(world.told.is_empty(), "{:?}", world.told);
    assert!(matches!(&world.plan.condition, Some(Condition::Broken(_))));
    world.happen(&Event::Restart);
    world.settle();
    world.check();
}

#[test]
fn what_comes_at_once_fills_each_empty_set_in_one_call() {
    let mut world = World::new(Mode::Auto, Some(2), Vec::new(), &[]);
    world.settle();
    let before = world.firewall.calls;
    for host in 0..200 {
        world.happen(&Event::Host(host));
    }
    let mut after = before;
    while world.told.len() < 200 {
        world.happen(&Event::Run(1));
        after = world.firewall.calls;
    }
    assert_eq!(after - before, 2);
    world.settle();
    world.check();
}

#[test]
fn a_set_that_is_filled_late_is_left_alone_until_it_is() {
    let mut world = World::new(Mode::Auto, Some(1), Vec::new(), &[]).late();
    world.settle();
    world.happen(&Event::Crowd(18));
    while world.firewall.filling.as_ref().is_none_or(BTreeMap::is_empty) {
        world.happen(&Event::Run(1));
    }
    world.happen(&Event::Host(40));
    world.happen(&Event::Release(18));
    assert_eq!(world.told, BTreeMap::new());
    world.run_until_told(40, true);
    world.settle();
    world.check();
}

#[test]
fn the_narrower_ban_takes_over_when_the_wider_one_ends() {
    let mut world = World::new(Mode::Auto, Some(2), Vec::new(), &[]);
    world.settle();
    let [narrow, wide] = [10, 9]; // 192.0.2.0/25 and 192.0.2.0/24.
    for (first, second) in [(narrow, wide), (wide, narrow)] {
        for ban in [first, second] {
            world.happen(&Event::Net(ban));
            world.run_until_told(ban, true);
        }
        world.run_until_told(first, true);
        assert_eq!(world.firewall.sets["gaoler4-net"].len(), 1);
        world.happen(&Event::Release(wide));
        world.run_until_told(wide, false);
        world.run_until_told(narrow, true);
        assert_eq!(world.firewall.sets["gaoler4-net"].len(), 1);
        world.happen(&Event::Release(narrow));
        world.run_until_told(narrow, false);
        assert_eq!(world.firewall.sets["gaoler4-net"].len(), 0);
    }
}

#[test]
fn entries_move_when_the_number_of_shards_changes() {
    let bans = (6..18).map(|n| (ban_key(n), net_block(n - 6))).collect();
    let mut world = World::new(Mode::Auto, Some(3), bans, &[]);
    world.settle();
    world.check();
    for shards in [Some(1), None, Some(2)] {
        // Kept by FlushAllOnReload=no, as firewalld can be set to.
        world.happen(&Event::Provision(shards, true));
        world.settle();
        world.check();
    }
}
