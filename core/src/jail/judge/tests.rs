//! Verdicts over IPv6 networks, earlier bans and the bans of other jails.

use std::num::NonZeroUsize;

use super::*;
use crate::jail::Policy;
use crate::jail::ban::JailName;
use crate::jail::bantime::formula::Formula;
use crate::jail::bantime::{Growth, Increment};
use crate::jail::guards::Guards;
use crate::jail::widen::Widening;
use crate::jail::window::Threshold;
use crate::moment::Boot;

fn at(second: i64) -> Moment {
    Moment {
        wall: Timestamp::from_second(1_000_000 + second).unwrap(),
        boot: Boot(SignedDuration::from_secs(second)),
    }
}

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn policy() -> Policy {
    Policy {
        ignoreip: vec![net("2001:db8:0:1::1/128")],
        max_addresses: 100,
        dbpurgeage: seconds(600),
        ..Policy::plain(Threshold::new(2, seconds(30)).unwrap(), Some(seconds(60)))
    }
}

fn jail(policy: Policy) -> Jail {
    let mut jail = Jail::new(JailName::new("sshd"), policy);
    let on_link = vec![net("2001:db8:0:2::/64"), net("198.51.100.0/24")];
    jail.set_guards(&Guards { on_link, ..Guards::default() });
    jail
}

/// A failure of each host, one a second; what the verdicts come to.
#[track_caller]
fn check(jail: &mut Jail, hosts: &[&str], expected: &[&str]) {
    let verdicts = (0..).zip(hosts).map(|(second, host)| {
        let failure = Failure { address: host.parse().unwrap(), time: at(second).wall };
        match jail.on_failure(failure, at(second)) {
            Verdict::Ignored(_) => "ignored".to_owned(),
            Verdict::Stale => "stale".to_owned(),
            Verdict::Counted { .. } => "counted".to_owned(),
            Verdict::AlreadyBanned { .. } => "already".to_owned(),
            Verdict::Banned(ban) => ban.key.address.to_string(),
            Verdict::Withheld { .. } => "withheld".to_owned(),
        }
    });
    assert_eq!(verdicts.collect::<Vec<_>>(), expected);
}

/// The lengths of the bans that an address gets one after the other, `pause` seconds between
/// the end of one and the next.
fn lengths(jail: &mut Jail, address: &str, many: usize, pause: i64) -> Vec<i64> {
    let mut now = 0;
    let mut lengths = Vec::new();
    for _ in 0..many {
        jail.sweep(at(now));
        let failure = Failure { address: address.parse().unwrap(), time: at(now).wall };
        assert!(matches!(jail.on_failure(failure, at(now)), Verdict::Counted { .. }));
        let Verdict::Banned(ban) = jail.on_failure(failure, at(now)) else { panic!("no ban") };
        jail.remember(&ban.key.address, 1, ban.until().unwrap());
        let length = ban.bantime.unwrap().as_secs();
        lengths.push(length);
        assert_eq!(jail.release_expired(at(now + length)).len(), 1);
        now += length + pause;
    }
    lengths
}

fn doubling() -> Increment {
    let growth = Growth::Formula(Formula::default());
    Increment { growth, factor: 1.0, maxtime: None, rndtime: None, overalljails: false }
}

#[test]
fn an_ipv6_attacker_who_changes_his_address_is_one() {
    let hosts = ["2001:db8::1", "2001:db8::2", "2001:db8::3"];
    check(&mut jail(policy()), &hosts, &["counted", "2001:db8::/64", "already"]);
    let hosts = ["2001:db8::1", "2001:db8:0:3::1", "2001:db8::1"];
    check(&mut jail(policy()), &hosts, &["counted", "counted", "2001:db8::/64"]);
    let hosts = ["192.0.2.1", "192.0.2.2"];
    check(&mut jail(policy()), &hosts, &["counted", "counted"]);
}

#[test]
fn a_neighbour_on_our_link_is_counted_and_banned_alone() {
    let hosts = ["2001:db8:0:2::1", "2001:db8:0:2::2", "2001:db8:0:2::1"];
    check(&mut jail(policy()), &hosts, &["counted", "counted", "2001:db8:0:2::1/128"]);
}

#[test]
fn a_ban_leaves_out_what_is_guarded_and_another_offender_of_the_network_is_still_counted() {
    let mut jail = jail(policy());
    let hosts = ["2001:db8:0:1::1", "2001:db8:0:1::8", "2001:db8:0:1:8000::1"];
    check(&mut jail, &hosts, &["ignored", "counted", "2001:db8:0:1:8000::/65"]);
    // Its own failure was not spent by the other's ban.
    check(&mut jail, &["2001:db8:0:1::8"], &["2001:db8:0:1::8/125"]);
}

#[test]
fn a_failure_that_led_to_a_ban_of_the_network_is_spent() {
    let mut jail = jail(Policy { bantime: Some(seconds(5)), ..policy() });
    check(&mut jail, &["2001:db8::1", "2001:db8::2"], &["counted", "2001:db8::/64"]);
    assert_eq!(jail.release_expired(at(6)).len(), 1);
    let failure = Failure { address: "2001:db8::2".parse().unwrap(), time: at(7).wall };
    assert!(matches!(jail.on_failure(failure, at(7)), Verdict::Counted { failures: 1, .. }));
}

#[test]
fn the_failures_of_a_ban_share_its_trace_and_every_ban_has_another() {
    let mut jail = jail(Policy {
        threshold: Threshold::new(3, seconds(30)).unwrap(),
        bantime: Some(seconds(5)),
        ..policy()
    });
    let mut traces = std::collections::BTreeSet::new();
    for hosts in [["192.0.2.1"; 3], ["2001:db8::1", "2001:db8::2", "2001:db8::1"]] {
        for begin in [0, 10] {
            let mut told = hosts.map(|host| {
                let now = at(begin);
                let failure = Failure { address: host.parse().unwrap(), time: now.wall };
                match jail.on_failure(failure, now) {
                    Verdict::Counted { trace, .. } => trace,
                    Verdict::Banned(ban) => ban.trace,
                    other => panic!("{other:?}"),
                }
            });
            told.sort();
            assert_eq!(told[0], told[2], "{hosts:?}");
            assert!(traces.insert(told[0]), "{hosts:?}");
            let again = Failure { address: hosts[0].parse().unwrap(), time: at(begin).wall };
            let verdict = jail.on_failure(again, at(begin));
            assert_eq!(verdict, Verdict::AlreadyBanned { trace: told[0] });
            assert_eq!(jail.release_expired(at(begin + 6)).len(), 1);
        }
    }
    assert!(traces.insert(jail.ban(net("192.0.2.1/32"), None, at(20)).unwrap().trace));
}

#[test]
fn a_restart_keeps_the_trace_of_what_was_counted() {
    let mut jail = jail(policy());
    let failure = Failure { address: "192.0.2.1".parse().unwrap(), time: at(0).wall };
    let Verdict::Counted { trace, .. } = jail.on_failure(failure, at(0)) else { panic!() };
    let mut restarted = Jail::new(JailName::new("sshd"), jail.policy().clone());
    restarted.seed(1);
    for kept in &jail.take_changed_windows() {
        restarted.restore_window(kept);
    }
    let Verdict::Banned(ban) = restarted.on_failure(failure, at(1)) else { panic!("no ban") };
    assert_eq!(ban.trace, trace);
}

#[test]
fn an_unban_of_a_host_ends_the_ban_of_its_network() {
    let mut jail = jail(policy());
    check(&mut jail, &["2001:db8::1", "2001:db8::1"], &["counted", "2001:db8::/64"]);
    let lifted = jail.unban(&net("2001:db8::5/128")).unwrap();
    assert_eq!(lifted.key.address, net("2001:db8::/64"));
    jail.ban(net("2001:db8::/64"), None, at(0)).unwrap();
    assert_eq!(jail.unban(&net("2001:db8::5/128")), None, "an operator's stays");
    assert!(jail.unban(&net("2001:db8::/64")).is_some());
}

#[test]
fn whom_it_banned_before_it_bans_for_longer_until_that_is_long_past() {
    let growing = || jail(Policy { increment: Some(doubling()), ..policy() });
    assert_eq!(lengths(&mut growing(), "192.0.2.1", 4, 599), [60, 120, 240, 480]);
    assert_eq!(lengths(&mut growing(), "192.0.2.1", 3, 601), [60, 60, 60]);
    assert_eq!(lengths(&mut growing(), "2001:db8::1", 3, 1), [60, 120, 240]);
    let mut forgiving = growing();
    assert_eq!(lengths(&mut forgiving, "192.0.2.1", 2, 1), [60, 120]);
    forgiving.forgive(&net("192.0.2.1/32"));
    assert_eq!(lengths(&mut forgiving, "192.0.2.1", 1, 1), [60]);
    let permanent = Policy { bantime: None, increment: Some(doubling()), ..policy() };
    let mut permanent = jail(permanent);
    permanent.remember(&net("192.0.2.1/32"), 3, at(0).wall);
    assert_eq!(permanent.next_bantime(&net("192.0.2.1/32")), None);
}

#[test]
fn bans_by_hand_do_not_grow() {
    let mut jail = jail(Policy { increment: Some(doubling()), ..policy() });
    jail.remember(&net("192.0.2.1/32"), 3, at(0).wall);
    let ban = jail.ban(net("192.0.2.1/32"), None, at(0)).unwrap();
    assert_eq!(ban.bantime, Some(seconds(60)));
}

#[test]
fn chance_comes_from_the_seed() {
    let draw = |seed| {
        let increment = Increment { rndtime: Some(seconds(1_000_000)), ..doubling() };
        let mut jail = jail(Policy { increment: Some(increment), ..policy() });
        jail.seed(seed);
        lengths(&mut jail, "192.0.2.1", 1, 0)
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
}

#[test]
fn enough_bans_in_a_network_have_it_banned() {
    let addresses = NonZeroUsize::new(3).unwrap();
    let widening = Widening { ipv4_prefix: 24, ipv6_prefix: 48, addresses };
    let mut jail = jail(Policy { widen: Some(widening), ..policy() });
    let wider = |jail: &mut Jail, host: &str| {
        check(
            jail,
            &[host, host],
            &["counted", &IpNet::from(host.parse::<std::net::IpAddr>().unwrap()).to_string()],
        );
        jail.widen(&IpNet::from(host.parse::<std::net::IpAddr>().unwrap()), at(2))
    };
    assert_eq!(wider(&mut jail, "192.0.2.1"), None);
    assert_eq!(wider(&mut jail, "192.0.3.1"), None);
    assert_eq!(wider(&mut jail, "192.0.2.2"), None);
    let ban = wider(&mut jail, "192.0.2.3").unwrap();
    assert_eq!((ban.key.address, ban.failures), (net("192.0.2.0/24"), 6));
    check(&mut jail, &["192.0.2.99"], &["already"]);
    assert_eq!(jail.ledger().len(), 5, "the narrower bans stay");
    assert_eq!(jail.unban(&net("192.0.2.0/24")).map(|ban| ban.key), Some(ban.key));
    assert_eq!(jail.ledger().len(), 4);
    check(&mut jail, &["192.0.2.3", "192.0.2.99"], &["already", "counted"]);
    // Not what is ours, and not for what an operator banned.
    for host in ["198.51.100.1", "198.51.100.2", "198.51.100.3"] {
        assert_eq!(wider(&mut jail, host), None);
    }
    for host in 1..9 {
        jail.ban(net(&format!("203.0.113.{host}/32")), None, at(0)).unwrap();
    }
    assert_eq!(wider(&mut jail, "203.0.113.9"), None);
}

#[test]
fn who_is_banned_elsewhere_again_and_again_is_banned_here() {
    let mut jail = jail(Policy { recidive: true, ..policy() });
    let mut told = |banned: &str, second| match jail.on_ban_elsewhere(&net(banned), at(second)) {
        Verdict::Counted { .. } => "counted".to_owned(),
        Verdict::Banned(ban) => ban.key.address.to_string(),
        Verdict::AlreadyBanned { .. } => "already".to_owned(),
        other => format!("{other:?}"),
    };
    assert_eq!(told("192.0.2.1/32", 0), "counted");
    assert_eq!(told("192.0.2.1/32", 31), "counted", "too long ago");
    assert_eq!(told("192.0.2.1/32", 32), "192.0.2.1/32");
    assert_eq!(told("192.0.2.1/32", 33), "already");
    assert_eq!(told("2001:db8::/64", 33), "counted");
    assert_eq!(told("2001:db8::7/128", 34), "2001:db8::/64");
    assert_eq!(told("203.0.113.0/24", 34), "counted");
    assert_eq!(told("203.0.113.0/24", 35), "203.0.113.0/24");
    assert_eq!(jail.windows().len(), 0);
}

#[test]
fn the_failures_of_a_network_outlive_a_restart() {
    let mut jail = jail(Policy { threshold: Threshold::new(3, seconds(30)).unwrap(), ..policy() });
    check(&mut jail, &["2001:db8::1", "2001:db8::2"], &["counted", "counted"]);
    let mut changed = jail.take_changed_windows();
    changed.sort();
    let kept: Vec<_> = changed.iter().map(|kept| kept.address.to_string()).collect();
    assert_eq!(kept, ["2001:db8::/64", "2001:db8::1/128", "2001:db8::2/128"]);
    let mut restarted = Jail::new(JailName::new("sshd"), jail.policy().clone());
    for kept in &changed {
        restarted.restore_window(kept);
    }
    assert_eq!(restarted.windows().len(), 2);
    check(&mut restarted, &["2001:db8::3"], &["2001:db8::/64"]);
}

proptest::proptest! {
    /// The oracle keeps each host's failures, and looks at all of them at each.
    #[test]
    fn counts_for_host_and_network_as_a_full_history_does(
        failures in proptest::collection::vec((0..3u16, 0..3u16, 0..20i64), 0..60),
        maxretry in 1..4usize,
    ) {
        let threshold = Threshold::new(maxretry, seconds(30)).unwrap();
        let mut jail = jail(Policy { threshold, ipv6_prefix: 64, ..policy() });
        let mut seen: Vec<(u16, u16, i64)> = Vec::new();
        let mut banned: Vec<u16> = Vec::new();
        let mut now = 0;
        for (network, host, pause) in failures {
            now += pause;
            // None of these networks is guarded or ours.
            let address = std::net::IpAddr::from([0x2001, 0xdb8, 1, network, 0, 0, 0, host]);
            let verdict = jail.on_failure(Failure { address, time: at(now).wall }, at(now));
            if banned.contains(&network) {
                let already = matches!(verdict, Verdict::AlreadyBanned { .. });
                proptest::prop_assert!(already);
                continue;
            }
            seen.push((network, host, now));
            let recent = seen.iter().filter(|(n, _, time)| *n == network && now - time <= 30);
            let recent = recent.count();
            if recent < maxretry {
                let Verdict::Counted { failures, .. } = verdict else {
                    return Err(proptest::test_runner::TestCaseError::fail("not counted"));
                };
                proptest::prop_assert_eq!(failures as usize, recent);
                continue;
            }
            let Verdict::Banned(ban) = verdict else {
                return Err(proptest::test_runner::TestCaseError::fail("no ban"));
            };
            let expected = IpNet::new(address, 64).unwrap().trunc();
            proptest::prop_assert_eq!(ban.key.address, expected);
            banned.push(network);
        }
    }
}
