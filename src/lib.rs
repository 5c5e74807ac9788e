//! gaoler: bans attackers through firewalld, and shows all of it.
//!
//! One daemon follows the systemd journal and log files, recognises failures with filters, counts
//! them in jails, and has the firewall refuse the addresses that failed too often.
//!
//! # The map, in reading order
//!
//! The pure core decides. It meets no socket, file, clock or runtime; time is an argument. It is a crate of its own,
//! `gaoler-core` in `core/`, that depends on nothing which could.
//!
//! - [`moment`]: what time it is, on both clocks that matter.
//! - [`record`]: one line or journal entry, and where such come from.
//! - [`failure`]: what a filter recognised: who, and when.
//! - [`trace`]: the names of traces and their spans.
//! - [`printable`]: what others wrote, fit to be shown.
//! - [`filter`]: from a record to a failure: tags, dates, patterns, the filters we ship.
//! - [`jail`]: from failures to bans: the window, the ledger, who is never banned.
//!
//! The shell acts.
//!
//! - [`fail2ban`]: fail2ban's own files, read as it reads them.
//! - [`config`]: `gaoler.yaml` as written, checked, and as meant.
//! - [`source`]: follows journals and files; matches; sends batches of findings.
//! - [`enforcer`]: makes the firewall refuse what the ledger says.
//! - [`store`]: what must outlive a restart, in SQLite.
//! - [`control`]: the socket behind `gaoler status` and its kin.
//! - [`telemetry`]: metrics and the pages that show them; the log.
//! - [`daemon`]: the one loop that owns the jails; the only reader of the clock.
//! - [`cli`]: the commands.
//!
//! `main → cli → daemon → shell → core`; nothing points back (the compiler holds it of the core, `tests/tidy.rs` of the
//! rest).

#![cfg_attr(not(test), warn(clippy::unwrap_used))]

pub use gaoler_core::{failure, filter, jail, moment, printable, record, trace};

pub mod config;
pub mod control;
pub mod enforcer;
pub mod fail2ban;
pub mod source;
pub mod store;
pub mod telemetry;

pub mod daemon;

pub mod cli;
