//! A jail's verdicts, and what it refuses to ban.

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};

use super::breaker::Rate;
use super::guards::Floors;
use super::window::Threshold;
use super::*;
use crate::failure::Failure;
use crate::moment::{Boot, Moment};

fn at(second: i64) -> Moment {
    Moment {
        wall: Timestamp::from_second(1_000_000 + second).unwrap(),
        boot: Boot(SignedDuration::from_secs(second)),
    }
}

fn jail() -> Jail {
    let mut jail = Jail::new(
        JailName::new("sshd"),
        Policy {
            ignoreip: vec!["198.51.100.0/24".parse().unwrap()],
            max_new_bans: Rate::new(3, SignedDuration::from_secs(60)),
            max_addresses: 100,
            ..Policy::plain(
                Threshold::new(2, SignedDuration::from_secs(30)).unwrap(),
                Some(SignedDuration::from_secs(60)),
            )
        },
    );
    jail.set_guards(&Guards {
        own: vec!["192.0.2.16".parse().unwrap()],
        gateways: vec!["192.0.2.1".parse().unwrap()],
        sessions: vec!["192.0.2.99".parse().unwrap()],
        on_link: Vec::new(),
    });
    jail
}

/// Failures of `address` at `(logged, read)` seconds; the words their verdicts come to.
#[track_caller]
fn check(jail: &mut Jail, address: &str, failures: &[(i64, i64)], expected: &[&str]) {
    let address = address.parse().unwrap();
    let verdicts: Vec<&str> = failures
        .iter()
        .map(|&(logged, read)| {
            let failure = Failure { address, time: at(logged).wall };
            match jail.on_failure(failure, at(read)) {
                Verdict::Ignored(reason) => reason.as_str(),
                Verdict::Stale => "stale",
                Verdict::Counted { .. } => "counted",
                Verdict::AlreadyBanned { .. } => "already",
                Verdict::Banned(ban) => {
                    assert_eq!(ban.key.address, IpNet::from(address));
                    "banned"
                }
                Verdict::Withheld { tripped: true, .. } => "tripped",
                Verdict::Withheld { tripped: false, .. } => "withheld",
            }
        })
        .collect();
    assert_eq!(verdicts, expected);
}

#[test]
fn the_second_failure_is_one_too_many() {
    check(&mut jail(), "192.0.2.213", &[(0, 0), (5, 5), (6, 6)], &["counted", "banned", "already"]);
}

#[test]
fn failures_too_far_apart_do_not_add_up() {
    check(
        &mut jail(),
        "192.0.2.213",
        &[(0, 0), (31, 31), (61, 61)],
        &["counted", "counted", "banned"],
    );
}

#[test]
fn an_old_line_is_stale_and_a_future_one_counts_now() {
    check(
        &mut jail(),
        "192.0.2.213",
        &[(0, 31), (900, 31), (40, 40)],
        &["stale", "counted", "banned"],
    );
}

#[test]
fn whom_it_ignores_it_never_counts() {
    check(&mut jail(), "198.51.100.7", &[(0, 0), (1, 1)], &["ignoreip", "ignoreip"]);
    check(&mut jail(), "192.0.2.16", &[(0, 0), (1, 1)], &["ignoreself", "ignoreself"]);
    check(&mut jail(), "127.0.0.1", &[(0, 0), (1, 1)], &["special", "special"]);
    check(&mut jail(), "192.0.2.1", &[(0, 0), (1, 1)], &["gateway", "gateway"]);
    check(&mut jail(), "192.0.2.99", &[(0, 0), (1, 1)], &["session", "session"]);
}

#[test]
fn what_is_not_asked_for_does_not_guard() {
    let mut jail = jail();
    let policy = Policy { ignoreself: false, ignoresessions: false, ..jail.policy().clone() };
    jail.set_policy(policy);
    jail.set_guards(&Guards {
        own: vec!["192.0.2.16".parse().unwrap()],
        gateways: vec!["192.0.2.1".parse().unwrap()],
        sessions: vec!["192.0.2.99".parse().unwrap()],
        on_link: Vec::new(),
    });
    check(&mut jail, "192.0.2.16", &[(0, 0)], &["counted"]);
    check(&mut jail, "192.0.2.99", &[(0, 0)], &["counted"]);
    check(&mut jail, "192.0.2.1", &[(0, 0)], &["gateway"]);
}

#[test]
fn past_its_limit_it_only_watches_and_an_operator_may_still_ban() {
    let mut jail = jail();
    for host in 0..3 {
        check(
            &mut jail,
            &format!("192.0.2.{}", 100 + host),
            &[(0, 0), (0, 0)],
            &["counted", "banned"],
        );
    }
    check(&mut jail, "192.0.2.103", &[(1, 1), (1, 1)], &["counted", "tripped"]);
    check(&mut jail, "192.0.2.104", &[(1, 1), (1, 1)], &["counted", "withheld"]);
    check(&mut jail, "192.0.2.100", &[(1, 1)], &["already"]);
    assert_eq!(jail.ledger().len(), 3, "bans stay, and none is new");
    jail.ban("192.0.2.104/32".parse().unwrap(), None, at(2)).unwrap();
    assert_eq!(jail.release_expired(at(90)).len(), 4, "bans end though it is open");
    assert_eq!(jail.resume().map(|open| open.withheld), Some(2));
    check(&mut jail, "192.0.2.103", &[(91, 91), (92, 92)], &["counted", "banned"]);
}

#[test]
fn bans_by_hand_and_of_an_earlier_run_do_not_count() {
    let mut jail = jail();
    for host in 0..5 {
        let address = format!("192.0.2.{}/32", 100 + host).parse().unwrap();
        let ban = jail.ban(address, None, at(0)).unwrap();
        jail.unban(&address).unwrap();
        assert!(jail.restore(ban, at(0)));
    }
    check(&mut jail, "192.0.2.110", &[(1, 1), (1, 1)], &["counted", "banned"]);
    assert_eq!(jail.breaker().open(), None);
}

#[test]
fn a_released_address_starts_over() {
    let mut jail = jail();
    check(&mut jail, "192.0.2.213", &[(0, 0), (1, 1)], &["counted", "banned"]);
    assert_eq!(jail.release_expired(at(61)).len(), 1);
    check(&mut jail, "192.0.2.213", &[(62, 62)], &["counted"]);
    assert_eq!(jail.unban(&"192.0.2.213/32".parse().unwrap()), None);
    check(&mut jail, "192.0.2.213", &[(63, 63), (64, 64)], &["counted", "banned"]);
}

#[test]
fn an_operator_may_ban_networks_but_not_his_own_feet() {
    let mut jail = jail();
    let mut refused = |address: &str| jail.ban(address.parse().unwrap(), None, at(0)).is_err();
    assert!(!refused("203.0.113.0/24"));
    assert!(refused("198.51.100.9/32"));
    assert!(refused("192.0.2.0/24"));
    assert!(refused("0.0.0.0/0"));
    assert!(refused("1.0.0.0/7"));
    check(&mut jail, "203.0.113.77", &[(1, 1)], &["already"]);
}

#[test]
fn a_ban_of_an_earlier_run_obeys_todays_ignoreip() {
    let mut other = jail();
    let ban = other.ban("203.0.113.7/32".parse().unwrap(), None, at(0)).unwrap();
    let mut restarted = jail();
    assert!(restarted.restore(ban.clone(), at(30)));
    let policy =
        Policy { ignoreip: vec!["203.0.113.0/24".parse().unwrap()], ..jail().policy().clone() };
    restarted.set_policy(policy);
    assert!(!restarted.restore(ban, at(30)));
}

#[test]
fn a_ban_of_an_earlier_run_obeys_todays_floor() {
    let ban = jail().ban("203.0.0.0/16".parse().unwrap(), None, at(0)).unwrap();
    let mut restarted = jail();
    assert!(restarted.restore(ban.clone(), at(30)));
    let floors = Floors { ipv4: 24, ipv6: 48 };
    restarted.set_policy(Policy { floors, ..jail().policy().clone() });
    assert!(!restarted.restore(ban, at(30)));
    let refused = restarted.ban("203.0.0.0/16".parse().unwrap(), None, at(30)).unwrap_err();
    assert!(refused.to_string().contains("at least /24"), "{refused}");
}
