//! How things stand, as the daemon tells the pages; no counters, those are [`Metrics`]' business.
//!
//! [`Metrics`]: super::metrics::Metrics

use super::verdicts::RecentVerdict;
use crate::control::api::Status;
use crate::enforcer::order::Condition;

/// How things stand. The default is a start: nothing works yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overview {
    /// Whether the configuration has been applied: sources and jails are known.
    pub started: bool,
    /// The firewall's state; `None`: there is none to wait for, gaoler only watches.
    pub firewall: Option<Condition>,
    /// Whether the state database takes what it is given.
    pub state_ok: bool,
    /// The rest, as `gaoler status` tells it, but without an address.
    pub status: Status,
    /// The last verdicts, the newest first. Addresses are among them.
    pub verdicts: Vec<RecentVerdict>,
}

impl Overview {
    /// Why gaoler does not do all it should, a sentence each; ready when there is none.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if !self.started {
            reasons.push("the configuration is not applied yet".to_owned());
        }
        if !self.state_ok {
            reasons.push("the state database takes no writes".to_owned());
        }
        if let Some(condition) = &self.firewall
            && *condition != Condition::Ready
        {
            reasons.push(format!("the firewall is not ready: {}", words(condition)));
        }
        let down = self.status.sources.iter().filter(|source| !source.up);
        reasons.extend(down.map(|source| format!("source {} cannot be read", source.name)));
        reasons
    }
}

/// The firewall's state, for a person.
#[must_use]
pub fn words(condition: &Condition) -> &str {
    match condition {
        Condition::Absent => "firewalld is not on the bus",
        Condition::Starting => "firewalld has not answered yet",
        Condition::Ready => "ready",
        Condition::Panic => "panic mode: it refuses every packet",
        Condition::Broken(why) => why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::api::SourceStatus;

    #[test]
    fn a_start_is_not_ready_and_a_whole_one_is() {
        assert!(!Overview::default().reasons().is_empty());
        let source = |up| SourceStatus {
            name: "/var/log/x".into(),
            up,
            caught_up: false,
            last_record: None,
            trouble: None,
        };
        let following = |up| Status { sources: vec![source(up)], ..Status::default() };
        let whole = Overview {
            started: true,
            firewall: Some(Condition::Ready),
            state_ok: true,
            status: following(true),
            verdicts: Vec::new(),
        };
        assert_eq!(whole.reasons(), [""; 0]);
        assert_eq!(Overview { firewall: None, ..whole.clone() }.reasons(), [""; 0]);

        let check = |overview: Overview, reason| assert_eq!(overview.reasons(), [reason]);
        let broken = Condition::Broken("polkit refuses us".into());
        let expected = "the firewall is not ready: polkit refuses us";
        check(Overview { firewall: Some(broken), ..whole.clone() }, expected);
        let expected = "source /var/log/x cannot be read";
        check(Overview { status: following(false), ..whole.clone() }, expected);
        check(Overview { state_ok: false, ..whole }, "the state database takes no writes");
    }
}
