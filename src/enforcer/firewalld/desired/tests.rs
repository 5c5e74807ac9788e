use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::config::checked::{Action, Mode};
use crate::enforcer::firewalld::rule::Rule;
use crate::enforcer::testing::{block, key, rule};

#[test]
fn a_shared_rule_goes_with_its_last_ban() {
    let (mut desired, mut means) = rich();
    let [first, second] = [key("sshd", 1), key("recidive", 1)];
    let shift = desired.enforce(&first, block(1, &[22]), &mut means, 9).unwrap();
    assert_eq!(shift, Shift { needed: vec![need(1, 22)], needless: vec![] });
    let shift = desired.enforce(&second, block(1, &[22, 80]), &mut means, 9).unwrap();
    assert_eq!(shift, Shift { needed: vec![need(1, 80)], needless: vec![] });
    assert_eq!(desired.release(&first), []);
    assert_eq!(desired.release(&second), [need(1, 22), need(1, 80)]);
}

#[test]
fn a_changed_block_keeps_what_it_shares_with_the_old() {
    let (mut desired, mut means) = rich();
    desired.enforce(&key("sshd", 1), block(1, &[22, 80]), &mut means, 9).unwrap();
    let shift = desired.enforce(&key("sshd", 1), block(1, &[80, 443]), &mut means, 9).unwrap();
    assert_eq!(shift.needless, [need(1, 22)]);
    assert!(shift.needed.contains(&need(1, 443)));
}

#[test]
fn refuses_what_does_not_fit_and_changes_nothing() {
    let (mut desired, mut means) = rich();
    desired.enforce(&key("sshd", 1), block(1, &[22]), &mut means, 2).unwrap();
    let refusal =
        desired.enforce(&key("http", 2), block(2, &[80, 443]), &mut means, 2).unwrap_err();
    assert_eq!(refusal, Refusal::Full(2));
    assert_eq!(desired.newest_first(), [need(1, 22)]);
    // A rule that is there already takes no room.
    desired.enforce(&key("sshd", 2), block(2, &[22]), &mut means, 2).unwrap();
    desired.enforce(&key("other", 2), block(2, &[22]), &mut means, 2).unwrap();
}

#[test]
fn the_oldest_are_surplus() {
    let (mut desired, mut means) = rich();
    for host in 1..=3 {
        desired.enforce(&key("sshd", host), block(host, &[22]), &mut means, 9).unwrap();
    }
    assert_eq!(desired.rework(&mut means, 3), []);
    assert_eq!(desired.newest_first(), [need(3, 22), need(2, 22), need(1, 22)]);
    let surplus = desired.rework(&mut means, 1);
    let full = Refusal::Full(1);
    assert_eq!(surplus, [(key("sshd", 2), full.clone()), (key("sshd", 1), full)]);
    assert_eq!(desired.newest_first(), [need(3, 22)]);
}

proptest! {
    /// The oracle keeps the bans only, and works the rules out anew each time.
    #[test]
    fn agrees_with_recounting(
        orders in proptest::collection::vec(
            (any::<bool>(), 0u8..3, 0u8..3, proptest::collection::vec(1u16..4, 1..3)), 0..40),
    ) {
        let (mut desired, mut means) = rich();
        let mut oracle: BTreeMap<BanKey, Block> = BTreeMap::new();
        for (enforce, jail, host, ports) in orders {
            let key = key(["a", "b", "c"][usize::from(jail)], host);
            let before = rules(&oracle);
            let shift = if enforce {
                let block = block(host, &ports);
                oracle.insert(key.clone(), block.clone());
                desired.enforce(&key, block, &mut means, usize::MAX).unwrap()
            } else {
                oracle.remove(&key);
                Shift { needed: vec![], needless: desired.release(&key) }
            };
            let after = rules(&oracle);
            prop_assert_eq!(desired.newest_first().into_iter().collect::<BTreeSet<_>>(), after.clone());
            let lost: BTreeSet<_> = before.difference(&after).cloned().collect();
            prop_assert_eq!(shift.needless.into_iter().collect::<BTreeSet<_>>(), lost);
            for gained in after.difference(&before) {
                prop_assert!(shift.needed.contains(gained));
            }
        }
    }
}

fn rich() -> (Desired, Means) {
    (Desired::default(), Means::new(Mode::RichRule, Action::Reject))
}

fn need(host: u8, port: u16) -> Need {
    Need::Rule(rule(host, port))
}

fn rules(bans: &BTreeMap<BanKey, Block>) -> BTreeSet<Need> {
    let rules = bans.values().flat_map(|block| Rule::all(block, Action::Reject).unwrap());
    rules.map(Need::Rule).collect()
}
