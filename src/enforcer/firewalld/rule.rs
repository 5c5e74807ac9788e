//! One of our rich rules: typed values to firewalld's text, and back.
//!
//! Nothing but typed values ever becomes rule text: no word of a log reaches firewalld. There is
//! one spelling a rule, since firewalld compares addresses as text and takes two spellings for two
//! rules. The odd priority marks what is ours; whatever bears it and is not wanted is removed.
//!
//! Source: firewalld.richlanguage(5).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::config::checked::Action;
use crate::enforcer::order::Block;
use crate::jail::ban::show;
use crate::jail::scope::{PortRange, Protocol, Scope};

/// How each of our rules begins, as we and firewalld write it.
const MARK: &str = r#"rule priority="-31007" "#;

/// What one rich rule refuses: one source, and one range of ports or all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule {
    address: IpNet, // Invariant: host bits zero, never IPv4-mapped, never a whole family.
    ports: Option<(PortRange, Protocol)>,
    action: Action,
}

/// A rule that firewalld holds and that bears our mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Marked {
    /// One that we could have written.
    Rule(Rule),
    /// One that we could not: to be removed by its own text.
    Stray(String),
}

impl Rule {
    /// The rules that refuse `block`: one a range of ports and protocol. `None` if they would
    /// refuse a whole address family.
    #[must_use]
    pub fn all(block: &Block, action: Action) -> Option<Vec<Self>> {
        let address = canonical(block.address)?;
        let scope = &block.scope;
        if scope.ports.is_empty() {
            return Some(vec![Self { address, ports: None, action }]);
        }
        let pairs = scope.ports.iter().flat_map(|&range| {
            scope.protocols.iter().map(move |&protocol| Some((range, protocol)))
        });
        Some(pairs.map(|ports| Self { address, ports, action }).collect())
    }

    /// Whom it refuses.
    #[must_use]
    pub fn address(&self) -> IpNet {
        self.address
    }

    /// Whether it is one of the rules of bans that refuse `scope`.
    #[must_use]
    pub fn is_within(&self, scope: &Scope) -> bool {
        match self.ports {
            None => scope.ports.is_empty(),
            Some((range, protocol)) => {
                scope.ports.contains(&range) && scope.protocols.contains(&protocol)
            }
        }
    }

    /// A rule that refuses nobody, since the address is never a sender's.
    #[must_use]
    pub fn canary() -> Self {
        let address = IpNet::from(IpAddr::from(Ipv4Addr::BROADCAST));
        Self { address, ports: None, action: Action::Drop }
    }

    /// Reads a rule as `getRichRules` gives it; `None` if it does not bear our mark.
    #[must_use]
    pub fn marked(text: &str) -> Option<Marked> {
        let body = text.strip_prefix(MARK)?;
        Some(parse(body).map_or_else(|| Marked::Stray(text.to_owned()), Marked::Rule))
    }

    /// What firewalld calls the family.
    fn family(self) -> &'static str {
        if self.address.addr().is_ipv4() { "ipv4" } else { "ipv6" }
    }

    /// The only answer we give; each family has its own word for "port unreachable".
    fn reject_type(self) -> &'static str {
        if self.address.addr().is_ipv4() {
            "icmp-port-unreachable"
        } else {
            "icmp6-port-unreachable"
        }
    }
}

impl fmt::Display for Rule {
    /// The canonical text, which firewalld gives back unchanged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = show(&self.address);
        write!(f, r#"{MARK}family="{}" source address="{address}""#, self.family())?;
        if let Some((range, protocol)) = self.ports {
            write!(f, r#" port port="{range}" protocol="{}""#, protocol.as_str())?;
        }
        match self.action {
            Action::Reject => write!(f, r#" reject type="{}""#, self.reject_type()),
            Action::Drop => f.write_str(" drop"),
        }
    }
}

/// Masked, and IPv4 where it is IPv4 in IPv6's clothes; `None` for a whole family.
pub(super) fn canonical(address: IpNet) -> Option<IpNet> {
    let address = match address.trunc() {
        IpNet::V6(v6) => unmapped(v6).map_or(IpNet::V6(v6), IpNet::V4),
        v4 @ IpNet::V4(_) => v4,
    };
    (address.prefix_len() > 0).then_some(address)
}

/// `::ffff:a.b.c.d/96+n` as `a.b.c.d/n`.
fn unmapped(address: Ipv6Net) -> Option<Ipv4Net> {
    let v4: Ipv4Addr = address.addr().to_ipv4_mapped()?;
    Ipv4Net::new(v4, address.prefix_len().checked_sub(96)?).ok()
}

/// The words of a rule, as found; each at most once.
#[derive(Default)]
struct Words<'a> {
    family: Option<&'a str>,
    address: Option<&'a str>,
    port: Option<&'a str>,
    protocol: Option<&'a str>,
    reject_type: Option<&'a str>,
    action: Option<Action>,
}

/// Reads what follows the mark. `None` unless it means exactly a rule that we write: tolerant of
/// order and quotes, which firewalld may change, but not of addresses, which it compares as text.
fn parse(body: &str) -> Option<Rule> {
    let mut words = Words::default();
    for word in body.split_ascii_whitespace() {
        take(&mut words, word)?;
    }
    let address = address(words.address?)?;
    let rule = Rule { address, ports: ports(words.port, words.protocol)?, action: words.action? };
    let reject_type = (rule.action == Action::Reject).then(|| rule.reject_type());
    (words.family? == rule.family() && words.reject_type == reject_type).then_some(rule)
}

/// Takes one word; `None` if it is none of ours, or comes twice.
fn take<'a>(words: &mut Words<'a>, word: &'a str) -> Option<()> {
    let Some((key, value)) = word.split_once('=') else {
        return match word {
            "source" | "port" => Some(()),
            "reject" => once(&mut words.action, Action::Reject),
            "drop" => once(&mut words.action, Action::Drop),
            _ => None,
        };
    };
    let slot = match key {
        "family" => &mut words.family,
        "address" => &mut words.address,
        "port" => &mut words.port,
        "protocol" => &mut words.protocol,
        "type" => &mut words.reject_type,
        _ => return None,
    };
    once(slot, value.trim_matches('"'))
}

fn once<T>(slot: &mut Option<T>, value: T) -> Option<()> {
    slot.replace(value).is_none().then_some(())
}

/// Reads an address that is spelled as we spell it.
pub(super) fn address(text: &str) -> Option<IpNet> {
    let address =
        text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))?;
    (canonical(address) == Some(address) && show(&address) == text).then_some(address)
}

/// Both, or neither; the outer `None` is a mistake.
#[expect(clippy::option_option, reason = "a rule without ports is a good one")]
fn ports(port: Option<&str>, protocol: Option<&str>) -> Option<Option<(PortRange, Protocol)>> {
    let (port, protocol) = match (port, protocol) {
        (None, None) => return Some(None),
        (port, protocol) => (port?, protocol?),
    };
    let (first, last) = port.split_once('-').unwrap_or((port, port));
    let range = PortRange::new(first.parse().ok()?, last.parse().ok()?)?;
    let protocol = [Protocol::Tcp, Protocol::Udp].into_iter().find(|p| p.as_str() == protocol)?;
    (range.to_string() == port).then_some(Some((range, protocol)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::jail::scope::Scope;

    fn block(address: &str, ports: &[(u16, u16)], protocols: &[Protocol]) -> Block {
        let ports = ports.iter().map(|&(a, b)| PortRange::new(a, b).unwrap()).collect();
        let protocols = protocols.iter().copied().collect();
        Block { address: address.parse().unwrap(), scope: Scope { ports, protocols } }
    }

    #[track_caller]
    fn check(block: &Block, action: Action, expected: &[&str]) {
        let texts: Vec<String> =
            Rule::all(block, action).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(texts, expected);
    }

    #[test]
    fn one_rule_a_port_and_protocol() {
        check(
            &block("192.0.2.7/32", &[(22, 22)], &[Protocol::Tcp]),
            Action::Reject,
            &[
                r#"rule priority="-31007" family="ipv4" source address="192.0.2.7" port port="22" protocol="tcp" reject type="icmp-port-unreachable""#,
            ],
        );
        check(
            &block("2001:db8::/64", &[(53, 53), (8000, 8010)], &[Protocol::Tcp, Protocol::Udp]),
            Action::Drop,
            &[
                r#"rule priority="-31007" family="ipv6" source address="2001:db8::/64" port port="53" protocol="tcp" drop"#,
                r#"rule priority="-31007" family="ipv6" source address="2001:db8::/64" port port="53" protocol="udp" drop"#,
                r#"rule priority="-31007" family="ipv6" source address="2001:db8::/64" port port="8000-8010" protocol="tcp" drop"#,
                r#"rule priority="-31007" family="ipv6" source address="2001:db8::/64" port port="8000-8010" protocol="udp" drop"#,
            ],
        );
        check(
            &block("2001:db8::7/128", &[], &[Protocol::Tcp, Protocol::Udp]),
            Action::Reject,
            &[
                r#"rule priority="-31007" family="ipv6" source address="2001:db8::7" reject type="icmp6-port-unreachable""#,
            ],
        );
    }

    #[test]
    fn an_address_has_one_spelling() {
        let drop = |address: &str| {
            Rule::all(&block(address, &[], &[Protocol::Tcp]), Action::Drop)
                .map(|rules| show(&rules[0].address))
        };
        assert_eq!(drop("192.0.2.15/24").as_deref(), Some("192.0.2.0/24"));
        assert_eq!(drop("2001:DB8:0:0::1/128").as_deref(), Some("2001:db8::1"));
        assert_eq!(drop("::ffff:192.0.2.7/128").as_deref(), Some("192.0.2.7"));
        assert_eq!(drop("::ffff:192.0.2.7/120").as_deref(), Some("192.0.2.0/24"));
    }

    #[test]
    fn a_whole_family_is_never_refused() {
        for address in ["0.0.0.0/0", "::/0", "::ffff:0.0.0.0/96"] {
            assert_eq!(Rule::all(&block(address, &[], &[Protocol::Tcp]), Action::Drop), None);
        }
    }

    #[test]
    fn only_the_mark_makes_a_rule_ours() {
        for text in [
            r#"rule family="ipv4" source address="192.0.2.7" drop"#,
            r#"rule priority="-310070" family="ipv4" source address="192.0.2.7" drop"#,
            r#"rule priority="-3" family="ipv4" source address="192.0.2.7" log prefix="rule priority="-31007" " drop"#,
            "",
        ] {
            assert_eq!(Rule::marked(text), None, "{text}");
        }
    }

    #[test]
    fn what_we_could_not_have_written_is_a_stray() {
        for body in [
            r#"family="ipv4" source address="192.0.2.7" accept"#,
            r#"family="ipv4" source NOT address="192.0.2.7" drop"#,
            r#"family="ipv6" source address="192.0.2.7" drop"#,
            r#"family="ipv4" source address="192.0.2.7/32" drop"#,
            r#"family="ipv4" source address="192.0.2.7/24" drop"#,
            r#"family="ipv6" source address="2001:DB8::1" drop"#,
            r#"family="ipv6" source address="::ffff:192.0.2.7" drop"#,
            r#"family="ipv4" source address="0.0.0.0/0" drop"#,
            r#"family="ipv4" source address="192.0.2.7" port port="0" protocol="tcp" drop"#,
            r#"family="ipv4" source address="192.0.2.7" port port="22-22" protocol="tcp" drop"#,
            r#"family="ipv4" source address="192.0.2.7" port port="22" protocol="sctp" drop"#,
            r#"family="ipv4" source address="192.0.2.7" port port="22" drop"#,
            r#"family="ipv4" source address="192.0.2.7" reject"#,
            r#"family="ipv4" source address="192.0.2.7" drop drop"#,
            r#"family="ipv4" source address="192.0.2.7" log prefix="x" drop"#,
            "",
        ] {
            let text = format!("{MARK}{body}");
            assert_eq!(Rule::marked(&text), Some(Marked::Stray(text.clone())), "{text}");
        }
    }

    #[test]
    fn quotes_and_order_do_not_matter() {
        let block = block("192.0.2.7/32", &[(22, 22)], &[Protocol::Tcp]);
        let rule = Rule::all(&block, Action::Reject).unwrap()[0];
        let text = r#"rule priority="-31007" source address=192.0.2.7 port protocol="tcp" port="22" family=ipv4 reject type=icmp-port-unreachable"#;
        assert_eq!(Rule::marked(text), Some(Marked::Rule(rule)));
    }

    fn any_block() -> impl Strategy<Value = Block> {
        let v4 =
            (any::<u32>(), 1u8..=32).prop_map(|(a, n)| IpNet::new(Ipv4Addr::from(a).into(), n));
        let v6 = (any::<u128>(), 1u8..=128)
            .prop_map(|(a, n)| IpNet::new(std::net::Ipv6Addr::from(a).into(), n));
        let address = prop_oneof![v4, v6].prop_map(Result::unwrap);
        let range = (1u16.., 1u16..).prop_map(|(a, b)| PortRange::new(a.min(b), a.max(b)).unwrap());
        let protocols = prop_oneof![
            Just(BTreeSet::from([Protocol::Tcp])),
            Just(BTreeSet::from([Protocol::Udp])),
            Just(BTreeSet::from([Protocol::Tcp, Protocol::Udp])),
        ];
        (address, proptest::collection::btree_set(range, 0..4), protocols).prop_map(
            |(address, ports, protocols)| Block { address, scope: Scope { ports, protocols } },
        )
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(block in any_block(), drop: bool) {
            let action = if drop { Action::Drop } else { Action::Reject };
            for rule in Rule::all(&block, action).into_iter().flatten() {
                prop_assert_eq!(Rule::marked(&rule.to_string()), Some(Marked::Rule(rule)));
            }
        }

        #[test]
        fn any_text_is_read_without_harm(text in ".{0,80}") {
            let marked = format!("{MARK}{text}");
            prop_assert!(Rule::marked(&marked).is_some());
            if let Some(Marked::Rule(rule)) = Rule::marked(&marked) {
                prop_assert!(rule.to_string().starts_with(MARK));
            }
        }
    }
}
