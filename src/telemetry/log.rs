//! Where gaoler's own log goes: to the journal with its fields under systemd, else to standard
//! error as text.
//!
//! Source: systemd.exec(5) for `JOURNAL_STREAM`, the journal's native protocol for the fields.

use std::fmt;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;

use tracing::field::{Field, Visit};
use tracing::{Level, Subscriber};
use tracing_journald::{Priority, PriorityMappings};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::lines::Printable;

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

/// Sets the log up for the process. `level` is one word, for gaoler itself (the libraries then
/// only warn), or what `GAOLER_LOG` takes: `gaoler=debug,zbus=trace`. `journal_stream` is the
/// environment's `JOURNAL_STREAM`.
///
/// # Errors
///
/// Names the level that is none.
pub fn start(level: &str, journal_stream: Option<&str>) -> Result<(), LogError> {
    let filter = filter(level)?;
    let registry = tracing_subscriber::registry().with(filter);
    let is_journal = journal_stream.is_some_and(|stream| is_stream(stream, io::stderr().as_fd()));
    if !is_journal {
        return Ok(registry.with(text(io::stderr)).try_init()?);
    }
    match tracing_journald::layer() {
        Ok(journal) => Ok(registry.with(dressed(journal)).try_init()?),
        Err(error) => {
            registry.with(text(io::stderr)).try_init()?;
            tracing::warn!(%error, "the journal takes no fields; the log is text");
            Ok(())
        }
    }
}

/// The log as text, for people.
fn text<S, W>(writer: W) -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + 'static,
{
    tracing_subscriber::fmt::layer()
        .fmt_fields(Plain)
        .with_writer(writer)
        .with_ansi(!cfg!(test) && io::stderr().is_terminal())
        .with_target(false)
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn one_level_is_gaolers_own() {
        let told = |level| filter(level).unwrap().to_string();
        assert_eq!(told("debug"), "gaoler=debug,warn");
        assert_eq!(told("zbus=trace,info"), "zbus=trace,info");
        let refusal = filter("gaoler=loud").unwrap_err().to_string();
        assert!(refusal.contains("`gaoler=loud` is no log level"), "{refusal}");
    }

    #[test]
    fn only_the_very_stream_is_the_journals() {
        let file = tempfile::tempfile().unwrap();
        let stat = rustix::fs::fstat(&file).unwrap();
        let name = |device: u64, inode: u64| format!("{device}:{inode}");
        assert!(is_stream(&name(stat.st_dev, stat.st_ino), &file));
        assert!(!is_stream(&name(stat.st_dev, stat.st_ino + 1), &file));
        assert!(!is_stream(&name(stat.st_dev + 1, stat.st_ino), &file));
        assert!(!is_stream("", &file));
        assert!(!is_stream("8", &file));
    }

    /// What one event becomes as text.
    fn text(event: impl FnOnce()) -> String {
        #[derive(Clone, Default)]
        struct Kept(Arc<Mutex<Vec<u8>>>);
        impl io::Write for Kept {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().write(bytes)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let kept = Kept::default();
        let writer = kept.clone();
        let layer = super::text(move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), event);
        let line = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        // The time is first.
        line.split_once("Z ").map_or("no time", |(_, rest)| rest.trim_start()).to_owned()
    }

    #[test]
    fn a_line_says_nothing_twice_and_nothing_raw() {
        let ban =
            text(|| tracing::info!(jail = "sshd", address = "192.0.2.1", "[sshd] Ban 192.0.2.1"));
        assert_eq!(ban, "INFO [sshd] Ban 192.0.2.1\n");
        let other = text(|| tracing::info!(jail = "sshd", address = "192.0.2.1", "in [sshd]"));
        assert_eq!(other, "INFO in [sshd] address=192.0.2.1\n");
        let hostile = text(|| tracing::warn!(path = "/a\u{1b}[2J\nb", "cannot read\u{7}"));
        assert_eq!(hostile, "WARN cannot read\\u{7} path=/a\\u{1b}[2J\\nb\n");
    }
}
