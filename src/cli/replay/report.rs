//! What would have been, for people and programs.

use std::fmt::Write;

use jiff::Timestamp;
use serde::Serialize;

use super::difference::Difference;
use crate::cli::ask::local;
use crate::config::checked::JailSettings;
use crate::config::duration;
use crate::daemon::replay::Record;
use crate::jail::ban::{Ban, show};

/// What one configuration would have done.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Which.
    pub(super) config: String,
    /// How many records were read.
    lines: u64,
    /// How many failures have no time.
    undated: u64,
    /// The first failure's time.
    from: Option<Timestamp>,
    /// The last failure's time.
    to: Option<Timestamp>,
    /// The jails, in their order.
    pub(super) jails: Vec<JailReport>,
}

/// What one jail would have done.
#[derive(Debug, Serialize)]
pub(super) struct JailReport {
    pub(super) name: String,
    dry_run: bool,
    failures: u64,
    addresses: usize,
    ignored: u64,
    withheld: u64,
    pub(super) bans: Vec<BanReport>,
}

/// One ban.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct BanReport {
    pub(super) address: String,
    pub(super) since: Timestamp,
    /// `null`: it would not have ended.
    until: Option<Timestamp>,
    failures: u32,
}

impl Report {
    /// `counts` are the lines read, and the failures without a time.
    pub(super) fn new(
        config: String,
        jails: &[JailSettings],
        records: Vec<Record>,
        counts: (u64, u64),
        span: Option<(Timestamp, Timestamp)>,
    ) -> Self {
        let jails = jails.iter().zip(records).map(|(settings, record)| JailReport {
            name: settings.name.to_string(),
            dry_run: settings.dry_run,
            failures: record.failures,
            addresses: record.addresses,
            ignored: record.ignored,
            withheld: record.withheld,
            bans: record.bans.iter().map(BanReport::of).collect(),
        });
        let (from, to) = span.unzip();
        Self { config, lines: counts.0, undated: counts.1, from, to, jails: jails.collect() }
    }
}

impl BanReport {
    fn of(ban: &Ban) -> Self {
        Self {
            address: show(&ban.key.address),
            since: ban.since,
            until: ban.until(),
            failures: ban.failures,
        }
    }

    /// `192.0.2.7  2026-11-22 10:00:01  for 10m  5 failures`.
    pub(super) fn shown(&self) -> String {
        let length = self.until.map_or_else(
            || "for ever".to_owned(),
            |until| format!("for {}", duration::show(until.duration_since(self.since))),
        );
        let since = local(self.since);
        format!("{:<20} {since}  {length:<12} {} failures", self.address, self.failures)
    }
}

/// The report of one configuration, or of two and how they differ.
pub(super) fn human(
    here: &Report,
    there: Option<&Report>,
    difference: Option<&Difference>,
) -> String {
    let mut out = one(here);
    if let (Some(there), Some(difference)) = (there, difference) {
        out.push('\n');
        out.push_str(&one(there));
        out.push('\n');
        out.push_str(&difference.human(&here.config, &there.config));
    }
    out
}

fn one(report: &Report) -> String {
    let mut out = format!("{}: {} lines", report.config, report.lines);
    if let (Some(from), Some(to)) = (report.from, report.to) {
        let _ = write!(out, ", failures from {} to {}", local(from), local(to));
    }
    out.push('\n');
    if report.undated > 0 {
        let _ = writeln!(out, "{} failures have no time and count for nothing", report.undated);
    }
    let seen = report.jails.iter().filter(|jail| jail.failures > 0);
    for jail in seen {
        let would = if jail.dry_run { " (dry run: it would only say so)" } else { "" };
        let _ = writeln!(
            out,
            "jail {}: {} failures of {} addresses, {} bans{would}",
            jail.name,
            jail.failures,
            jail.addresses,
            jail.bans.len()
        );
        for (count, what) in [
            (jail.ignored, "failures are of addresses that are never banned"),
            (jail.withheld, "bans are held back by the breaker (max_new_bans)"),
        ] {
            if count > 0 {
                let _ = writeln!(out, "  {count} {what}");
            }
        }
        for ban in &jail.bans {
            let _ = writeln!(out, "  {}", ban.shown());
        }
    }
    if report.jails.iter().all(|jail| jail.failures == 0) {
        out.push_str("no jail finds a failure\n");
    }
    out
}
