//! Bans that keep coming while something happens to the firewall: lines in a log, commands, and
//! somebody who really tries passwords.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::backend::{Addresses, network};
use crate::client::{Client, WRONG};
use crate::host::Host;

/// No more than that from one worker, however long it takes: rich rules grow slower with each.
const MOST: u16 = 80;

/// The load under way.
pub(crate) struct Load<'scope> {
    over: &'scope AtomicBool,
    decided: &'scope AtomicU32,
    workers: Vec<ScopedJoinHandle<'scope, Result<Addresses>>>,
}

/// What its threads share.
#[derive(Default)]
pub(crate) struct Shared {
    over: AtomicBool,
    decided: AtomicU32,
}

impl<'scope> Load<'scope> {
    /// Begins. `pace`: from one to the next; `real`: who tries passwords, with whatever success.
    pub(crate) fn start<'env>(
        scope: &'scope Scope<'scope, 'env>,
        shared: &'scope Shared,
        host: &'scope Host,
        pace: Duration,
        real: &'scope str,
    ) -> Self {
        let Shared { over, decided } = shared;
        let lines = scope.spawn(move || lines(host, pace, over, decided));
        let commands = scope.spawn(move || commands(host, pace, over, decided));
        let logins = scope.spawn(move || Ok(logins(host, pace, over, real)));
        Self { over, decided, workers: vec![lines, commands, logins] }
    }

    /// How many bans it has asked for.
    pub(crate) fn decided(&self) -> u32 {
        self.decided.load(Ordering::Relaxed)
    }

    /// Ends it: whom it had banned.
    pub(crate) fn stop(self) -> Result<Addresses> {
        self.over.store(true, Ordering::Relaxed);
        let mut all = Addresses::new();
        for worker in self.workers {
            all.extend(worker.join().ok().context("a worker of the load panicked")??);
        }
        Ok(all)
    }
}

/// A line of httpd's access log, of now.
pub(crate) fn line(host: &Host, address: &str) -> Result<String> {
    let now = host.sh("date '+%d/%b/%Y:%H:%M:%S %z'")?;
    Ok(format!("{address} - - [{}] \"GET / HTTP/1.1\" 200 6 \"-\" \"-\"\n", now.trim()))
}

/// Lines in a log that a jail follows.
fn lines(host: &Host, pace: Duration, over: &AtomicBool, decided: &AtomicU32) -> Result<Addresses> {
    let mut log = OpenOptions::new().append(true).open(host.path("/var/log/load.log"))?;
    let mut written = Addresses::new();
    for address in attackers(1) {
        if over.load(Ordering::Relaxed) {
            break;
        }
        log.write_all(line(host, &address)?.as_bytes())?;
        written.insert(network(&address)?);
        decided.fetch_add(1, Ordering::Relaxed);
        thread::sleep(pace);
    }
    Ok(written)
}

/// `gaoler ban`, one after the other, each answered when it is in force, or after 10 s.
fn commands(
    host: &Host,
    pace: Duration,
    over: &AtomicBool,
    decided: &AtomicU32,
) -> Result<Addresses> {
    let mut banned = Addresses::new();
    for address in attackers(2) {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let ran = host.gaoler(&["ban", "load", &address])?;
        anyhow::ensure!(ran.stdout == "1\n", "{address}: {}{}", ran.stdout, ran.stderr);
        banned.insert(network(&address)?);
        decided.fetch_add(1, Ordering::Relaxed);
        thread::sleep(pace);
    }
    Ok(banned)
}

/// Wrong passwords; whatever comes of them while the firewall is in trouble.
fn logins(host: &Host, pace: Duration, over: &AtomicBool, real: &str) -> Addresses {
    let client = Client::at(host, real).hasty();
    while !over.load(Ordering::Relaxed) {
        // An error is no wonder: in panic mode an open connection hangs and dies.
        let _ = client.ssh("root", WRONG);
        thread::sleep(pace);
    }
    Addresses::new()
}

/// Addresses that nobody has (RFC 2544), of both families.
fn attackers(net: u8) -> impl Iterator<Item = String> {
    (1..=MOST).map(move |number| {
        if number.is_multiple_of(4) {
            format!("2001:db8:{net:x}:{number:x}::1")
        } else {
            let [high, low] = number.to_be_bytes();
            Ipv4Addr::new(198, 18 + (net & 1), high, low).to_string()
        }
    })
}
