//! The end of a ban: a trace of its own, linked to the ban's.

use super::call::CallMade;
use super::{Kind, Link, Scale, Span, text, whom};
use crate::jail::ban::Ban;
use crate::moment::Moment;
use crate::trace::TraceId;

/// How many calls a trace tells of.
const CALLS: usize = 32;

/// What is known of a ban on its way out of force.
#[derive(Clone, Debug)]
pub struct Release {
    ban: Ban,
    trace: TraceId,
    reason: &'static str,
    backend: &'static str,
    began: Moment,
    calls: Vec<CallMade>,
}

impl Release {
    /// A ban has ended, for a reason in the words of metrics; its end is told as `trace`.
    #[must_use]
    pub fn new(
        ban: Ban,
        trace: TraceId,
        reason: &'static str,
        backend: &'static str,
        began: Moment,
    ) -> Self {
        Self { ban, trace, reason, backend, began, calls: Vec::new() }
    }

    /// When it was decided.
    #[must_use]
    pub fn began(&self) -> Moment {
        self.began
    }

    /// A call was made for it.
    pub fn called(&mut self, call: CallMade) {
        if self.calls.len() < CALLS {
            self.calls.push(call);
        }
    }

    /// The whole trace. `error` says why the firewall may still refuse the address.
    #[must_use]
    pub fn spans(&self, error: Option<&str>, at: Moment) -> Vec<Span> {
        let (scale, trace) = (Scale(self.began), self.trace);
        let mut attributes = whom(&self.ban.key);
        attributes.push(text("gaoler.reason", self.reason));
        attributes.push(text("gaoler.backend", self.backend));
        let root = Span {
            trace,
            id: trace.root(),
            parent: None,
            name: "unban".into(),
            kind: Kind::Internal,
            start: self.began.wall,
            end: scale.wall(at).max(self.began.wall),
            attributes,
            links: vec![Link { trace: self.ban.trace, why: "ban" }],
            error: error.map(str::to_owned),
        };
        let within = trace.root();
        let calls = (1..).zip(&self.calls);
        let calls = calls.map(|(number, call)| call.span(trace, trace.span(number), within, scale));
        [root].into_iter().chain(calls).collect()
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::enforcer::order::Outcome;
    use crate::jail::ban::{BanKey, BanOrigin, JailName};
    use crate::moment::Boot;

    fn at(second: i64) -> Moment {
        let wall = Timestamp::from_second(1_000_000 + second).unwrap();
        Moment { wall, boot: Boot(SignedDuration::from_secs(second)) }
    }

    #[test]
    fn an_end_is_linked_to_its_beginning() {
        let address = "2001:db8::/64".parse().unwrap();
        let ban = Ban {
            key: BanKey { jail: JailName::new("sshd"), address },
            origin: BanOrigin::Detected,
            since: at(0).wall,
            bantime: None,
            failures: 2,
            trace: TraceId::new(7),
        };
        let mut release = Release::new(ban, TraceId::new(9), "expired", "nftables", at(60));
        release.called(CallMade {
            backend: "nftables",
            operation: "transaction",
            outcome: Outcome::Ok,
            why: None,
            ended: at(62),
            took: SignedDuration::from_secs(1),
        });
        let spans = release.spans(None, at(63));
        let names: Vec<_> = spans.iter().map(|span| span.name.as_ref()).collect();
        assert_eq!(names, ["unban", "nftables.transaction"]);
        assert_eq!(spans[0].links, [Link { trace: TraceId::new(7), why: "ban" }]);
        assert_eq!(spans[0].id, TraceId::new(9).root());
        assert_eq!(spans[1].parent, Some(spans[0].id));
        assert_eq!((spans[0].start, spans[0].end), (at(60).wall, at(63).wall));
        assert_eq!((spans[1].start, spans[1].end), (at(61).wall, at(62).wall));
        assert!(spans[0].attributes.contains(&text("client.address", "2001:db8::/64")));
        assert!(spans[0].attributes.contains(&text("gaoler.reason", "expired")));
        assert!(spans.iter().all(|span| span.error.is_none()));
        assert_eq!(release.spans(Some("why"), at(63))[0].error.as_deref(), Some("why"));
    }
}
