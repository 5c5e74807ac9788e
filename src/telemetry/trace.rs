//! What became of a ban, told as a trace: plain data, made of what is known by then.
//!
//! A trace is made when there is something to tell: the ban is in force, or will not be, or was
//! lifted before. Nothing is held open for it: its spans begin and end in the past. Until then what is
//! known stands in a bounded [`book`]. How a trace leaves the host is [`super::otlp`]'s business.
//!
//! Names of spans and attributes: docs/otlp.md; `client.address`, `network.type`, `user.name`,
//! `error.type` and `rpc.*` are OpenTelemetry's semantic conventions.

pub mod ban;
pub mod book;
pub mod call;
pub mod unban;

use std::borrow::Cow;

use jiff::Timestamp;

use crate::jail::ban::{BanKey, show};
use crate::moment::Moment;
use crate::trace::{SpanId, TraceId};

/// One span. It has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Its trace.
    pub trace: TraceId,
    /// Its own name in that trace.
    pub id: SpanId,
    /// Which span it is a part of; none for a root.
    pub parent: Option<SpanId>,
    /// What was done, from a small set of words.
    pub name: Cow<'static, str>,
    /// Whether somebody else was asked.
    pub kind: Kind,
    /// When it began, by the wall clock.
    pub start: Timestamp,
    /// When it ended; never before `start`.
    pub end: Timestamp,
    /// What is said of it.
    pub attributes: Vec<Attribute>,
    /// Other traces that belong to it.
    pub links: Vec<Link>,
    /// Why it went wrong, if so.
    pub error: Option<String>,
}

/// Whether a span is work of ours or a question to somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Our own work.
    Internal,
    /// A call to another process or the kernel.
    Client,
}

/// Something said of a span or an event.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// By its full name.
    pub key: &'static str,
    /// What.
    pub value: Value,
}

/// What an attribute may hold.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A text. Where it comes from a log it is bounded, and may hold anything.
    Text(String),
    /// A whole number.
    Number(i64),
    /// A fraction.
    Fraction(f64),
    /// Yes or no.
    Flag(bool),
}

/// Another trace, by its root span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Which.
    pub trace: TraceId,
    /// Why: `earlier_offence`, `ban`.
    pub why: &'static str,
}

/// How moments of one story stand to each other: the boot clock says how far apart they are, since
/// the wall clock may be set meanwhile.
#[derive(Clone, Copy, Debug)]
struct Scale(Moment);

impl Scale {
    /// The wall clock at another moment, had nobody set it.
    fn wall(self, moment: Moment) -> Timestamp {
        let apart = moment.boot.since(self.0.boot);
        self.0.wall.saturating_add(apart).unwrap_or(moment.wall)
    }
}

/// An attribute that is a text.
#[must_use]
pub fn text(key: &'static str, value: impl Into<String>) -> Attribute {
    Attribute { key, value: Value::Text(value.into()) }
}

/// An attribute that is a whole number.
#[must_use]
pub fn number(key: &'static str, value: impl TryInto<i64>) -> Attribute {
    Attribute { key, value: Value::Number(value.try_into().unwrap_or(i64::MAX)) }
}

/// Whose ban it is, and of whom.
#[must_use]
pub fn whom(key: &BanKey) -> Vec<Attribute> {
    let family = if key.address.addr().is_ipv4() { "ipv4" } else { "ipv6" };
    vec![
        text("client.address", show(&key.address)),
        text("network.type", family),
        text("gaoler.jail", key.jail.as_str()),
    ]
}
