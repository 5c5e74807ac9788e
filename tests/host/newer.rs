//! The firewalld of newer systems, in the same box: Debian 13's is near RHEL 10's, Debian unstable's
//! is the newest there is. Both are Python alone, and run beside what they need of Debian 12.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use crate::host::{Host, SOON};

/// Which.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Newer {
    /// Debian's release.
    pub(crate) suite: &'static str,
}

impl Newer {
    /// Where it is, unpacked.
    ///
    /// # Errors
    ///
    /// Fails where it can't be had, as without a mirror of Debian's in reach.
    pub(crate) fn fetched(self) -> Result<PathBuf> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/fetch-newer.sh");
        let ran =
            Command::new(script).args([self.suite, "firewalld", "python3-firewall"]).output()?;
        let said = String::from_utf8_lossy(&ran.stderr);
        ensure!(ran.status.success(), "firewalld of {} can't be had: {}", self.suite, said.trim());
        Ok(PathBuf::from(String::from_utf8(ran.stdout)?.trim()))
    }

    /// Puts it in the place of the box's own.
    pub(crate) fn install(from: &Path, host: &Host) -> Result<()> {
        host.sh("systemctl stop firewalld
             rm -r /usr/lib/python3/dist-packages/firewall /usr/lib/firewalld")?;
        for (tree, to) in [("usr/.", "/usr"), ("etc/firewalld/firewalld.conf", "/etc/firewalld/")] {
            let copied =
                Command::new("cp").arg("-a").arg(from.join(tree)).arg(host.path(to)).status()?;
            ensure!(copied.success(), "cp -a {tree}: {copied}");
        }
        host.sh("systemctl daemon-reload; systemctl reload dbus; systemctl start firewalld")?;
        host.until("firewalld runs", SOON, || {
            Ok((host.sh("firewall-cmd --state 2>&1 || true")? == "running\n").then_some(()))
        })?;
        let version = std::fs::read_to_string(from.join("version"))?;
        let runs = host.sh("firewall-cmd --version")?;
        ensure!(version.starts_with(runs.trim()), "{runs} runs, and not {version}");
        Ok(())
    }
}
