//! From what is provisioned to what should be: the steps between, none of which harms a ban.
//!
//! What is not ours is not touched: other sets and policies, and rules that an administrator has put
//! into our policies. Groups that no jail needs are left unless asked otherwise, for another
//! configuration of the same host may need them. A group with more shards than this version makes
//! keeps them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Policy, PolicyName, SET_TYPE, SetRule, Wanted, family, family_option, set_of, words};
use crate::enforcer::shard::{self, SetName, Tag};

/// What firewalld's permanent configuration holds of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Existing {
    /// The sets that bear a name of ours.
    pub sets: BTreeMap<SetName, SetSettings>,
    /// The policies that bear a name of ours.
    pub policies: BTreeMap<PolicyName, Policy>,
}

/// A set as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetSettings {
    /// Such as `hash:net`.
    pub set_type: String,
    /// Such as `family`.
    pub options: BTreeMap<String, String>,
    /// How many entries are permanent.
    pub entries: usize,
}

/// One change of the permanent configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Make the set.
    AddSet(SetName),
    /// Set it right.
    RepairSet(SetName, Vec<String>),
    /// Make the policy.
    AddPolicy(PolicyName, Policy),
    /// Set it right.
    ChangePolicy(PolicyName, Policy, Vec<String>),
    /// Remove the policy.
    RemovePolicy(PolicyName),
    /// Remove the set.
    RemoveSet(SetName),
}

/// What is to be done, and what is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In this order: a policy comes after its sets and goes before them.
    pub steps: Vec<Step>,
    /// How many sets and policies are as they should be.
    pub unchanged: usize,
    /// Groups that no jail needs, with their number of sets. They stay.
    pub surplus: BTreeMap<Tag, usize>,
}

/// What is to be done so that all of `wanted` is there. With `prune`, groups that nobody wants go.
#[must_use]
pub fn plan(wanted: &Wanted, existing: &Existing, prune: bool) -> Plan {
    let wanted = &wanted.keeping_shards(existing);
    let mut plan = Plan::default();
    for set in wanted.sets() {
        match existing.sets.get(set).map(|settings| faults(set, settings)) {
            None => plan.steps.push(Step::AddSet(set.clone())),
            Some(faults) if faults.is_empty() => plan.unchanged += 1,
            Some(faults) => plan.steps.push(Step::RepairSet(set.clone(), faults)),
        }
    }
    let of_wanted: BTreeSet<&SetName> = wanted.sets().collect();
    let surplus: Vec<&SetName> =
        existing.sets.keys().filter(|set| !of_wanted.contains(set)).collect();
    for name in PolicyName::ALL {
        plan.policy(name, wanted, existing, prune);
    }
    for set in surplus {
        let unused = SetName::parse(set.as_str()).filter(|(tag, ..)| wanted.group(tag).is_none());
        match unused {
            Some((tag, ..)) if !prune => *plan.surplus.entry(tag).or_default() += 1,
            _ => plan.steps.push(Step::RemoveSet(set.clone())),
        }
    }
    plan
}

/// What is to be done so that nothing of ours is left.
#[must_use]
pub fn removal(existing: &Existing) -> Plan {
    let policies = existing.policies.keys().map(|&name| Step::RemovePolicy(name));
    let sets = existing.sets.keys().cloned().map(Step::RemoveSet);
    Plan { steps: policies.chain(sets).collect(), ..Plan::default() }
}

impl Step {
    /// What it does, in a word.
    #[must_use]
    pub fn change(&self) -> &'static str {
        match self {
            Self::AddSet(_) => "add_set",
            Self::RepairSet(..) => "repair_set",
            Self::AddPolicy(..) => "add_policy",
            Self::ChangePolicy(..) => "change_policy",
            Self::RemovePolicy(_) => "remove_policy",
            Self::RemoveSet(_) => "remove_set",
        }
    }

    /// The name of the set or policy.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::AddSet(set) | Self::RepairSet(set, _) | Self::RemoveSet(set) => set.as_str(),
            Self::AddPolicy(name, _) | Self::ChangePolicy(name, ..) | Self::RemovePolicy(name) => {
                name.as_str()
            }
        }
    }

    /// What is wrong with what is there, in words.
    #[must_use]
    pub fn why(&self) -> &[String] {
        match self {
            Self::RepairSet(_, why) | Self::ChangePolicy(_, _, why) => why,
            _ => &[],
        }
    }
}

impl Existing {
    /// Whether all that is wanted is here and right; of the runtime, whether it is in force.
    #[must_use]
    pub fn holds(&self, wanted: &Wanted) -> bool {
        plan(wanted, self, false).steps.is_empty()
    }
}

impl Wanted {
    /// The same, where a group that has more shards keeps them.
    fn keeping_shards(&self, existing: &Existing) -> Self {
        let complete = shard::complete(existing.sets.keys().map(SetName::as_str));
        let keep = |group: &shard::Group| match complete.get(group.tag()) {
            Some(&shards) if shards > group.shards() => group.clone().with_shards(shards),
            _ => group.clone(),
        };
        Self { groups: self.groups.iter().map(keep).collect(), action: self.action }
    }
}

impl Plan {
    fn policy(&mut self, name: PolicyName, wanted: &Wanted, existing: &Existing, prune: bool) {
        let mut rules: Vec<String> = wanted.rules().iter().map(SetRule::to_string).collect();
        let Some(found) = existing.policies.get(&name) else {
            self.steps.push(Step::AddPolicy(name, Policy::of(name, rules)));
            return;
        };
        let stays = |rule: &&String| stays(rule, wanted, existing, prune);
        rules.extend(found.rich_rules.iter().filter(stays).cloned());
        let policy = Policy::of(name, rules);
        let differences = differences(found, &policy);
        if differences.is_empty() {
            self.unchanged += 1;
        } else {
            self.steps.push(Step::ChangePolicy(name, policy, differences));
        }
    }
}

/// Whether a rule that is there stays, though it is not wanted: it is not about a set of ours, or
/// about one of a group that stays. One about a set that is not there would break a reload.
fn stays(rule: &str, wanted: &Wanted, existing: &Existing, prune: bool) -> bool {
    let Some(set) = set_of(rule) else { return true };
    let unused = |(tag, ..): (Tag, _, _)| wanted.group(&tag).is_none();
    !prune && existing.sets.contains_key(&set) && SetName::parse(set.as_str()).is_some_and(unused)
}

/// What is wrong with a set, in words.
fn faults(set: &SetName, settings: &SetSettings) -> Vec<String> {
    let option = |name| settings.options.get(name).map(String::as_str);
    let mut faults = Vec::new();
    if settings.set_type != SET_TYPE {
        faults.push(format!("its type is {} and should be {SET_TYPE}", settings.set_type));
    }
    let (has, should) = (option("family").unwrap_or("inet"), family_option(family(set)));
    if has != should {
        faults.push(format!("its family is {has} and should be {should}"));
    }
    if let Some(timeout) = option("timeout").filter(|timeout| *timeout != "0") {
        faults.push(format!("it has a timeout ({timeout}), so firewalld would forget its entries"));
    }
    // A set of firewalld's own default size is never full before a shard is.
    if let Some(few) = option("maxelem").filter(|size| size.parse().is_ok_and(|n: u64| n < 65_536))
    {
        faults.push(format!("maxelem {few} is less than firewalld's own 65536"));
    }
    if settings.entries > 0 {
        faults.push(format!(
            "it has {} permanent entries, which come back with every reload \
             (runtime-to-permanent makes such)",
            settings.entries
        ));
    }
    faults
}

/// What the policy should have otherwise, in words.
fn differences(existing: &Policy, wanted: &Policy) -> Vec<String> {
    let mut differences = Vec::new();
    let mut differs = |what: &str, is: String, should: String| {
        if is != should {
            differences.push(format!("{what} {should} instead of {is}"));
        }
    };
    differs("target", existing.target.clone(), wanted.target.clone());
    differs("priority", existing.priority.to_string(), wanted.priority.to_string());
    differs("from", existing.ingress_zones.join(","), wanted.ingress_zones.join(","));
    differs("to", existing.egress_zones.join(","), wanted.egress_zones.join(","));
    let set = |policy: &Policy| -> BTreeSet<String> {
        policy.rich_rules.iter().map(|rule| words(rule)).collect()
    };
    let (has, should) = (set(existing), set(wanted));
    let (more, fewer) = (should.difference(&has).count(), has.difference(&should).count());
    if more > 0 {
        differences.push(format!("{more} rules to be added"));
    }
    if fewer > 0 {
        differences.push(format!("{fewer} rules to be removed"));
    }
    differences
}

#[cfg(test)]
mod tests;
