//! Sources against the real thing: journal files that journald's own tools wrote, and log files
//! under real inotify(7), read by real threads.

mod journal;
mod watched;
