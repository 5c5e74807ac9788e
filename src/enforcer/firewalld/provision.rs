//! What firewalld's permanent configuration should hold for bans to be entries of sets.
//!
//! firewalld cannot make a set or a policy at run time, so they are provisioned once: for every
//! scope a [group of sets](Group), and two [policies](Policy) that refuse whatever is in them before
//! any zone is asked. Entries are the enforcer's, and never permanent.
//!
//! All of this is pure: [`plan`] compares what should be with what is and says the steps,
//! [`xml`] writes the same as files. `gaoler provision` alone carries the steps out
//! ([`permanent`](super::permanent)); the daemon never does.
//!
//! Source: firewalld.ipset(5), firewalld.policies(5), firewalld.richlanguage(5).

pub mod plan;
mod rule;
pub mod xml;

use std::collections::BTreeSet;
use std::num::NonZeroU8;

pub use self::rule::{SetRule, set_of, words};
use crate::config::checked::Action;
use crate::enforcer::shard::{Family, Group, SetName, Tag};
use crate::jail::scope::{Protocol, Scope};

/// The only type of our sets. It takes lone addresses and networks.
pub const SET_TYPE: &str = "hash:net";

/// The policies' priority: before all others, zones and stock policies alike.
pub const PRIORITY: i32 = -32000;

/// Goes on to the next policy or zone with whatever no rule refused.
pub const TARGET: &str = "CONTINUE";

/// Which of our two policies. One would not do: firewalld refuses HOST beside ANY.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyName {
    /// Packets to the host itself.
    In,
    /// Packets that the host forwards.
    Forward,
}

/// A policy's settings, as far as we have a say in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What becomes of a packet that no rule refuses.
    pub target: String,
    /// When it is asked; lower is earlier.
    pub priority: i32,
    /// Where packets come from.
    pub ingress_zones: Vec<String>,
    /// Where packets go.
    pub egress_zones: Vec<String>,
    /// The rules, in rich language.
    pub rich_rules: Vec<String>,
}

/// What should be provisioned.
#[derive(Clone, Debug)]
pub struct Wanted {
    groups: Vec<Group>,
    action: Action,
}

impl PolicyName {
    /// Both.
    pub const ALL: [Self; 2] = [Self::In, Self::Forward];

    /// The name; firewalld allows 17 characters.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::In => "gaoler-in",
            Self::Forward => "gaoler-fwd",
        }
    }

    /// What the packets' destination is called.
    #[must_use]
    pub fn egress(self) -> &'static str {
        match self {
            Self::In => "HOST",
            Self::Forward => "ANY",
        }
    }

    /// What it is for, in a few words.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::In => "Refuses whom gaoler has banned, in every zone: packets to this host.",
            Self::Forward => "Refuses whom gaoler has banned, in every zone: forwarded packets.",
        }
    }
}

impl Policy {
    /// One of our policies, with these rules.
    #[must_use]
    pub fn of(name: PolicyName, rich_rules: Vec<String>) -> Self {
        Self {
            target: TARGET.to_owned(),
            priority: PRIORITY,
            ingress_zones: vec!["ANY".to_owned()],
            egress_zones: vec![name.egress().to_owned()],
            rich_rules,
        }
    }

    /// Whether it refuses whatever is in any of the group's sets, in one way or the other.
    #[must_use]
    pub fn refuses(&self, group: &Group) -> bool {
        let rules: BTreeSet<String> = self.rich_rules.iter().map(|rule| words(rule)).collect();
        let of = |action| {
            SetRule::all(group, action).iter().all(|rule| rules.contains(&words(&rule.to_string())))
        };
        of(Action::Reject) || of(Action::Drop)
    }
}

impl Wanted {
    /// The group of every port, and one for each other scope. The first is always wanted: it serves
    /// jails whose bans refuse every port, and those that come later.
    #[must_use]
    pub fn new<'a>(scopes: impl IntoIterator<Item = &'a Scope>, action: Action) -> Self {
        let every =
            Scope { ports: BTreeSet::new(), protocols: [Protocol::Tcp, Protocol::Udp].into() };
        let mut groups = vec![Group::of(&every)];
        for group in scopes.into_iter().map(Group::of) {
            if groups.iter().all(|other| other.tag() != group.tag()) {
                groups.push(group);
            }
        }
        groups[1..].sort_by(|a, b| a.tag().cmp(b.tag()));
        Self { groups, action }
    }

    /// The same groups, each with so many shards a family.
    #[must_use]
    pub fn with_shards(self, shards: NonZeroU8) -> Self {
        let groups = self.groups.into_iter().map(|group| group.with_shards(shards)).collect();
        Self { groups, ..self }
    }

    /// The groups: that of every port, then by tag.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The group of this tag.
    #[must_use]
    pub fn group(&self, tag: &Tag) -> Option<&Group> {
        self.groups.iter().find(|group| group.tag() == tag)
    }

    /// Every set, group by group.
    pub fn sets(&self) -> impl Iterator<Item = &SetName> {
        self.groups.iter().flat_map(Group::sets)
    }

    /// Every rule, group by group. Both policies have the same.
    #[must_use]
    pub fn rules(&self) -> Vec<SetRule> {
        self.groups.iter().flat_map(|group| SetRule::all(group, self.action)).collect()
    }
}

/// What firewalld calls the family in a set's options.
#[must_use]
pub fn family_option(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "inet",
        Family::Ipv6 => "inet6",
    }
}

/// The family of one of our sets.
#[must_use]
pub fn family(set: &SetName) -> Family {
    SetName::parse(set.as_str()).map_or(Family::Ipv4, |(_, family, _)| family)
}

/// What a set is for, in a few words.
#[must_use]
pub fn description(set: &SetName) -> String {
    format!("{set}: filled by gaoler at run time. Entries that are permanent are a mistake.")
}
