//! A ban's trace: from the first counted failure to the rule in force.
//!
//! The root `ban` has the children `detect` (the failures, to the reading of the one that decided),
//! `persist` (the store) and `enforce` (the firewall), and this has the calls that were made.

use jiff::Timestamp;

use super::call::CallMade;
use super::{Attribute, Kind, Link, Scale, Span, number, text, whom};
use crate::jail::ban::{Ban, BanOrigin};
use crate::moment::Moment;
use crate::trace::TraceId;

/// How many calls a trace tells of; further ones are only counted. A ban in many zones on many ports
/// is many rules, and a firewall that fails is asked again and again.
const CALLS: usize = 32;

/// How many earlier traces a ban is linked to: the latest.
pub const LINKS: usize = 8;

/// What is known of one ban on its way into force.
#[derive(Clone, Debug)]
pub struct Story {
    /// The ban.
    pub ban: Ban,
    /// The filter that recognised the failures.
    pub filter: String,
    /// What is to enforce it.
    pub backend: &'static str,
    /// The user that was tried last, where the filter says so. From a log: any bytes.
    pub user: Option<String>,
    /// When the first counted failure was, by the log's own time.
    pub first: Timestamp,
    /// When the record that decided was read; when an operator's word came.
    pub read: Moment,
    /// When the jail decided.
    pub decided: Moment,
    /// The traces of earlier bans of the address, latest last.
    pub earlier: Vec<TraceId>,
}

/// A story, and what the store and the firewall did about it.
#[derive(Clone, Debug)]
pub struct Progress {
    story: Story,
    ordered: Option<(Kept, Moment)>,
    calls: Vec<CallMade>,
    /// Calls made that are not among `calls`.
    more: usize,
}

/// How the ban fared with the store when the firewall was told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is durable.
    Durable,
    /// The store took too long.
    Late,
    /// The store could not.
    Failed,
}

/// How the story ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The firewall confirmed it.
    InForce,
    /// There is no firewall: bans are only decided.
    Watched,
    /// The firewall will not have it, and why.
    Refused(String),
    /// The ban was lifted, or ran out, before it was in force.
    Lifted,
    /// It was banned once more, by another trace.
    Replaced,
    /// It is not in force after so long that waiting for it costs too much.
    Overdue,
    /// The daemon ends before it is in force.
    Stopped,
}

impl Progress {
    /// Nothing has been done yet.
    #[must_use]
    pub fn new(story: Story) -> Self {
        Self { story, ordered: None, calls: Vec::new(), more: 0 }
    }

    /// When the jail decided.
    #[must_use]
    pub fn decided(&self) -> Moment {
        self.story.decided
    }

    /// The firewall was told.
    pub fn ordered(&mut self, kept: Kept, now: Moment) {
        self.ordered.get_or_insert((kept, now));
    }

    /// A call was made for it.
    pub fn called(&mut self, call: CallMade) {
        if self.calls.len() < CALLS {
            self.calls.push(call);
        } else {
            self.more += 1;
        }
    }

    /// Why the call that was made last did not go well.
    pub fn failed(&mut self, why: &str) {
        if let Some(call) = self.calls.last_mut() {
            call.why.get_or_insert_with(|| why.to_owned());
        }
    }

    /// The whole trace, its root first.
    #[must_use]
    pub fn spans(&self, end: &End, at: Moment) -> Vec<Span> {
        let scale = Scale(self.story.read);
        let mut spans = vec![self.root(end, at, scale)];
        if self.story.ban.origin == BanOrigin::Detected {
            let mut detect = self.child(1, "detect", self.start(), scale.wall(self.story.read));
            detect.attributes.push(number("gaoler.failures", self.story.ban.failures));
            spans.push(detect);
        }
        let Some((kept, ordered)) = self.ordered else { return spans };
        let ordered = scale.wall(ordered);
        let decided = scale.wall(self.story.decided);
        spans.push(Span { error: kept.error(), ..self.child(2, "persist", decided, ordered) });
        spans.push(Span { error: end.error(), ..self.enforce(ordered, scale.wall(at)) });
        let (trace, within) = (self.story.ban.trace, self.story.ban.trace.span(3));
        let calls = (4..).zip(&self.calls);
        spans.extend(
            calls.map(|(number, call)| call.span(trace, trace.span(number), within, scale)),
        );
        spans
    }

    fn root(&self, end: &End, at: Moment, scale: Scale) -> Span {
        let Story { ban, filter, backend, user, earlier, .. } = &self.story;
        let mut attributes = whom(&ban.key);
        attributes.extend([
            text("gaoler.filter", filter.as_str()),
            text("gaoler.origin", origin(ban.origin)),
            number("gaoler.failures", ban.failures),
            text("gaoler.backend", *backend),
            text("gaoler.outcome", end.word()),
        ]);
        attributes.push(lasts(ban));
        attributes.extend(user.as_deref().map(|user| text("user.name", user)));
        attributes.extend(end.error().map(|_| text("error.type", end.word())));
        let earlier = earlier.iter().rev().take(LINKS);
        let links = earlier.map(|&trace| Link { trace, why: "earlier_offence" }).collect();
        let (start, stop) = (self.start(), scale.wall(at));
        let root = self.child(0, "ban", start, stop);
        Span { parent: None, attributes, links, error: end.error(), ..root }
    }

    fn enforce(&self, start: Timestamp, end: Timestamp) -> Span {
        let mut span = self.child(3, "enforce", start, end);
        let calls = self.calls.len() + self.more;
        span.attributes.push(text("gaoler.backend", self.story.backend));
        span.attributes.push(number("gaoler.calls", i64::try_from(calls).unwrap_or(i64::MAX)));
        span
    }

    /// The first failure, though not later than the reading of the last: the log's clock may be ahead.
    fn start(&self) -> Timestamp {
        self.story.first.min(self.story.read.wall)
    }

    fn child(&self, number: u16, name: &'static str, start: Timestamp, end: Timestamp) -> Span {
        let trace = self.story.ban.trace;
        Span {
            trace,
            id: trace.span(number),
            parent: Some(trace.root()),
            name: name.into(),
            kind: Kind::Internal,
            start,
            end: end.max(start),
            attributes: Vec::new(),
            links: Vec::new(),
            error: None,
        }
    }
}

impl Kept {
    fn error(self) -> Option<String> {
        match self {
            Self::Durable => None,
            Self::Late => Some("the store took too long: volatile until it is kept".to_owned()),
            Self::Failed => Some("the store failed: volatile until it is kept".to_owned()),
        }
    }
}

impl End {
    /// As an attribute has it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::InForce => "in_force",
            Self::Watched => "watched",
            Self::Refused(_) => "refused",
            Self::Lifted => "lifted",
            Self::Replaced => "replaced",
            Self::Overdue => "overdue",
            Self::Stopped => "stopped",
        }
    }

    fn error(&self) -> Option<String> {
        match self {
            Self::InForce | Self::Watched | Self::Lifted | Self::Replaced => None,
            Self::Refused(why) => Some(why.clone()),
            Self::Overdue => Some("not in force yet, and waited for no longer".to_owned()),
            Self::Stopped => Some("not in force when gaoler stopped".to_owned()),
        }
    }
}

/// Who decided, in the words of metrics.
#[must_use]
pub fn origin(origin: BanOrigin) -> &'static str {
    match origin {
        BanOrigin::Detected => "detected",
        BanOrigin::Manual => "manual",
    }
}

/// How long it lasts; nothing is said of one that is for ever but that it is permanent.
#[must_use]
pub fn lasts(ban: &Ban) -> Attribute {
    match ban.bantime {
        Some(bantime) => number("gaoler.bantime_seconds", bantime.as_secs()),
        None => Attribute { key: "gaoler.permanent", value: super::Value::Flag(true) },
    }
}

#[cfg(test)]
mod tests;
