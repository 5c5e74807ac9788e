//! `gaoler replay`: the whole decision path over history, at the log's own time.

mod difference;
mod gather;
mod report;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use self::difference::Difference;
use self::gather::{Gathered, gather};
use self::report::{Report, human};
use super::ask::print;
use super::{Format, FormatArgs, LocationArgs};
use crate::config::checked::JailSettings;
use crate::config::{self, Location, Surroundings};
use crate::daemon::clock;
use crate::daemon::replay::{guards, replay};
use crate::printable;

pub(super) const EXAMPLES: &str = "\
Examples:
  gaoler replay /var/log/secure /var/log/httpd/access_log
                                      whom would it have banned, when, and for how long?
  gaoler replay --journal /var/log/journal --jail sshd
  gaoler replay --against /etc/fail2ban /var/log/secure
                                      would fail2ban's configuration have banned others?
  gaoler replay --against new.yaml /var/log/secure
                                      what would a changed threshold do?

Exit status: 0 done; 1 failed, or with --against: they differ.";

#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// Logs, also rotated ones and such as end in .gz; or what `journalctl -o export` wrote. Together
    /// they are one history. A jail reads those that its logpath names; one that no jail names is read by
    /// all.
    #[arg(value_name = "FILE", required_unless_present = "journal")]
    files: Vec<PathBuf>,
    /// A directory of journal files, such as /var/log/journal, for the jails that read a journal.
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    #[command(flatten)]
    location: LocationArgs,
    /// Only this jail; it reads every FILE.
    #[arg(long)]
    jail: Option<String>,
    /// Another configuration to compare with: a file such as gaoler.yaml, or a directory such as
    /// /etc/fail2ban.
    #[arg(long, value_name = "FILE|DIR")]
    against: Option<PathBuf>,
    /// Read dates without a year as of this instant, such as 2026-11-22T10:00:00Z.
    #[arg(long, value_name = "TIME")]
    now: Option<Timestamp>,
    #[command(flatten)]
    format: FormatArgs,
}

/// What a program is told.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    here: &'a Report,
    #[serde(skip_serializing_if = "Option::is_none")]
    against: Option<&'a Report>,
    #[serde(skip_serializing_if = "Option::is_none")]
    difference: Option<&'a Difference>,
}

/// Replays, and tells what would have been.
///
/// # Errors
///
/// A configuration is wrong, or a log cannot be read.
pub(super) fn run(args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    let here = of(args, &args.location.location())?;
    let there = match &args.against {
        Some(path) => Some(of(args, &other(path))?),
        None => None,
    };
    let difference = there.as_ref().map(|there| Difference::between(&here, there));
    match args.format.format {
        Format::Human => print(&human(&here, there.as_ref(), difference.as_ref()))?,
        Format::Json => {
            let (against, difference) = (there.as_ref(), difference.as_ref());
            let document = Document { here: &here, against, difference };
            print(&format!("{}\n", printable::json(&serde_json::to_string(&document)?)))?;
        }
    }
    let same = difference.is_none_or(|difference| difference.is_none());
    Ok(if same { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A configuration by its path alone.
fn other(path: &Path) -> Location {
    if path.is_dir() {
        let file = path.join("gaoler.yaml");
        Location { file, fail2ban_dir: Some(path.to_owned()) }
    } else {
        Location::of(path)
    }
}

/// What one configuration would have done.
fn of(args: &ReplayArgs, location: &Location) -> anyhow::Result<Report> {
    let mut config = config::load_from(location, &Surroundings::default())?;
    if let Some(jail) = &args.jail {
        config.jails.retain(|settings| settings.name.as_str() == jail);
        if config.jails.is_empty() {
            bail!("{}: the jail `{jail}` is not enabled", super::check::shown(location));
        }
    }
    let Gathered { mut found, lines, undated } = gather(args, &config.jails)?;
    let records = replay(&config.jails, &guards()?, &mut found);
    let name = super::check::shown(location);
    Ok(Report::new(name, &config.jails, records, (lines, undated), found.span()))
}

/// As of when dates without a year are read.
fn now(args: &ReplayArgs) -> Timestamp {
    args.now.unwrap_or_else(|| clock::now().wall)
}

/// Whether a jail has records of its own to read.
fn reads(jail: &JailSettings) -> bool {
    !matches!(jail.origin, crate::record::origin::Origin::Bans(_))
}
