//! From start to ready, as systemd is told.

use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::super::gaoler::{Daemon, Place, value};
use super::super::table::Table;
use super::Bench;

/// Starts, without a ban and with a hundredth of the sshd log's lines of them.
pub(super) fn start(bench: &Bench) -> Result<Table> {
    let bans = u32::try_from(bench.lines / 100)?;
    let empty = Place::new("  sshd: {enabled: true, filter: sshd, logpath: [/nonexistent/log]}\n")?;
    let full = banned(&bench.directory.join(format!("banned-{bans}.log")), bans)?;
    let (mut of_empty, mut of_full) = (Vec::new(), Vec::new());
    for round in 1..=bench.rounds {
        eprintln!("· start, round {round} of {}", bench.rounds);
        let _ = fs::remove_file(empty.path("state.db"));
        of_empty.push(ready(&empty)?.0);
        let (took, restored) = ready(&full)?;
        ensure!(restored == u64::from(bans), "{restored} of {bans} bans were taken up");
        of_full.push(took);
    }
    let mut table = Table::of_figures("start", "from start to ready (`READY=1`), no firewall");
    table.figure("empty state", of_empty, "ms", Some(50.0));
    table.figure(&format!("{bans} bans in force"), of_full, "ms", Some(1000.0));
    Ok(table)
}

/// How many milliseconds it takes, and how many bans of the last run go on.
fn ready(place: &Place) -> Result<(f64, u64)> {
    let began = Instant::now();
    let daemon = place.start()?;
    let took = began.elapsed().as_secs_f64() * 1e3;
    let restored = value(&daemon.page()?, "gaoler_bans_restored_total")?;
    daemon.stop()?;
    Ok((took, restored))
}

/// The place of a daemon that ended with so many bans in force, for failures in `log`.
fn banned(log: &Path, bans: u32) -> Result<Place> {
    let mut text = String::new();
    for number in 0..bans {
        let address = Ipv4Addr::from(0x2000_0001 + number * 7);
        writeln!(
            text,
            "Nov 22 09:59:59 host1 sshd[9]: Failed password for root from {address} port 22 ssh2"
        )?;
    }
    fs::write(log, text)?;
    let place = Place::with(&format!(
        "defaults: {{findtime: 50y, maxretry: 1, bantime: 1y, max_new_bans: off}}\n\
         jails:\n  sshd: {{enabled: true, filter: sshd, logpath: ['{}']}}\n",
        log.display()
    ))?;
    let daemon = place.start()?;
    daemon.until_read(u64::from(bans))?;
    until_all_are_banned(&daemon, bans)?;
    daemon.stop()?;
    Ok(place)
}

fn until_all_are_banned(daemon: &Daemon<'_>, bans: u32) -> Result<()> {
    let began = Instant::now();
    while value(&daemon.page()?, "gaoler_bans_total")? < u64::from(bans) {
        ensure!(began.elapsed() < Duration::from_mins(5), "not all are banned");
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
