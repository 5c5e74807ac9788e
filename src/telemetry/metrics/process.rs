//! The `process_*` metrics that every exporter has, read when they are asked for.
//!
//! Source: proc(5); the names are Prometheus' client library guidelines'. The start time is counted
//! from the boot clock, so `/proc/stat` is not needed and `ProcSubset=pid` does no harm.

use std::fmt;
use std::fs;
use std::path::PathBuf;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use super::scale::unix;
use crate::moment::Moment;

/// Reads what the kernel knows of one process.
#[derive(Debug)]
pub struct Process {
    /// Its directory, such as `/proc/self`.
    proc: PathBuf,
    /// When the host booted, in seconds since 1970.
    booted: f64,
}

/// What proc(5) calls `utime`, `stime`, `num_threads`, `starttime`, `vsize`, `rss`.
#[derive(Debug, PartialEq)]
struct Stat {
    cpu_ticks: f64,
    threads: f64,
    start_ticks: f64,
    virtual_bytes: f64,
    resident_pages: f64,
}

impl Process {
    /// `now` is any moment of this boot.
    #[must_use]
    pub fn new(proc: PathBuf, now: Moment) -> Self {
        Self { proc, booted: unix(now.wall) - now.boot.0.as_secs_f64() }
    }

    fn stat(&self) -> Option<Stat> {
        parse_stat(&fs::read_to_string(self.proc.join("stat")).ok()?)
    }

    /// Open descriptors, without the one that is open to count them.
    fn open_fds(&self) -> Option<f64> {
        let entries = fs::read_dir(self.proc.join("fd")).ok()?.count();
        Some(f64::from(u32::try_from(entries).ok()?.saturating_sub(1)))
    }

    fn max_fds(&self) -> Option<f64> {
        parse_max_fds(&fs::read_to_string(self.proc.join("limits")).ok()?)
    }
}

impl Collector for Process {
    /// What cannot be read is left out: a wrong 0 would be worse.
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let mut gauge = |name: &str, unit: Option<&Unit>, help: &str, value: f64| {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, unit, gauge.metric_type())?)
        };
        if let Some(open) = self.open_fds() {
            gauge("process_open_fds", None, "Open file descriptors.", open)?;
        }
        if let Some(max) = self.max_fds() {
            gauge("process_max_fds", None, "Most file descriptors it may open.", max)?;
        }
        let Some(stat) = self.stat() else { return Ok(()) };
        gauge("process_threads", None, "Threads.", stat.threads)?;
        let bytes = Some(&Unit::Bytes);
        gauge("process_virtual_memory", bytes, "Virtual memory.", stat.virtual_bytes)?;
        let resident = stat.resident_pages * page_bytes();
        gauge("process_resident_memory", bytes, "Resident memory.", resident)?;
        let began = self.booted + stat.start_ticks / ticks_per_second();
        let seconds = Some(&Unit::Seconds);
        let help = "When it started, in seconds since 1970.";
        gauge("process_start_time", seconds, help, began)?;
        let cpu = ConstCounter::new(stat.cpu_ticks / ticks_per_second());
        let help = "Time on processors, in user and system mode.";
        cpu.encode(encoder.encode_descriptor("process_cpu", help, seconds, cpu.metric_type())?)
    }
}

/// Reads `/proc/PID/stat`. The program's name may hold blanks and brackets; what follows the last
/// bracket is numbers.
fn parse_stat(text: &str) -> Option<Stat> {
    let (_, after_name) = text.rsplit_once(") ")?;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    // proc(5) numbers from 1, and the first after the name is the third.
    let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
    Some(Stat {
        cpu_ticks: field(14)? + field(15)?,
        threads: field(20)?,
        start_ticks: field(22)?,
        virtual_bytes: field(23)?,
        resident_pages: field(24)?,
    })
}

/// Reads the soft limit from `/proc/PID/limits`; infinite where it is `unlimited`.
fn parse_max_fds(text: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(f64::INFINITY),
        limit => limit.parse().ok(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a page is a few KiB")]
fn page_bytes() -> f64 {
    rustix::param::page_size() as f64
}

#[expect(clippy::cast_precision_loss, reason = "it is 100")]
fn ticks_per_second() -> f64 {
    rustix::param::clock_ticks_per_second() as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use jiff::{SignedDuration, Timestamp};
    use prometheus_client::encoding::prometheus_protobuf::encode;
    use prometheus_client::registry::Registry;
    use rustix::time::{ClockId, clock_gettime};

    use super::*;
    use crate::moment::Boot;

    #[test]
    fn reads_stat_past_any_name() {
        let rest =
            "S 1 2 2 0 -1 4194560 9 0 0 0 250 50 0 0 20 0 3 0 1234 8192000 512 18446744073709";
        let expected = Stat {
            cpu_ticks: 300.0,
            threads: 3.0,
            start_ticks: 1234.0,
            virtual_bytes: 8_192_000.0,
            resident_pages: 512.0,
        };
        for name in ["gaoler", "a b", ") S 1 2", "((", "\u{1b}[31m"] {
            let stat = parse_stat(&format!("77 ({name}) {rest}"));
            assert_eq!(stat.as_ref(), Some(&expected), "{name}");
        }
        assert_eq!(parse_stat("77 (gaoler) S 1 2"), None);
        assert_eq!(parse_stat(""), None);
    }

    /// The kernel's own files, of this very process.
    #[test]
    fn reads_itself() {
        let boot = clock_gettime(ClockId::Boottime);
        let wall = clock_gettime(ClockId::Realtime);
        let now = Moment {
            wall: Timestamp::from_second(wall.tv_sec).unwrap(),
            boot: Boot(SignedDuration::from_secs(boot.tv_sec)),
        };
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Process::new("/proc/self".into(), now)));
        let families = encode(&registry).unwrap();
        let value = |name: &str| {
            let family = families.iter().find(|family| family.name == name).unwrap();
            let metric = &family.metric[0];
            let gauge = metric.gauge.as_ref().map(|gauge| gauge.value);
            gauge.or(metric.counter.as_ref().map(|counter| counter.value)).unwrap()
        };
        assert!(0.0 <= value("process_cpu_seconds_total"));
        assert!(3.0 <= value("process_open_fds"));
        assert!(value("process_open_fds") < value("process_max_fds"));
        assert!(1.0 <= value("process_threads"));
        // A test binary of Rust's alone has over 1 MiB.
        assert!(1_048_576.0 < value("process_resident_memory_bytes"));
        assert!(value("process_resident_memory_bytes") < value("process_virtual_memory_bytes"));
        let age = unix(now.wall) - value("process_start_time_seconds");
        assert!((-2.0..3600.0).contains(&age), "{age}");
    }

    #[test]
    fn reads_the_soft_limit() {
        let line = |soft| {
            format!(
                "Max cpu time  unlimited  unlimited  seconds\nMax open files            {soft}                 524288               files \n"
            )
        };
        assert_eq!(parse_max_fds(&line("1024")), Some(1024.0));
        assert_eq!(parse_max_fds(&line("unlimited")), Some(f64::INFINITY));
        assert_eq!(parse_max_fds("Max cpu time  unlimited"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_harm(text in "(77 )?(.{0,20}\\) )?[0-9S -]{0,120}", limits in "(Max open files)?.{0,60}") {
            let _ = (parse_stat(&text), parse_max_fds(&limits));
        }
    }
}
