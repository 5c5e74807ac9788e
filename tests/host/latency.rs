//! With a stop-watch on the host in a box: from a log line written to the rule in the kernel, for a
//! line of sshd's in the journal and one of httpd's in its log; then what gaoler costs while idle.
//!
//! `make latency`, or with `BENCH=journal`, `BENCH=file` or `BENCH=idle` one of them. It judges nothing.
#![allow(clippy::disallowed_methods, reason = "drives the box by its commands")]
#![allow(clippy::print_stdout, reason = "its figures are what it is for")]

#[allow(dead_code, reason = "made for the suite, which uses all of it")]
mod host;

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::host::{Host, SEED, Side};

const BANS: u32 = 50;
const IDLE: Duration = Duration::from_mins(1);

fn main() -> Result<()> {
    let chosen: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|chosen| chosen == name);
    // One failure is enough, so that the line written is the one that decides.
    let config = SEED.replace("maxretry: 2", "maxretry: 1");
    let host = Host::up(env!("CARGO_BIN_EXE_gaoler"), 'b', false, config)?;
    host.sh("systemctl start gaoler")?;
    if wanted("journal") {
        let mut sshd = Speaker::sshd(&host)?;
        bans(&host, "sshd, from the journal, one port", 22, |address| {
            sshd.say(&format!("Failed password for root from {address} port 50022 ssh2"))
        })?;
    }
    if wanted("file") {
        let mut log =
            OpenOptions::new().append(true).open(host.path("/var/log/httpd/access_log"))?;
        bans(&host, "http-get-dos, from the log file, two ports", 80, |address| {
            let now = host.sh("date '+%d/%b/%Y:%H:%M:%S %z'")?;
            let line =
                format!("{address} - - [{}] \"GET / HTTP/1.1\" 200 6 \"-\" \"-\"\n", now.trim());
            let written = Instant::now();
            log.write_all(line.as_bytes())?;
            Ok(written)
        })?;
    }
    if wanted("idle") {
        idle(&host)?;
    }
    host.down()
}

/// Bans one address after the other, each lifted before the next, and tells how long they took.
fn bans(
    host: &Host,
    what: &str,
    port: u16,
    mut write: impl FnMut(&str) -> Result<Instant>,
) -> Result<()> {
    let kernel = Kernel::watch(host)?;
    let mut took = Vec::new();
    for number in 1..=BANS {
        let address = format!("198.51.100.{number}");
        // Not in step with any timer of journald's or gaoler's.
        thread::sleep(Duration::from_millis(200 + u64::from(number * 37 % 101) * 3));
        let written = write(&address)?;
        let rule = kernel.rule(&address, port).with_context(|| host.explain(None))?;
        took.push(rule.duration_since(written));
        host.gaoler_ok(&["unban", &address])?;
    }
    took.sort_unstable();
    let at = |percent: usize| took[(took.len() * percent).div_ceil(100).max(1) - 1];
    println!("{what}: line written to rule in the kernel, {} bans", took.len());
    for (name, percent) in [("median", 50), ("p90", 90), ("p99", 99)] {
        println!("  {name:6} {:7.2} ms", at(percent).as_secs_f64() * 1e3);
    }
    Ok(())
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
        let argv = ["stdbuf", "-oL", "nft", "-nn", "monitor", "rules"];
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
        // It watches once it reports a rule made for it to see.
        host.sh("nft add table inet watched && nft add chain inet watched c")?;
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

/// What it costs to run with nothing to do: anonymous memory, and time on a processor.
fn idle(host: &Host) -> Result<()> {
    host.configure(SEED)?;
    host.sh("systemctl restart gaoler")?;
    thread::sleep(Duration::from_secs(5));
    let pid = host.sh("systemctl show -P MainPID gaoler")?;
    let on_cpu = || -> Result<f64> {
        let schedstat = host.sh(&format!("cat /proc/{}/task/*/schedstat", pid.trim()))?;
        let nanoseconds = schedstat.lines().filter_map(|line| line.split(' ').next());
        Ok(nanoseconds.map(str::parse::<f64>).sum::<Result<f64, _>>()? / 1e9)
    };
    let (before, begun) = (on_cpu()?, Instant::now());
    thread::sleep(IDLE);
    let share = (on_cpu()? - before) / begun.elapsed().as_secs_f64();
    let status = host.sh(&format!("grep -E '^(Rss|VmRSS|Threads)' /proc/{}/status", pid.trim()))?;
    println!("idle with both jails, {} s: {:.4} % of a core", IDLE.as_secs(), share * 100.0);
    for line in status.lines() {
        println!("  {}", line.replace('\t', " "));
    }
    Ok(())
}
