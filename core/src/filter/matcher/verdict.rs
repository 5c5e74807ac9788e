//! From fail2ban's language to an outcome.

use jiff::Timestamp;

use super::found::{Groups, Match, Name};
use super::outcome::Outcome;
use super::part::Part;
use crate::filter::fail2ban::{Verdict, Whose};

/// What a line is to a filter in fail2ban's language.
pub(super) fn judge<'a>(
    verdict: &Verdict<'a>,
    time: Option<Timestamp>,
    exceeded: Option<Part>,
) -> Outcome<'a> {
    let (pattern, whose, attempt, names) = match *verdict {
        Verdict::Missed => return Outcome::missed(exceeded),
        Verdict::Ignored => return Outcome::Ignored,
        Verdict::Disputed { .. } => return Outcome::Unattributed(None),
        Verdict::NoFail { pattern, whose, attempt, names } => {
            let Some(Whose::Address(address)) = whose else { return Outcome::NoFail(None) };
            let user = attempt.user().map(str::as_bytes);
            let groups = Groups::Merged(attempt, names);
            return Outcome::NoFail(Some(Match { pattern, address, time, user, groups }));
        }
        Verdict::Failure { pattern, whose, attempt, names } => (pattern, whose, attempt, names),
    };
    let user = attempt.user().map(str::as_bytes);
    let groups = Groups::Merged(attempt, names);
    let address = match whose {
        Whose::Address(address) => {
            return Outcome::Failure(Match { pattern, address, time, user, groups });
        }
        Whose::Host(name) => Name::Host(name.as_bytes()),
        Whose::Id(id) => Name::Id(id.as_bytes()),
    };
    Outcome::Unattributed(Some(Match { pattern, address, time, user, groups }))
}
