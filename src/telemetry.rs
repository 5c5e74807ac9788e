//! What gaoler shows of itself: metrics, the pages that serve them, and the log.
//!
//! The daemon says what happened ([`metrics::Metrics`]) and how things stand
//! ([`overview::Overview`]); nothing here decides anything, and nothing here makes the daemon wait.
//! No address is ever a label.

pub mod api;
pub mod asking;
pub mod catalog;
pub mod door;
pub mod event;
pub mod exposition;
pub mod lines;
pub mod log;
pub mod metrics;
pub mod negotiation;
pub mod news;
pub mod otlp;
pub mod overview;
pub mod pages;
pub mod server;
pub mod shown;
pub mod status_page;
pub mod trace;
pub mod verdicts;
