//! What gaoler costs while nothing happens, and what its page costs.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::super::gaoler::{self, Daemon, Place, jail};
use super::super::table::Table;
use super::Bench;

const JAILS: u32 = 50;

/// How often a page is asked for in a round.
const PAGES: u32 = 20;

/// The page of metrics of many jails, over loopback.
pub(super) fn pages(bench: &Bench) -> Result<Table> {
    let jails: String = (1..=JAILS)
        .map(|number| jail(&format!("jail-{number}"), "sshd", &["/nonexistent/log".as_ref()]))
        .collect();
    let place = Place::new(&jails)?;
    let daemon = place.start()?;
    // The first finds no connection, no buffer and no page of the binary in place.
    let size = daemon.page()?.len();
    let (mut wall, mut cpu) = (Vec::new(), Vec::new());
    for round in 1..=bench.rounds {
        eprintln!("· pages, round {round} of {}", bench.rounds);
        let before = daemon.on_cpu()?;
        for _ in 0..PAGES {
            let began = Instant::now();
            ensure!(!daemon.page()?.is_empty(), "an empty page");
            wall.push(began.elapsed().as_secs_f64() * 1e3);
        }
        let spent = daemon.on_cpu()?.saturating_sub(before).as_secs_f64();
        cpu.push(spent * 1e3 / f64::from(PAGES));
    }
    daemon.stop()?;
    let title = format!("/metrics with {JAILS} jails, {size} bytes with its head");
    let mut table = Table::of_figures("pages", &title);
    table.figure("asked to answered", wall, "ms", Some(5.0));
    table.figure("on the processor", cpu, "ms", None);
    Ok(table)
}

/// The configuration that ships, with nothing to read.
pub(super) fn idle(bench: &Bench) -> Result<Table> {
    let place = Place::with(include_str!("../../../../config/gaoler.yaml"))?;
    let (mut memory, mut wakeups, mut cpu) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=bench.rounds.min(3) {
        eprintln!("· idle, round {round} of {}", bench.rounds.min(3));
        let daemon = place.start()?;
        daemon.page()?;
        thread::sleep(bench.rest / 5);
        let (woken, spent, began) = (woken(&daemon)?, daemon.on_cpu()?, Instant::now());
        thread::sleep(bench.rest);
        let seconds = began.elapsed().as_secs_f64();
        wakeups.push((self::woken(&daemon)? - woken) / seconds);
        cpu.push(daemon.on_cpu()?.saturating_sub(spent).as_secs_f64() * 60e3 / seconds);
        let status = daemon.proc("status")?;
        memory.push(field(&status, "RssAnon:").context("no RssAnon in /proc")? / 1024.0);
        daemon.stop()?;
    }
    let mut table = Table::of_figures("idle", "at rest, the configuration that ships");
    table.figure("anonymous memory", memory, "MiB", Some(10.0));
    table.figure("wake-ups a second", wakeups, "", None);
    table.figure("on the processor, in a minute", cpu, "ms", None);
    Ok(table)
}

/// How often its threads have given up the processor by themselves, and so were woken.
fn woken(daemon: &Daemon<'_>) -> Result<f64> {
    let threads = daemon.threads("status")?;
    let counts = threads.iter().map(|status| {
        field(status, "voluntary_ctxt_switches:").context("no context switches in /proc")
    });
    counts.sum()
}

/// The number behind a key of `/proc/PID/status`.
fn field(status: &str, key: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The binary, without its symbols.
pub(super) fn size(_: &Bench) -> Result<Table> {
    let directory = tempfile::tempdir()?;
    let stripped = directory.path().join("gaoler");
    let status = Command::new("strip").arg("-o").arg(&stripped).arg(gaoler::binary()).status();
    ensure!(status.context("strip, of binutils")?.success(), "strip fails");
    let mut table = Table::of_figures("size", "the binary");
    let bytes = u32::try_from(fs::metadata(stripped)?.len())?;
    table.figure("stripped", vec![f64::from(bytes) / 1e6], "MB", Some(15.0));
    Ok(table)
}
