//! What is provisioned, and thereby how a ban is enforced: by entries in sets, or by rich rules.
//!
//! A group of sets serves only if every set of it is there, and a policy refuses what each holds. A
//! set that no policy names would hold entries that stop nobody.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::num::NonZeroU8;

use super::desired::Refusal;
use super::element::{Element, Need};
use super::provision::{Policy, PolicyName, set_of};
use super::rule::{Rule, canonical};
use crate::config::checked::{Action, Mode};
use crate::enforcer::IPV6_PREFIX;
use crate::enforcer::order::Block;
use crate::enforcer::shard::{Group, SetName, Tag, complete};
use crate::jail::scope::Scope;

/// The groups of sets that serve.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provided(BTreeMap<Tag, Serving>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Serving {
    shards: NonZeroU8,
    /// Whether what is in the sets cannot pass through the host either.
    forwards: bool,
}

/// How bans are enforced here.
#[derive(Debug)]
pub struct Means {
    mode: Mode,
    action: Action,
    /// `None` before the first look.
    provided: Option<Provided>,
    /// The groups of sets that serve, by the scopes that were asked for.
    groups: HashMap<Scope, Option<Group>>,
}

impl Provided {
    /// What serves, by the names of all sets and the policies of ours.
    #[must_use]
    pub fn of(sets: &[String], policies: &[Policy]) -> Self {
        let [input, forward] = [PolicyName::In, PolicyName::Forward].map(|name| {
            let to = |policy: &&Policy| {
                let holds = |zones: &[String], zone: &str| zones.iter().any(|z| z == zone);
                holds(&policy.ingress_zones, "ANY") && holds(&policy.egress_zones, name.egress())
            };
            policies.iter().filter(to).flat_map(refused).collect::<HashSet<SetName>>()
        });
        let serving =
            complete(sets.iter().map(String::as_str)).into_iter().filter_map(|(tag, shards)| {
                let of_group =
                    |name: &&String| SetName::parse(name).is_some_and(|(of, ..)| of == tag);
                let all_in = |refused: &HashSet<SetName>| {
                    let mut names =
                        sets.iter().filter(of_group).filter_map(|name| SetName::ours(name));
                    names.all(|name| refused.contains(&name))
                };
                all_in(&input)
                    .then(|| (tag.clone(), Serving { shards, forwards: all_in(&forward) }))
            });
        Self(serving.collect())
    }

    /// The group of sets that stops packets of this scope from reaching the host.
    fn group(&self, scope: &Scope) -> Option<Group> {
        let group = Group::of(scope);
        let shards = self.0.get(group.tag())?.shards;
        Some(group.with_shards(shards))
    }
}

impl Means {
    /// How to enforce, with nothing known of what is provisioned.
    #[must_use]
    pub fn new(mode: Mode, action: Action) -> Self {
        let provided = (mode == Mode::RichRule).then(Provided::default);
        Self { mode, action, provided, groups: HashMap::new() }
    }

    /// As configured.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether sets are to be used where they serve.
    #[must_use]
    pub fn wants_sets(&self) -> bool {
        self.mode != Mode::RichRule
    }

    /// Whether it is known how to enforce.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.provided.is_some()
    }

    /// Learns what is provisioned; says whether that is news.
    pub fn learn(&mut self, provided: Provided) -> bool {
        let provided = if self.wants_sets() { provided } else { Provided::default() };
        if self.provided.as_ref() == Some(&provided) {
            return false;
        }
        self.provided = Some(provided);
        self.groups.clear();
        true
    }

    /// What a ban needs; nothing while it is not known what serves.
    ///
    /// # Errors
    ///
    /// Refuses what would stop a whole address family.
    pub fn needs(&mut self, block: &Block) -> Result<Vec<Need>, Refusal> {
        let address = canonical(block.address).ok_or(Refusal::Everybody)?;
        if !self.is_known() {
            return Ok(Vec::new());
        }
        if let Some(group) = self.group(&block.scope) {
            return Ok(vec![Need::Entry(group.set_for(&address, IPV6_PREFIX), address)]);
        }
        let rules = Rule::all(block, self.action).ok_or(Refusal::Everybody)?;
        Ok(rules.into_iter().map(Need::Rule).collect())
    }

    /// Every element that the ban may have needed, however it was enforced when it began.
    #[must_use]
    pub fn traces(&self, block: &Block) -> Vec<Element> {
        let rules = Rule::all(block, self.action).unwrap_or_default();
        let entry = canonical(block.address).map(Element::Entry);
        rules.into_iter().map(Element::Rule).chain(entry).collect()
    }

    /// The sets that stop packets of this scope from reaching the host.
    pub fn group(&mut self, scope: &Scope) -> Option<&Group> {
        let provided = self.provided.as_ref()?;
        if !self.groups.contains_key(scope) {
            self.groups.insert(scope.clone(), provided.group(scope));
        }
        self.groups[scope].as_ref()
    }

    /// How many sets serve.
    #[must_use]
    pub fn sets(&self) -> usize {
        let serving = self.provided.iter().flat_map(|provided| provided.0.values());
        serving.map(|serving| 2 * (usize::from(serving.shards.get()) + 1)).sum()
    }

    /// Whether what a set holds cannot pass through the host either.
    #[must_use]
    pub fn forwards(&self) -> bool {
        let mut serving = self.provided.iter().flat_map(|provided| provided.0.values());
        self.sets() > 0 && serving.all(|serving| serving.forwards)
    }
}

/// The sets whose entries a policy refuses.
fn refused(policy: &Policy) -> impl Iterator<Item = SetName> {
    let refuses = |rule: &&String| rule.ends_with(" drop") || rule.contains(" reject");
    policy.rich_rules.iter().filter(refuses).filter_map(|rule| set_of(rule))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::enforcer::firewalld::desired::Desired;
    use crate::enforcer::firewalld::provision::SetRule;
    use crate::enforcer::shard::MOST_ENTRIES;
    use crate::enforcer::testing::block;
    use crate::jail::ban::{BanKey, JailName};
    use ipnet::IpNet;

    fn names(group: &Group) -> Vec<String> {
        group.sets().iter().map(ToString::to_string).collect()
    }

    fn rules(group: &Group) -> Vec<String> {
        SetRule::all(group, Action::Drop).iter().map(ToString::to_string).collect()
    }

    /// What serves a ban from every port, and one from port 22.
    #[track_caller]
    fn check(sets: &[String], policies: &[Policy], serves: [bool; 2], forwards: bool) {
        let mut means = Means::new(Mode::Auto, Action::Reject);
        assert_eq!(means.needs(&block(1, &[22])), Ok(vec![]), "nothing is known yet");
        assert!(means.learn(Provided::of(sets, policies)));
        assert!(!means.learn(Provided::of(sets, policies)), "no news");
        let by_set = |need: &Need| matches!(need, Need::Entry(..));
        let is =
            [block(1, &[]), block(1, &[22])].map(|b| means.needs(&b).unwrap().iter().all(by_set));
        assert_eq!(is, serves);
        assert_eq!(means.forwards(), forwards);
    }

    #[test]
    fn a_group_serves_when_every_set_is_there_and_refused() {
        let (all, ssh) = (Group::of(&block(1, &[]).scope), Group::of(&block(1, &[22]).scope));
        let both = [names(&all), names(&ssh)].concat();
        let input = |groups: &[&Group]| {
            Policy::of(PolicyName::In, groups.iter().flat_map(|g| rules(g)).collect())
        };
        let forward = |group| Policy::of(PolicyName::Forward, rules(group));
        check(&both, &[input(&[&all, &ssh])], [true, true], false);
        check(&both, &[input(&[&all])], [true, false], false);
        check(&both, &[input(&[&all]), forward(&all)], [true, false], true);
        check(&both, &[input(&[&all, &ssh]), forward(&all)], [true, true], false);
        check(&both, &[forward(&all)], [false, false], false);
        check(&both, &[], [false, false], false);
        check(&both[1..], &[input(&[&all, &ssh])], [false, true], false);
        let mut lacking = rules(&all);
        lacking.pop();
        check(&both, &[Policy::of(PolicyName::In, lacking)], [false, false], false);
        let elsewhere = Policy { ingress_zones: vec!["public".into()], ..input(&[&all]) };
        check(&both, &[elsewhere], [false, false], false);
    }

    #[test]
    fn a_full_set_takes_no_more() {
        let group = Group::of(&block(1, &[]).scope).with_shards(2.try_into().unwrap());
        let policy = Policy::of(PolicyName::In, rules(&group));
        let mut means = Means::new(Mode::Auto, Action::Reject);
        means.learn(Provided::of(&names(&group), &[policy]));
        let mut desired = Desired::default();
        let mut enforce = |address: IpNet| {
            let key = BanKey { jail: JailName::new("sshd"), address };
            desired.enforce(&key, Block { address, ..block(0, &[]) }, &mut means, 9)
        };
        let first = group.sets()[0].clone();
        let hosts = (0x0a00_0000..0x0a00_3000).map(std::net::Ipv4Addr::from_bits);
        let hosts = hosts.map(|host| IpNet::from(std::net::IpAddr::from(host)));
        let (own, others): (Vec<IpNet>, Vec<IpNet>) =
            hosts.partition(|host| group.set_for(host, IPV6_PREFIX) == first);
        for host in &own[..MOST_ENTRIES] {
            enforce(*host).unwrap();
        }
        assert_eq!(enforce(own[MOST_ENTRIES]), Err(Refusal::SetFull(first)));
        enforce(others[0]).unwrap();
    }

    #[test]
    fn rich_rules_only_need_no_look() {
        let mut means = Means::new(Mode::RichRule, Action::Reject);
        let all = Group::of(&block(1, &[]).scope);
        assert!(
            !means.learn(Provided::of(&names(&all), &[Policy::of(PolicyName::In, rules(&all))]))
        );
        assert!(matches!(means.needs(&block(1, &[])).unwrap()[..], [Need::Rule(_)]));
    }
}
