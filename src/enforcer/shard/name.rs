//! What our sets are called: `gaoler4-07`, `gaoler6-net`, `gaoler4-tcp80.443-31`.
//!
//! The kernel's limit for the name of an ipset, which firewalld also creates on RHEL 8, is 31
//! characters; firewalld's own is 32. Letters, digits, `.`, `_` and `-` are what firewalld, nft and
//! a file's name all take.

use std::fmt;
use std::sync::Arc;

use super::fnv1a;
use crate::jail::scope::Scope;

/// What a tag may take of a name of 31 characters: the rest are `gaoler4-` and `-net`.
const LONGEST_TAG: usize = 31 - "gaoler4-".len() - "-net".len();

/// The family of a set's entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

/// Which set of its group and family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The one of this number, from 0.
    Shard(u8),
    /// The one of networks.
    Net,
}

/// What sets of one scope have in their names; empty for the scope of every port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(Arc<str>);

/// The name of a set. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SetName(Arc<str>);

impl Family {
    /// As firewalld writes it in a rule: `ipv4`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        }
    }

    fn digit(self) -> char {
        match self {
            Self::Ipv4 => '4',
            Self::Ipv6 => '6',
        }
    }
}

impl Tag {
    /// The tag of a scope whose ranges are merged: `tcp22`, `tcpudp53`, `tcp80.443.8000_8010`; one
    /// that would be too long is `h` and the FNV-1a of it.
    pub(super) fn of(scope: &Scope) -> Self {
        if scope.ports.is_empty() {
            return Self("".into());
        }
        let protocols: String = scope.protocols.iter().map(|protocol| protocol.as_str()).collect();
        let ports: Vec<String> =
            scope.ports.iter().map(|range| range.to_string().replace('-', "_")).collect();
        let tag = format!("{protocols}{}", ports.join("."));
        if tag.len() > LONGEST_TAG {
            return Self(format!("h{:016x}", fnv1a(tag.as_bytes())).into());
        }
        Self(tag.into())
    }

    /// The tag; empty for the scope of every port.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is of the scope of every port.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.0.is_empty()
    }

    /// One that could be ours.
    fn parse(text: &str) -> Option<Self> {
        let first = text.starts_with("tcp") || text.starts_with("udp") || text.starts_with('h');
        let letters =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '_';
        (first && text.len() <= LONGEST_TAG && text.chars().all(letters)).then(|| Self(text.into()))
    }
}

impl fmt::Display for Tag {
    /// `all` where it is empty.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_all() { "all" } else { &self.0 })
    }
}

impl SetName {
    /// The name of one set.
    pub(super) fn new(tag: &Tag, family: Family, place: Place) -> Self {
        let (digit, tag) = (family.digit(), tag.as_str());
        let dash = if tag.is_empty() { "" } else { "-" };
        Self(match place {
            Place::Shard(shard) => format!("gaoler{digit}-{tag}{dash}{shard:02}").into(),
            Place::Net => format!("gaoler{digit}-{tag}{dash}net").into(),
        })
    }

    /// The set of that name; `None` if it is not one of ours.
    #[must_use]
    pub fn ours(name: &str) -> Option<Self> {
        Self::parse(name).map(|_| Self(name.into()))
    }

    /// Reads a set's name; `None` if it is not one of ours.
    #[must_use]
    pub fn parse(name: &str) -> Option<(Tag, Family, Place)> {
        let (family, rest) = match (name.strip_prefix("gaoler4-"), name.strip_prefix("gaoler6-")) {
            (Some(rest), _) => (Family::Ipv4, rest),
            (_, Some(rest)) => (Family::Ipv6, rest),
            (None, None) => return None,
        };
        let (tag, place) = match rest.rsplit_once('-') {
            None => (Tag("".into()), rest),
            Some((tag, place)) => (Tag::parse(tag)?, place),
        };
        let place = match place.as_bytes() {
            b"net" => Place::Net,
            [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => {
                Place::Shard((tens - b'0') * 10 + (ones - b'0'))
            }
            _ => return None,
        };
        Some((tag, family, place))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
