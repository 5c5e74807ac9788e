//! The JSON at `/api/v1/`: what the status page shows, for programs.
//!
//! The words are those of the control socket ([`crate::control::api`]), which answers `gaoler
//! status --format json`; docs/status-page.md has them all. Fields are added, never changed.

use hyper::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use super::overview::Overview;
use super::shown::Bans;
use super::status_page::Facts;
use crate::control::api::{BanStatus, EnforcementStatus, JailStatus, SourceStatus};

/// Bans in one answer, unless `?limit=` asks for fewer or more.
const BANS: usize = 1_000;
/// Bans in one answer at most.
const MOST_BANS: usize = 10_000;

/// How everything is.
#[derive(Serialize)]
struct Standing<'a> {
    host: &'a str,
    time: jiff::Timestamp,
    ready: bool,
    reasons: Vec<String>,
    state: Value,
    version: &'a str,
    enforcement: &'a EnforcementStatus,
    sources: &'a [SourceStatus],
    jails: Vec<Value>,
}

/// An answer: JSON and its status.
pub type Answer = (StatusCode, Vec<u8>);

/// Answers a path below `/api/v1/`.
#[must_use]
pub fn answer(path: &str, query: &str, facts: Facts) -> Answer {
    match path {
        "/api/v1/status" => ok(&standing(facts)),
        "/api/v1/jails" => jails(&facts.overview.status.jails, query),
        "/api/v1/banned" => banned(facts.bans, query),
        "/api/v1/verdicts" => verdicts(facts.overview, facts.bans.are_shown()),
        _ => {
            let known = "/api/v1/status, /api/v1/jails, /api/v1/banned, /api/v1/verdicts";
            error(StatusCode::NOT_FOUND, &format!("there are {known}"))
        }
    }
}

/// An error in the API's form.
#[must_use]
pub fn error(status: StatusCode, what: &str) -> Answer {
    (status, json!({ "error": what }).to_string().into_bytes())
}

fn standing(Facts { host, overview, now, .. }: Facts<'_>) -> Standing<'_> {
    let reasons = overview.reasons();
    let status = &overview.status;
    Standing {
        host,
        time: now,
        ready: reasons.is_empty(),
        reasons,
        state: json!({ "up": overview.state_ok }),
        version: &status.version,
        enforcement: &status.enforcement,
        sources: &status.sources,
        jails: status.jails.iter().map(numbers).collect(),
    }
}

/// A jail without the list of its bans: an empty one would say that there are none.
fn numbers(jail: &JailStatus) -> Value {
    let mut jail = json!(jail);
    if let Some(actions) = jail["actions"].as_object_mut() {
        actions.remove("banned");
    }
    jail
}

fn jails(jails: &[JailStatus], query: &str) -> Answer {
    let Some(name) = parameter(query, "jail") else {
        return ok(&json!({ "jails": jails.iter().map(numbers).collect::<Vec<_>>() }));
    };
    match jails.iter().find(|jail| jail.name == name) {
        Some(jail) => ok(&json!({ "jails": [numbers(jail)] })),
        None => error(StatusCode::NOT_FOUND, "there is no such jail; /api/v1/jails lists them"),
    }
}

fn banned(bans: &Bans, query: &str) -> Answer {
    let bans = match bans {
        Bans::Hidden(why) => return error(StatusCode::FORBIDDEN, why),
        Bans::Unavailable => {
            let what = "the daemon is busy and did not answer in time";
            return error(StatusCode::SERVICE_UNAVAILABLE, what);
        }
        Bans::Listed(bans) => bans,
    };
    let limit = match parameter(query, "limit").map(str::parse) {
        None => BANS,
        Some(Ok(limit @ 1..=MOST_BANS)) => limit,
        Some(_) => {
            let what = format!("limit is a number from 1 to {MOST_BANS}");
            return error(StatusCode::BAD_REQUEST, &what);
        }
    };
    let jail = parameter(query, "jail");
    let of_jail = |ban: &&BanStatus| jail.is_none_or(|jail| ban.jail == jail);
    let listed: Vec<_> = bans.iter().filter(of_jail).take(limit).collect();
    let total = bans.iter().filter(of_jail).count();
    ok(&json!({ "total": total, "bans": listed }))
}

fn verdicts(overview: &Overview, addresses: bool) -> Answer {
    let mut verdicts = json!(overview.verdicts);
    if !addresses {
        for verdict in verdicts.as_array_mut().into_iter().flatten() {
            verdict["address"] = Value::Null;
        }
    }
    ok(&json!({ "verdicts": verdicts }))
}

/// A parameter of a query. Names of jails need no escapes, so none is undone.
fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

fn ok(body: &impl Serialize) -> Answer {
    let body = serde_json::to_vec(body).expect("our types are maps with string keys");
    (StatusCode::OK, body)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The first of its name, by the oracle of taking all pairs apart.
        #[test]
        fn a_parameter_is_the_first_of_its_name(query in "([a-z]{0,3}=?[a-z=%]{0,4}&?){0,5}", any in ".{0,30}") {
            for query in [query, any] {
                let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
                let expected = pairs.filter(|(name, _)| *name == "a").map(|(_, value)| value).next();
                prop_assert_eq!(parameter(&query, "a"), expected);
            }
        }
    }
}
