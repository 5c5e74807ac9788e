//! httpd's log: the line that makes a ban, and a hundred thousand others a second beside it.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use jiff::Timestamp;

use crate::host::Host;

/// Lines written at a time, and how often: 100,000 a second.
const LINES: usize = 500;
const EVERY: Duration = Duration::from_millis(5);

/// The log on the host in the box.
pub(crate) struct Log {
    path: PathBuf,
}

impl Log {
    /// The one on `host`.
    pub(crate) fn of(host: &Host) -> Self {
        Self { path: host.path("/var/log/httpd/access_log") }
    }

    /// Writes a request of `address`; when that was.
    pub(crate) fn get(&self, address: &str) -> Result<Instant> {
        let line = format!("{address} - - [{}] \"GET / HTTP/1.1\" 200 6 \"-\" \"-\"\n", now());
        let mut log = self.open()?;
        let written = Instant::now();
        log.write_all(line.as_bytes())?;
        Ok(written)
    }

    fn open(&self) -> Result<File> {
        Ok(OpenOptions::new().append(true).open(&self.path)?)
    }
}

/// As httpd writes it.
fn now() -> String {
    Timestamp::now().strftime("%d/%b/%Y:%H:%M:%S +0000").to_string()
}

/// Writes requests that are no failures, until it is stopped.
pub(crate) struct Writer {
    begun: Instant,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<usize>>,
}

impl Writer {
    /// Starts to write.
    pub(crate) fn start(log: &Log) -> Result<Self> {
        let mut file = log.open()?;
        let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";
        let line = |n| {
            format!(
                "192.0.2.{} - - [{}] \"POST /{n} HTTP/1.1\" 200 45 \"-\" \"{agent}\"\n",
                n % 250,
                now()
            )
        };
        let chunk: String = (0..LINES).map(line).collect();
        let (begun, stop) = (Instant::now(), Arc::new(AtomicBool::new(false)));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut chunks = 0;
            while !stopped.load(Ordering::Relaxed) {
                file.write_all(chunk.as_bytes())?;
                chunks += 1;
                // Who comes late writes more often, to come to as many.
                let due = begun + EVERY * u32::try_from(chunks)?;
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
            Ok(chunks * LINES)
        });
        Ok(Self { begun, stop, thread })
    }

    /// Ends; how many lines it has written a second.
    #[allow(clippy::cast_precision_loss, reason = "a figure to look at")]
    pub(crate) fn stop(self) -> Result<f64> {
        self.stop.store(true, Ordering::Relaxed);
        let lines = self.thread.join().map_err(|_| anyhow!("the writer panicked"))??;
        Ok(lines as f64 / self.begun.elapsed().as_secs_f64())
    }
}
