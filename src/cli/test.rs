//! `gaoler test`: one filter over a log. What matches, whom it yields, and what was missed.

mod human;
mod json;
pub(super) mod lines;
mod text;

use std::fs::File;
use std::io::{self, BufRead, BufWriter, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use self::human::Human;
use self::json::Json;
use self::lines::{Lines, Next};
use super::Format;
use crate::config::filters::Filters;
use crate::daemon::clock;
use crate::fail2ban::{self, Logtype};
use crate::filter::date::Form;
use crate::filter::{Definition, Filter, Matcher, NORMAL, Outcome, definition};
use crate::record::Record;
use crate::source::export::{Export, Reading};

/// What to try on what.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// The filter: a name (`sshd`, `sshd[mode=aggressive]`), a YAML file, or a failregex with
    /// `<ADDR>` in it.
    #[arg(long, value_name = "SPEC")]
    filter: String,
    /// The log; `-` is standard input.
    #[arg(value_name = "FILE|-")]
    file: PathBuf,
    /// The configuration whose `filters/` directory has filters of your own.
    #[arg(long, value_name = "FILE", default_value = "/etc/gaoler/gaoler.yaml")]
    config: PathBuf,
    /// A fail2ban configuration directory to take the filter from.
    #[arg(long, value_name = "DIR")]
    fail2ban_dir: Option<PathBuf>,
    /// Read dates without a year as of this instant, such as 2026-11-22T10:00:00Z.
    #[arg(long, value_name = "TIME")]
    now: Option<Timestamp>,
    /// The zone of dates that name none, such as Europe/Zurich; the host's own by default.
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// As fail2ban's option. Names are never looked up; both mean the same.
    #[arg(long, value_enum, default_value = "no")]
    usedns: UseDns,
    /// Whether lines have dates (file), are a journal's, `HOST IDENT[PID]: MESSAGE`, or the input is what
    /// `journalctl -o export` writes; whoever wrote an entry is believed then.
    #[arg(long, value_enum, default_value = "file")]
    logtype: LogType,
    /// A report for people, or one JSON object a line of input.
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
    /// Print every line that matches.
    #[arg(long)]
    print_all_matched: bool,
    /// Print every line that nothing matches, not the first 20 only.
    #[arg(long)]
    print_all_missed: bool,
    /// Print every line that an ignoreregex takes.
    #[arg(long)]
    print_all_ignored: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum UseDns {
    Raw,
    No,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogType {
    File,
    Journal,
    Export,
}

/// Takes what each line is, and tells of it.
trait Report {
    /// One line of input, its number from 1.
    fn line(&mut self, number: u64, text: &[u8], outcome: &Outcome<'_>) -> io::Result<()>;
    /// The form of the last line's date.
    fn date(&mut self, form: Option<Form>);
    /// A line too long to be read; the daemon skips such, too.
    fn oversized(&mut self, number: u64) -> io::Result<()>;
    /// The end of the input.
    fn end(&mut self) -> io::Result<()>;
}

/// Runs the filter over the log.
///
/// # Errors
///
/// Fails if the filter or the zone is not right, or the log cannot be read.
pub fn run(args: &TestArgs) -> anyhow::Result<ExitCode> {
    let filter = filter(args)?;
    for warning in filter.warnings() {
        eprintln!("warning: {warning}");
    }
    let zone = zone(args.timezone.as_deref())?;
    let now = args.now.unwrap_or_else(|| clock::now().wall);
    let mut matcher = Matcher::new(Arc::clone(&filter), zone.clone());
    let out = BufWriter::with_capacity(1 << 18, io::stdout().lock());
    let (input, progress) = open(&args.file)?;
    let told = match args.format {
        Format::Human => {
            let report = Human::new(out, &filter, shown(args), colours());
            read(input, &mut matcher, args.logtype, now, report)
        }
        Format::Json => read(input, &mut matcher, args.logtype, now, Json::new(out, zone)),
    };
    progress.finish_and_clear();
    match told {
        // Whoever reads us has seen enough, as in `gaoler test ... | head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        told => told.with_context(|| format!("{}: cannot be read", args.file.display()))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn read(
    input: impl Read,
    matcher: &mut Matcher,
    logtype: LogType,
    now: Timestamp,
    mut report: impl Report,
) -> io::Result<()> {
    if logtype == LogType::Export {
        return read_export(io::BufReader::new(input), matcher, now, report);
    }
    let time = (logtype == LogType::Journal).then_some(now);
    let mut lines = Lines::new(input);
    let mut number = 0;
    while let Some(next) = lines.next()? {
        number += 1;
        match next {
            Next::Line(text) => {
                let outcome = matcher.read(Record { time, text }, now);
                report.line(number, text, &outcome)?;
                report.date(matcher.form());
            }
            Next::Oversized => report.oversized(number)?,
        }
    }
    report.end()
}

/// Reads entries as the daemon does those of a journal.
fn read_export(
    input: impl BufRead,
    matcher: &mut Matcher,
    now: Timestamp,
    mut report: impl Report,
) -> io::Result<()> {
    let mut export = Export::new(input, true);
    let mut number = 0;
    while let Some(entry) = export.next()? {
        number += 1;
        match entry {
            Reading::Record { time, text } => {
                let outcome = matcher.read(Record { time, text }, now);
                report.line(number, text, &outcome)?;
            }
            Reading::Oversized => report.oversized(number)?,
            Reading::Suppressed(_) | Reading::Untrusted => {}
        }
    }
    report.end()
}

fn filter(args: &TestArgs) -> anyhow::Result<Arc<Filter>> {
    if let Some(dir) = &args.fail2ban_dir {
        return fail2bans(args, dir);
    }
    // A failregex has a tag; no name or file does.
    if args.filter.contains('<') {
        let failregex = vec![args.filter.clone()];
        let name = "(command line)".to_owned();
        let definition = Definition { name, failregex, ..Definition::default() };
        return Ok(Arc::new(Filter::compile(&definition, NORMAL)?));
    }
    let directory = args.config.parent().unwrap_or(Path::new(".")).join("filters");
    Ok(Filters::new(directory).named(&args.filter)?.1)
}

/// A filter out of fail2ban's own files.
fn fail2bans(args: &TestArgs, dir: &Path) -> anyhow::Result<Arc<Filter>> {
    let logtype = match args.logtype {
        LogType::File => Logtype::File,
        LogType::Journal | LogType::Export => Logtype::Journal,
    };
    let mut definition = fail2ban::filter(dir, &args.filter, logtype)?;
    definition.usedns = match args.usedns {
        UseDns::Raw => definition::UseDns::Names,
        UseDns::No => definition::UseDns::No,
    };
    Ok(Arc::new(Filter::compile(&definition, NORMAL)?))
}

fn zone(name: Option<&str>) -> anyhow::Result<TimeZone> {
    match name {
        None => Ok(TimeZone::system()),
        Some(name) => TimeZone::get(name).with_context(|| {
            format!("--timezone {name}: no such zone; give one of tzdata's names")
        }),
    }
}

fn shown(args: &TestArgs) -> human::Shown {
    human::Shown {
        matched: args.print_all_matched,
        missed: args.print_all_missed,
        ignored: args.print_all_ignored,
    }
}

/// A long log's progress is shown on a terminal, on the side.
const LONG: u64 = 16 << 20;

/// Whether the report may be in colour (no-color.org).
fn colours() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty())
}

fn open(path: &Path) -> anyhow::Result<(Box<dyn Read>, ProgressBar)> {
    if path == Path::new("-") {
        return Ok((Box::new(io::stdin().lock()), ProgressBar::hidden()));
    }
    let unreadable = || format!("{}: cannot be read", path.display());
    let file = File::open(path).with_context(unreadable)?;
    let length = file.metadata().with_context(unreadable)?.len();
    if length < LONG || !io::stderr().is_terminal() {
        return Ok((Box::new(file), ProgressBar::hidden()));
    }
    let style = ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes} {eta}")?;
    let progress = ProgressBar::new(length).with_style(style);
    Ok((Box::new(progress.wrap_read(file)), progress))
}

#[cfg(test)]
mod tests;
