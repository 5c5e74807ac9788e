//! Where gaoler's own log goes: to the journal with its fields under systemd, else to standard
//! error as text; or, where it is asked for, to standard output as lines for programs.
//!
//! Source: systemd.exec(5) for `JOURNAL_STREAM`, the journal's native protocol for the fields.

mod layout;
#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;

use jiff::tz::TimeZone;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_journald::{Priority, PriorityMappings};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use self::layout::{Fail2ban, Logfmt, Stamp};
use crate::moment::Clock;
use crate::printable::{self, Printable};

/// Why the log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The level is no level, nor a list of them.
    #[error(
        "`{value}` is no log level: {source}; use error, warn, info, debug or trace, or \
         module=level,…"
    )]
    Level {
        /// As given.
        value: String,
        /// What is wrong with it.
        source: tracing_subscriber::filter::ParseError,
    },
    /// A log was set up before.
    #[error("the log is set up already")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// What log lines look like, and so where they go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// The journal with its fields under systemd, else [`Format::Text`].
    #[default]
    Auto,
    /// For people, on standard error.
    Text,
    /// One JSON object a line, on standard output.
    Json,
    /// `key=value` pairs, on standard output.
    Logfmt,
    /// Laid out as fail2ban's own log, on standard output.
    Fail2ban,
}

/// How and where to log.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// One word, for gaoler itself (the libraries then only warn), or what `GAOLER_LOG` takes:
    /// `gaoler=debug,zbus=trace`.
    pub level: &'a str,
    /// The lines' looks.
    pub format: Format,
    /// The environment's `JOURNAL_STREAM`.
    pub journal_stream: Option<&'a str>,
    /// The environment's `NO_COLOR` (no-color.org): no colours if it is not empty.
    pub no_color: Option<&'a OsStr>,
    /// What lines for programs are stamped by.
    pub clock: Clock,
}

/// Sets the log up for the process.
///
/// # Errors
///
/// Names the level that is none.
pub fn start(setting: Setting<'_>) -> Result<(), LogError> {
    let Setting { journal_stream, clock, .. } = setting;
    let registry = tracing_subscriber::registry().with(filter(setting.level)?);
    let colours = io::stderr().is_terminal() && setting.no_color.is_none_or(OsStr::is_empty);
    let is_journal = journal_stream.is_some_and(|stream| is_stream(stream, io::stderr().as_fd()));
    match setting.format {
        Format::Auto if is_journal => match tracing_journald::layer() {
            Ok(journal) => registry.with(dressed(journal)).try_init()?,
            Err(error) => {
                registry.with(text(io::stderr, colours)).try_init()?;
                tracing::warn!(%error, "the journal takes no fields; the log is text");
            }
        },
        Format::Auto | Format::Text => registry.with(text(io::stderr, colours)).try_init()?,
        Format::Json => registry.with(json(io::stdout, clock)).try_init()?,
        Format::Logfmt => registry.with(laid_out(io::stdout, Logfmt(clock))).try_init()?,
        Format::Fail2ban => {
            let (zone, pid) = (TimeZone::system(), std::process::id());
            let layout = Fail2ban { clock, zone, pid };
            registry.with(laid_out(io::stdout, layout)).try_init()?;
        }
    }
    Ok(())
}

/// The log as text, for people.
fn text<S, W>(writer: W, colours: bool) -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + 'static,
{
    tracing_subscriber::fmt::layer()
        .fmt_fields(Plain)
        .with_writer(writer)
        .with_ansi(colours)
        .with_target(false)
}

/// One JSON object a line: `timestamp`, `level`, `message`, the fields, and `target`.
fn json<S, W>(writer: W, clock: Clock) -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + 'static,
{
    tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_timer(Stamp(clock))
        .with_writer(Harmless(writer))
}

/// Lines of a layout of our own.
fn laid_out<S, W, E>(writer: W, layout: E) -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + 'static,
    E: FormatEvent<S, Plain> + 'static,
{
    tracing_subscriber::fmt::layer()
        .fmt_fields(Plain)
        .event_format(layout)
        .with_writer(writer)
        .with_ansi(false)
}

/// One level alone is for gaoler: at `debug`, a D-Bus library tells of every byte.
fn filter(level: &str) -> Result<EnvFilter, LogError> {
    let directives = match level.parse::<Level>() {
        Ok(_) => format!("warn,gaoler={level}"),
        Err(_) => level.to_owned(),
    };
    EnvFilter::builder()
        .parse(directives)
        .map_err(|source| LogError::Level { value: level.to_owned(), source })
}

/// Fields become `GAOLER_JAIL`, `GAOLER_ADDRESS`; levels become the priorities of the same names.
fn dressed(journal: tracing_journald::Layer) -> tracing_journald::Layer {
    journal
        .with_field_prefix(Some("GAOLER".to_owned()))
        .with_syslog_identifier("gaoler".to_owned())
        .with_priority_mappings(PriorityMappings {
            info: Priority::Informational,
            debug: Priority::Debug,
            ..PriorityMappings::new()
        })
}

/// Whether `fd` is the stream that `JOURNAL_STREAM` names by `device:inode`: a child of a service
/// inherits the variable, and may have another standard error.
fn is_stream(journal_stream: &str, fd: impl AsFd) -> bool {
    let Some((device, inode)) = journal_stream.split_once(':') else { return false };
    let Ok(stat) = rustix::fs::fstat(fd) else { return false };
    device.parse() == Ok(stat.st_dev) && inode.parse() == Ok(stat.st_ino)
}

/// Fields as text: the message, then what it does not say already. fail2ban's words have the jail
/// and the address in them.
#[derive(Debug)]
struct Plain;

/// One event's fields.
#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, String)>,
}

impl Fields {
    fn of(event: &Event<'_>) -> Self {
        let mut fields = Self::default();
        event.record(&mut fields);
        fields
    }
}

/// Writes JSON fit for a terminal; a line comes at once.
struct Harmless<W>(W);

impl<'writer, W: MakeWriter<'writer>> MakeWriter<'writer> for Harmless<W> {
    type Writer = Harmless<W::Writer>;

    fn make_writer(&'writer self) -> Self::Writer {
        Harmless(self.0.make_writer())
    }
}

impl<W: io::Write> io::Write for Harmless<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write_all(printable::json(&String::from_utf8_lossy(line)).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<'writer> FormatFields<'writer> for Plain {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, event: R) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        write!(writer, "{}", Printable(fields.message.as_bytes()))?;
        for (name, value) in fields.others {
            if !fields.message.contains(&value) {
                write!(writer, " {name}={}", Printable(value.as_bytes()))?;
            }
        }
        Ok(())
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            self.others.push((field.name(), value.to_owned()));
        }
    }
}
