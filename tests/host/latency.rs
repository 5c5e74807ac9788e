//! With a stop-watch on the host in a box: from a log line written to the rule in the kernel, for a
//! line of sshd's in the journal and one of httpd's in its log, the log idle or written to 100,000 lines
//! a second; each in turn with a bare call of firewalld's that makes the same rule, and with what the
//! bans' own traces say of where the time goes. Then what gaoler costs while idle, and who wakes it.
//!
//! `make latency`, or with `BENCH=journal`, `silent`, `file`, `busy` or `idle` one of them. It judges
//! nothing.
#![allow(clippy::disallowed_methods, reason = "drives the box by its commands")]
#![allow(clippy::print_stdout, reason = "its figures are what it is for")]

#[allow(dead_code, reason = "made for the suite, which uses all of it")]
mod host;

#[path = "latency/bare.rs"]
mod bare;
#[path = "latency/idle.rs"]
mod idle;
#[path = "latency/spans.rs"]
mod spans;
#[path = "latency/writer.rs"]
mod writer;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::bare::Bare;
use crate::host::{Host, SEED, Side};
use crate::spans::Spans;
use crate::writer::{Log, Writer};

const BANS: u32 = 50;

/// Bans with a silence before each: fewer, since each takes its time.
const SILENT: u32 = 10;

/// After so long without an entry, gaoler waits to be told of the next.
const SILENCE: Duration = Duration::from_secs(6);

/// Where this program is in the box, to be run again.
const AGAIN: &str = "/usr/bin/latency";

/// Where traces go.
const OTLP: &str = "
telemetry: {listen: 127.0.0.1:9642, otlp: {endpoint: \"http://127.0.0.1:4318\", protocol: http/protobuf}}
";

/// What is measured once.
struct Case<'a> {
    what: &'a str,
    port: u16,
    bans: u32,
    pause: Duration,
}

fn main() -> Result<()> {
    let chosen: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    match chosen.first().map(String::as_str) {
        Some("in-box-bare") => return bare::serve(),
        Some("in-box-spans") => return spans::serve(),
        _ => {}
    }
    let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|chosen| chosen == name);
    let host = Host::up(env!("CARGO_BIN_EXE_gaoler"), 'b', false, config())?;
    std::fs::copy(std::env::current_exe()?, host.path(AGAIN))?;
    let spans = Spans::collect(&host)?;
    host.sh("systemctl start gaoler")?;
    let (mut bare, kernel) = (Bare::start(&host)?, Kernel::watch(&host)?);
    let mut measure = |case: Case<'_>, write: &mut dyn FnMut(&str) -> Result<Instant>| {
        bans(&host, &case, &mut bare, (&kernel, &spans), write)
    };
    let case = |what, port| Case { what, port, bans: BANS, pause: Duration::from_millis(200) };
    if wanted("journal") || wanted("silent") {
        let mut sshd = Speaker::sshd(&host)?;
        let mut say = |address: &str| {
            sshd.say(&format!("Failed password for root from {address} port 50022 ssh2"))
        };
        if wanted("journal") {
            measure(case("journal, idle but for the attack", 22), &mut say)?;
        }
        if wanted("silent") {
            let case = case("journal, the first entry after a silence", 22);
            measure(Case { bans: SILENT, pause: SILENCE, ..case }, &mut say)?;
        }
    }
    if wanted("file") || wanted("busy") {
        let log = Log::of(&host);
        if wanted("file") {
            measure(case("file, idle", 80), &mut |address| log.get(address))?;
        }
        if wanted("busy") {
            let writer = Writer::start(&log)?;
            measure(case("file, busy", 80), &mut |address| log.get(address))?;
            println!("  the file grew by {:.0} lines a second meanwhile", writer.stop()?);
        }
    }
    if wanted("idle") {
        idle::measure(&host)?;
    }
    // Those first that run in the box.
    drop((bare, kernel, spans));
    host.down()
}

/// One failure is enough, so that the line written is the one that decides; one port in one zone.
fn config() -> String {
    let telemetry = "telemetry: {listen: 127.0.0.1:9642}\n";
    let config = SEED.replace("maxretry: 2", "maxretry: 1");
    config.replace("port: [http, https]", "port: [http]").replace(telemetry, OTLP)
}

/// Bans one address after the other, each lifted before the next and after a bare call, and tells how
/// long both took.
fn bans(
    host: &Host,
    case: &Case<'_>,
    bare: &mut Bare,
    (kernel, spans): (&Kernel, &Spans),
    write: &mut dyn FnMut(&str) -> Result<Instant>,
) -> Result<()> {
    let (mut took, mut calls) = (Vec::new(), Vec::new());
    spans.forget();
    for number in 1..=case.bans {
        let address = format!("198.51.100.{number}");
        calls.push(bare.call(case.port)?);
        // Not in step with any timer of journald's or gaoler's.
        thread::sleep(case.pause + Duration::from_millis(u64::from(number * 37 % 101) * 3));
        let written = write(&address)?;
        let rule = kernel.rule(&address, case.port).with_context(|| host.explain(None))?;
        took.push(rule.duration_since(written));
        host.gaoler_ok(&["unban", &address])?;
    }
    println!("{}: {} bans and as many bare calls in turn, ms", case.what, took.len());
    println!("         bare call   line to rule   ratio");
    for (name, percent) in [("median", 50), ("p90", 90), ("p99", 99)] {
        let [bare, whole] = [at(&mut calls, percent), at(&mut took, percent)];
        println!("  {name:6} {bare:9.2} {whole:14.2} {:7.2}", whole / bare);
    }
    println!("  the traces' medians: {}", spans.medians(took.len())?);
    Ok(())
}

/// The duration that so many percent do not exceed, in milliseconds.
fn at(took: &mut [Duration], percent: usize) -> f64 {
    took.sort_unstable();
    took[(took.len() * percent).div_ceil(100).max(1) - 1].as_secs_f64() * 1e3
}

/// A root process in sshd's control group, which journald therefore believes to be sshd.
struct Speaker(Child);

impl Speaker {
    fn sshd(host: &Host) -> Result<Self> {
        let script = "echo $$ >/sys/fs/cgroup/system.slice/sshd.service/cgroup.procs
                      exec systemd-cat -t sshd -p info cat";
        let child =
            host.command(Side::Server, &["sh", "-ec", script]).stdin(Stdio::piped()).spawn()?;
        let mut speaker = Self(child);
        speaker.say("Server listening on :: port 22.")?;
        Ok(speaker)
    }

    /// Writes a line; when that was.
    fn say(&mut self, line: &str) -> Result<Instant> {
        let pipe = self.0.stdin.as_mut().context("a pipe")?;
        let line = format!("{line}\n");
        let written = Instant::now();
        pipe.write_all(line.as_bytes())?;
        Ok(written)
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// What the kernel says of its rules as they change, each line with the time it came.
struct Kernel {
    monitor: Child,
    lines: Receiver<(Instant, String)>,
}

impl Kernel {
    fn watch(host: &Host) -> Result<Self> {
        // Before the monitor: it looks up once which tables there are.
        host.sh("nft add table inet watched && nft add chain inet watched c")?;
        let argv = ["stdbuf", "-oL", "nft", "-nn", "monitor", "rules"];
        let mut command = host.command(Side::Server, &argv);
        // It complains of tables that are gone before it has looked them up.
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut monitor = command.spawn()?;
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
        // It watches once it reports a rule made for it to see.
        let mut seen = false;
        for _ in 0..100 {
            host.sh("nft add rule inet watched c ip saddr 198.51.100.255 tcp dport 9 accept")?;
            seen = kernel.lines.recv_timeout(Duration::from_millis(100)).is_ok();
            if seen {
                break;
            }
        }
        ensure!(seen, "nft monitor shows nothing");
        host.sh("nft delete table inet watched")?;
        Ok(kernel)
    }

    /// When the rule that refuses `address` at `port` came.
    fn rule(&self, address: &str, port: u16) -> Result<Instant> {
        let (source, port) = (format!("saddr {address} "), format!("dport {port} "));
        loop {
            let (when, line) = self
                .lines
                .recv_timeout(Duration::from_secs(10))
                .with_context(|| format!("no rule for {address} within 10 s"))?;
            // firewalld inserts the first rule of a priority and adds the others after it.
            let new = line.starts_with("add rule") || line.starts_with("insert rule");
            if new && line.contains(&source) && line.contains(&port) {
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
