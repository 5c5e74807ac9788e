//! What of the table belongs to the bans of one jail and scope, and how it is called.
//!
//! A group is one chain, four sets and two counters. The base chain sends the packets of the scope
//! to the group's chain; that refuses those whose source is in one of the sets.

use crate::jail::ban::JailName;
use crate::jail::scope::{PortRange, Protocol, Scope};

/// The bans of one jail that refuse the same ports. A jail has one group, but for the moment in
/// which a reload changes its ports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group {
    /// The jail.
    pub jail: JailName,
    /// What its bans refuse.
    pub scope: Scope,
}

/// Which of a group's sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Single IPv4 addresses, by hash.
    Hosts4,
    /// IPv4 networks, by interval.
    Nets4,
    /// IPv6 networks of the usual width, by hash of the address masked to it.
    Hosts6,
    /// IPv6 networks of other widths, by interval.
    Nets6,
}

/// The longest part of a name that is the jail's own; `NFT_NAME_MAXLEN` is 256.
const JAIL_PART: usize = 64;

impl Kind {
    /// All four, in the order in which packets meet them.
    pub const ALL: [Self; 4] = [Self::Hosts4, Self::Nets4, Self::Hosts6, Self::Nets6];

    /// Whether of IPv6.
    #[must_use]
    pub fn is_ipv6(self) -> bool {
        matches!(self, Self::Hosts6 | Self::Nets6)
    }

    /// Whether a set of intervals.
    #[must_use]
    pub fn is_interval(self) -> bool {
        matches!(self, Self::Nets4 | Self::Nets6)
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::Hosts4 => "4",
            Self::Nets4 => "4-net",
            Self::Hosts6 => "6",
            Self::Nets6 => "6-net",
        }
    }
}

impl Group {
    /// The name of its chain: the jail's, as far as nft can write it, and a hash of all of it.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut hash = Hash::new();
        hash.write(self.jail.as_str().as_bytes());
        for protocol in &self.scope.protocols {
            hash.write(protocol.as_str().as_bytes());
        }
        for ports in &self.scope.ports {
            hash.write(&ports.first().to_be_bytes());
            hash.write(&ports.last().to_be_bytes());
        }
        format!("{}-{}", word(&self.jail), hash.short())
    }

    /// The name of one of its sets.
    #[must_use]
    pub fn set(&self, kind: Kind) -> String {
        format!("{}-{}", self.chain(), kind.suffix())
    }

    /// What a packet must be to come to the group's chain: of this protocol, to these ports. `None`
    /// alone: every packet.
    #[must_use]
    pub fn ways(&self) -> Vec<Option<(Protocol, PortRange)>> {
        if self.scope.ports.is_empty() {
            return vec![None];
        }
        let protocols = self.scope.protocols.iter();
        protocols.flat_map(|&p| self.scope.ports.iter().map(move |&r| Some((p, r)))).collect()
    }
}

/// The name of a jail's counter of one family. All groups of a jail share it.
#[must_use]
pub fn counter(jail: &JailName, ipv6: bool) -> String {
    let (word, family) = (word(jail), if ipv6 { 6 } else { 4 });
    if word == jail.as_str() {
        return format!("{word}-{family}");
    }
    let mut hash = Hash::new();
    hash.write(jail.as_str().as_bytes());
    format!("{word}-{}-{family}", hash.short())
}

/// FNV-1a of 64 bits: names must stay the same from one version of gaoler to the next.
pub(super) struct Hash(u64);

impl Hash {
    pub(super) fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// Mixes a part in; parts keep apart.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        for byte in bytes.iter().chain([&0xff]) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// Eight hexadecimal digits.
    pub(super) fn short(&self) -> String {
        format!("{:08x}", (self.0 >> 32) ^ (self.0 & 0xffff_ffff))
    }
}

/// The jail's name as nft(8) can write an identifier.
fn word(jail: &JailName) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let mut word: String =
        jail.as_str().chars().take(JAIL_PART).map(|c| if fits(c) { c } else { '_' }).collect();
    if !word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        word.insert(0, '_');
    }
    word
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn group(jail: &str, ports: &[(u16, u16)]) -> Group {
        let ports = ports.iter().map(|&(a, b)| PortRange::new(a, b).unwrap()).collect();
        let scope = Scope { ports, protocols: [Protocol::Tcp].into() };
        Group { jail: JailName::new(jail), scope }
    }

    #[test]
    fn names_begin_with_the_jails_and_differ_where_the_groups_do() {
        let sshd = group("sshd", &[(22, 22)]);
        assert_eq!(sshd.chain(), "sshd-87a54cab");
        assert_eq!(sshd.set(Kind::Nets6), "sshd-87a54cab-6-net");
        let long = "x".repeat(300);
        let jails = ["sshd", "9", "_9", "j\u{e4}il", "jail", &long, &long[1..], ""];
        let scopes: [&[(u16, u16)]; 3] = [&[], &[(22, 22)], &[(22, 23)]];
        let mut names = BTreeSet::new();
        for jail in jails {
            for scope in scopes {
                for kind in Kind::ALL {
                    let name = group(jail, scope).set(kind);
                    assert!(name.len() < 128, "{name}");
                    let first = name.chars().next().unwrap();
                    assert!(first.is_ascii_alphabetic() || first == '_', "{name}");
                    assert!(names.insert(name), "{jail} {scope:?} {kind:?}");
                }
            }
        }
    }

    #[test]
    fn counters_are_called_as_the_jail_where_that_can_be() {
        let names = ["sshd", "9", "_9"].map(|jail| counter(&JailName::new(jail), false));
        assert_eq!(names[0], "sshd-4");
        assert_eq!(names[2], "_9-4");
        assert!(names[1].starts_with("_9-") && names[1] != names[2], "{}", names[1]);
        assert_eq!(counter(&JailName::new("sshd"), true), "sshd-6");
    }

    #[test]
    fn a_scope_is_one_way_for_each_protocol_and_range() {
        assert_eq!(group("a", &[]).ways(), [None]);
        let mut both = group("a", &[(80, 80), (8000, 8010)]);
        both.scope.protocols.insert(Protocol::Udp);
        assert_eq!(both.ways().len(), 4);
    }
}
