//! Attackers by the thousand: addresses that nobody has (RFC 2544), in the lines of a log.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::Ipv4Addr;
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::host::{Host, Side};

/// Bans that are timed one by one.
pub(crate) const MORE: u32 = 200;

/// The lines that ban so many.
pub(crate) struct Crowd(String);

impl Crowd {
    /// From 198.18.0.0 on.
    pub(crate) fn of(host: &Host, count: u32) -> Result<Self> {
        let date = date(host)?;
        let mut lines = String::new();
        for number in 0..count {
            lines.push_str(&line(number, &date)?);
        }
        Ok(Self(lines))
    }

    /// Writes them all at once; when that was done.
    pub(crate) fn offend(&self, host: &Host) -> Result<Instant> {
        log(host)?.write_all(self.0.as_bytes())?;
        Ok(Instant::now())
    }
}

/// One ban after the other, from addresses that no crowd has: how long each took from the line
/// written to the kernel.
pub(crate) fn one_by_one(host: &Host) -> Result<Vec<Duration>> {
    let kernel = Kernel::watch(host)?;
    let mut log = log(host)?;
    let date = date(host)?;
    let mut took = Vec::new();
    for number in 0..MORE {
        // 198.19.128.0 on.
        let number = (1 << 16) + (1 << 15) + number;
        thread::sleep(Duration::from_millis(20 + u64::from(number * 37 % 31)));
        let line = line(number, &date)?;
        let written = Instant::now();
        log.write_all(line.as_bytes())?;
        took.push(kernel.has(address(number))?.duration_since(written));
    }
    Ok(took)
}

fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(Ipv4Addr::new(198, 18, 0, 0).to_bits() + number)
}

fn line(number: u32, date: &str) -> Result<String> {
    let mut line = String::new();
    writeln!(line, "{} - - [{date}] \"GET / HTTP/1.1\" 200 6 \"-\" \"-\"", address(number))?;
    Ok(line)
}

fn date(host: &Host) -> Result<String> {
    Ok(host.sh("date '+%d/%b/%Y:%H:%M:%S %z'")?.trim().to_owned())
}

fn log(host: &Host) -> Result<File> {
    Ok(OpenOptions::new().append(true).open(host.path("/var/log/load.log"))?)
}

/// What the kernel says of elements and rules as they come.
struct Kernel {
    monitor: Child,
    lines: Receiver<(Instant, String)>,
}

impl Kernel {
    fn watch(host: &Host) -> Result<Self> {
        let argv = ["stdbuf", "-oL", "nft", "-nn", "monitor", "new"];
        let mut monitor = host.command(Side::Server, &argv).stdout(Stdio::piped()).spawn()?;
        let stdout = BufReader::new(monitor.stdout.take().context("a pipe")?);
        let (tell, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if tell.send((Instant::now(), line)).is_err() {
                    break;
                }
            }
        });
        let kernel = Self { monitor, lines };
        // It watches once it reports something made for it to see.
        let mut seen = false;
        for _ in 0..100 {
            host.sh("nft 'add table inet watched; delete table inet watched'")?;
            seen = kernel.lines.recv_timeout(Duration::from_millis(100)).is_ok();
            if seen {
                break;
            }
        }
        ensure!(seen, "nft monitor shows nothing");
        Ok(kernel)
    }

    /// When this address came.
    fn has(&self, address: Ipv4Addr) -> Result<Instant> {
        let address = address.to_string();
        loop {
            let next = self.lines.recv_timeout(Duration::from_secs(20));
            let (when, line) = next.with_context(|| format!("{address} did not come in 20 s"))?;
            let mut words = line.split([' ', ',', '/']);
            if line.starts_with("add element") && words.any(|word| word == address) {
                return Ok(when);
            }
        }
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        let _ = self.monitor.kill();
        let _ = self.monitor.wait();
    }
}
