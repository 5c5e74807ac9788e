//! What should be: the bans, and the rules they need.
//!
//! Two bans may need the same rule (two jails that guard one port). It goes when the last of them
//! goes. Pure; knows nothing of zones, nor of what firewalld holds.

use std::collections::{HashMap, HashSet};

use super::rule::Rule;
use crate::config::checked::Action;
use crate::enforcer::order::Block;
use crate::jail::ban::BanKey;

/// The bans that should be in force.
#[derive(Debug)]
pub struct Desired {
    action: Action,
    bans: HashMap<BanKey, Wanted>,
    needed_by: HashMap<Rule, HashSet<BanKey>>, // Invariant: no set is empty.
    next: u64,
}

/// What one ban needs.
#[derive(Debug)]
struct Wanted {
    block: Block,
    rules: Vec<Rule>,
    age: u64, // Greater is newer.
}

/// Rules that an order has made needed, or needless.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shift {
    /// Needed since now.
    pub needed: Vec<Rule>,
    /// Needed no longer.
    pub needless: Vec<Rule>,
}

/// Why a ban is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Too many rules. Each costs firewalld time, and every new connection.
    #[error("rich rules hold {0} rules a zone at most here, and all are taken")]
    Full(usize),
    /// An address that stands for everybody.
    #[error("the ban would refuse a whole address family")]
    Everybody,
}

impl Desired {
    /// Nothing yet; every ban to come will `action`.
    #[must_use]
    pub fn new(action: Action) -> Self {
        Self { action, bans: HashMap::new(), needed_by: HashMap::new(), next: 0 }
    }

    /// Takes a ban, or what it now blocks; it counts as the newest.
    ///
    /// # Errors
    ///
    /// Refuses it if there would be more than `room` rules; then all stays as it was.
    pub fn enforce(&mut self, key: &BanKey, block: Block, room: usize) -> Result<Shift, Refusal> {
        if self.bans.get(key).is_some_and(|wanted| wanted.block == block) {
            return Ok(Shift::default());
        }
        let rules = Rule::all(&block, self.action).ok_or(Refusal::Everybody)?;
        let fresh = rules.iter().filter(|rule| !self.needed_by.contains_key(rule)).count();
        if self.needed_by.len() + fresh > room {
            return Err(Refusal::Full(room));
        }
        let mut needless = self.release(key);
        needless.retain(|rule| !rules.contains(rule));
        let needed = self.need(key, &rules);
        self.next += 1;
        self.bans.insert(key.clone(), Wanted { block, rules, age: self.next });
        Ok(Shift { needed, needless })
    }

    /// Drops a ban; gives the rules that nobody needs any longer.
    pub fn release(&mut self, key: &BanKey) -> Vec<Rule> {
        let Some(wanted) = self.bans.remove(key) else { return Vec::new() };
        let mut needless = Vec::new();
        for rule in wanted.rules {
            if let Some(bans) = self.needed_by.get_mut(&rule) {
                bans.remove(key);
                if bans.is_empty() {
                    self.needed_by.remove(&rule);
                    needless.push(rule);
                }
            }
        }
        needless
    }

    /// The oldest bans that must go so that at most `room` rules are left.
    #[must_use]
    pub fn surplus(&self, room: usize) -> Vec<BanKey> {
        if self.needed_by.len() <= room {
            return Vec::new();
        }
        let mut rules = HashSet::<Rule>::new();
        let fits = |(_, wanted): &(&BanKey, &Wanted)| {
            rules.extend(&wanted.rules);
            rules.len() <= room
        };
        self.by_age().into_iter().skip_while(fits).map(|(key, _)| key.clone()).collect()
    }

    /// All rules, those of the newest bans first.
    #[must_use]
    pub fn newest_first(&self) -> Vec<Rule> {
        let mut seen = HashSet::new();
        let rules = self.by_age().into_iter().flat_map(|(_, wanted)| &wanted.rules);
        rules.filter(|rule| seen.insert(**rule)).copied().collect()
    }

    /// Whether some ban needs the rule.
    #[must_use]
    pub fn needs(&self, rule: &Rule) -> bool {
        self.needed_by.contains_key(rule)
    }

    /// The bans that need the rule.
    pub fn bans_of(&self, rule: &Rule) -> impl Iterator<Item = &BanKey> {
        self.needed_by.get(rule).into_iter().flatten()
    }

    /// The rules that the ban needs; `None` if it should not be in force.
    #[must_use]
    pub fn rules_of(&self, key: &BanKey) -> Option<&[Rule]> {
        self.bans.get(key).map(|wanted| wanted.rules.as_slice())
    }

    /// All bans, in no order.
    pub fn bans(&self) -> impl Iterator<Item = &BanKey> {
        self.bans.keys()
    }

    /// Notes that `key` needs `rules`; gives those that nobody needed before.
    fn need(&mut self, key: &BanKey, rules: &[Rule]) -> Vec<Rule> {
        let mut needed = Vec::new();
        for &rule in rules {
            let bans = self.needed_by.entry(rule).or_insert_with(|| {
                needed.push(rule);
                HashSet::new()
            });
            bans.insert(key.clone());
        }
        needed
    }

    /// All bans, newest first.
    fn by_age(&self) -> Vec<(&BanKey, &Wanted)> {
        let mut bans: Vec<_> = self.bans.iter().collect();
        bans.sort_unstable_by_key(|(_, wanted)| std::cmp::Reverse(wanted.age));
        bans
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::enforcer::testing::{block, key, rule};

    #[test]
    fn a_shared_rule_goes_with_its_last_ban() {
        let mut desired = Desired::new(Action::Reject);
        let [first, second] = [key("sshd", 1), key("recidive", 1)];
        let shift = desired.enforce(&first, block(1, &[22]), 9).unwrap();
        assert_eq!(shift, Shift { needed: vec![rule(1, 22)], needless: vec![] });
        let shift = desired.enforce(&second, block(1, &[22, 80]), 9).unwrap();
        assert_eq!(shift, Shift { needed: vec![rule(1, 80)], needless: vec![] });
        assert_eq!(desired.release(&first), []);
        assert_eq!(desired.release(&second), [rule(1, 22), rule(1, 80)]);
    }

    #[test]
    fn a_changed_block_keeps_what_it_shares_with_the_old() {
        let mut desired = Desired::new(Action::Reject);
        desired.enforce(&key("sshd", 1), block(1, &[22, 80]), 9).unwrap();
        let shift = desired.enforce(&key("sshd", 1), block(1, &[80, 443]), 9).unwrap();
        assert_eq!(shift.needless, [rule(1, 22)]);
        assert!(shift.needed.contains(&rule(1, 443)));
    }

    #[test]
    fn refuses_what_does_not_fit_and_changes_nothing() {
        let mut desired = Desired::new(Action::Reject);
        desired.enforce(&key("sshd", 1), block(1, &[22]), 2).unwrap();
        let refusal = desired.enforce(&key("http", 2), block(2, &[80, 443]), 2).unwrap_err();
        assert_eq!(refusal, Refusal::Full(2));
        assert_eq!(desired.newest_first(), [rule(1, 22)]);
        // A rule that is there already takes no room.
        desired.enforce(&key("sshd", 2), block(2, &[22]), 2).unwrap();
        desired.enforce(&key("other", 2), block(2, &[22]), 2).unwrap();
    }

    #[test]
    fn the_oldest_are_surplus() {
        let mut desired = Desired::new(Action::Reject);
        for host in 1..=3 {
            desired.enforce(&key("sshd", host), block(host, &[22]), 9).unwrap();
        }
        assert_eq!(desired.surplus(3), []);
        let surplus: BTreeSet<_> = desired.surplus(1).into_iter().collect();
        assert_eq!(surplus, BTreeSet::from([key("sshd", 1), key("sshd", 2)]));
        assert_eq!(desired.newest_first(), [rule(3, 22), rule(2, 22), rule(1, 22)]);
    }

    proptest! {
        /// The oracle keeps the bans only, and works the rules out anew each time.
        #[test]
        fn agrees_with_recounting(
            orders in proptest::collection::vec(
                (any::<bool>(), 0u8..3, 0u8..3, proptest::collection::vec(1u16..4, 1..3)), 0..40),
        ) {
            let mut desired = Desired::new(Action::Reject);
            let mut oracle: BTreeMap<BanKey, Block> = BTreeMap::new();
            for (enforce, jail, host, ports) in orders {
                let key = key(["a", "b", "c"][usize::from(jail)], host);
                let before = rules(&oracle);
                let shift = if enforce {
                    let block = block(host, &ports);
                    oracle.insert(key.clone(), block.clone());
                    desired.enforce(&key, block, usize::MAX).unwrap()
                } else {
                    oracle.remove(&key);
                    Shift { needed: vec![], needless: desired.release(&key) }
                };
                let after = rules(&oracle);
                prop_assert_eq!(desired.newest_first().into_iter().collect::<BTreeSet<_>>(), after.clone());
                let lost: BTreeSet<_> = before.difference(&after).copied().collect();
                prop_assert_eq!(shift.needless.into_iter().collect::<BTreeSet<_>>(), lost);
                for gained in after.difference(&before) {
                    prop_assert!(shift.needed.contains(gained));
                }
            }
        }
    }

    fn rules(bans: &BTreeMap<BanKey, Block>) -> BTreeSet<Rule> {
        bans.values().flat_map(|block| Rule::all(block, Action::Reject).unwrap()).collect()
    }
}
