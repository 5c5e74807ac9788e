//! What a run costs: time on a processor, of a program and of all that it starts, or of a function.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{Usage, UsageWho, getrusage};

/// One run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    /// User's and system's time together.
    pub(crate) cpu: Duration,
    pub(crate) wall: Duration,
    /// How many failures it says it found: who finds none has not done the work.
    pub(crate) counted: u64,
}

/// Runs a program to its end. `count` makes of what it wrote how much it found.
///
/// # Errors
///
/// It cannot be started, fails, or found nothing.
pub(crate) fn program(
    command: &mut Command,
    count: impl FnOnce(&str) -> Option<u64>,
) -> Result<Cost> {
    let shown = format!("{command:?}");
    let before = spent(UsageWho::RUSAGE_CHILDREN)?;
    let began = Instant::now();
    let output = command.output().with_context(|| shown.clone())?;
    let wall = began.elapsed();
    let cpu = spent(UsageWho::RUSAGE_CHILDREN)?.saturating_sub(before);
    let said = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{shown}: {}: {complaint}", output.status);
    let counted = count(&said).filter(|&counted| 0 < counted);
    let counted = counted.with_context(|| format!("{shown} found nothing: {said:.500}"))?;
    Ok(Cost { cpu, wall, counted })
}

/// Runs a function of ours, on this thread.
///
/// # Errors
///
/// Its own, or it found nothing.
pub(crate) fn function(run: impl FnOnce() -> Result<u64>) -> Result<Cost> {
    let before = spent(UsageWho::RUSAGE_THREAD)?;
    let began = Instant::now();
    let counted = run()?;
    let wall = began.elapsed();
    let cpu = spent(UsageWho::RUSAGE_THREAD)?.saturating_sub(before);
    ensure!(0 < counted, "a scan found nothing");
    Ok(Cost { cpu, wall, counted })
}

/// All that the children cost that have ended and been waited for.
///
/// # Errors
///
/// getrusage(2) fails.
pub(crate) fn of_children() -> Result<Duration> {
    spent(UsageWho::RUSAGE_CHILDREN)
}

fn spent(who: UsageWho) -> Result<Duration> {
    let usage: Usage = getrusage(who)?;
    let of = |time: nix::sys::time::TimeVal| -> Result<Duration> {
        let micros = time.tv_sec() * 1_000_000 + time.tv_usec();
        Ok(Duration::from_micros(u64::try_from(micros)?))
    };
    Ok(of(usage.user_time())? + of(usage.system_time())?)
}
