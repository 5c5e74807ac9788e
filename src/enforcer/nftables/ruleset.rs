//! What our table is made of, apart from elements: seen against wanted.

use std::collections::{BTreeMap, BTreeSet};

use super::group::{Group, Kind, counter};
use super::message::{ACCEPT, MARK, PRIORITY, comment};
use super::statement::{BASE, Rule, Statement, dispatch, rules};

/// The table as it was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Whether it is there.
    pub table: bool,
    /// Whether it is switched off.
    pub dormant: bool,
    /// Its chains by name.
    pub chains: BTreeMap<String, Chain>,
    /// Its sets by name.
    pub sets: BTreeMap<String, Set>,
    /// Its counters.
    pub counters: BTreeSet<String>,
}

/// A chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// Number and priority of the hook it hangs on.
    pub hook: Option<(Option<u32>, Option<i32>)>,
    /// What becomes of packets that come to its end.
    pub policy: Option<u32>,
    /// Its type.
    pub kind: Option<String>,
    /// What each rule says of itself; empty for a rule that is not ours.
    pub rules: Vec<String>,
}

/// A set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Set {
    /// `NFT_SET_*`.
    pub flags: u32,
    /// Bytes of a key.
    pub key_length: u32,
}

/// What there is to say about the table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What is wrong with it.
    pub amiss: Amiss,
    /// The groups that are whole.
    pub whole: BTreeSet<usize>,
    /// The groups whose sets can be gone on with: those that are whole, and those that only lack
    /// rules.
    pub usable: BTreeSet<usize>,
}

/// What is wrong with the table as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amiss {
    /// Whether it is of no use, and is replaced.
    pub replace: bool,
    /// Whether the base chain must be laid out anew.
    pub dispatch: bool,
    /// What nobody asked for, as the statements that remove it.
    pub extras: Vec<Statement>,
}

const INTERVAL: u32 = 0x4;
const TIMEOUT: u32 = 0x10;
/// What else a set may be called by the kernel without being another one: constant, dynamic.
const OTHERWISE: u32 = !(0x2 | 0x20);
/// `NF_INET_PRE_ROUTING`.
const PREROUTING: u32 = 0;

impl Seen {
    /// Whether it has rules, and none of them is ours.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        let mut rules = self.chains.values().flat_map(|chain| &chain.rules).peekable();
        rules.peek().is_some() && !rules.any(|rule| rule.starts_with(MARK))
    }
}

/// Compares. `wanted`: the groups that should be there.
#[must_use]
pub fn compare(wanted: &BTreeMap<usize, &Group>, ipv6_prefix: u8, seen: &Seen) -> Verdict {
    let mut verdict = Verdict::default();
    if !seen.table {
        verdict.amiss.dispatch = true;
        return verdict;
    }
    let expected_sets = |group: &Group| Kind::ALL.map(|kind| (group.set(kind), kind));
    let all_sets: Vec<_> = wanted.values().flat_map(|group| expected_sets(group)).collect();
    let is_wrong = |(name, kind): &(String, Kind)| {
        seen.sets.get(name).is_some_and(|set| !is_of_kind(*set, *kind))
    };
    let base_is_wrong = seen.chains.get(BASE).is_some_and(|base| !is_base(base));
    if seen.dormant || base_is_wrong || all_sets.iter().any(is_wrong) {
        verdict.amiss.replace = true;
        return verdict;
    }
    let base = seen.chains.get(BASE).map(|base| base.rules.as_slice()).unwrap_or_default();
    for (&at, group) in wanted {
        if expected_sets(group).iter().all(|(name, _)| seen.sets.contains_key(name)) {
            verdict.usable.insert(at);
            if has_rules(group, ipv6_prefix, seen) && is_reached(group, base) {
                verdict.whole.insert(at);
            }
        }
    }
    verdict.amiss.dispatch = !seen.chains.contains_key(BASE) || base != comments(&order(wanted));
    verdict.amiss.extras = extras(wanted, seen);
    verdict
}

/// The rules of the base chain, in order.
#[must_use]
pub fn order(groups: &BTreeMap<usize, &Group>) -> Vec<Rule> {
    let mut groups: Vec<&&Group> = groups.values().collect();
    groups.sort();
    groups.into_iter().flat_map(|group| dispatch(group)).collect()
}

fn has_rules(group: &Group, ipv6_prefix: u8, seen: &Seen) -> bool {
    let ours = comments(&rules(group, ipv6_prefix));
    let counters = [false, true].map(|ipv6| counter(&group.jail, ipv6));
    seen.chains.get(&group.chain()).is_some_and(|chain| chain.rules == ours)
        && counters.iter().all(|name| seen.counters.contains(name))
}

/// Whether the base chain leads there, and no rule of somebody else's may let packets off before.
fn is_reached(group: &Group, base: &[String]) -> bool {
    base.iter().all(|rule| rule.starts_with(MARK))
        && comments(&dispatch(group)).iter().all(|rule| base.contains(rule))
}

fn comments(rules: &[Rule]) -> Vec<String> {
    rules.iter().map(comment).collect()
}

fn is_base(chain: &Chain) -> bool {
    chain.hook == Some((Some(PREROUTING), Some(PRIORITY)))
        && chain.policy == Some(ACCEPT)
        && chain.kind.as_deref() == Some("filter")
}

fn is_of_kind(set: Set, kind: Kind) -> bool {
    let interval = if kind.is_interval() { INTERVAL } else { 0 };
    set.flags & OTHERWISE == TIMEOUT | interval
        && set.key_length == if kind.is_ipv6() { 16 } else { 4 }
}

/// Chains go first: they name sets and counters. All are emptied before any is deleted: one may
/// jump to another.
fn extras(wanted: &BTreeMap<usize, &Group>, seen: &Seen) -> Vec<Statement> {
    let chains: BTreeSet<String> =
        wanted.values().map(|group| group.chain()).chain([BASE.to_owned()]).collect();
    let sets: BTreeSet<String> =
        wanted.values().flat_map(|group| Kind::ALL.map(|kind| group.set(kind))).collect();
    let counters: BTreeSet<String> = wanted
        .values()
        .flat_map(|group| [false, true].map(|ipv6| counter(&group.jail, ipv6)))
        .collect();
    let stray = |name: &&String| !chains.contains(*name);
    let stray_chains: Vec<&String> = seen.chains.keys().filter(stray).collect();
    let flushed = stray_chains.iter().map(|name| Statement::FlushChain((*name).clone()));
    let deleted = stray_chains.iter().map(|name| Statement::DeleteChain((*name).clone()));
    let stray_sets = seen.sets.keys().filter(|name| !sets.contains(*name));
    let stray_counters = seen.counters.difference(&counters);
    flushed
        .chain(deleted)
        .chain(stray_sets.map(|name| Statement::DeleteSet(name.clone())))
        .chain(stray_counters.map(|name| Statement::DeleteCounter(name.clone())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::ports;
    use super::*;
    use crate::jail::ban::JailName;

    fn group(jail: &str) -> Group {
        Group { jail: JailName::new(jail), scope: ports(&[22]) }
    }

    /// The table as it is when all is well.
    fn laid_out(groups: &[&Group]) -> Seen {
        let wanted: BTreeMap<usize, &Group> = groups.iter().copied().enumerate().collect();
        let chain = |rules: &[Rule]| Chain {
            rules: rules.iter().map(comment).collect(),
            ..Chain::default()
        };
        let mut seen = Seen { table: true, ..Seen::default() };
        let base = Chain {
            hook: Some((Some(0), Some(-310))),
            policy: Some(1),
            kind: Some("filter".to_owned()),
            ..chain(&order(&wanted))
        };
        seen.chains.insert(BASE.to_owned(), base);
        for group in groups {
            seen.chains.insert(group.chain(), chain(&rules(group, 64)));
            for kind in Kind::ALL {
                let interval = if kind.is_interval() { 4 } else { 0 };
                let key_length = if kind.is_ipv6() { 16 } else { 4 };
                seen.sets.insert(group.set(kind), Set { flags: 0x10 | interval, key_length });
            }
            seen.counters.extend([false, true].map(|ipv6| counter(&group.jail, ipv6)));
        }
        seen
    }

    fn judged(groups: &[&Group], seen: &Seen) -> Verdict {
        compare(&groups.iter().copied().enumerate().collect(), 64, seen)
    }

    #[test]
    fn what_is_as_it_should_be_is_left_alone() {
        let [a, b] = [group("a"), group("b")];
        let all = BTreeSet::from([0, 1]);
        let well = Verdict { whole: all.clone(), usable: all, ..Verdict::default() };
        assert_eq!(judged(&[&a, &b], &laid_out(&[&b, &a])), well);
        let absent =
            Verdict { amiss: Amiss { dispatch: true, ..Amiss::default() }, ..Verdict::default() };
        assert_eq!(judged(&[&a, &b], &Seen::default()), absent);
    }

    #[test]
    fn what_nobody_asked_for_goes_and_the_rest_stays() {
        let [a, b] = [group("a"), group("b")];
        let verdict = judged(&[&a], &laid_out(&[&a, &b]));
        assert!(verdict.amiss.dispatch && !verdict.amiss.replace);
        assert_eq!(verdict.whole, BTreeSet::from([0]));
        assert_eq!(verdict.amiss.extras.len(), 2 + 4 + 2);
        assert_eq!(verdict.amiss.extras[0], Statement::FlushChain(b.chain()));
    }

    #[test]
    fn each_kind_of_damage_is_seen() {
        let a = group("a");
        let check = |damage: &dyn Fn(&mut Seen), expected: (bool, bool, bool, bool)| {
            let mut seen = laid_out(&[&a]);
            damage(&mut seen);
            let verdict = judged(&[&a], &seen);
            let (usable, whole) = (verdict.usable.contains(&0), verdict.whole.contains(&0));
            assert_eq!(
                (verdict.amiss.replace, verdict.amiss.dispatch, usable, whole),
                expected,
                "{seen:?}"
            );
        };
        let chain = |seen: &mut Seen, name: &str, change: &dyn Fn(&mut Chain)| {
            change(seen.chains.get_mut(name).unwrap());
        };
        let of = a.chain();
        check(&|seen| seen.dormant = true, (true, false, false, false));
        check(&|seen| chain(seen, BASE, &|c| c.policy = Some(0)), (true, false, false, false));
        check(&|seen| chain(seen, BASE, &|c| c.hook = None), (true, false, false, false));
        let set = a.set(Kind::Nets6);
        check(&|seen| seen.sets.get_mut(&set).unwrap().flags = 0x10, (true, false, false, false));
        check(&|seen| seen.sets.retain(|name, _| *name != set), (false, false, false, false));
        check(&|seen| chain(seen, BASE, &|c| c.rules.clear()), (false, true, true, false));
        check(&|seen| drop(seen.chains.remove(BASE)), (false, true, true, false));
        // A rule of somebody else's before ours.
        check(
            &|seen| chain(seen, BASE, &|c| c.rules.insert(0, String::new())),
            (false, true, true, false),
        );
        check(&|seen| chain(seen, &of, &|c| drop(c.rules.pop())), (false, false, true, false));
        check(&|seen| seen.counters.clear(), (false, false, true, false));
    }

    #[test]
    fn a_table_is_foreign_if_it_has_rules_and_none_is_ours() {
        let a = group("a");
        let mut seen = laid_out(&[&a]);
        assert!(!seen.is_foreign() && !Seen::default().is_foreign());
        for chain in seen.chains.values_mut() {
            chain.rules = vec![String::new()];
        }
        assert!(seen.is_foreign());
        seen.chains.get_mut(BASE).unwrap().rules.push("gaoler 0".to_owned());
        assert!(!seen.is_foreign());
    }

    #[test]
    fn another_prefix_is_another_rule() {
        let a = group("a");
        let seen = laid_out(&[&a]);
        let verdict = compare(&BTreeMap::from([(0, &a)]), 56, &seen);
        assert!(verdict.whole.is_empty() && verdict.usable.contains(&0));
    }
}
