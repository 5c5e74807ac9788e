use proptest::prelude::*;

use super::*;
use crate::config::checked::Action;
use crate::enforcer::shard::Family;
use crate::jail::scope::{PortRange, Protocol, Scope};

const THEIRS: &str = r#"rule family="ipv4" source address="192.0.2.1" accept"#;

fn scope(port: u16) -> Scope {
    let ports = [PortRange::new(port, port).unwrap()].into();
    Scope { ports, protocols: [Protocol::Tcp].into() }
}

fn wanted(ports: &[u16], action: Action) -> Wanted {
    let scopes: Vec<Scope> = ports.iter().map(|&port| scope(port)).collect();
    Wanted::new(&scopes, action)
}

fn good(set: &SetName) -> SetSettings {
    let family = if family(set) == Family::Ipv4 { "inet" } else { "inet6" };
    SetSettings {
        set_type: "hash:net".into(),
        options: BTreeMap::from([("family".into(), family.into())]),
        entries: 0,
    }
}

/// What firewalld would do.
fn carry_out(plan: &Plan, existing: &mut Existing) {
    // A rule without its set makes firewalld's next reload fail. Steps make none.
    let mut without_set = dangling(existing);
    for step in &plan.steps {
        carry_out_one(step, existing);
        if matches!(step, Step::AddSet(_) | Step::RepairSet(..)) {
            continue;
        }
        let now = dangling(existing);
        assert!(now.is_subset(&without_set), "{step:?} leaves {now:?} without their sets");
        without_set = now;
    }
}

/// The sets that rules are about and that are not there.
fn dangling(existing: &Existing) -> BTreeSet<SetName> {
    let rules = existing.policies.values().flat_map(|policy| &policy.rich_rules);
    let sets = rules.filter_map(|rule| set_of(rule));
    sets.filter(|set| !existing.sets.contains_key(set)).collect()
}

fn carry_out_one(step: &Step, existing: &mut Existing) {
    let Existing { sets, policies } = existing;
    match step {
        Step::AddSet(set) => assert_eq!(sets.insert(set.clone(), good(set)), None),
        Step::RepairSet(set, _) => assert!(sets.insert(set.clone(), good(set)).is_some()),
        Step::AddPolicy(name, policy) => {
            assert_eq!(policies.insert(*name, policy.clone()), None);
        }
        Step::ChangePolicy(name, policy, why) => {
            assert!(!why.is_empty() && policies.insert(*name, policy.clone()).is_some());
        }
        Step::RemovePolicy(name) => assert!(policies.remove(name).is_some()),
        Step::RemoveSet(set) => assert!(sets.remove(set).is_some()),
    }
}

fn provisioned(wanted: &Wanted) -> Existing {
    let mut existing = Existing::default();
    carry_out(&plan(wanted, &existing, false), &mut existing);
    existing
}

#[track_caller]
fn check(existing: &Existing, wanted: &Wanted, expected: &[(&str, &str, &str)]) {
    let plan = plan(wanted, existing, false);
    let steps: Vec<(&str, &str, String)> =
        plan.steps.iter().map(|step| (step.change(), step.name(), step.why().join("; "))).collect();
    let steps: Vec<(&str, &str, &str)> =
        steps.iter().map(|(a, b, c)| (*a, *b, c.as_str())).collect();
    assert_eq!(steps, expected);
}

fn set(name: &str) -> SetName {
    SetName::ours(name).unwrap()
}

#[test]
fn from_nothing_to_all_and_then_nothing_to_do() {
    let wanted = wanted(&[22], Action::Reject);
    let plan_ = plan(&wanted, &Existing::default(), false);
    assert_eq!((plan_.steps.len(), plan_.unchanged), (38, 0));
    let existing = provisioned(&wanted);
    assert!(existing.holds(&wanted));
    assert_eq!(plan(&wanted, &existing, true), Plan { unchanged: 38, ..Plan::default() });
}

#[test]
fn another_action_changes_the_rules_alone() {
    let existing = provisioned(&wanted(&[], Action::Reject));
    let why = "18 rules to be added; 18 rules to be removed";
    check(
        &existing,
        &wanted(&[], Action::Drop),
        &[("change_policy", "gaoler-in", why), ("change_policy", "gaoler-fwd", why)],
    );
}

#[test]
fn what_is_wrong_with_a_set_is_said() {
    let wanted = wanted(&[], Action::Reject);
    let spoil = |spoil: fn(&mut SetSettings), expected: &str| {
        let mut existing = provisioned(&wanted);
        spoil(existing.sets.get_mut(&set("gaoler6-07")).unwrap());
        check(&existing, &wanted, &[("repair_set", "gaoler6-07", expected)]);
    };
    spoil(|s| s.set_type = "hash:ip".into(), "its type is hash:ip and should be hash:net");
    spoil(|s| s.options.clear(), "its family is inet and should be inet6");
    let timeout = "it has a timeout (60), so firewalld would forget its entries";
    spoil(|s| drop(s.options.insert("timeout".into(), "60".into())), timeout);
    let maxelem = "maxelem 100 is less than firewalld's own 65536";
    spoil(|s| drop(s.options.insert("maxelem".into(), "100".into())), maxelem);
    let entries = "it has 3 permanent entries, which come back with every reload \
                   (runtime-to-permanent makes such)";
    spoil(|s| s.entries = 3, entries);
}

#[test]
fn options_that_do_no_harm_stay() {
    let wanted = wanted(&[], Action::Reject);
    let mut existing = provisioned(&wanted);
    existing.sets.get_mut(&set("gaoler4-07")).unwrap().options.clear();
    let options = &mut existing.sets.get_mut(&set("gaoler6-07")).unwrap().options;
    for (name, value) in [("timeout", "0"), ("maxelem", "100000"), ("hashsize", "64")] {
        options.insert(name.into(), value.into());
    }
    check(&existing, &wanted, &[]);
}

#[test]
fn a_group_with_more_shards_keeps_them() {
    let usual = wanted(&[22], Action::Reject);
    let mut more = usual.clone();
    more.groups[1] = more.groups[1].clone().with_shards(64.try_into().unwrap());
    let mut existing = provisioned(&more);
    check(&existing, &usual, &[]);
    // One with a gap is no whole group.
    existing.sets.remove(&set("gaoler4-tcp22-50"));
    for policy in existing.policies.values_mut() {
        policy.rich_rules.retain(|rule| !rule.contains("gaoler4-tcp22-50"));
    }
    let plan = plan(&usual, &existing, false);
    assert_eq!(plan.steps.iter().filter(|step| step.change() == "remove_set").count(), 111);
    carry_out(&plan, &mut existing);
    assert!(existing.holds(&usual) && existing.holds(&wanted(&[], Action::Reject)));
}

#[test]
fn a_group_with_fewer_shards_gets_the_rest() {
    let usual = wanted(&[], Action::Reject);
    let mut fewer = usual.clone();
    fewer.groups[0] = fewer.groups[0].clone().with_shards(4.try_into().unwrap());
    let mut existing = provisioned_as_is(&fewer);
    let plan = plan(&usual, &existing, false);
    assert_eq!(plan.steps.iter().filter(|step| step.change() == "add_set").count(), 8);
    carry_out(&plan, &mut existing);
    assert!(existing.holds(&usual));
}

/// As an earlier version with other shards would have left it.
fn provisioned_as_is(wanted: &Wanted) -> Existing {
    let rules: Vec<String> = wanted.rules().iter().map(ToString::to_string).collect();
    Existing {
        sets: wanted.sets().map(|set| (set.clone(), good(set))).collect(),
        policies: PolicyName::ALL.map(|name| (name, Policy::of(name, rules.clone()))).into(),
    }
}

#[test]
fn a_policy_that_lacks_a_rule_does_not_refuse_its_group() {
    let wanted = wanted(&[22], Action::Drop);
    let existing = provisioned(&wanted);
    let [all, ssh] = [&wanted.groups()[0], &wanted.groups()[1]];
    let mut policy = existing.policies[&PolicyName::In].clone();
    assert!(policy.refuses(all) && policy.refuses(ssh));
    policy.rich_rules.retain(|rule| !rule.contains("gaoler6-tcp22-net"));
    assert!(policy.refuses(all) && !policy.refuses(ssh));
}

/// Some of what a host can have, right and wrong.
fn any_existing() -> impl Strategy<Value = Existing> {
    let ports = proptest::sample::subsequence(vec![22, 80, 443], 0..=3);
    let action = proptest::sample::select(vec![Action::Reject, Action::Drop]);
    let spoilt = proptest::collection::vec((any::<proptest::sample::Index>(), 0..4_u8), 0..5);
    (ports, action, spoilt, any::<bool>()).prop_map(|(ports, action, spoilt, policies)| {
        let mut existing = provisioned(&wanted(&ports, action));
        if !policies {
            existing.policies.clear();
        }
        for (at, how) in spoilt {
            let name = at.get(&existing.sets.keys().cloned().collect::<Vec<_>>()).clone();
            match how {
                0 => drop(existing.sets.remove(&name)),
                1 => existing.sets.get_mut(&name).unwrap().entries = 1,
                2 => existing.sets.get_mut(&name).unwrap().set_type = "hash:ip".into(),
                _ => {
                    for policy in existing.policies.values_mut() {
                        policy.rich_rules.retain(|rule| set_of(rule).as_ref() != Some(&name));
                        policy.rich_rules.push(THEIRS.to_owned());
                        policy.priority = 7;
                    }
                }
            }
        }
        existing
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn one_run_makes_all_right_and_harms_nothing_else(
        mut existing in any_existing(),
        ports in proptest::sample::subsequence(vec![22_u16, 80, 443, 8080], 0..=4),
        prune in any::<bool>(),
    ) {
        let wanted = wanted(&ports, Action::Reject);
        let theirs = |existing: &Existing| -> Vec<usize> {
            let count = |policy: &Policy| policy.rich_rules.iter().filter(|r| *r == THEIRS).count().min(1);
            existing.policies.values().map(count).filter(|&n| n > 0).collect()
        };
        let before = theirs(&existing);
        let first = plan(&wanted, &existing, prune);
        carry_out(&first, &mut existing);
        prop_assert_eq!(theirs(&existing), before);
        prop_assert!(existing.holds(&wanted) && dangling(&existing).is_empty());
        for policy in existing.policies.values() {
            prop_assert!(wanted.groups().iter().all(|group| policy.refuses(group)));
        }
        let again = plan(&wanted, &existing, prune);
        prop_assert_eq!(&again.steps, &[]);
        prop_assert_eq!(again.surplus.is_empty(), prune || first.surplus.is_empty());
        carry_out(&removal(&existing), &mut existing);
        prop_assert_eq!(existing, Existing::default());
    }
}
