//! From a request of an access log to an outcome.

use jiff::Timestamp;

use super::found::{Groups, Match};
use super::outcome::Outcome;
use super::part::Part;
use crate::filter::date::stamp::Resolver;
use crate::filter::date::{Dates, Form};
use crate::filter::httpd::Request;
use crate::filter::httpd::rule::{Judgement, Rule};
use crate::record::Record;

/// What a request is to a rule, and the form of its date.
pub(super) fn judge_request<'a>(
    rule: &'a Rule,
    dates: &Dates,
    request: Option<&Request<'a>>,
    record: Record<'a>,
    times: &mut Resolver,
    now: Timestamp,
) -> (Outcome<'a>, Option<Form>) {
    let Some(request) = request else { return (Outcome::Missed, None) };
    let date = match record.time {
        Some(_) => None,
        None => times.read(dates, request.time, now),
    };
    let form = date.map(|(form, _)| form);
    let address = match rule.judge(request) {
        Judgement::Passes => return (Outcome::Missed, form),
        Judgement::Exceeded => return (Outcome::Exceeded(Part::Httpd), form),
        Judgement::Unattributed => return (Outcome::Unattributed(None), form),
        Judgement::Failure(address) => address,
    };
    let time = record.time.or_else(|| date?.1);
    let user = request.user;
    let groups = Groups::Request(rule, record.text);
    (Outcome::Failure(Match { pattern: 0, address, time, user, groups }), form)
}
