//! Where the tables go: the terminal, a JSON file, docs/performance.md.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Serialize;

use super::table::Table;

/// All that a run measured.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) rounds: u32,
    pub(crate) tables: Vec<Table>,
}

/// What it was measured on.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    processor: String,
    processors: usize,
    memory_gib: u64,
    kernel: String,
    system: String,
    /// How busy it was just before, over a minute.
    load: f64,
    /// Whether it was built as a release is, and not in the quicker ways that cargo can be told of.
    as_released: bool,
    /// Who was measured, by the name of its package.
    versions: BTreeMap<&'static str, String>,
}

impl Machine {
    /// This one, now.
    ///
    /// # Errors
    ///
    /// `/proc` cannot be read.
    pub(crate) fn here() -> Result<Self> {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo")?;
        let meminfo = fs::read_to_string("/proc/meminfo")?;
        let release = fs::read_to_string("/etc/os-release")?;
        let kib: u64 = after(&meminfo, "MemTotal:")
            .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
            .context("no MemTotal in /proc/meminfo")?;
        let loads = fs::read_to_string("/proc/loadavg")?;
        let load = loads.split(' ').next().and_then(|load| load.parse().ok());
        let processor = after(&cpuinfo, "model name").unwrap_or("unknown");
        Ok(Self {
            processor: processor.trim_start_matches([' ', '\t', ':']).to_owned(),
            processors: std::thread::available_parallelism()?.get(),
            memory_gib: kib.div_ceil(1 << 20),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            system: after(&release, "PRETTY_NAME=").unwrap_or_default().replace('"', ""),
            load: load.unwrap_or(f64::NAN),
            as_released: std::env::var_os("CARGO_PROFILE_RELEASE_LTO").is_none(),
            versions: versions(),
        })
    }

    fn markdown(&self) -> String {
        let Self { processor, processors, memory_gib, kernel, system, load, .. } = self;
        let versions = &self.versions;
        let built = if self.as_released { "" } else { " gaoler is built without LTO." };
        let versions: Vec<String> =
            versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
        format!(
            "{processor}, {processors} processors, {memory_gib} GiB; {system}, Linux {kernel}; \
             {}. Load before the run: {load}.{built}\n",
            versions.join(", ")
        )
    }
}

fn after<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    text.lines().find_map(|line| line.strip_prefix(key))
}

/// Of the Debian packages that are installed, and of gaoler itself.
fn versions() -> BTreeMap<&'static str, String> {
    let ask = |command: &mut Command| -> Option<String> {
        let output = command.output().ok().filter(|output| output.status.success())?;
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        (!said.is_empty()).then_some(said)
    };
    let mut versions = BTreeMap::new();
    for package in ["fail2ban", "ripgrep", "sshguard", "systemd"] {
        let mut command = Command::new("dpkg-query");
        command.args(["--show", "--showformat=${Version}", package]);
        versions.extend(ask(&mut command).map(|version| (package, version)));
    }
    if let Some(binary) = std::env::var_os("FAIL2BAN_RS") {
        let version = ask(Command::new(binary).arg("--version"));
        let number = version.and_then(|said| Some(said.split(' ').nth(1)?.to_owned()));
        versions.extend(number.map(|number| ("fail2ban-rs", number)));
    }
    versions
}

impl Report {
    /// Writes all of it, each round's figures too, as JSON.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub(crate) fn write_json(&self, path: &Path) -> Result<()> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        let json = serde_json::to_string_pretty(self)?;
        fs::write(path, json + "\n").with_context(|| path.display().to_string())
    }

    /// Puts the tables where the document has room for them: between `<!-- measured: GROUP -->` and
    /// `<!-- end -->`. What was not measured stays.
    ///
    /// # Errors
    ///
    /// The file cannot be read or written, or has no room.
    pub(crate) fn update(&self, path: &Path) -> Result<()> {
        let mut text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        text = replaced(&text, "machine", &self.machine.markdown())?;
        for table in &self.tables {
            text = replaced(&text, table.group, &table.markdown())?;
        }
        Ok(fs::write(path, text)?)
    }
}

fn replaced(text: &str, name: &str, with: &str) -> Result<String> {
    let begin = format!("<!-- measured: {name} -->\n");
    let (before, rest) = text.split_once(&begin).with_context(|| format!("no room for {name}"))?;
    let (_, after) = rest.split_once("<!-- end -->").context("a table without an end")?;
    Ok(format!("{before}{begin}\n{with}\n<!-- end -->{after}"))
}
