//! The collector that gaoler pushes its telemetry to: rotel, in the box's network.

use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::rotel_agent;

/// One that runs, until it is dropped.
pub(crate) struct Collector(Child);

impl Collector {
    /// Starts it in a network namespace, where it listens on port 4317 of 127.0.0.1. `None` if it
    /// cannot be had; where everything must be proven, that is an error.
    pub(crate) fn start(netns: &str) -> Result<Option<Self>> {
        let Some(agent) = rotel_agent::command() else {
            let words = "rotel cannot be had from PyPI: there is no collector that could go";
            ensure!(std::env::var("CI").is_err(), words);
            eprintln!("skipped: {words}");
            return Ok(None);
        };
        let mut command = Command::new("ip");
        command.args(["netns", "exec", netns]).arg(agent.get_program());
        command.envs(agent.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.args([
            "start",
            "--exporter",
            "blackhole",
            "--otlp-grpc-endpoint",
            "127.0.0.1:4317",
        ]);
        command.args(["--otlp-http-endpoint", "127.0.0.1:4318"]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let mut collector = Self(child);
        collector.await_ready(netns)?;
        Ok(Some(collector))
    }

    fn await_ready(&mut self, netns: &str) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let mut listens = Command::new("ip");
            listens.args(["netns", "exec", netns, "ss", "-Hltn", "sport", "=", ":4317"]);
            if !listens.output()?.stdout.is_empty() {
                return Ok(());
            }
            ensure!(self.0.try_wait()?.is_none(), "the collector ended at its start");
            ensure!(Instant::now() < deadline, "the collector does not listen");
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
