use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::config::checked::{Action, Mode};
use crate::enforcer::firewalld::element::Need;
use crate::enforcer::firewalld::provided::{Means, Provided};
use crate::enforcer::firewalld::provision::{Policy, PolicyName};
use crate::enforcer::shard::Group;
use crate::enforcer::testing::{block, key, net_block, rule};

fn zone(name: &str) -> Zone {
    name.into()
}

fn public() -> Holder {
    Holder::Zone(zone("public"))
}

fn element(host: u8, port: u16) -> Element {
    Element::Rule(rule(host, port))
}

fn listed(rules: &[(u8, u16)]) -> Vec<String> {
    rules.iter().map(|&(host, port)| rule(host, port).to_string()).collect()
}

fn desired(bans: &[(u8, u16)]) -> Desired {
    let mut desired = Desired::default();
    let mut means = Means::new(Mode::RichRule, Action::Reject);
    for &(host, port) in bans {
        let jail = format!("jail-{port}");
        desired.enforce(&key(&jail, host), block(host, &[port]), &mut means, usize::MAX).unwrap();
    }
    desired
}

#[test]
fn the_newest_ban_comes_first_and_whole() {
    let zones = [zone("a"), zone("b")];
    let steps = Placed::default().steps(&desired(&[(1, 22), (2, 22)]), &zones);
    let expected: Vec<Step> = [(2, 0), (2, 1), (1, 0), (1, 1)]
        .map(|(host, idx): (u8, usize)| {
            Step::Add(Holder::Zone(zones[idx].clone()), element(host, 22))
        })
        .into();
    assert_eq!(steps, expected);
}

#[test]
fn drift_is_what_nobody_ordered() {
    let mut placed = Placed::default();
    let wanted = desired(&[(1, 22), (2, 22)]);
    let zones = [zone("public")];
    let mut see = |rules: &[(u8, u16)], expected| {
        placed.see(&public(), &listed(rules), &wanted, &zones, |_| expected)
    };
    assert_eq!(see(&[(1, 22), (9, 22)], true), Drift { missing: 1, unexpected: 1 });
    // Known since, and to be removed: no news.
    assert_eq!(see(&[(1, 22), (9, 22)], false), Drift::default());
    assert_eq!(see(&[], false), Drift { missing: 1, unexpected: 0 });
    assert_eq!(see(&[], false), Drift::default());
}

#[test]
fn an_element_in_doubt_is_left_until_it_is_seen() {
    let mut placed = Placed::default();
    let it = element(1, 22);
    placed.note(&public(), it, Some(Hold::Doubtful));
    assert_eq!(placed.step(&public(), &it, true), None);
    assert_eq!(placed.step(&public(), &it, false), None);
    let drift = placed.see(&public(), &[], &desired(&[(1, 22)]), &[zone("public")], |_| false);
    assert_eq!(drift, Drift::default());
    assert_eq!(placed.step(&public(), &it, true), Some(Step::Add(public(), it)));
}

#[test]
fn what_overlaps_goes_before_what_is_needed() {
    let set = SetName::ours("gaoler4-net").unwrap();
    let holder = Holder::Set(set);
    let [wide, narrow, other] =
        ["192.0.2.0/24", "192.0.2.0/25", "198.51.100.0/24"].map(|net| net.parse().unwrap());
    let mut placed = Placed::default();
    placed.note(&holder, Element::Entry(narrow), Some(Hold::Held));
    placed.note(&holder, Element::Entry(other), Some(Hold::Held));
    let add = Step::Add(holder.clone(), Element::Entry(wide));
    let steps = placed.steps_to_add(&holder, &Element::Entry(wide));
    assert_eq!(steps, [Step::Remove(holder.clone(), Element::Entry(narrow)), add.clone()]);
    assert_eq!(placed.step(&holder, &Element::Entry(wide), true), None, "firewalld would refuse");
    placed.note(&holder, Element::Entry(narrow), None);
    assert_eq!(placed.step(&holder, &Element::Entry(wide), true), Some(add));
    placed.note(&holder, Element::Entry(wide), Some(Hold::Held));
    assert!(placed.covers(&holder, &Element::Entry(narrow)));
    assert!(!placed.covers(&holder, &Element::Entry("192.0.3.0/25".parse().unwrap())));
}

fn some_rules() -> impl Strategy<Value = Vec<(u8, u16)>> {
    proptest::collection::vec((0u8..4, 1u16..4), 0..8)
}

proptest! {
    /// Played on the sets they came from, the steps yield what is desired, and no step is idle.
    #[test]
    fn the_steps_lead_from_what_is_to_what_should_be(
        wanted in some_rules(),
        held in proptest::collection::vec(some_rules(), 3),
        active in proptest::collection::vec(any::<bool>(), 3),
    ) {
        let names = [zone("a"), zone("b"), zone("c")];
        let zones: Vec<Zone> = names.iter().zip(active).filter(|(_, on)| *on)
            .map(|(name, _)| name.clone()).collect();
        let wanted = desired(&wanted);
        let mut placed = Placed::default();
        let mut firewall: HashSet<(Holder, Element)> = HashSet::new();
        for (name, rules) in names.iter().zip(&held) {
            let holder = Holder::Zone(name.clone());
            placed.see(&holder, &listed(rules), &wanted, &zones, |_| false);
            firewall.extend(rules.iter().map(|&(h, p)| (holder.clone(), element(h, p))));
        }
        for step in placed.steps(&wanted, &zones) {
            match step {
                Step::Add(holder, element) => prop_assert!(firewall.insert((holder, element))),
                Step::Remove(holder, element) => prop_assert!(firewall.remove(&(holder, element))),
                step => prop_assert!(false, "{step:?}"),
            }
        }
        let needed = wanted.newest_first();
        let expected: HashSet<(Holder, Element)> = needed.iter()
            .flat_map(|need| need.holders(&zones).into_iter().map(|h| (h, need.element())))
            .collect();
        prop_assert_eq!(firewall, expected);
    }

    /// The same of sets, where no step may meet an overlap; what belongs is what nothing covers.
    #[test]
    fn entries_never_overlap_on_their_way(
        wanted in proptest::collection::vec(0u8..12, 0..8),
        held in proptest::collection::vec(0u8..12, 0..8),
    ) {
        let mut means = Means::new(Mode::Ipset, Action::Drop);
        let group = Group::of(&net_block(0).scope);
        let sets: Vec<String> = group.sets().iter().map(ToString::to_string).collect();
        let rules = sets.iter().map(|set| format!("rule source ipset=\"{set}\" drop")).collect();
        let policy = Policy::of(PolicyName::In, rules);
        means.learn(Provided::of(&sets, &[policy]));
        let mut wanted_bans = Desired::default();
        for &net in &wanted {
            wanted_bans.enforce(&key(&format!("jail-{net}"), 1), net_block(net), &mut means, 9).unwrap();
        }
        let (mut placed, mut firewall) = (Placed::default(), HashSet::<(SetName, IpNet)>::new());
        for &net in &held {
            let Ok(needs) = means.needs(&net_block(net)) else { continue };
            let [Need::Entry(set, net)] = &needs[..] else { panic!("{needs:?}") };
            if firewall.iter().all(|(s, n)| s != set || !overlap(n, net)) {
                placed.note(&Holder::Set(set.clone()), Element::Entry(*net), Some(Hold::Held));
                firewall.insert((set.clone(), *net));
            }
        }
        for step in placed.steps(&wanted_bans, &[]) {
            match step {
                Step::Add(Holder::Set(set), Element::Entry(net)) => {
                    prop_assert!(firewall.iter().all(|(s, n)| *s != set || !overlap(n, &net)));
                    firewall.insert((set, net));
                }
                Step::Remove(Holder::Set(set), Element::Entry(net)) => {
                    prop_assert!(firewall.remove(&(set, net)));
                }
                step => prop_assert!(false, "{step:?}"),
            }
        }
        let needs = wanted_bans.newest_first();
        let covered = |set: &SetName, net: &IpNet| needs.iter().any(|need| {
            matches!(need, Need::Entry(s, n) if s == set && n != net && n.contains(net))
        });
        let expected: HashSet<(SetName, IpNet)> = needs.iter().filter_map(|need| match need {
            Need::Entry(set, net) if !covered(set, net) => Some((set.clone(), *net)),
            _ => None,
        }).collect();
        prop_assert_eq!(firewall, expected);
    }
}

fn overlap(one: &IpNet, two: &IpNet) -> bool {
    one.contains(two) || two.contains(one)
}
