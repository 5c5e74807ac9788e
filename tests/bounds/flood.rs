//! A gaoler of its own, and a log that distinct attackers fill: every line another address.

#![allow(dead_code, reason = "the test and the bench each print or hold a part")]

use std::fs::File;
use std::io::{BufWriter, Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use jiff::Zoned;

/// How many lines are written before the log is begun anew, so that no disk has to hold all.
const CHUNK: u32 = 100_000;

/// How long gaoler may take to read a chunk.
const PATIENCE: Duration = Duration::from_mins(5);

/// A gaoler that bans on paper, with everything else as it ships.
pub(crate) struct Flooded {
    gaoler: Child,
    directory: tempfile::TempDir,
    port: u16,
    lines: u64,
    written: u32,
    began: Instant,
}

/// What the unit that is shipped sets.
fn environment_of_the_unit() -> Result<Vec<(&'static str, &'static str)>> {
    let unit = include_str!("../../packaging/gaoler.service");
    let line = unit.lines().find_map(|line| line.strip_prefix("Environment="));
    let pairs = line.context("Environment=")?.split(' ').map(|pair| pair.split_once('='));
    pairs.map(|pair| pair.context("NAME=VALUE")).collect()
}

/// What a page of metrics and `/proc` say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Looks {
    /// Resident memory now and at most, in MiB.
    pub(crate) resident: (u64, u64),
    /// Addresses that are counted, and that had to be forgotten.
    pub(crate) tracked: u64,
    pub(crate) forgotten: u64,
    /// Transactions of the store.
    pub(crate) transactions: u64,
    pub(crate) bans: u64,
    /// Bytes of the state database and of what is beside it.
    pub(crate) stored: u64,
    /// Since the flood began.
    pub(crate) seconds: f64,
}

impl Flooded {
    /// Starts it, with a place for its state database or without.
    pub(crate) fn start(gaoler: &Path, stores: bool) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let at = directory.path();
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let log = at.join("access.log");
        File::create(&log)?;
        let config = format!(
            "enforcement: {{backend: none}}\n\
             state: {{path: {state}}}\n\
             control: {{socket: {socket}}}\n\
             telemetry: {{listen: 127.0.0.1:{port}}}\n\
             jails:\n  \
               flooded: {{filter: http-get-dos, logpath: [{log}], findtime: 6h, bantime: 6h}}\n",
            state = at.join(if stores { "state.db" } else { "none/state.db" }).display(),
            socket = at.join("gaoler.sock").display(),
            log = log.display(),
        );
        let path = at.join("gaoler.yaml");
        std::fs::write(&path, config)?;
        let mut command = Command::new(gaoler);
        command.arg("run").arg("--config").arg(&path).stdin(Stdio::null());
        command.envs(environment_of_the_unit()?);
        let gaoler =
            command.stdout(File::create(at.join("said"))?).stderr(Stdio::null()).spawn()?;
        let (lines, written, began) = (0, 0, Instant::now());
        let flooded = Self { gaoler, directory, port, lines, written, began };
        flooded.until("it serves its metrics", || flooded.page().is_ok())?;
        Ok(flooded)
    }

    /// Has one address fail so often.
    pub(crate) fn fail(&mut self, address: &str, times: u32) -> Result<()> {
        let mut log = self.log()?;
        for _ in 0..times {
            log.write_all(line(address, &stamp()).as_bytes())?;
        }
        self.lines += u64::from(times);
        drop(log);
        self.is_read()
    }

    /// So many more addresses fail, once each: every other one of IPv6, each of a network of its own.
    pub(crate) fn flood(&mut self, addresses: u32) -> Result<()> {
        let last = self.written + addresses;
        while self.written < last {
            let end = last.min(self.written + CHUNK);
            let (mut log, stamp) = (BufWriter::new(self.log()?), stamp());
            for number in self.written..end {
                log.write_all(line(&address(number), &stamp).as_bytes())?;
            }
            log.flush()?;
            drop(log);
            self.lines += u64::from(end - self.written);
            self.written = end;
            self.is_read()?;
            // All of it is read: it may go.
            self.log()?.set_len(0)?;
        }
        Ok(())
    }

    /// How it fares.
    pub(crate) fn look(&self) -> Result<Looks> {
        let page = self.page()?;
        let value = |name| value(&page, name);
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.gaoler.id()))?;
        let resident = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
            kib.map(|kib| kib / 1024).context("no memory in /proc")
        };
        let mut stored = 0;
        for entry in std::fs::read_dir(self.directory.path())? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with("state.db") {
                stored += entry.metadata()?.len();
            }
        }
        Ok(Looks {
            resident: (resident("VmRSS:")?, resident("VmHWM:")?),
            tracked: value("gaoler_tracked_addresses")?,
            forgotten: value("gaoler_addresses_forgotten_total")?,
            transactions: value("gaoler_state_write_duration_seconds_count")?,
            bans: value("gaoler_bans_total")?,
            stored,
            seconds: self.began.elapsed().as_secs_f64(),
        })
    }

    /// Waits until all that was written is counted.
    fn is_read(&self) -> Result<()> {
        self.until("it has read all", || {
            self.page().and_then(|page| value(&page, "gaoler_failures_total")).unwrap_or(0)
                >= self.lines
        })
    }

    fn log(&self) -> Result<File> {
        Ok(File::options().append(true).open(self.directory.path().join("access.log"))?)
    }

    fn page(&self) -> Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
        let mut page = String::new();
        stream.read_to_string(&mut page)?;
        Ok(page)
    }

    fn until(&self, what: &str, mut holds: impl FnMut() -> bool) -> Result<()> {
        let began = Instant::now();
        while !holds() {
            let said = || std::fs::read_to_string(self.directory.path().join("said"));
            ensure!(began.elapsed() < PATIENCE, "in vain: {what}: {}", said().unwrap_or_default());
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Flooded {
    fn drop(&mut self) {
        let _ = self.gaoler.kill();
        let _ = self.gaoler.wait();
    }
}

/// The nth attacker: public addresses, none twice.
fn address(number: u32) -> String {
    if number.is_multiple_of(2) {
        Ipv4Addr::from(0x2000_0000 + number).to_string()
    } else {
        Ipv6Addr::from((0x2a00_u128 << 112) | (u128::from(number) << 64) | 1).to_string()
    }
}

fn line(address: &str, stamp: &str) -> String {
    format!("{address} - - [{stamp}] \"GET / HTTP/1.1\" 200 6 \"-\" \"-\"\n")
}

#[expect(clippy::disallowed_methods, reason = "the real clock, as a log has it")]
fn stamp() -> String {
    Zoned::now().strftime("%d/%b/%Y:%H:%M:%S %z").to_string()
}

/// The sum of the samples of a metric.
fn value(page: &str, name: &str) -> Result<u64> {
    let samples = page.lines().filter_map(|line| line.strip_prefix(name));
    let samples = samples.filter(|rest| rest.starts_with(['{', ' ']));
    let numbers = samples.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok());
    numbers.reduce(|sum, number| sum + number).with_context(|| format!("no {name}"))
}
