//! The last verdicts of all jails, and why: for the status page, its JSON, and `gaoler explain`.
//!
//! Bounded, whoever attacks: what is said of an address again and again is one entry, and the
//! oldest entries go first.

use std::collections::VecDeque;

use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ban::JailName;
use crate::trace::TraceId;

/// How many verdicts are remembered.
const MOST: usize = 200;
/// How far back the same thing is looked for, to be said once.
const NEAR: usize = 16;

/// What was decided about one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// A failure counts, and there are not enough yet.
    Counted,
    /// A ban began; the reason says who decided.
    Banned,
    /// It failed while it was banned.
    AlreadyBanned,
    /// A ban was due and did not begin; the reason says why.
    Withheld,
    /// It is never banned; the reason says why.
    Ignored,
    /// The failure was too old to count.
    Stale,
    /// A ban ended; the reason says why.
    Unbanned,
}

/// One verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecentVerdict {
    /// When it was said, the last time.
    pub time: Timestamp,
    /// By which jail.
    pub jail: JailName,
    /// Of whom: an address, or the network that was banned.
    #[serde(with = "shown")]
    pub address: IpNet,
    /// What.
    pub verdict: Word,
    /// Why, in a word of metrics' labels: `detected`, `manual`, `ignoreip`, `breaker`, `expired`, …;
    /// `None` where the verdict says all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How many failures there were; 0 where none were counted.
    pub failures: u32,
    /// How many are too many.
    pub maxretry: u32,
    /// How often the same was said in a row.
    pub times: u32,
    /// The trace of the failures, or of the ban.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<TraceId>,
}

/// The last verdicts, the oldest first.
#[derive(Debug, Default)]
pub struct RecentVerdicts(VecDeque<RecentVerdict>);

impl Word {
    /// As the JSON has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counted => "counted",
            Self::Banned => "banned",
            Self::AlreadyBanned => "already_banned",
            Self::Withheld => "withheld",
            Self::Ignored => "ignored",
            Self::Stale => "stale",
            Self::Unbanned => "unbanned",
        }
    }
}

impl RecentVerdict {
    /// Whether another says the same of the same address again.
    fn repeats(&self, other: &Self) -> bool {
        let same = |of: &Self| (of.verdict, of.address, of.trace_id);
        same(self) == same(other) && self.jail == other.jail && self.reason == other.reason
    }
}

impl RecentVerdicts {
    /// Adds a verdict; one that was said a moment ago is said once more.
    pub fn add(&mut self, mut verdict: RecentVerdict) {
        let near = self.0.iter().rev().take(NEAR).position(|other| verdict.repeats(other));
        if let Some(back) = near
            && let Some(earlier) = self.0.remove(self.0.len() - 1 - back)
        {
            verdict.times = earlier.times.saturating_add(verdict.times);
        }
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back(verdict);
    }

    /// All of them, the newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &RecentVerdict> {
        self.0.iter().rev()
    }
}

impl Extend<RecentVerdict> for RecentVerdicts {
    fn extend<T: IntoIterator<Item = RecentVerdict>>(&mut self, verdicts: T) {
        for verdict in verdicts {
            self.add(verdict);
        }
    }
}

/// Addresses as fail2ban prints them: a lone host without its `/32`.
mod shown {
    use std::net::IpAddr;

    use ipnet::IpNet;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::jail::ban::show;

    pub(super) fn serialize<S: Serializer>(address: &IpNet, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&show(address))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(text: D) -> Result<IpNet, D::Error> {
        let text = String::deserialize(text)?;
        let host = text.parse().map(|host: IpAddr| IpNet::from(host));
        host.or_else(|_| text.parse()).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(host: u32, failures: u32) -> RecentVerdict {
        RecentVerdict {
            time: Timestamp::from_second(i64::from(failures)).unwrap(),
            jail: JailName::new("sshd"),
            address: std::net::IpAddr::from(std::net::Ipv4Addr::from(host)).into(),
            verdict: Word::Counted,
            reason: None,
            failures,
            maxretry: 5,
            times: 1,
            trace_id: Some(TraceId::new(u128::from(host))),
        }
    }

    #[test]
    fn what_is_said_again_is_one_entry_with_the_newest_numbers() {
        let mut recent = RecentVerdicts::default();
        for verdict in [counted(1, 1), counted(2, 1), counted(1, 2)] {
            recent.add(verdict);
        }
        recent.add(RecentVerdict { verdict: Word::Banned, ..counted(1, 3) });
        let said = recent.newest_first().map(|verdict| {
            (verdict.verdict, verdict.failures, verdict.times, verdict.time.as_second())
        });
        let expected =
            [(Word::Banned, 3, 1, 3), (Word::Counted, 2, 2, 2), (Word::Counted, 1, 1, 1)];
        assert_eq!(said.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut recent = RecentVerdicts::default();
        for host in 0..1000 {
            recent.add(counted(host, 1));
        }
        let hosts: Vec<_> = recent.newest_first().map(|v| v.address.to_string()).collect();
        assert_eq!(hosts.len(), MOST);
        assert_eq!((hosts[0].as_str(), hosts[199].as_str()), ("0.0.3.231/32", "0.0.3.32/32"));
    }

    #[test]
    fn the_json_is_read_as_it_is_written() {
        let verdict = counted(0xc000_0207, 2);
        let json = serde_json::to_string(&verdict).unwrap();
        let expected = r#"{"time":"1970-01-01T00:00:02Z","jail":"sshd","address":"192.0.2.7","verdict":"counted","failures":2,"maxretry":5,"times":1,"trace_id":"000000000000000000000000c0000207"}"#;
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_str::<RecentVerdict>(&json).unwrap(), verdict);
        for word in [Word::AlreadyBanned, Word::Unbanned] {
            assert_eq!(serde_json::to_value(word).unwrap(), word.as_str());
        }
    }
}
