//! What was recognised in a record: whose it is, and what was captured.

use std::net::IpAddr;

use jiff::Timestamp;

use super::captured::Captured;
use crate::filter::fail2ban::{Attempt, Names};
use crate::filter::httpd::rule::Rule;

/// Somebody whom no address tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name<'a> {
    /// A host's name. Whose address it is its owner says, so that it is never looked up.
    Host(&'a [u8]),
    /// A network, or whatever else fail2ban counts by (`<F-ID>`).
    Id(&'a [u8]),
}

/// What was recognised in a record.
#[derive(Debug)]
pub struct Match<'a, Who = IpAddr> {
    /// Which pattern, from 0.
    pub pattern: u16,
    /// Whose it is; an IPv4-mapped IPv6 address already made IPv4.
    pub address: Who,
    /// When; `None`: the line has no date that can be read.
    pub time: Option<Timestamp>,
    /// The user it names, as the peer wrote it.
    pub user: Option<&'a [u8]>,
    pub(super) groups: Groups<'a>,
}

/// Where the named groups are, until somebody asks.
#[derive(Debug)]
pub(super) enum Groups<'a> {
    Captured {
        prefix: Option<Captured<'a>>,
        pattern: Captured<'a>,
    },
    /// A line of an access log, or its head; its fields are read again if they are asked for, since whoever
    /// carried them along with each failure would mostly carry them for nothing.
    Request(&'a Rule, &'a [u8]),
    Merged(&'a Attempt, &'a Names),
}

impl<'a, Who> Match<'a, Who> {
    /// By what fail2ban would count it, if a filter in its language has it count by something else than
    /// the address (`<F-ID>`).
    #[must_use]
    pub fn id(&self) -> Option<&'a str> {
        match &self.groups {
            Groups::Merged(attempt, _) => attempt.id(),
            Groups::Captured { .. } | Groups::Request(..) => None,
        }
    }

    /// Values that are several: every user tried on one connection (`users`), and what fail2ban puts
    /// together of parts (`<F-TUPLE_…>`).
    pub fn lists(&self) -> impl Iterator<Item = (&'a str, &'a [String])> {
        let merged = match &self.groups {
            Groups::Merged(attempt, names) => Some((*attempt, *names)),
            Groups::Captured { .. } | Groups::Request(..) => None,
        };
        merged.into_iter().flat_map(|(attempt, names)| {
            let users = Some(("users", attempt.users())).filter(|(_, users)| !users.is_empty());
            attempt.values().lists(names).chain(users)
        })
    }

    /// How many lines told of it, of which this is the last; never 0.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        match &self.groups {
            Groups::Merged(attempt, _) => attempt.attempts().max(1),
            Groups::Captured { .. } | Groups::Request(..) => 1,
        }
    }

    /// The named groups of the pattern, then those of the prefregex; for an access log, the fields
    /// of the request.
    pub fn groups(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        let (captured, request, merged) = match &self.groups {
            Groups::Captured { prefix, pattern } => ([Some(*pattern), *prefix], None, None),
            Groups::Request(rule, line) => ([None, None], rule.read_again(line), None),
            Groups::Merged(attempt, names) => ([None, None], None, Some((*attempt, *names))),
        };
        let merged = merged.into_iter().flat_map(|(attempt, names)| attempt.values().texts(names));
        let merged = merged.map(|(name, text)| (name, text.as_bytes()));
        let captured = captured.into_iter().flatten().flat_map(Captured::groups);
        let captured = captured.filter(|(name, _)| *name != "content");
        captured.chain(request.into_iter().flat_map(|request| request.fields())).chain(merged)
    }
}
