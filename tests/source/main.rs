//! Sources against the real thing: journal files that journald's own tools wrote, and log files
//! under real inotify(7), read by real threads.

#![allow(clippy::unwrap_used, reason = "a failed step of a test may panic wherever it stands")]

mod cold;
mod files;
mod journal;
mod watched;
