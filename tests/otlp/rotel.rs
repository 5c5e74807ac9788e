//! A collector that others made: rotel (Streamfold), which prints what it takes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use super::rotel_agent::{self, VERSION};
use super::stage::{Stage, free_port};

/// The collector, and what it has printed.
struct Rotel {
    process: Child,
    printed: PathBuf,
    ports: [u16; 2],
}

impl Rotel {
    /// Fetches it once from `PyPI`, and starts it; `None` if it cannot be had.
    fn start(directory: &Path) -> Option<Self> {
        let mut command = rotel_agent::command()?;
        let ports = [free_port(), free_port()];
        let [grpc, http] = ports.map(|port| format!("127.0.0.1:{port}"));
        let printed = directory.join("printed");
        command.args(["--environment", "test", "start", "--exporter", "blackhole"]);
        command.args(["--otlp-grpc-endpoint", &grpc, "--otlp-http-endpoint", &http]);
        for signal in ["traces", "metrics", "logs"] {
            command.args(["--debug-log", signal]);
        }
        command.args(["--debug-log-verbosity", "detailed"]);
        command.stdout(File::create(&printed).unwrap()).stderr(Stdio::null());
        let process = command.spawn().ok()?;
        Some(Self { process, printed, ports })
    }

    fn printed(&self) -> String {
        fs::read_to_string(&self.printed).unwrap()
    }

    /// The blocks that begin with a line of these words, to the next of the same kind.
    fn blocks(&self, head: &str) -> Vec<String> {
        let (printed, head) = (self.printed(), format!("\n{head} #"));
        printed.split(head.as_str()).skip(1).map(str::to_owned).collect()
    }
}

impl Drop for Rotel {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Without the collector there is nothing to see; where everything must be proven, that is a failure.
fn missing() {
    let words = format!("rotel {VERSION} cannot be had from PyPI for this python3");
    assert!(std::env::var("CI").is_err(), "{words}");
    eprintln!("skipped: {words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_of_others_takes_and_understands_all_of_it() {
    for (protocol, port) in [("grpc", 0), ("http/protobuf", 1)] {
        let directory = tempfile::tempdir().unwrap();
        let Some(rotel) = Rotel::start(directory.path()) else { return missing() };
        let endpoint = format!("http://127.0.0.1:{}", rotel.ports[port]);
        let otlp = format!(
            "  otlp: {{endpoint: '{endpoint}', protocol: {protocol}, compression: gzip, \
             metrics: true, interval: 1s}}"
        );
        let stage =
            Stage::start(&otlp, &[("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=box")]);
        stage.attack("203.0.113.7");
        stage.until("the ban has come", || rotel.printed().contains("firewalld.add_rich_rule"));
        stage.ask(&["unban", "203.0.113.7"]);
        stage
            .until("the unban has come", || rotel.printed().contains("firewalld.remove_rich_rule"));
        for event in ["gaoler.failure", "gaoler.ban", "gaoler.unban"] {
            let line = format!("EventName: {event}");
            stage.until(&line, || rotel.printed().contains(&line));
        }
        stage.until("metrics have come", || rotel.printed().contains("gaoler_bans"));
        understood(&rotel);
        let series = |name: &str| format!("{name}{{signal=\"traces\",outcome=\"ok\"}}");
        assert!(stage.sample(&series("gaoler_otlp_exports_total")) >= 1.0);
        assert!(stage.sample("gaoler_otlp_dropped_total{signal=\"traces\"}") < 0.5);
    }
}

/// What it printed is what was sent.
fn understood(rotel: &Rotel) {
    let printed = rotel.printed();
    for part in ["service.name: Str(gaoler)", "deployment.environment: Str(box)", "host.name: Str("]
    {
        assert!(printed.contains(part), "no {part} in {printed}");
    }
    let spans = rotel.blocks("Span");
    let field = |block: &str, name: &str| {
        let line = block.lines().find(|line| line.trim_start().starts_with(name));
        let value = line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim());
        value.unwrap_or_else(|| panic!("no {name} in {block}")).to_owned()
    };
    let named = |name: &str| {
        let block = spans.iter().find(|block| field(block, "Name") == name);
        block.unwrap_or_else(|| panic!("no span {name} in {printed}"))
    };
    let (ban, enforce, unban) = (named("ban"), named("enforce"), named("unban"));
    let trace = field(ban, "Trace ID");
    assert_eq!(field(enforce, "Trace ID"), trace);
    assert_eq!(field(enforce, "Parent ID"), field(ban, "ID"));
    assert_eq!(field(named("firewalld.add_rich_rule"), "Parent ID"), field(enforce, "ID"));
    assert!(ban.contains("client.address: Str(203.0.113.7)"), "{ban}");
    assert_ne!(field(unban, "Trace ID"), trace);
    assert!(unban.contains(&format!("-> Trace ID: {trace}")), "no link to {trace} in {unban}");
}
