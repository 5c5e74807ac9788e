//! A real daemon with a real firewalld, a log that a test writes to, and whatever collector the test
//! names in the environment.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::rig::Rig;

/// How long anything may take before a test fails.
pub const DEADLINE: Duration = Duration::from_mins(1);

/// The daemon, and all that it needs.
pub struct Stage {
    rig: Rig,
    daemon: Child,
    pages: u16,
}

impl Stage {
    /// Starts it with these lines under `telemetry`, and these variables.
    pub fn start(otlp: &str, environment: &[(&str, &str)]) -> Self {
        let rig = Rig::started();
        let pages = free_port();
        let dir = rig.path();
        let (bus, dir) = (rig.address(), dir.display());
        let config = format!(
            "enforcement: {{firewalld: {{bus: '{bus}', mode: rich-rule}}}}\n\
             state: {{path: {dir}/state.db}}\ncontrol: {{socket: {dir}/gaoler.sock}}\n\
             telemetry:\n  listen: 127.0.0.1:{pages}\n{otlp}\n\
             jails:\n  sshd: {{logpath: [{dir}/secure], port: [22], maxretry: 2, findtime: 10m, \
             bantime: 10m}}\n",
        );
        File::create(rig.path().join("secure")).unwrap();
        fs::write(rig.path().join("gaoler.yaml"), config).unwrap();
        let said = File::create(rig.path().join("said")).unwrap();
        let mut command = gaoler(&rig, &["run"]);
        command.envs(environment.iter().copied()).stdout(Stdio::null()).stderr(said);
        let stage = Self { daemon: command.spawn().unwrap(), rig, pages };
        stage.until("all is ready", || get(stage.pages, "/-/ready").contains(" 200 "));
        stage
    }

    /// What the daemon has logged.
    pub fn said(&self) -> String {
        fs::read_to_string(self.rig.path().join("said")).unwrap()
    }

    /// Two failures of an address, some seconds apart by the log.
    pub fn attack(&self, address: &str) {
        let path = self.rig.path().join("secure");
        let mut log = OpenOptions::new().append(true).open(path).unwrap();
        for ago in [3, 1] {
            let time = now().checked_sub(jiff::SignedDuration::from_secs(ago)).unwrap();
            writeln!(
                log,
                "{time:.3} box sshd[42]: Failed password for root from {address} port 4242 ssh2"
            )
            .unwrap();
        }
    }

    /// Runs a verb of the client; it must succeed. Gives what it says.
    pub fn ask(&self, words: &[&str]) -> String {
        let output = gaoler_client(&self.rig, words).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(output.status.success(), "{words:?}: {said}");
        said
    }

    /// The value of the sample that begins so.
    pub fn sample(&self, start: &str) -> f64 {
        let page = get(self.pages, "/metrics");
        let line = page.lines().find(|line| line.starts_with(start));
        let value = line.and_then(|line| line.rsplit_once(' ')).map(|(_, value)| value);
        value.unwrap_or_else(|| panic!("no {start} in {page}")).parse().unwrap()
    }

    /// Waits for something; on failure shows what the daemon said.
    pub fn until(&self, what: &str, condition: impl Fn() -> bool) {
        let start = Instant::now();
        while !condition() {
            assert!(start.elapsed() < DEADLINE, "not so: {what}\n{}", self.said());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends the daemon as systemd does; it must end well.
    pub fn stop(&mut self) {
        kill_process(Pid::from_child(&self.daemon), Signal::TERM).unwrap();
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.daemon.try_wait().unwrap() {
                break status;
            }
            assert!(start.elapsed() < DEADLINE, "it does not end\n{}", self.said());
            thread::sleep(Duration::from_millis(20));
        };
        assert!(status.success(), "{status}\n{}", self.said());
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

fn config(rig: &Rig) -> PathBuf {
    rig.path().join("gaoler.yaml")
}

fn gaoler(rig: &Rig, words: &[&str]) -> Command {
    let mut command = binary(words);
    command.arg("--config").arg(config(rig));
    // What the machine that runs the tests has set is not meant for it.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("OTEL_")) {
        command.env_remove(name);
    }
    command
}

fn gaoler_client(rig: &Rig, words: &[&str]) -> Command {
    let mut command = binary(words);
    command.arg("--socket").arg(rig.path().join("gaoler.sock"));
    command
}

fn binary(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gaoler"));
    command.args(words);
    command
}

/// What a daemon would write into its log.
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// A port that nobody listens at.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// What a page says, its head too; nothing while nobody listens.
fn get(port: u16, path: &str) -> String {
    let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else {
        return String::new();
    };
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    page
}
