//! gaoler's metrics, fetched from within the box's network by a thread that lives there: a command
//! for each look would take longer than what it looks at.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::host::Host;
use crate::observe::Metrics;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(5);

/// Where to look.
pub(crate) struct Page {
    network: PathBuf,
}

/// Calls to the firewall that ended well, by name, with the time they took together.
pub(crate) struct Operations(Vec<(String, f64, f64)>);

impl Page {
    /// The box's.
    pub(crate) fn of(host: &Host) -> Result<Self> {
        // `box.sh` names the namespace after the box, whose root is in a directory of that name.
        let root = host.path("/");
        let name = root.parent().and_then(Path::file_name).context("the box's name")?;
        let network = Path::new("/run/netns").join(format!("{}-srv", name.display()));
        Ok(Self { network })
    }

    /// Waits until so many bans are in force; when that was seen.
    pub(crate) fn until_enforced(&self, count: u32) -> Result<Instant> {
        let count = f64::from(count);
        self.until("gaoler_bans_enforced", &[], |are| (are - count).abs() < 0.5)
    }

    /// Waits until the sum of a metric is such that `holds`.
    pub(crate) fn until(
        &self,
        name: &str,
        labels: &[(&str, &str)],
        holds: impl Fn(f64) -> bool + Send + Sync,
    ) -> Result<Instant> {
        self.inside(|| {
            let (began, mut last) = (Instant::now(), f64::NAN);
            while began.elapsed() < PATIENCE {
                if let Ok(metrics) = fetch() {
                    last = metrics.value(name, labels)?;
                    if holds(last) {
                        return Ok(Instant::now());
                    }
                }
                // Exact to a hundredth: a stop-watch that is looked at all the time slows what it times.
                thread::sleep(began.elapsed() / 100 + Duration::from_millis(5));
            }
            bail!("{name} was {last}")
        })
    }

    /// What was asked of the firewall since gaoler started.
    pub(crate) fn operations(&self) -> Result<Operations> {
        let metrics = self.inside(fetch)?;
        let ok = |name: &'static str| {
            metrics.of_name(name).filter(|(labels, _)| labels["outcome"] == "ok")
        };
        let counts = ok("gaoler_enforcement_operation_duration_seconds_count");
        let sums = ok("gaoler_enforcement_operation_duration_seconds_sum");
        let both = counts
            .zip(sums)
            .map(|((labels, count), (_, sum))| (labels["operation"].clone(), count, sum));
        Ok(Operations(both.collect()))
    }

    /// The calls that changed the firewall since gaoler started.
    pub(crate) fn changes(&self) -> Result<Vec<String>> {
        let metrics = self.inside(fetch)?;
        let made = metrics.changes().filter(|(_, count)| *count > 0.5);
        Ok(made.map(|(name, count)| format!("{count} {name}")).collect())
    }

    fn inside<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let namespace = File::open(&self.network)?;
        thread::scope(|scope| {
            let thread = scope.spawn(|| {
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
                work()
            });
            thread.join().ok().context("a look panicked")?
        })
    }
}

impl Operations {
    /// Those that took a hundredth of a second and more: name, calls, seconds.
    pub(crate) fn spent(&self) -> impl Iterator<Item = &(String, f64, f64)> {
        self.0.iter().filter(|(_, _, seconds)| *seconds > 0.01)
    }

    /// How many calls of a name came since, and how many seconds they took together.
    pub(crate) fn since(&self, before: &Self, name: &str) -> (f64, f64) {
        let of = |all: &Self| {
            let one = all.0.iter().find(|(is, ..)| is == name);
            one.map_or((0.0, 0.0), |(_, count, seconds)| (*count, *seconds))
        };
        let (now, then) = (of(self), of(before));
        (now.0 - then.0, now.1 - then.1)
    }
}

fn fetch() -> Result<Metrics> {
    let mut stream = TcpStream::connect("127.0.0.1:9642")?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: gaoler\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (_, page) = text.split_once("\r\n\r\n").context("a page")?;
    Metrics::read(page)
}
