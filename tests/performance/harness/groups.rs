//! What is measured, by the names that `make bench BENCH=…` knows.

pub(crate) mod addresses;
mod footprint;
mod scaling;
mod start;
mod throughput;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use super::table::Table;

/// How much is measured.
#[derive(Clone, Debug)]
pub(crate) struct Bench {
    /// Where the inputs are.
    pub(crate) directory: PathBuf,
    /// Of the sshd log. The access log has twice as many, the journal three tenths.
    pub(crate) lines: u64,
    pub(crate) rounds: u32,
    /// Whether peers that are not bare scans are left out.
    pub(crate) alone: bool,
    /// How long a daemon at rest is watched.
    pub(crate) rest: Duration,
}

/// One group.
pub(crate) struct Group {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) run: fn(&Bench) -> Result<Table>,
}

/// All of them, in the order in which they are run.
pub(crate) const ALL: [Group; 10] = [
    Group {
        name: "auth",
        about: "sshd's failures among a host's log lines, against everybody",
        run: throughput::auth,
    },
    Group {
        name: "access",
        about: "an access log in which nearly every line counts, against everybody",
        run: throughput::access,
    },
    Group {
        name: "journal",
        about: "a journal of sshd's, against everybody",
        run: throughput::journal,
    },
    Group { name: "jails", about: "twenty jails on one log, against one", run: scaling::jails },
    Group {
        name: "sources",
        about: "two busy logs, each by itself and both at once",
        run: scaling::sources,
    },
    Group {
        name: "addresses",
        about: "what a failure and an address cost a jail that counts ten to ten million",
        run: addresses::addresses,
    },
    Group {
        name: "start",
        about: "from start to ready, without a ban and with ten thousand",
        run: start::start,
    },
    Group { name: "pages", about: "/metrics with fifty jails", run: footprint::pages },
    Group { name: "idle", about: "memory and wake-ups of a daemon at rest", run: footprint::idle },
    Group { name: "size", about: "the stripped binary", run: footprint::size },
];
