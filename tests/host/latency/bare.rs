//! One bare call that makes the rule a ban makes, as gaoler's user, whom polkit asks about.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use zbus::Connection;

use crate::AGAIN;
use crate::host::{Host, Side};

/// This program in the box, as a client of firewalld's and nothing more.
pub(crate) struct Bare {
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Bare {
    /// Starts it.
    pub(crate) fn start(host: &Host) -> Result<Self> {
        let argv = ["runuser", "-u", "gaoler", "--", AGAIN, "in-box-bare"];
        let mut command = host.command(Side::Server, &argv);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let ask = child.stdin.take().context("a pipe")?;
        let answers = BufReader::new(child.stdout.take().context("a pipe")?);
        Ok(Self { child, ask, answers })
    }

    /// How long the call took that adds a rule for one port; the rule is removed again.
    pub(crate) fn call(&mut self, port: u16) -> Result<Duration> {
        writeln!(self.ask, "{port}")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        Ok(Duration::from_nanos(answer.trim().parse().context("the bare call failed")?))
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In the box: makes a call for each port it is told, and says how many nanoseconds that took.
pub(crate) fn serve() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let bus = runtime.block_on(Connection::system())?;
    for port in std::io::stdin().lines() {
        let rule = format!(
            "rule priority=\"-31007\" family=\"ipv4\" source address=\"198.51.100.254\" \
             port port=\"{}\" protocol=\"tcp\" reject type=\"icmp-port-unreachable\"",
            port?
        );
        let began = Instant::now();
        runtime.block_on(call(&bus, "addRichRule", &("public", &rule, 0_i32)))?;
        let took = began.elapsed();
        runtime.block_on(call(&bus, "removeRichRule", &("public", &rule)))?;
        println!("{}", took.as_nanos());
    }
    Ok(())
}

async fn call<B>(bus: &Connection, method: &str, body: &B) -> Result<()>
where
    B: serde::Serialize + zbus::zvariant::DynamicType + Sync,
{
    let name = "org.fedoraproject.FirewallD1";
    let interface = "org.fedoraproject.FirewallD1.zone";
    let path = "/org/fedoraproject/FirewallD1";
    bus.call_method(Some(name), path, Some(interface), method, body).await?;
    Ok(())
}
