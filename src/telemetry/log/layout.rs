//! Log lines for programs, as text: logfmt, and the layout of fail2ban's own log.
//!
//! Sources: brandur.org/logfmt; the lines of a `fail2ban.log`, which many tools read.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::Fields;
use crate::moment::Clock;
use crate::printable::{self, Printable};
use crate::telemetry::lines;

/// When a line was written: `2026-11-22T10:00:00.123456Z`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp(pub(super) Clock);

/// `ts=… level=info msg="[sshd] Ban 192.0.2.7" jail=sshd address=192.0.2.7 trace_id=…`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Logfmt(pub(super) Clock);

/// `2026-11-22 10:00:00,123 fail2ban.actions        [42]: NOTICE  [sshd] Ban 192.0.2.7`.
///
/// What fail2ban says in these words has its logger's name; what only gaoler says has gaoler's. There
/// is no room for fields: these lines have no trace.
#[derive(Clone, Debug)]
pub(super) struct Fail2ban {
    pub(super) clock: Clock,
    pub(super) zone: TimeZone,
    pub(super) pid: u32,
}

impl FormatTime for Stamp {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        write!(writer, "{}", stamp((self.0)().wall))
    }
}

impl<S, N> FormatEvent<S, N> for Logfmt
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let fields = Fields::of(event);
        let level = event.metadata().level().as_str().to_ascii_lowercase();
        write!(writer, "ts={} level={level}", stamp((self.0)().wall))?;
        write!(writer, " msg={}", Value(&fields.message))?;
        for (name, value) in &fields.others {
            write!(writer, " {name}={}", Value(value))?;
        }
        writeln!(writer)
    }
}

impl<S, N> FormatEvent<S, N> for Fail2ban
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let message = Fields::of(event).message;
        let (logger, level) = speaker(event.metadata(), &message);
        let now = (self.clock)().wall.to_zoned(self.zone.clone());
        let time = now.strftime("%Y-%m-%d %H:%M:%S,%3f");
        let message = Printable(message.as_bytes());
        writeln!(writer, "{time} {logger:<24}[{}]: {level:<7} {message}", self.pid)
    }
}

/// Which of fail2ban's loggers would say it, and how loudly.
fn speaker(metadata: &Metadata<'_>, message: &str) -> (&'static str, &'static str) {
    if metadata.target() == lines::TARGET {
        let words = message.split_once("] ").map_or(message, |(_, words)| words);
        return match words.split_once(' ') {
            Some(("Found" | "Ignore", _)) => ("fail2ban.filter", "INFO"),
            Some(("Would", _)) => ("gaoler", "NOTICE"),
            Some((_, "already banned")) => ("fail2ban.actions", "WARNING"),
            _ => ("fail2ban.actions", "NOTICE"),
        };
    }
    let level = match *metadata.level() {
        Level::ERROR => "ERROR",
        Level::WARN => "WARNING",
        Level::INFO => "INFO",
        Level::DEBUG | Level::TRACE => "DEBUG",
    };
    ("gaoler", level)
}

fn stamp(now: Timestamp) -> impl fmt::Display {
    now.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
}

/// A value of logfmt's: as it is where it is one plain word, else in quotes with JSON's escapes.
struct Value<'a>(&'a str);

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '=' | '\\');
        if !self.0.is_empty() && self.0.chars().all(plain) {
            return f.write_str(self.0);
        }
        let quoted = serde_json::to_string(self.0).map_err(|_| fmt::Error)?;
        f.write_str(&printable::json(&quoted))
    }
}
