//! A live SSH session of a banned address: it lives on, as with any firewall that lets established
//! connections be, unless the jail says `cut_established` and the unit may.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use anyhow::{Context, Result, ensure};

use crate::client::RIGHT;
use crate::host::{Host, SEED, SOON, Side};
use crate::observe::{Metrics, await_metric};

const DROP_IN: &str = "/etc/systemd/system/gaoler.service.d/11-cut-established.conf";

/// Somebody logged in, whose lines come back.
pub(crate) struct Session {
    ssh: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Session {
    /// Logs in as alice from one of the client's addresses.
    fn open(host: &Host, address: &str) -> Result<Self> {
        Self::open_as(host, "alice", address)
    }

    /// Logs in as somebody.
    pub(crate) fn open_as(host: &Host, user: &str, address: &str) -> Result<Self> {
        let bind = format!("BindAddress={address}");
        #[rustfmt::skip]
        let argv = [
            "sshpass", "-p", RIGHT, "ssh", "-F", "none", "-l", user, "-o", &bind,
            "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "-o", "PreferredAuthentications=password", "-o", "PubkeyAuthentication=no",
            "-o", "LogLevel=ERROR", "192.0.2.16", "cat",
        ];
        let mut command = host.command(Side::Client, &argv);
        let mut ssh =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let input = ssh.stdin.take().context("a pipe")?;
        let output = BufReader::new(ssh.stdout.take().context("a pipe")?);
        let mut session = Self { ssh, input, output };
        ensure!(session.echoes()?, "the session of {address} never began");
        Ok(session)
    }

    /// Whether a line goes there and back; if not, it has ended.
    fn echoes(&mut self) -> Result<bool> {
        let mut line = String::new();
        let sent = writeln!(self.input, "hello").and_then(|()| self.input.flush());
        Ok(sent.is_ok() && self.output.read_line(&mut line)? > 0)
    }

    /// Waits until ssh has given up by itself: nothing is sent.
    fn await_end(&mut self, host: &Host) -> Result<()> {
        let ended = host.until("the session ends", SOON, || Ok(self.ssh.try_wait()?))?;
        assert_eq!(ended.code(), Some(255), "ssh says that the connection broke");
        Ok(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.ssh.kill();
        let _ = self.ssh.wait();
    }
}

fn cutting() -> String {
    SEED.replace("defaults:\n", "defaults:\n  cut_established: true\n")
}

/// firewalld's rules let what is established be.
pub(crate) fn without_the_key(host: &Host) -> Result<()> {
    const BANNED: &str = "192.0.2.150";
    host.settle()?;
    let mut session = Session::open(host, BANNED)?;
    host.gaoler_ok(&["ban", "sshd", BANNED])?;
    assert!(host.refuses(BANNED, 22)?);
    assert!(session.echoes()?, "an established connection passes before the rule");
    host.gaoler_ok(&["unban", BANNED])?;
    Ok(())
}

/// The key without the drop-in: an error that names the remedy, once; the ban holds all the same.
pub(crate) fn without_the_capability(host: &Host) -> Result<()> {
    const BANNED: [&str; 2] = ["192.0.2.151", "192.0.2.152"];
    host.settle()?;
    let (_, cursor) = host.journal(None)?;
    host.configure(&cutting())?;
    host.gaoler_ok(&["reload"])?;
    let mut session = Session::open(host, BANNED[0])?;
    for address in BANNED {
        host.gaoler_ok(&["ban", "sshd", address])?;
        assert!(host.refuses(address, 22)?);
    }
    let permission = [("reason", "permission")];
    await_metric(host, "gaoler_cut_errors_total", &permission, |errors| errors >= 1.0)?;
    assert!(session.echoes()?);
    let told = host.journal(Some(&cursor))?.0;
    let errors: Vec<&str> = told.lines().filter(|line| line.contains("CAP_NET_ADMIN")).collect();
    ensure!(errors.len() == 1, "told once, with the remedy: {errors:#?}");
    assert!(errors[0].contains("/usr/share/gaoler/11-cut-established.conf"), "{errors:?}");
    host.gaoler_ok(&["unban", BANNED[0], BANNED[1]])?;
    host.settle()
}

/// The key and the drop-in as shipped: the session ends by itself, and nobody else's.
pub(crate) fn a_live_session_ends(host: &Host) -> Result<()> {
    const BANNED: &str = "192.0.2.153";
    const OTHER: &str = "192.0.2.154";
    host.settle()?;
    host.sh(&format!(
        "install -D -m 0644 /usr/share/gaoler/11-cut-established.conf {DROP_IN}
         systemctl daemon-reload"
    ))?;
    host.configure(&cutting())?;
    host.sh("systemctl restart gaoler")?;
    let (mut banned, mut other) = (Session::open(host, BANNED)?, Session::open(host, OTHER)?);
    host.gaoler_ok(&["ban", "sshd", BANNED])?;
    banned.await_end(host)?;
    assert!(other.echoes()?);
    let sockets = [("jail", "sshd"), ("kind", "socket")];
    await_metric(host, "gaoler_connections_cut_total", &sockets, |cut| cut >= 1.0)?;
    let errors = Metrics::of(host)?.value("gaoler_cut_errors_total", &[])?;
    assert!(errors < 0.5, "{errors} errors");
    assert_eq!(host.sh("ps -o user= -C gaoler")?.trim(), "gaoler");

    host.gaoler_ok(&["unban", BANNED])?;
    host.sh(&format!("rm {DROP_IN}; systemctl daemon-reload"))?;
    host.configure(SEED)?;
    host.sh("systemctl restart gaoler")?;
    Ok(())
}
