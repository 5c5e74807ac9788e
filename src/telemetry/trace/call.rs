//! A call to the firewall, as a span.

use jiff::SignedDuration;

use super::{Attribute, Kind, Scale, Span, text};
use crate::enforcer::order::Outcome;
use crate::moment::Moment;
use crate::trace::{SpanId, TraceId};

/// One call that was made for a ban.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallMade {
    /// Of whom: `firewalld`, `nftables`.
    pub backend: &'static str,
    /// What, as in the metrics: `add_rich_rule`.
    pub operation: &'static str,
    /// How it went.
    pub outcome: Outcome,
    /// Why it did not go well, where that is known.
    pub why: Option<String>,
    /// When it ended.
    pub ended: Moment,
    /// How long it took.
    pub took: SignedDuration,
}

impl CallMade {
    /// As a span within another.
    pub(super) fn span(&self, trace: TraceId, id: SpanId, within: SpanId, scale: Scale) -> Span {
        let end = scale.wall(self.ended);
        let mut attributes = vec![text("gaoler.backend", self.backend)];
        attributes.extend(self.asked());
        if self.outcome != Outcome::Ok {
            attributes.push(text("error.type", word(self.outcome)));
        }
        Span {
            trace,
            id,
            parent: Some(within),
            name: format!("{}.{}", self.backend, self.operation).into(),
            kind: Kind::Client,
            start: end.saturating_sub(self.took).unwrap_or(end),
            end,
            attributes,
            links: Vec::new(),
            error: self.error(),
        }
    }

    /// What firewalld was asked, in D-Bus's words.
    fn asked(&self) -> Vec<Attribute> {
        if self.backend != "firewalld" {
            return Vec::new();
        }
        vec![text("rpc.system.name", "dbus"), text("rpc.method", camel(self.operation))]
    }

    fn error(&self) -> Option<String> {
        match self.outcome {
            Outcome::Ok => None,
            Outcome::Error => Some(self.why.clone().unwrap_or_else(|| "refused".to_owned())),
            Outcome::Unknown => Some(self.why.clone().unwrap_or_else(|| "no answer".to_owned())),
        }
    }
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "ok",
        Outcome::Error => "error",
        Outcome::Unknown => "unknown",
    }
}

/// `addRichRule` of `add_rich_rule`, as firewalld's D-Bus interface has it (firewalld.dbus(5)).
fn camel(operation: &str) -> String {
    let mut parts = operation.split('_');
    let mut name = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (head, tail) = part.split_at(part.len().min(1));
        name.push_str(&head.to_ascii_uppercase());
        name.push_str(tail);
    }
    name
}
