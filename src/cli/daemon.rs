//! `gaoler run`.

use std::process::ExitCode;

use super::REVISION;
use crate::config::{self, Location, Surroundings};
use crate::daemon::clock;
use crate::daemon::start::{self, Options};
use crate::telemetry::log;

/// Runs the daemon until a signal ends it.
///
/// # Errors
///
/// Fails if the configuration is wrong or the daemon cannot start.
pub(super) fn run(
    location: Location,
    dry_run: bool,
    log_level: &str,
    log_format: log::Format,
) -> anyhow::Result<ExitCode> {
    let config = config::load_from(&location, &Surroundings::default())?;
    log::start(log::Setting {
        level: log_level,
        format: log_format,
        journal_stream: std::env::var("JOURNAL_STREAM").ok().as_deref(),
        no_color: std::env::var_os("NO_COLOR").as_deref(),
        clock: clock::now,
    })?;
    // Two workers: one for the loop, one for what it talks to.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let options = Options { location, dry_run, revision: REVISION };
    runtime.block_on(start::run(config, options))?;
    Ok(ExitCode::SUCCESS)
}
