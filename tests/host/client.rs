//! Somebody at the other end of the wire: tries passwords, fetches pages, and tells how it went.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::host::{Host, Side};

/// The password that lets alice and root in.
pub(crate) const RIGHT: &str = "correct-horse";
/// One that does not.
pub(crate) const WRONG: &str = "wrong";

/// A peer with one address.
#[derive(Clone, Copy)]
pub(crate) struct Client<'a> {
    host: &'a Host,
    /// Where it comes from.
    pub(crate) address: &'a str,
    /// How many seconds it waits to be connected.
    patience: u32,
}

/// How a try to log in, or to fetch a page, went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Logged in, or got the page.
    Served,
    /// The password was wrong, or the page is not there.
    Denied,
    /// *Connection refused*: what a ban looks like.
    Refused,
    /// No answer in time: what a ban looks like where packets are dropped.
    Silent,
}

impl<'a> Client<'a> {
    /// A peer at one of the client's addresses (`box.sh` lists them).
    pub(crate) fn at(host: &'a Host, address: &'a str) -> Self {
        Self { host, address, patience: 10 }
    }

    /// One that waits for two seconds at most.
    pub(crate) fn hasty(self) -> Self {
        Self { patience: 2, ..self }
    }

    /// One try to log in.
    pub(crate) fn ssh(&self, user: &str, password: &str) -> Result<Outcome> {
        self.log_in(&["-F", "none", "-l", user], password)
    }

    /// One try to log in as a configuration of ssh's says.
    pub(crate) fn ssh_by(&self, configuration: &Path, password: &str) -> Result<Outcome> {
        let configuration = configuration.to_str().context("a path that is text")?;
        self.log_in(&["-F", configuration], password)
    }

    fn log_in(&self, who: &[&str], password: &str) -> Result<Outcome> {
        let bind = format!("BindAddress={}", self.address);
        let patience = format!("ConnectTimeout={}", self.patience);
        let limit = (3 * self.patience).to_string();
        #[rustfmt::skip]
        let argv = [
            "-n", "-o", &bind,
            "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "-o", "PreferredAuthentications=password", "-o", "PubkeyAuthentication=no",
            "-o", "NumberOfPasswordPrompts=1", "-o", &patience, "-o", "LogLevel=ERROR",
            self.target(), "true",
        ];
        let head = ["timeout", &limit, "sshpass", "-p", password, "ssh"];
        let ran = self.host.run(Side::Client, &[&head[..], who, &argv[..]].concat())?;
        match ran.code {
            0 => Ok(Outcome::Served),
            _ if ran.stderr.contains("Connection refused") => Ok(Outcome::Refused),
            _ if ran.stderr.contains("Permission denied") => Ok(Outcome::Denied),
            _ if ran.stderr.contains("timed out") => Ok(Outcome::Silent),
            code => bail!("ssh {who:?} exits {code}: {}{}", ran.stdout, ran.stderr),
        }
    }

    /// Fetches `path`.
    pub(crate) fn get(&self, path: &str) -> Result<Outcome> {
        self.http(path, &[])
    }

    /// Asks for `path`'s head.
    pub(crate) fn head(&self, path: &str) -> Result<Outcome> {
        self.http(path, &["--head"])
    }

    /// One request by curl, with further options.
    pub(crate) fn http(&self, path: &str, options: &[&str]) -> Result<Outcome> {
        let host = self.target();
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        self.fetch(&format!("http://{host}{path}"), options)
    }

    /// One request by curl, to whomever.
    pub(crate) fn fetch(&self, url: &str, options: &[&str]) -> Result<Outcome> {
        let patience = self.patience.to_string();
        #[rustfmt::skip]
        let argv = [
            "curl", "-sS", "-f", "-o", "/dev/null", "-m", "20", "--connect-timeout", &patience,
            "--interface", self.address,
        ];
        let ran = self.host.run(Side::Client, &[&argv[..], options, &[url]].concat())?;
        match ran.code {
            0 => Ok(Outcome::Served),
            7 => Ok(Outcome::Refused),
            22 => Ok(Outcome::Denied),
            28 => Ok(Outcome::Silent),
            code => bail!("curl {url} exits {code}: {}", ran.stderr),
        }
    }

    fn target(&self) -> &'static str {
        if self.address.contains(':') { "2001:db8::16" } else { "192.0.2.16" }
    }
}
