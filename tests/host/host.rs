//! The host in a box, from the outside: run something in it or at its client, and wait for what
//! becomes true. `box.sh` builds it; `BOX_OWNER` has it end with this process, however that ends.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// What the box gets as its `gaoler.yaml`.
pub(crate) const SEED: &str = include_str!("seed.yaml");
/// Where that is, in the box.
pub(crate) const CONFIG: &str = "/etc/gaoler/gaoler.yaml";

/// How long anything may take that should happen at once. Generous: machines are slow at times.
pub(crate) const SOON: Duration = Duration::from_secs(20);
/// How long what takes firewalld a call a ban may take, on a machine that has other things to do.
pub(crate) const EVENTUALLY: Duration = Duration::from_secs(90);

/// A booted box, with gaoler installed but not started.
pub(crate) struct Host {
    name: String,
    /// What [`Host::settle`] puts back.
    config: String,
}

/// Which end of the wire.
#[derive(Clone, Copy)]
pub(crate) enum Side {
    /// The host that gaoler guards; as root.
    Server,
    /// The network namespace that attackers come from.
    Client,
    /// The host behind it, of a box that is a router.
    Far,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Its exit code; 255 when a signal ended it.
    pub(crate) code: i32,
    /// What it said, any bytes replaced that are not UTF-8.
    pub(crate) stdout: String,
    /// What it complained of.
    pub(crate) stderr: String,
}

impl Host {
    /// Boots a box of this process's own, with this `gaoler` installed and configured. `letter`
    /// tells it from the process's others; a `router` has a host behind it.
    pub(crate) fn up(gaoler: &str, letter: char, router: bool, config: String) -> Result<Self> {
        let host = Self::boot(&[gaoler], letter, router, config)?;
        host.configure(&host.config)?;
        Ok(host)
    }

    /// Likewise, without gaoler.
    #[allow(dead_code, reason = "packages bring their own")]
    pub(crate) fn bare(letter: char) -> Result<Self> {
        Self::boot(&[], letter, false, String::new())
    }

    fn boot(gaoler: &[&str], letter: char, router: bool, config: String) -> Result<Self> {
        let owner = std::process::id().to_string();
        let name = format!("{letter}{owner}");
        let mut up = Command::new(box_sh());
        up.args(["up", &name]).args(gaoler).env("BOX_OWNER", owner);
        if router {
            up.env("BOX_ROUTER", "yes");
        }
        let up = up.output()?;
        ensure!(up.status.success(), "no box: {}", String::from_utf8_lossy(&up.stderr));
        Ok(Self { name, config })
    }

    /// What its network namespaces' names begin with.
    #[allow(dead_code, reason = "not every user of the box needs it")]
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Ends it, leaving no trace.
    pub(crate) fn down(&self) -> Result<()> {
        let down = Command::new(box_sh()).args(["down", &self.name]).output()?;
        ensure!(down.status.success(), "box.sh down: {}", String::from_utf8_lossy(&down.stderr));
        Ok(())
    }

    /// A command on one side, ready to be started.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, side: Side, argv: &[S]) -> Command {
        let verb = match side {
            Side::Server => "srv",
            Side::Client => "cli",
            Side::Far => "far",
        };
        let mut command = Command::new(box_sh());
        command.args([verb, &self.name]).args(argv).stdin(Stdio::null());
        command
    }

    /// Runs a command on one side to its end.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, side: Side, argv: &[S]) -> Result<Ran> {
        Ok(self.command(side, argv).output()?.into())
    }

    /// Runs a shell script as root on the host; it must succeed.
    pub(crate) fn sh(&self, script: &str) -> Result<String> {
        let ran = self.run(Side::Server, &["sh", "-ec", script])?;
        ensure!(ran.code == 0, "`{script}` exits {}: {}{}", ran.code, ran.stdout, ran.stderr);
        Ok(ran.stdout)
    }

    /// Runs a shell script on the host with `input`; it must succeed.
    pub(crate) fn feed(&self, script: &str, input: &[u8]) -> Result<()> {
        let mut command = self.command(Side::Server, &["sh", "-ec", script]);
        let mut child = command.stdin(Stdio::piped()).spawn()?;
        child.stdin.take().context("a pipe")?.write_all(input)?;
        ensure!(child.wait()?.success(), "`{script}` failed");
        Ok(())
    }

    /// A gaoler command as root.
    pub(crate) fn gaoler(&self, args: &[&str]) -> Result<Ran> {
        self.run(Side::Server, &[&["gaoler"], args].concat())
    }

    /// A gaoler command as another user of the host.
    pub(crate) fn gaoler_as(&self, user: &str, args: &[&str]) -> Result<Ran> {
        self.run(Side::Server, &[&["runuser", "-u", user, "--", "gaoler"], args].concat())
    }

    /// A gaoler command as root that must succeed; what it printed.
    pub(crate) fn gaoler_ok(&self, args: &[&str]) -> Result<String> {
        let ran = self.gaoler(args)?;
        ensure!(ran.code == 0, "gaoler {args:?} exits {}: {}{}", ran.code, ran.stdout, ran.stderr);
        Ok(ran.stdout)
    }

    /// Starts gaoler if it is not running, and puts its configuration back if it is not there.
    pub(crate) fn settle(&self) -> Result<()> {
        if self.sh(&format!("cat {CONFIG}"))? != self.config {
            self.configure(&self.config)?;
            self.sh("systemctl try-reload-or-restart gaoler")?;
        }
        self.sh("systemctl reset-failed gaoler 2>/dev/null || true; systemctl start gaoler")?;
        Ok(())
    }

    /// Writes gaoler's configuration; it is not told.
    pub(crate) fn configure(&self, yaml: &str) -> Result<()> {
        self.feed(&format!("cat >{CONFIG}"), yaml.as_bytes())
    }

    /// Whether the kernel refuses `address` at TCP `port`.
    pub(crate) fn refuses(&self, address: &str, port: u16) -> Result<bool> {
        let ruleset = self.sh("nft list ruleset")?;
        let (source, port) = (format!("saddr {address} "), format!("dport {port} "));
        Ok(ruleset
            .lines()
            .any(|rule| rule.contains(&source) && rule.contains(&port) && rule.contains("reject")))
    }

    /// Waits until the kernel refuses `address` at TCP `port`, or does no longer.
    pub(crate) fn await_rule(&self, address: &str, port: u16, refused: bool) -> Result<()> {
        let verb = if refused { "is refused" } else { "is let in" };
        self.until(&format!("{address} {verb} at port {port}"), SOON, || {
            Ok((self.refuses(address, port)? == refused).then_some(()))
        })
    }

    /// gaoler's messages since `cursor`, and the cursor to go on from.
    pub(crate) fn journal(&self, cursor: Option<&str>) -> Result<(String, String)> {
        let after = cursor.map(|cursor| format!("--after-cursor='{cursor}'")).unwrap_or_default();
        let text = self.sh(&format!(
            "journalctl --sync
             journalctl -q -n 1 -o json --output-fields=__CURSOR | jq -r .__CURSOR
             journalctl -q -u gaoler -o cat --no-pager {after}"
        ))?;
        let (now, messages) = text.split_once('\n').context("a journal with an entry")?;
        Ok((messages.to_owned(), now.to_owned()))
    }

    /// Waits until `condition` yields something, at most for `patience`.
    #[expect(clippy::unused_self, reason = "reads as a sentence about the host")]
    pub(crate) fn until<T>(
        &self,
        what: &str,
        patience: Duration,
        mut condition: impl FnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(found) = condition()? {
                return Ok(found);
            }
            if Instant::now() > deadline {
                bail!("waited {} s in vain until {what}", patience.as_secs());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What the journals say since `cursor`, of gaoler and those it depends on.
    pub(crate) fn explain(&self, cursor: Option<&str>) -> String {
        let after = cursor.map(|cursor| format!("--after-cursor='{cursor}'")).unwrap_or_default();
        let units = "-u gaoler -u firewalld -u polkit";
        self.sh(&format!("journalctl {units} -o short-precise --no-pager -q -n 200 {after}"))
            .unwrap_or_else(|error| format!("no journal: {error:#}"))
    }

    /// A path in the box as this process sees it.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        Path::new("/run/gaoler-box")
            .join(&self.name)
            .join("root")
            .join(path.trim_start_matches('/'))
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(255),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

fn box_sh() -> &'static str {
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/host/box.sh")
}
