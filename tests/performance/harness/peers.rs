//! The others that do this work, as far as they are installed: `scripts/bench.sh` sees to that.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::cost::{self, Cost};

const SSHG_PARSER: &str = "/usr/libexec/sshguard/sshg-parser";

/// Where fail2ban has its filters.
const FILTERS: &str = "/etc/fail2ban/filter.d";

/// How long fail2ban's server may take.
const PATIENCE: Duration = Duration::from_mins(10);

/// An address that fails at the end of a log: once it is banned, all before it has been judged.
const LAST: &str = "198.51.100.254";

/// What fail2ban is to count as a failure of an access log.
const REQUESTS: &str = "[Definition]\n\
    failregex = ^<HOST> -.*\"(GET|HEAD).*\n\
    datepattern = \\[%%d/%%b/%%Y:%%H:%%M:%%S %%z\\]\n";

/// What to find in a log.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Log {
    Auth,
    Access,
}

/// `rg -j1 -c`: how many lines match.
///
/// # Errors
///
/// It is not installed, or finds nothing.
pub(crate) fn ripgrep(log: Log, path: &Path) -> Result<Cost> {
    let pattern = match log {
        Log::Auth => {
            r"sshd\[\d+\]: (Failed password for (invalid user )?\S+|Invalid user \S+) from \S+ port"
        }
        Log::Access => r#"^[0-9a-fA-F:.]+ -.*"(GET|HEAD)"#,
    };
    let mut command = Command::new("rg");
    cost::program(command.args(["-j1", "-c", pattern]).arg(path), |said| said.trim().parse().ok())
}

/// sshguard's parser; its blocker is not part of it.
///
/// # Errors
///
/// It is not installed, or finds nothing.
pub(crate) fn sshguard(path: &Path) -> Result<Cost> {
    cost::program(Command::new(SSHG_PARSER).stdin(File::open(path)?), |said| {
        Some(said.lines().count() as u64)
    })
}

/// `fail2ban-regex`, which neither counts nor bans.
///
/// # Errors
///
/// It is not installed, or finds nothing.
pub(crate) fn fail2ban_regex(log: Log, path: &Path) -> Result<Cost> {
    let directory = tempfile::tempdir()?;
    let own = directory.path().join("requests.conf");
    fs::write(&own, REQUESTS)?;
    let mut command = Command::new("fail2ban-regex");
    command.args(["--no-check-all", "--print-no-missed"]).arg(path);
    match log {
        Log::Auth => command.arg("sshd"),
        Log::Access => command.arg(own),
    };
    cost::program(&mut command, found)
}

/// How many lines `fail2ban-regex` matched.
fn found(said: &str) -> Option<u64> {
    let summary = said.lines().find(|line| line.starts_with("Lines: "))?;
    summary.split(", ").find_map(|part| part.strip_suffix(" matched"))?.parse().ok()
}

/// `fail2ban-rs dry-run`, which neither counts nor bans. `FAIL2BAN_RS` names the binary.
///
/// # Errors
///
/// It is not installed, or finds nothing.
pub(crate) fn fail2ban_rs(log: Log, path: &Path) -> Result<Cost> {
    let binary = std::env::var_os("FAIL2BAN_RS").context("FAIL2BAN_RS is not set")?;
    let directory = tempfile::tempdir()?;
    let at = directory.path();
    // Patterns for the messages that the others count.
    let (format, patterns) = match log {
        Log::Auth => (
            "syslog",
            r"'sshd\[\d+\]: Failed password for .* from <HOST> port \d+',
              'sshd\[\d+\]: Invalid user .* from <HOST> port \d+',
              'sshd\[\d+\]: Connection closed by authenticating user .* <HOST> port \d+',
              'sshd\[\d+\]: Disconnected from authenticating user .* <HOST> port \d+'",
        ),
        Log::Access => ("common", r#"'^<HOST> -.*"(GET|HEAD).*'"#),
    };
    let config = at.join("config.toml");
    fs::write(
        &config,
        format!(
            "[global]\nstate_file = '{state}'\nsocket_path = '{socket}'\n\
             [jail.measured]\nenabled = true\nlog_path = '{log}'\ndate_format = '{format}'\n\
             filter = [ {patterns} ]\nport = ['22']\nprotocol = 'tcp'\n\
             max_retry = 5\nfind_time = '10h'\nban_time = '1h'\n\
             [jail.measured.backend.script]\nban_cmd = '/bin/true'\nunban_cmd = '/bin/true'\n",
            state = at.join("state.bin").display(),
            socket = at.join("socket").display(),
            log = path.display(),
        ),
    )?;
    let mut command = Command::new(binary);
    command.arg("-c").arg(config).arg("dry-run").arg(path);
    cost::program(&mut command, matches)
}

/// How many lines `fail2ban-rs` matched.
fn matches(said: &str) -> Option<u64> {
    let line = said.lines().find_map(|line| line.trim_start().strip_prefix("Matches:"))?;
    line.trim().parse().ok()
}

/// `journalctl`, which formats and finds nothing.
///
/// # Errors
///
/// It is not installed, or there is nothing to print.
pub(crate) fn journalctl(format: &str, directory: &Path) -> Result<Cost> {
    let mut command = Command::new("journalctl");
    command.args(["--output", format, "--directory"]).arg(directory);
    command.arg("_SYSTEMD_UNIT=sshd.service");
    cost::program(&mut command, |said| Some(said.lines().count() as u64))
}

/// `fail2ban-server`, from its start until it has judged all of a log: no action, no database.
///
/// # Errors
///
/// It is not installed, or does not come to the end.
pub(crate) fn fail2ban_server(log: Log, path: &Path) -> Result<Cost> {
    let directory = tempfile::tempdir()?;
    let at = directory.path();
    let read = at.join("log");
    fs::write(&read, [fs::read(path)?, last_lines(log).into_bytes()].concat())?;
    configure(at, log, &read)?;
    let before = cost::of_children()?;
    let began = Instant::now();
    let mut server = Command::new("fail2ban-server")
        .args(["-x", "-f", "-c"])
        .arg(at)
        .arg("start")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let said = at.join("said");
    let sign = format!("Ban {LAST}");
    let ended = || fs::read_to_string(&said).is_ok_and(|said| tail(&said).contains(&sign));
    while !ended() {
        let left = server.try_wait()?;
        if left.is_some() || PATIENCE < began.elapsed() {
            let _ = server.kill();
            let _ = server.wait();
            let said = fs::read_to_string(&said).unwrap_or_default();
            anyhow::bail!("fail2ban-server does not come to the end: {said:.2000}");
        }
        thread::sleep(Duration::from_millis(100));
    }
    let wall = began.elapsed();
    kill_process(Pid::from_child(&server), Signal::TERM)?;
    server.wait()?;
    let cpu = cost::of_children()?.saturating_sub(before);
    let counted = fs::read_to_string(&said)?.matches("] Found ").count() as u64;
    ensure!(0 < counted, "fail2ban-server found nothing");
    Ok(Cost { cpu, wall, counted })
}

/// The end of a text, where a sign of its end would be.
fn tail(text: &str) -> &str {
    let mut from = text.len().saturating_sub(1 << 16);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..]
}

/// Failures enough of [`LAST`].
fn last_lines(log: Log) -> String {
    let line = match log {
        Log::Auth => format!(
            "Nov 22 09:59:59 host1 sshd[9]: Failed password for root from {LAST} port 22 ssh2\n"
        ),
        Log::Access => format!(
            "{LAST} - - [22/Nov/2026:09:59:59 +0000] \"GET / HTTP/1.1\" 200 6 \"-\" \"-\"\n"
        ),
    };
    line.repeat(5)
}

/// A fail2ban of its own: its filters are those that are installed.
fn configure(at: &Path, log: Log, read: &Path) -> Result<()> {
    let filters = at.join("filter.d");
    fs::create_dir(&filters)?;
    for filter in fs::read_dir(FILTERS)? {
        let filter = filter?;
        std::os::unix::fs::symlink(filter.path(), filters.join(filter.file_name()))?;
    }
    fs::write(filters.join("requests-of-access-log.conf"), REQUESTS)?;
    let in_it = |name: &str| -> PathBuf { at.join(name) };
    fs::write(
        in_it("fail2ban.conf"),
        format!(
            "[Definition]\nloglevel = INFO\nlogtarget = {}\nsyslogsocket = auto\nsocket = {}\n\
             pidfile = {}\ndbfile = None\ndbpurgeage = 1d\ndbmaxmatches = 10\n",
            in_it("said").display(),
            in_it("socket").display(),
            in_it("pid").display(),
        ),
    )?;
    let filter = match log {
        Log::Auth => "sshd",
        Log::Access => "requests-of-access-log",
    };
    let jail = format!(
        "[measured]\nenabled = true\nbackend = polling\nfilter = {filter}\nlogpath = {}\n\
         findtime = 50y\nmaxretry = 5\nbantime = -1\nusedns = no\nignoreself = false\naction =\n",
        read.display()
    );
    Ok(fs::write(in_it("jail.conf"), jail)?)
}

/// `fail2ban-regex` on a journal, by its own reader.
///
/// # Errors
///
/// It is not installed, or finds nothing.
pub(crate) fn fail2ban_journal(directory: &Path) -> Result<Cost> {
    let mut command = Command::new("fail2ban-regex");
    command.arg("--print-no-missed");
    command.arg(format!("systemd-journal[journalpath='{}']", directory.display()));
    command.args(["sshd", "--journalmatch", "_SYSTEMD_UNIT=sshd.service"]);
    cost::program(&mut command, found)
}
