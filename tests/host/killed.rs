//! gaoler is killed again and again while failures stream into a log and into the journal, or is away
//! for longer than `findtime`: every line counts once all the same.
#![allow(clippy::print_stdout, reason = "a run is played again by its seed")]

use std::fs::OpenOptions;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::host::{Host, SEED, SOON};
use crate::observe::{Status, await_ban};

const LOG: &str = "/var/log/stream.log";

const JAILS: &str = "  stream-file:
    filter: sshd
    logpath: [/var/log/stream.log]
    port: [2201]
    findtime: 10m
    maxretry: 5
    bantime: 1h
  stream-journal:
    filter: sshd
    journalmatch: SYSLOG_IDENTIFIER=sshd SYSLOG_PID=4242
    port: [2202]
    findtime: 10m
    maxretry: 5
    bantime: 1h
";

/// How many attackers there are, and which of them fail once too often.
const HOSTS: u8 = 30;

/// How often it is killed meanwhile, at the least.
const KILLS: usize = 8;

fn is_guilty(host: u8) -> bool {
    host.is_multiple_of(3)
}

/// `kill -9` at random moments. The totals say whether a line was missed or counted twice, and those
/// who failed four times say it too.
pub(crate) fn every_line_counts_once(host: &Host) -> Result<()> {
    host.sh(&format!(": >{LOG}"))?;
    host.configure(&format!("{SEED}{JAILS}"))?;
    host.sh("systemctl restart gaoler")?;
    let seed = fastrand::u64(..);
    let (over, kills) = (AtomicBool::new(false), AtomicUsize::new(0));
    let written = thread::scope(|scope| {
        let killer = scope.spawn(|| kill(host, fastrand::Rng::with_seed(seed), &over, &kills));
        let written = stream(host, fastrand::Rng::with_seed(seed.wrapping_add(1)), &kills);
        over.store(true, Ordering::Relaxed);
        killer.join().ok().context("the killer panicked")??;
        written
    })?;
    let kills = kills.into_inner();
    println!("seed {seed}: {written} lines each, killed {kills} times");
    // Until systemd has heard of its end, to start it does nothing.
    host.until("gaoler answers after the last kill", SOON, || {
        host.sh("systemctl reset-failed gaoler; systemctl start gaoler")?;
        Ok((host.gaoler(&["status"])?.code == 0).then_some(()))
    })?;
    for jail in ["stream-file", "stream-journal"] {
        let status = host.until(&format!("{jail} has counted all (seed {seed})"), SOON, || {
            let status = Status::of(host, jail)?;
            Ok((status.total_failed >= written).then_some(status))
        })?;
        assert_eq!(status.total_failed, written, "{jail}, seed {seed}");
        for attacker in 0..HOSTS {
            let address = address(attacker);
            let banned = status.bans(&address);
            assert_eq!(banned, is_guilty(attacker), "{jail}, {address}, seed {seed}");
        }
    }
    host.gaoler_ok(&["unban", "--all"])?;
    host.settle()
}

/// gaoler is stopped, and started long after.
pub(crate) fn what_was_written_while_it_was_away_counts(host: &Host) -> Result<()> {
    is_away(host, "198.18.8.1", "systemctl stop gaoler", "systemctl start gaoler")
}

/// It is held up, as by a host that sleeps, and goes on long after.
pub(crate) fn what_was_written_while_it_slept_counts(host: &Host) -> Result<()> {
    let signal = |name| format!("systemctl kill -s {name} --kill-who=main gaoler");
    is_away(host, "198.18.8.2", &signal("STOP"), &signal("CONT"))
}

/// Two failures within `findtime` of each other make a ban, though gaoler reads the second one long
/// after; and the ban began when it would have.
fn is_away(host: &Host, address: &str, leave: &str, return_: &str) -> Result<()> {
    let jail = JAILS.split("  stream-journal").next().context("a jail")?;
    let jail = jail.replace("findtime: 10m", "findtime: 4s");
    let jail = jail.replace("maxretry: 5", "maxretry: 2").replace("stream-file", "away");
    host.sh(&format!(": >{LOG}"))?;
    host.configure(&format!("{SEED}{jail}"))?;
    host.sh("systemctl restart gaoler")?;
    let before = Status::of(host, "away")?.total_failed;
    append(host, &[address])?;
    host.until("the failure is counted", SOON, || {
        Ok((Status::of(host, "away")?.total_failed == before + 1).then_some(()))
    })?;
    host.sh(leave)?;
    append(host, &[address])?;
    let written = seconds(host)?;
    host.until("it is too old to count now", SOON, || {
        Ok((seconds(host)? > written + 6).then_some(()))
    })?;
    host.sh(return_)?;
    await_ban(host, "away", address, true)?;
    let since = host.gaoler_ok(&["banned", "away", "--format", "json"])?;
    let since: serde_json::Value = serde_json::from_str(&since)?;
    let since: jiff::Timestamp =
        since["bans"][0]["since"].as_str().context("since when")?.parse().context("a time")?;
    assert!(since.as_second() <= written, "{since}, and the line was written at {written}");
    assert_eq!(host.gaoler_ok(&["unban", address])?, "1\n");
    host.settle()
}

fn seconds(host: &Host) -> Result<i64> {
    Ok(host.sh("date +%s")?.trim().parse()?)
}

fn address(attacker: u8) -> String {
    format!("198.18.7.{attacker}")
}

/// Four failures of each, and a fifth of the guilty, in some order, among the kills; how many there
/// were.
fn stream(host: &Host, mut random: fastrand::Rng, kills: &AtomicUsize) -> Result<u64> {
    let mut attackers: Vec<u8> =
        (0..HOSTS).flat_map(|host| vec![host; if is_guilty(host) { 5 } else { 4 }]).collect();
    random.shuffle(&mut attackers);
    let pieces = attackers.len() / 3;
    for (piece, some) in attackers.chunks(3).enumerate() {
        host.until("it is killed once more", SOON, || {
            Ok((kills.load(Ordering::Relaxed) >= piece * KILLS / pieces).then_some(()))
        })?;
        let addresses: Vec<String> = some.iter().map(|&attacker| address(attacker)).collect();
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        append(host, &addresses)?;
        let messages: String = addresses.iter().map(|address| message(address) + "\n").collect();
        host.feed("logger -t sshd --id=4242", messages.as_bytes())?;
    }
    Ok(attackers.len() as u64)
}

fn message(address: &str) -> String {
    format!("Failed password for root from {address} port 4 ssh2")
}

/// Appends failures of now to the log.
fn append(host: &Host, addresses: &[&str]) -> Result<()> {
    let now = host.sh("date '+%FT%T%:z'")?;
    let line = |address: &&str| format!("{} box sshd[42]: {}\n", now.trim(), message(address));
    let lines: String = addresses.iter().map(line).collect();
    let mut log = OpenOptions::new().append(true).open(host.path(LOG))?;
    Ok(log.write_all(lines.as_bytes())?)
}

/// Kills gaoler at random moments, its start among them.
fn kill(
    host: &Host,
    mut random: fastrand::Rng,
    over: &AtomicBool,
    kills: &AtomicUsize,
) -> Result<()> {
    while !over.load(Ordering::Relaxed) {
        // How long it lives, and at most a second: then the store has written and synced.
        thread::sleep(Duration::from_millis(random.u64(0..1200)));
        let wait = if random.bool() { "--no-block" } else { "" };
        host.sh(&format!(
            "systemctl kill -s KILL --kill-who=main gaoler || true
             systemctl reset-failed gaoler || true
             systemctl start {wait} gaoler"
        ))?;
        kills.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}
