//! How everything fares, in words that an operator can act on.

use super::super::overview::{Overview, words};
use crate::control::api::{JailStatus, SourceStatus};
use crate::enforcer::order::Condition;

/// How well something fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mark {
    /// As it should.
    Ok,
    /// Somebody should know.
    Warn,
    /// Somebody should act.
    Bad,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Check {
    pub(super) mark: Mark,
    /// The mark in a word.
    pub(super) word: &'static str,
    /// What was looked at.
    pub(super) what: String,
    /// How it is.
    pub(super) says: String,
    /// What to do about it: a sentence or two, and the runbook.
    pub(super) remedy: Option<(String, &'static str)>,
}

impl Mark {
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

/// The firewall, the state database, each source, and each jail that bans nobody.
pub(super) fn checks(overview: &Overview) -> Vec<Check> {
    let mut checks = Vec::new();
    if !overview.started {
        checks.push(bad(
            "gaoler",
            "it is starting or stopping; its configuration is not applied",
            None,
        ));
    }
    checks.push(firewall(overview));
    checks.push(state(overview.state_ok));
    checks.extend(sources(&overview.status.sources));
    checks.extend(overview.status.jails.iter().filter_map(watching));
    checks
}

/// The worst of them decides; in one sentence.
pub(super) fn summary(checks: &[Check], overview: &Overview) -> (Mark, String) {
    let worst = checks.iter().map(|check| check.mark).max().unwrap_or(Mark::Ok);
    let sum = |of: fn(&JailStatus) -> u64| overview.status.jails.iter().map(of).sum::<u64>();
    let banned = sum(|jail| jail.actions.currently_banned);
    let pending = sum(|jail| jail.actions.pending);
    let bans = match (banned, pending) {
        (0, _) => "nobody is banned".to_owned(),
        (1, 0) => "one ban is in force".to_owned(),
        (_, 0) => format!("all {banned} bans are in force"),
        _ => format!("{} of {banned} bans are in force", banned.saturating_sub(pending)),
    };
    let amiss = checks.iter().filter(|check| check.mark != Mark::Ok).count();
    match (worst, amiss) {
        (Mark::Ok, _) => (worst, format!("All is well; {bans}.")),
        (_, 1) => (worst, format!("One thing needs attention; {bans}.")),
        _ => (worst, format!("{amiss} things need attention; {bans}.")),
    }
}

fn firewall(overview: &Overview) -> Check {
    let enforcement = &overview.status.enforcement;
    let what = match enforcement.backend.as_str() {
        "" | "none" => "firewall".to_owned(),
        backend => format!("firewall ({backend})"),
    };
    let says = || format!("{}: nothing new is enforced until that is over", enforcement.condition);
    match &overview.firewall {
        None => Check { mark: Mark::Warn, word: "watching", ..ok(what, &enforcement.condition) },
        Some(Condition::Ready) => ready(what, overview),
        Some(Condition::Absent | Condition::Starting) => bad(
            &what,
            &says(),
            Some((
                "Look at `systemctl status firewalld`, and start it. Bans are counted meanwhile, and gaoler \
                 puts all of them in force when it is back."
                    .to_owned(),
                "GaolerFirewallUnavailable",
            )),
        ),
        Some(Condition::Panic) => bad(
            &what,
            words(&Condition::Panic),
            Some((
                "Somebody ran `firewall-cmd --panic-on`; `firewall-cmd --panic-off` ends it.".to_owned(),
                "GaolerFirewallUnavailable",
            )),
        ),
        Some(Condition::Broken(_)) => bad(
            &what,
            &says(),
            Some((
                "`journalctl -u gaoler -p warning` tells more; gaoler goes on trying.".to_owned(),
                "GaolerFirewallUnavailable",
            )),
        ),
    }
}

/// A firewall that answers; whether it has what it should.
fn ready(what: String, overview: &Overview) -> Check {
    let covers = overview.status.enforcement.coverage.as_ref();
    let says = covers.map_or("ready".to_owned(), |coverage| format!("ready; {}", coverage.summary));
    let pending: u64 = overview.status.jails.iter().map(|jail| jail.actions.pending).sum();
    if pending == 0 {
        return ok(what, &says);
    }
    let remedy = "A moment of this is usual. If it stays, `journalctl -u gaoler` tells what the firewall \
                  refused.";
    Check {
        mark: Mark::Warn,
        word: "pending",
        says: format!("{says}; bans that it does not have yet: {pending}"),
        remedy: Some((remedy.to_owned(), "GaolerBansNotEnforced")),
        ..ok(what, "")
    }
}

fn state(takes_writes: bool) -> Check {
    let what = "state database";
    if takes_writes {
        return ok(what.to_owned(), "it takes what it is given; a restart forgets nothing");
    }
    let remedy = "Is its disk full (`df /var/lib/gaoler`)? `journalctl -u gaoler -p err` says what it \
                  answered. Bans are enforced all the same.";
    let says = "it takes no writes: a restart would forget the bans and positions of now";
    bad(what, says, Some((remedy.to_owned(), "GaolerStateStoreFailing")))
}

/// Those that do not fare well, each; the others in one line.
fn sources(sources: &[SourceStatus]) -> Vec<Check> {
    let mut checks: Vec<Check> = sources.iter().map(source).collect();
    checks.retain(|check| check.mark != Mark::Ok);
    let well = sources.len() - checks.len();
    if well > 0 {
        let count = match (well, checks.len()) {
            (1, 0) => "it is read to its end".to_owned(),
            (_, 0) => format!("all {well} are read to their ends"),
            (_, amiss) => format!("{well} of {} are read to their ends", well + amiss),
        };
        checks.push(ok("sources".to_owned(), &count));
    }
    checks
}

fn source(source: &SourceStatus) -> Check {
    let what = format!("source {}", source.name);
    match (source.up, source.caught_up) {
        (true, true) => ok(what, "all there is has been read"),
        (true, false) => Check {
            mark: Mark::Warn,
            word: "behind",
            remedy: Some((
                "A moment of this is usual after a start or a burst.".to_owned(),
                "GaolerSourceStalled",
            )),
            ..ok(what, "it is being read, and there is more")
        },
        (false, _) => {
            let why = source.trouble.as_deref().unwrap_or("it has not been opened yet");
            let says = format!("it cannot be read: {why}");
            let remedy = "Is it there, and may the user gaoler read it? Nothing in it is lost: reading \
                          goes on where it stopped.";
            bad(&what, &says, Some((remedy.to_owned(), "GaolerSourceDown")))
        }
    }
}

/// A jail that bans nobody, if it does.
fn watching(jail: &JailStatus) -> Option<Check> {
    let what = format!("jail {}", jail.name);
    if let Some(breaker) = &jail.breaker {
        let says = format!(
            "its breaker is open: it banned too many too fast, only watches now, and has held back {}",
            breaker.withheld
        );
        let remedy = format!(
            "Look at who would be banned (`gaoler status {0}`); then `gaoler resume {0}`.",
            jail.name
        );
        return Some(bad(&what, &says, Some((remedy, "GaolerBreakerOpen"))));
    }
    let check = Check {
        mark: Mark::Warn,
        word: "dry run",
        ..ok(what, "it says whom it would ban, and bans nobody")
    };
    jail.dry_run.then_some(check)
}

fn ok(what: String, says: &str) -> Check {
    Check { mark: Mark::Ok, word: "OK", what, says: says.to_owned(), remedy: None }
}

fn bad(what: &str, says: &str, remedy: Option<(String, &'static str)>) -> Check {
    Check { mark: Mark::Bad, word: "not OK", what: what.to_owned(), says: says.to_owned(), remedy }
}
