//! gaoler's core: it decides, and does nothing.
//!
//! From a line to a failure, from failures to a ban. Time is an argument, text comes in and verdicts go
//! out: what would have to meet a socket, a file, a clock, a runtime or a log is in the crate `gaoler`,
//! the shell around this one, which offers these modules as its own.
//!
//! - [`moment`]: what time it is, on both clocks that matter.
//! - [`record`]: one line or journal entry, and where such come from.
//! - [`failure`]: what a filter recognised: who, and when.
//! - [`trace`]: the names of traces and their spans.
//! - [`printable`]: what others wrote, fit to be shown.
//! - [`filter`]: from a record to a failure: tags, dates, patterns, the filters we ship.
//! - [`jail`]: from failures to bans: the window, the ledger, who is never banned.

#![cfg_attr(not(test), warn(clippy::unwrap_used))]

pub mod failure;
pub mod filter;
pub mod jail;
pub mod moment;
pub mod printable;
pub mod record;
pub mod trace;
