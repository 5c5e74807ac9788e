//! gaoler as it ships, with a firewall on paper: over history, and as the daemon.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::cost::{self, Cost};

/// How long gaoler may take for anything. Only what hangs ever takes so long.
const PATIENCE: Duration = Duration::from_mins(10);

/// The failregex of the issue of an access log in which nearly every line counts.
const REQUESTS: &str = r#"failregex: ['^<HOST> -.*"(GET|HEAD).*']"#;

/// The binary to measure: `GAOLER`, or the one built with this.
pub(crate) fn binary() -> PathBuf {
    std::env::var_os("GAOLER").unwrap_or_else(|| env!("CARGO_BIN_EXE_gaoler").into()).into()
}

/// One jail that reads logs.
pub(crate) fn jail(name: &str, filter: &str, logs: &[&Path]) -> String {
    let logs: Vec<String> = logs.iter().map(|log| format!("'{}'", log.display())).collect();
    format!("  {name}: {{enabled: true, filter: {filter}, logpath: [{}]}}\n", logs.join(", "))
}

/// One jail that reads sshd's entries of one journal.
pub(crate) fn journal_jail(directory: &Path) -> String {
    format!(
        "  sshd:\n    enabled: true\n    filter: sshd\n    \
         journalmatch: _SYSTEMD_UNIT=sshd.service _UID=0\n    \
         journal: {{directory: '{}'}}\n",
        directory.display()
    )
}

/// A configuration in a directory of its own, which holds its state and its socket, too.
pub(crate) struct Place {
    directory: tempfile::TempDir,
    port: u16,
}

impl Place {
    /// `jails` as the file has them below `jails:`. Whatever is in the logs counts, however old.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub(crate) fn new(jails: &str) -> Result<Self> {
        Self::with(&format!(
            "defaults: {{findtime: 50y, maxretry: 5, bantime: 10h, max_new_bans: off}}\n\
             jails:\n{jails}"
        ))
    }

    /// This configuration, but for what says where things are, and that the firewall is paper.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub(crate) fn with(config: &str) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let at = directory.path();
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let own = format!(
            "enforcement: {{backend: none, max_new_bans: off}}\n\
             state: {{path: '{}'}}\ncontrol: {{socket: '{}'}}\n\
             telemetry: {{listen: '127.0.0.1:{port}'}}\n",
            at.join("state.db").display(),
            at.join("gaoler.sock").display(),
        );
        fs::write(at.join("gaoler.yaml"), config)?;
        fs::create_dir(at.join("conf.d"))?;
        fs::write(at.join("conf.d/measured.yaml"), own)?;
        fs::create_dir(at.join("filters"))?;
        fs::write(at.join("filters/requests.yaml"), REQUESTS)?;
        Ok(Self { directory, port })
    }

    /// A file beside the configuration.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(binary());
        command.arg(verb).arg("--config").arg(self.path("gaoler.yaml"));
        command.env("TZ", "UTC");
        command
    }

    /// `gaoler replay` over logs: one thread, from bytes to bans.
    ///
    /// # Errors
    ///
    /// It fails, or finds no failure.
    pub(crate) fn replay(&self, log: &Path) -> Result<Cost> {
        cost::program(self.command("replay").args(["--format", "json"]).arg(log), failures)
    }

    /// Likewise over a journal.
    ///
    /// # Errors
    ///
    /// It fails, or finds no failure.
    pub(crate) fn replay_journal(&self, directory: &Path) -> Result<Cost> {
        let mut command = self.command("replay");
        cost::program(command.args(["--format", "json", "--journal"]).arg(directory), failures)
    }

    /// The daemon's whole life, from its start until it has read `records` and is told to end.
    ///
    /// # Errors
    ///
    /// It does not come to that.
    pub(crate) fn live(&self, records: u64) -> Result<Cost> {
        let before = cost::of_children()?;
        let began = Instant::now();
        let daemon = self.start()?;
        let counted = daemon.until_read(records)?;
        daemon.stop()?;
        let (cpu, wall) = (cost::of_children()?.saturating_sub(before), began.elapsed());
        Ok(Cost { cpu, wall, counted })
    }

    /// Starts the daemon, and waits until it says that it is ready, as systemd would.
    ///
    /// # Errors
    ///
    /// It ends, or says nothing.
    pub(crate) fn start(&self) -> Result<Daemon<'_>> {
        let socket = self.path("notify.sock");
        let _ = fs::remove_file(&socket);
        let notified = UnixDatagram::bind(&socket)?;
        notified.set_read_timeout(Some(PATIENCE))?;
        let log = File::create(self.path("said"))?;
        let mut command = self.command("run");
        command.args(["--log-format", "logfmt"]).envs(environment_of_the_unit()?);
        command.env("NOTIFY_SOCKET", &socket).stdin(Stdio::null());
        command.stdout(log.try_clone()?).stderr(log);
        let began = Instant::now();
        let daemon = Daemon { child: command.spawn()?, place: self };
        let mut said = [0; 4096];
        loop {
            let length = notified.recv(&mut said).with_context(|| daemon.said())?;
            if said[..length].split(|&byte| byte == b'\n').any(|line| line == b"READY=1") {
                return Ok(daemon);
            }
            ensure!(began.elapsed() < PATIENCE, "it does not become ready: {}", daemon.said());
        }
    }
}

/// What the unit that is shipped sets.
fn environment_of_the_unit() -> Result<Vec<(&'static str, &'static str)>> {
    let unit = include_str!("../../../packaging/gaoler.service");
    let line = unit.lines().find_map(|line| line.strip_prefix("Environment="));
    let pairs = line.context("Environment=")?.split(' ').map(|pair| pair.split_once('='));
    pairs.map(|pair| pair.context("NAME=VALUE")).collect()
}

/// How many failures a replay tells of, in all jails.
fn failures(report: &str) -> Option<u64> {
    let report: serde_json::Value = serde_json::from_str(report).ok()?;
    let jails = report["jails"].as_array()?;
    Some(jails.iter().filter_map(|jail| jail["failures"].as_u64()).sum())
}

/// A running daemon.
pub(crate) struct Daemon<'p> {
    child: Child,
    place: &'p Place,
}

impl Daemon<'_> {
    /// Waits until it has read so many records; how many of them were failures.
    ///
    /// # Errors
    ///
    /// It ends before, or takes for ever.
    pub(crate) fn until_read(&self, records: u64) -> Result<u64> {
        let began = Instant::now();
        loop {
            let page = self.page()?;
            if records <= value(&page, "gaoler_source_records_total")? {
                // Another page: while one is written, the last records may be judged.
                return value(&self.page()?, "gaoler_filter_matches_total");
            }
            if PATIENCE < began.elapsed() {
                bail!("it does not read all: {}", self.said());
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Its page of metrics.
    ///
    /// # Errors
    ///
    /// It does not answer.
    pub(crate) fn page(&self) -> Result<String> {
        let mut stream =
            TcpStream::connect(("127.0.0.1", self.place.port)).with_context(|| self.said())?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
        let mut page = String::new();
        stream.read_to_string(&mut page)?;
        Ok(page)
    }

    /// What `/proc/PID/FILE` of it says.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub(crate) fn proc(&self, file: &str) -> Result<String> {
        Ok(fs::read_to_string(format!("/proc/{}/{file}", self.child.id()))?)
    }

    /// What each of its threads' FILE says.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub(crate) fn threads(&self, file: &str) -> Result<Vec<String>> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id()))?;
        tasks.map(|task| Ok(fs::read_to_string(task?.path().join(file))?)).collect()
    }

    /// How long its threads have been on a processor (`/proc/PID/task/*/schedstat`).
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub(crate) fn on_cpu(&self) -> Result<Duration> {
        let threads = self.threads("schedstat")?;
        let times = threads.iter().map(|text| {
            let nanoseconds = text.split(' ').next().context("no time in schedstat")?;
            Ok(Duration::from_nanos(nanoseconds.parse()?))
        });
        times.sum()
    }

    /// Ends it as systemd would.
    ///
    /// # Errors
    ///
    /// It does not end well.
    pub(crate) fn stop(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let status = self.child.wait()?;
        ensure!(status.success(), "{status}: {}", self.said());
        Ok(())
    }

    fn said(&self) -> String {
        fs::read_to_string(self.place.path("said")).unwrap_or_default()
    }
}

impl Drop for Daemon<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The sum of the samples of a metric.
///
/// # Errors
///
/// There is none.
pub(crate) fn value(page: &str, name: &str) -> Result<u64> {
    let samples = page.lines().filter_map(|line| line.strip_prefix(name));
    let samples = samples.filter(|rest| rest.starts_with(['{', ' ']));
    let numbers = samples.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok());
    numbers.reduce(|sum, number| sum + number).with_context(|| format!("no {name}"))
}
