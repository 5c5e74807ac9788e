//! What is asked of the kernel, one statement after the other, all or nothing.
//!
//! Two traps are met here, since a transaction in which one statement fails has no effect:
//!
//! - To delete an element that is not there is an error (and one that ended is not there), and only
//!   Linux 6.3 knows a delete that does not mind. So each is added before it is deleted: adding
//!   what is there is none.
//! - Before Linux 6.12, adding an element that is there keeps its old end. So an element that gets
//!   another end is deleted and added anew; no packet sees the set without it.

use super::group::{Group, Kind, counter};
use super::span::{Elements, End, Span};
use crate::jail::scope::{PortRange, Protocol};
use crate::moment::Boot;

/// One statement about our table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statement {
    /// Adds the table, if it is not there.
    AddTable,
    /// Deletes it, with all in it.
    DeleteTable,
    /// Adds the base chain, if it is not there.
    AddBase,
    /// Adds a chain that other chains jump to, if it is not there.
    AddChain(String),
    /// Deletes all rules of a chain.
    FlushChain(String),
    /// Deletes a chain without rules.
    DeleteChain(String),
    /// Adds a set, if it is not there.
    AddSet(String, Kind),
    /// Deletes a set that no rule names.
    DeleteSet(String),
    /// Adds a counter, if it is not there.
    AddCounter(String),
    /// Deletes a counter that no rule names.
    DeleteCounter(String),
    /// Appends a rule to a chain.
    AddRule(String, Rule),
    /// Adds elements, if they are not there; each with the time that is left to it, in
    /// milliseconds, or for ever.
    AddElements(String, Kind, Vec<(Span, Option<u64>)>),
    /// Deletes elements that are there.
    DeleteElements(String, Kind, Vec<Span>),
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Jumps to a chain, with all packets or those of a protocol to some ports.
    Dispatch(Option<(Protocol, PortRange)>, String),
    /// Counts and drops packets whose source a set holds.
    Refuse {
        /// The set's kind: how the source is looked up.
        kind: Kind,
        /// How many bits of an IPv6 source count, where the set is of kind [`Kind::Hosts6`].
        ipv6_prefix: u8,
        /// The set.
        set: String,
        /// The counter.
        counter: String,
    },
}

impl Statement {
    /// What it deletes, if it deletes something, or empties a chain.
    #[must_use]
    pub fn removes(&self) -> Option<&str> {
        match self {
            Self::FlushChain(name)
            | Self::DeleteChain(name)
            | Self::DeleteSet(name)
            | Self::DeleteCounter(name) => Some(name),
            _ => None,
        }
    }
}

/// The base chain's name.
pub const BASE: &str = "prerouting";

/// The longest time that is asked for. Longer is for ever, for all that a host lives.
const LONGEST: u64 = 100 * 365 * 24 * 3600 * 1000;

/// What makes a group: its chain, sets, counters and rules, whatever of it is there already.
#[must_use]
pub fn add_group(group: &Group, ipv6_prefix: u8) -> Vec<Statement> {
    let chain = group.chain();
    let counters = [false, true].map(|ipv6| counter(&group.jail, ipv6));
    let mut all = vec![Statement::AddChain(chain.clone()), Statement::FlushChain(chain.clone())];
    all.extend(Kind::ALL.map(|kind| Statement::AddSet(group.set(kind), kind)));
    all.extend(counters.map(Statement::AddCounter));
    all.extend(rules(group, ipv6_prefix).map(|rule| Statement::AddRule(chain.clone(), rule)));
    all
}

/// The rules of a group's chain.
#[must_use]
pub fn rules(group: &Group, ipv6_prefix: u8) -> [Rule; 4] {
    Kind::ALL.map(|kind| Rule::Refuse {
        kind,
        ipv6_prefix,
        set: group.set(kind),
        counter: counter(&group.jail, kind.is_ipv6()),
    })
}

/// The rules of the base chain that lead to a group.
#[must_use]
pub fn dispatch(group: &Group) -> Vec<Rule> {
    let chain = group.chain();
    group.ways().into_iter().map(|way| Rule::Dispatch(way, chain.clone())).collect()
}

/// What makes a set hold `new` instead of `old`: `old` is what is deleted, `new` what is added.
#[must_use]
pub fn edit(set: &str, kind: Kind, old: &Elements, new: &Elements, now: Boot) -> Vec<Statement> {
    let mut all = Vec::new();
    if !old.is_empty() {
        let sure = old.keys().map(|span| (*span, None)).collect();
        all.push(Statement::AddElements(set.to_owned(), kind, sure));
        let spans = old.keys().copied().collect();
        all.push(Statement::DeleteElements(set.to_owned(), kind, spans));
    }
    if !new.is_empty() {
        let timed = new.iter().map(|(span, end)| (*span, left(*end, now))).collect();
        all.push(Statement::AddElements(set.to_owned(), kind, timed));
    }
    all
}

/// How long until an end, in milliseconds; `None` for ever. At least one: zero is for ever.
fn left(end: End, now: Boot) -> Option<u64> {
    let End::At(at) = end else { return None };
    let left = at.since(now).as_millis().clamp(1, LONGEST.into());
    Some(u64::try_from(left).unwrap_or(LONGEST))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::super::testing::ports;
    use super::*;
    use crate::jail::ban::JailName;

    const NOW: Boot = Boot(SignedDuration::from_secs(100));

    fn elements(points: &[(u128, Option<i64>)]) -> Elements {
        let end = |second: i64| End::At(Boot(SignedDuration::from_millis(second)));
        points.iter().map(|&(n, at)| (Span::point(n), at.map_or(End::Never, end))).collect()
    }

    #[test]
    fn a_refresh_is_add_delete_add_in_one() {
        let old = elements(&[(7, Some(130_000))]);
        let new = elements(&[(7, Some(160_500)), (8, None)]);
        let name = || "s".to_owned();
        let expected = [
            Statement::AddElements(name(), Kind::Hosts4, vec![(Span::point(7), None)]),
            Statement::DeleteElements(name(), Kind::Hosts4, vec![Span::point(7)]),
            Statement::AddElements(
                name(),
                Kind::Hosts4,
                vec![(Span::point(7), Some(60_500)), (Span::point(8), None)],
            ),
        ];
        assert_eq!(edit("s", Kind::Hosts4, &old, &new, NOW), expected);
    }

    #[test]
    fn what_ends_now_is_not_for_ever() {
        let check = |second: i64, expected: u64| {
            let end = End::At(Boot(SignedDuration::from_secs(second)));
            assert_eq!(left(end, NOW), Some(expected), "{second}");
        };
        check(100, 1);
        check(0, 1);
        check(101, 1000);
        check(i64::MAX, LONGEST);
        assert_eq!(left(End::Never, NOW), None);
    }

    #[test]
    fn a_group_is_whole_whatever_was_there() {
        let group = Group { jail: JailName::new("sshd"), scope: ports(&[22, 2222]) };
        let all = add_group(&group, 64);
        assert_eq!(all[1], Statement::FlushChain(group.chain()), "no rule twice");
        let rules = all.iter().filter(|s| matches!(s, Statement::AddRule(..))).count();
        assert_eq!((rules, dispatch(&group).len()), (4, 2));
    }
}
