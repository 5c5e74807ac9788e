//! Which requests are failures.

mod compile;
#[cfg(test)]
mod tests;

pub use self::compile::Refusal;

use std::net::IpAddr;
use std::ops::RangeInclusive;

use ipnet::IpNet;

use super::combined::{self, Middle};
use super::logformat::LogFormat;
use super::{Request, forwarded, json};
use crate::filter::any::Any;
use crate::filter::engine::Exceeded;
use crate::filter::literals::Literals;

/// An [`HttpdRule`](crate::filter::definition::HttpdRule) ready to judge. Every condition must hold; a list holds if one of it does.
#[derive(Clone, Debug)]
pub struct Rule {
    format: Format,
    proxies: Vec<IpNet>,
    method: Vec<Vec<u8>>,
    status: Vec<RangeInclusive<u16>>,
    path_length: usize,
    vhost: Vec<Vec<u8>>,
    /// Each field once, at most.
    regexes: Vec<(Field, Any)>,
}

/// A field that regexes judge by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Path,
    UserAgent,
    Referer,
    User,
}

/// How lines are read.
#[derive(Clone, Debug)]
enum Format {
    Combined { vhost_first: bool },
    Json,
    LogFormat(LogFormat),
}

/// What a request is to a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// No failure.
    Passes,
    /// A condition that backtracks has used up its budget, and all others hold.
    Exceeded,
    /// A failure, and it cannot be told whose: the client is no address (httpd's `HostnameLookups`
    /// is on), or a trusted proxy names none.
    Unattributed,
    /// This address's failure.
    Failure(IpAddr),
}

impl Rule {
    fn judges_by(&self, field: Field) -> bool {
        self.regexes.iter().any(|(judged, _)| *judged == field)
    }

    /// Reads a line of the rule's format.
    #[must_use]
    pub fn parse<'a>(&self, line: &'a [u8]) -> Option<Request<'a>> {
        match &self.format {
            Format::Combined { vhost_first } => combined::parse(line, *vhost_first),
            Format::Json => json::parse(line),
            Format::LogFormat(format) => format.read(line),
        }
    }

    /// Reads of a line what the rule judges by, at least, into an empty request, and says whether it is one.
    /// Referer and user agent stay empty where it judges by neither: most lines are long because of them.
    /// `middle` is kept from line to line of one log.
    pub(in crate::filter) fn read<'a>(
        &self,
        line: &'a [u8],
        middle: &mut Middle,
        request: &mut Request<'a>,
    ) -> bool {
        match &self.format {
            Format::Combined { vhost_first }
                if !self.judges_by(Field::Referer) && !self.judges_by(Field::UserAgent) =>
            {
                combined::parse_request(line, *vhost_first, middle, request)
            }
            _ => self.parse(line).map(|read| *request = read).is_some(),
        }
    }

    /// All fields of a line that was judged, or of the head of one.
    pub(in crate::filter) fn read_again<'a>(&self, line: &'a [u8]) -> Option<Request<'a>> {
        self.parse(line).or_else(|| self.parse_head(line))
    }

    /// What a line holds of which the rule makes something: the status that is wanted, or the method, as
    /// the format writes them around the quotes of the request.
    pub(in crate::filter) fn literals(&self) -> Literals {
        let Format::Combined { .. } = self.format else { return Literals::Unknown };
        let status = self.status.iter().map(|range| [b"\" ", common(range).as_bytes()].concat());
        let method = self.method.iter().map(|method| [b"\"", method.as_slice()].concat());
        let literals: Vec<Vec<u8>> =
            if self.status.is_empty() { method.collect() } else { status.collect() };
        if literals.is_empty() { Literals::Unknown } else { Literals::Any(literals) }
    }

    /// Reads the head of a line that is too long, if what it holds says who asked, whatever follows.
    /// Of an object any key may follow, one that gives it the lie as well.
    #[must_use]
    pub fn parse_head<'a>(&self, head: &'a [u8]) -> Option<Request<'a>> {
        match &self.format {
            Format::Combined { vhost_first } => combined::parse(head, *vhost_first),
            Format::Json => None,
            Format::LogFormat(format) => format.read_head(head),
        }
    }

    /// Whether a request is a failure, and whose.
    #[must_use]
    pub fn judge(&self, request: &Request<'_>) -> Judgement {
        if !self.judge_plainly(request) {
            return Judgement::Passes;
        }
        match self.judge_by_regexes(request) {
            Ok(false) => return Judgement::Passes,
            Err(Exceeded) => return Judgement::Exceeded,
            Ok(true) => {}
        }
        forwarded::offender(request, &self.proxies)
            .map_or(Judgement::Unattributed, Judgement::Failure)
    }

    /// Whether what needs no regex holds.
    fn judge_plainly(&self, request: &Request<'_>) -> bool {
        let one_of = |list: &[Vec<u8>], value: &[u8]| {
            list.is_empty() || list.iter().any(|wanted| wanted == value)
        };
        one_of(&self.method, request.method)
            && request.target.len() >= self.path_length
            && (request.user.is_some() || !self.judges_by(Field::User))
            && (self.status.is_empty() || self.status.iter().any(|s| s.contains(&request.status)))
            && (self.vhost.is_empty() || self.vhost.iter().any(|host| is_host(host, request.vhost)))
    }

    /// Whether every regex holds. One that does not decides, though another used up its budget.
    fn judge_by_regexes(&self, request: &Request<'_>) -> Result<bool, Exceeded> {
        let mut exceeded = false;
        for (field, any) in &self.regexes {
            match any.is_match(field.of(request)) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(Exceeded) => exceeded = true,
            }
        }
        if exceeded { Err(Exceeded) } else { Ok(true) }
    }

    /// Whether the log may tell of a client beside the peer.
    #[must_use]
    pub fn tells_of_clients(&self) -> bool {
        match &self.format {
            Format::Combined { .. } => false,
            Format::Json => true,
            Format::LogFormat(format) => format.tells_of_clients(),
        }
    }
}

impl Field {
    fn of<'a>(self, request: &Request<'a>) -> &'a [u8] {
        match self {
            Self::Path => request.target,
            Self::UserAgent => request.agent,
            Self::Referer => request.referer,
            Self::User => request.user.unwrap_or_default(),
        }
    }
}

/// The digits with which all statuses of a range begin.
fn common(range: &RangeInclusive<u16>) -> String {
    let (first, last) = (range.start().to_string(), range.end().to_string());
    first.chars().zip(last.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
}

/// Whether a log's virtual host is the one wanted; names have no case, and the log may add a port.
fn is_host(wanted: &[u8], logged: &[u8]) -> bool {
    let name = logged.split(|byte| *byte == b':').next().unwrap_or_default();
    wanted.eq_ignore_ascii_case(logged) || wanted.eq_ignore_ascii_case(name)
}
