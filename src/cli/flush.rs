//! `gaoler flush`: what is to be done before gaoler is removed.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;

use super::CONFIG;
use super::ask::print;
use crate::config;
use crate::daemon::clock;
use crate::enforcer::flush::{Flushed, flush};

#[derive(Debug, Args)]
pub(super) struct FlushArgs {
    /// The configuration; conf.d/*.yaml beside it is read too.
    #[arg(long, value_name = "FILE", default_value = CONFIG)]
    config: PathBuf,
}

/// Takes all bans out of the firewall.
///
/// # Errors
///
/// Fails if the configuration is wrong, a daemon runs, or the firewall refuses.
pub(super) fn run(arguments: &FlushArgs) -> anyhow::Result<ExitCode> {
    let config = config::load(&arguments.config)?;
    if UnixStream::connect(&config.socket).is_ok() {
        bail!(
            "the daemon runs (it answers at {}) and would put its bans back: `gaoler unban --all` \
             releases everybody; `systemctl stop gaoler` stops it",
            config.socket.display()
        );
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    print(&match runtime.block_on(flush(&config.enforcement, clock::now))? {
        Flushed::Entries(1) => "1 rule or entry was gaoler's, and is gone\n".to_owned(),
        Flushed::Entries(count) => {
            format!("{count} rules and entries were gaoler's, and are gone\n")
        }
        Flushed::Table => "no table of gaoler's is left in the kernel\n".to_owned(),
        Flushed::NoFirewall => "firewalld does not run: it holds nothing\n".to_owned(),
        Flushed::NoEnforcement => "enforcement.backend is none: nothing to do\n".to_owned(),
    })?;
    Ok(ExitCode::SUCCESS)
}
