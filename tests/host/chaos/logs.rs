//! What the logs of a run say, read as they lie there: the journal by journalctl, httpd's log with
//! all that was rotated away. Nothing of gaoler's is used to read them.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use anyhow::{Context, Result};
use ipnet::IpNet;
use jiff::fmt::strtime;
use regex::Regex;
use serde_json::Value;

use crate::check::{Failure, Line, Micros, SECOND, Said, Start};
use crate::client::Outcome;
use crate::clock::slept;
use crate::crowd::Made;
use crate::host::Host;
use crate::schedule::{Door, subject};

/// Failures, by whom a ban is of.
pub(crate) type Failures = BTreeMap<IpNet, Vec<Failure>>;

/// One entry of the journal.
struct Entry {
    at: Micros,
    wall: Micros,
    message: String,
    /// Whether journald could tell which unit spoke.
    known: bool,
}

/// What sshd wrote of wrong passwords.
pub(crate) fn sshd(host: &Host) -> Result<Failures> {
    let failed = Regex::new(r"^Failed password for root from (\S+) port \d+ ssh2$")?;
    let mut failures = Failures::new();
    for entry in journal(host, "SYSLOG_IDENTIFIER=sshd")? {
        let Some(found) = failed.captures(&entry.message) else { continue };
        let address: IpAddr = found[1].parse()?;
        let (wall, at) = (entry.wall, entry.at);
        let failure = Failure { wall, early: at, late: at, sure: entry.known };
        failures.entry(subject(address)).or_default().push(failure);
    }
    Ok(failures)
}

/// Wrong passwords that sshd refused and the journal does not have, or has more of than were tried.
pub(crate) fn disagrees(failures: &Failures, made: &[Made]) -> Vec<String> {
    let mut tried: BTreeMap<IpNet, (usize, usize)> = BTreeMap::new();
    for made in made.iter().filter(|made| made.door == Door::Ssh) {
        let (denied, maybe) = tried.entry(subject(made.address)).or_default();
        match made.outcome {
            Some(Outcome::Denied) => *denied += 1,
            None => *maybe += 1,
            Some(_) => {}
        }
    }
    let mut wrong = Vec::new();
    for (who, (denied, maybe)) in tried {
        let logged = failures.get(&who).map_or(0, Vec::len);
        if !(denied..=denied + maybe).contains(&logged) {
            wrong.push(format!("{who} was denied {denied} times, and the journal has {logged}"));
        }
    }
    wrong
}

/// What httpd wrote of requests, each known by its number; the attackers know when they made them.
/// Also those that are in no log, though they were served. A line that a full disk has torn goes on as the
/// next, and is nobody's.
pub(crate) fn httpd(host: &Host, made: &[Made]) -> Result<(Failures, Vec<Made>)> {
    let request =
        Regex::new(r#"^(\S+) - - \[([^\] ]+ [+-]\d{4})\] "GET /\?(\d+) HTTP/1\.1" 200 "#)?;
    let mut attempts: HashMap<u32, &Made> =
        made.iter().filter(|made| made.door == Door::Web).map(|made| (made.id, made)).collect();
    let mut failures = Failures::new();
    for line in host.sh("cat /var/log/httpd/access_log*")?.lines() {
        let Some(found) = request.captures(line) else { continue };
        let time = strtime::parse("%d/%b/%Y:%H:%M:%S %z", &found[2])?.to_timestamp()?;
        let id = found[3].parse()?;
        let made = *attempts
            .get(&id)
            .with_context(|| format!("nobody asked for this, or it is logged twice: {line}"))?;
        // What a torn line before it ends in comes first: `198.` and `198.18.0.7` make nobody's address.
        if found[1] != made.address.to_string() {
            let is_torn = found[1].ends_with(&made.address.to_string());
            anyhow::ensure!(is_torn, "another one asked for this: {line}");
            continue;
        }
        attempts.remove(&id);
        let (wall, early, late) = (time.as_microsecond(), made.before, made.after);
        let failure = Failure { wall, early, late, sure: true };
        failures.entry(subject(made.address)).or_default().push(failure);
    }
    for of_subject in failures.values_mut() {
        of_subject.sort_by_key(|failure| failure.early);
    }
    let served = attempts.into_values().filter(|made| made.outcome == Some(Outcome::Served));
    Ok((failures, served.copied().collect()))
}

/// What gaoler said of bans, by jail.
pub(crate) fn gaoler(host: &Host) -> Result<Vec<(String, Line)>> {
    let spoken = Regex::new(r"^\[([^\]]+)\] (Ban|Restore Ban|Unban) (\S+)$")?;
    let mut lines = Vec::new();
    for entry in journal(host, "SYSLOG_IDENTIFIER=gaoler")? {
        let Some(found) = spoken.captures(&entry.message) else { continue };
        let said = match &found[2] {
            "Ban" => Said::Ban,
            "Unban" => Said::Unban,
            _ => Said::Restore,
        };
        let address = found[3].parse().map(subject).or_else(|_| found[3].parse())?;
        lines.push((found[1].to_owned(), Line { subject: address, at: entry.at, said }));
    }
    Ok(lines)
}

/// When gaoler started, by its own word, and when the one before had ended, by systemd's.
pub(crate) fn starts(host: &Host) -> Result<Vec<Start>> {
    let ends = journal(host, "SYSLOG_IDENTIFIER=systemd UNIT=gaoler.service")?;
    let mut ends: Vec<Micros> = ends
        .iter()
        .filter(|entry| entry.message.contains("Main process exited"))
        .map(|entry| entry.at)
        .collect();
    ends.reverse();
    let mut starts = Vec::new();
    for entry in journal(host, "SYSLOG_IDENTIFIER=gaoler")? {
        if entry.message.starts_with("gaoler ") && entry.message.contains(" follows ") {
            let died = ends.iter().copied().find(|end| *end < entry.at).unwrap_or(entry.at);
            starts.push(Start { died, at: entry.at });
        }
    }
    Ok(starts)
}

/// The entries that fit a match, in the order of the boot clock.
fn journal(host: &Host, fits: &str) -> Result<Vec<Entry>> {
    let fields = "MESSAGE,_SYSTEMD_UNIT,_COMM,_UID";
    let text = host.sh(&format!("journalctl -q -o json --output-fields={fields} {fits}"))?;
    let slept = slept();
    let mut entries = Vec::new();
    for line in text.lines() {
        let entry: Value = serde_json::from_str(line)?;
        let stamp = |name: &str| -> Result<Micros> {
            Ok(entry[name].as_str().with_context(|| format!("{name} in {line}"))?.parse()?)
        };
        let Some(message) = entry["MESSAGE"].as_str() else { continue };
        entries.push(Entry {
            at: stamp("__MONOTONIC_TIMESTAMP")? + slept,
            wall: stamp("__REALTIME_TIMESTAMP")?,
            message: message.to_owned(),
            known: entry["_SYSTEMD_UNIT"].is_string() && entry["_COMM"].is_string(),
        });
    }
    entries.sort_by_key(|entry| entry.at);
    Ok(entries)
}

/// A failure that somebody caused and no log has: a reader may have had it all the same.
pub(crate) fn unlogged(made: &Made, ahead: Micros) -> Failure {
    // httpd's log has whole seconds.
    let wall = (made.after + ahead).div_euclid(SECOND) * SECOND;
    Failure { wall, early: made.before, late: made.after, sure: false }
}
