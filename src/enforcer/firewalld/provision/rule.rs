//! A rule of our policies: whatever is in a set is refused the set's ports.

use std::fmt;

use super::family;
use crate::config::checked::Action;
use crate::enforcer::shard::{Family, Group, SetName};
use crate::jail::scope::{PortRange, Protocol};

/// One rule. Its [`Display`](fmt::Display) is firewalld's own spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetRule {
    /// Whose entries.
    pub set: SetName,
    /// Which ports; every one, and every protocol, when `None`.
    pub ports: Option<(PortRange, Protocol)>,
    /// What becomes of the packet.
    pub action: Action,
}

impl SetRule {
    /// The rules of a group: one a set, or one a set, range of ports and protocol.
    #[must_use]
    pub fn all(group: &Group, action: Action) -> Vec<Self> {
        let scope = group.scope();
        let mut ports: Vec<Option<(PortRange, Protocol)>> = Vec::new();
        for &range in &scope.ports {
            ports.extend(scope.protocols.iter().map(|&protocol| Some((range, protocol))));
        }
        if ports.is_empty() {
            ports.push(None);
        }
        let of_set = |set: &SetName| {
            let set = set.clone();
            ports.iter().map(move |&ports| Self { set: set.clone(), ports, action })
        };
        group.sets().iter().flat_map(of_set).collect()
    }

    /// The family of the set.
    #[must_use]
    pub fn family(&self) -> Family {
        family(&self.set)
    }

    /// What a refused client is told; each family has its own word for it.
    #[must_use]
    pub fn reject_type(&self) -> &'static str {
        match self.family() {
            Family::Ipv4 => "icmp-port-unreachable",
            Family::Ipv6 => "icmp6-port-unreachable",
        }
    }
}

impl fmt::Display for SetRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, r#"rule family="{}" source ipset="{}""#, self.family().as_str(), self.set)?;
        if let Some((range, protocol)) = self.ports {
            write!(f, r#" port port="{range}" protocol="{}""#, protocol.as_str())?;
        }
        match self.action {
            Action::Reject => write!(f, r#" reject type="{}""#, self.reject_type()),
            Action::Drop => f.write_str(" drop"),
        }
    }
}

/// A rule in one spelling, for comparison: versions of firewalld differ in spaces and quotes.
#[must_use]
pub fn words(rule: &str) -> String {
    let words: Vec<String> = rule.split_whitespace().map(|word| word.replace('"', "")).collect();
    words.join(" ")
}

/// The set of ours whose entries a rule is about, if it is about one.
#[must_use]
pub fn set_of(rule: &str) -> Option<SetName> {
    let named = rule.split_whitespace().find_map(|word| word.strip_prefix("ipset="))?;
    SetName::ours(named.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::enforcer::firewalld::provision::Wanted;
    use crate::jail::scope::Scope;

    /// The rules of the group's first set of each family.
    #[track_caller]
    fn check(ports: &[(u16, u16)], protocols: &[Protocol], action: Action, expected: &[&str]) {
        let ports = ports.iter().map(|&(a, b)| PortRange::new(a, b).unwrap()).collect();
        let scope = Scope { ports, protocols: protocols.iter().copied().collect() };
        let rules = SetRule::all(&Group::of(&scope), action).into_iter();
        let texts: Vec<String> = rules
            .filter(|rule| rule.set.as_str().ends_with("-00"))
            .map(|r| r.to_string())
            .collect();
        assert_eq!(texts, expected);
    }

    #[test]
    fn one_rule_a_set() {
        check(
            &[],
            &[Protocol::Tcp],
            Action::Reject,
            &[
                r#"rule family="ipv4" source ipset="gaoler4-00" reject type="icmp-port-unreachable""#,
                r#"rule family="ipv6" source ipset="gaoler6-00" reject type="icmp6-port-unreachable""#,
            ],
        );
    }

    #[test]
    fn one_rule_a_range_and_protocol_too() {
        check(
            &[(53, 53), (80, 88)],
            &[Protocol::Tcp, Protocol::Udp],
            Action::Drop,
            &[
                r#"rule family="ipv4" source ipset="gaoler4-tcpudp53.80_88-00" port port="53" protocol="tcp" drop"#,
                r#"rule family="ipv4" source ipset="gaoler4-tcpudp53.80_88-00" port port="53" protocol="udp" drop"#,
                r#"rule family="ipv4" source ipset="gaoler4-tcpudp53.80_88-00" port port="80-88" protocol="tcp" drop"#,
                r#"rule family="ipv4" source ipset="gaoler4-tcpudp53.80_88-00" port port="80-88" protocol="udp" drop"#,
                r#"rule family="ipv6" source ipset="gaoler6-tcpudp53.80_88-00" port port="53" protocol="tcp" drop"#,
                r#"rule family="ipv6" source ipset="gaoler6-tcpudp53.80_88-00" port port="53" protocol="udp" drop"#,
                r#"rule family="ipv6" source ipset="gaoler6-tcpudp53.80_88-00" port port="80-88" protocol="tcp" drop"#,
                r#"rule family="ipv6" source ipset="gaoler6-tcpudp53.80_88-00" port port="80-88" protocol="udp" drop"#,
            ],
        );
    }

    #[test]
    fn our_own_rules_are_known() {
        let wanted = Wanted::new([], Action::Reject);
        for rule in wanted.rules() {
            let text = rule.to_string();
            assert_eq!(set_of(&text).as_ref(), Some(&rule.set));
            assert_eq!(words(&text), words(&format!("  {} ", text.replace('"', ""))));
        }
        for text in [
            r#"rule family="ipv4" source address="192.0.2.7" drop"#,
            r#"rule family="ipv4" source ipset="blocklist" drop"#,
            "",
        ] {
            assert_eq!(set_of(text), None);
        }
    }
}
