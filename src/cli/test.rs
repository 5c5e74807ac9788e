//! `gaoler test`: one filter over a log. What matches, whom it yields, and what was missed.

mod each;
mod human;
mod input;
mod json;
pub(super) mod lines;
mod tally;

use std::io::{self, BufWriter, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use jiff::tz::TimeZone;

pub(super) use self::each::Template;

use self::each::Each;
use self::human::{Human, Shown};
use self::json::Json;
use super::Format;
use crate::config::filters::Filters;
use crate::daemon::clock;
use crate::fail2ban::{self, Logtype};
use crate::filter::{Definition, Filter, Language, Matcher, NORMAL, Outcome, definition};
use crate::printable::PrintableLines;

/// What to try on what.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// The filter: a name (`sshd`, `sshd[mode=aggressive]`), a YAML file, or a failregex with
    /// `<ADDR>` in it.
    #[arg(long, value_name = "SPEC")]
    filter: String,
    /// The log; `-` is standard input, `systemd-journal` this host's journal. What is no file and has a
    /// blank in it is a line to try.
    #[arg(value_name = "FILE|-|systemd-journal|LINE")]
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
    /// Which entries of systemd-journal, such as `_SYSTEMD_UNIT=sshd.service`; the filter's own by default.
    #[arg(long, value_name = "MATCH")]
    journalmatch: Vec<String>,
    /// A report for people, or one JSON object a line of input.
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
    /// Instead of a report: of each failure what this says, such as `<ip> <F-USER>`. There are `<ip>`,
    /// `<time>`, `<msg>`, and a filter's own groups.
    #[arg(long, value_name = "TEMPLATE", conflicts_with = "format")]
    out: Option<String>,
    #[command(flatten)]
    print: Print,
}

/// What the report has.
#[expect(
    clippy::struct_excessive_bools,
    clippy::struct_field_names,
    reason = "options of a command line, each by itself, named as fail2ban-regex names them"
)]
#[derive(Clone, Copy, Debug, Default, Args)]
pub(super) struct Print {
    /// Print every line that matches.
    #[arg(long)]
    pub(super) print_all_matched: bool,
    /// Print every line that nothing matches, not the first 20 only.
    #[arg(long, conflicts_with = "print_no_missed")]
    pub(super) print_all_missed: bool,
    /// Print every line that an ignoreregex takes, not the first 20 only.
    #[arg(long, conflicts_with = "print_no_ignored")]
    pub(super) print_all_ignored: bool,
    /// Print no line that nothing matches.
    #[arg(long)]
    pub(super) print_no_missed: bool,
    /// Print no line that an ignoreregex takes.
    #[arg(long)]
    pub(super) print_no_ignored: bool,
    /// Say how long each pattern takes a line, tried by itself.
    #[arg(long)]
    pub(super) times: bool,
    /// Say of each line missed which part of which pattern it fails at; a report for people says so of the
    /// lines that it prints.
    #[arg(long)]
    pub(super) near_misses: bool,
    /// With `--format json`: one object with all counts at the end.
    #[arg(long)]
    pub(super) summary: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum UseDns {
    Raw,
    No,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogType {
    File,
    Journal,
    Export,
}

/// Takes what each line is, and tells of it.
trait Report {
    /// One line of input, its number from 1.
    fn line(&mut self, number: u64, text: &[u8], outcome: &Outcome<'_>) -> io::Result<()>;
    /// What else is known of the line just told.
    fn after(&mut self, matcher: &Matcher, text: &[u8]) -> io::Result<()>;
    /// A line too long to be read; the daemon skips such, too.
    fn oversized(&mut self, number: u64) -> io::Result<()>;
    /// The end of the input.
    fn end(&mut self) -> io::Result<()>;
}

/// A filter over a log, and how to tell of it.
pub(super) struct Trial {
    pub(super) filter: Arc<Filter>,
    /// A file, `-`, `systemd-journal`, or a line.
    pub(super) log: PathBuf,
    /// Which entries of a journal; the filter's own if there are none.
    pub(super) journalmatch: Vec<String>,
    pub(super) logtype: LogType,
    pub(super) now: Timestamp,
    pub(super) zone: TimeZone,
    pub(super) telling: Telling,
    pub(super) print: Print,
}

/// How it is told.
pub(super) enum Telling {
    /// A report for people.
    Human,
    /// One JSON object a line.
    Json,
    /// What was asked for of each failure.
    Each(Template),
}

/// `gaoler test`: runs the filter over the log.
///
/// # Errors
///
/// Fails if the filter or the zone is not right, or the log cannot be read.
pub fn run(args: &TestArgs) -> anyhow::Result<ExitCode> {
    let trial = Trial {
        filter: filter(args)?,
        log: args.file.clone(),
        journalmatch: args.journalmatch.clone(),
        logtype: args.logtype,
        now: args.now.unwrap_or_else(|| clock::now().wall),
        zone: zone(args.timezone.as_deref())?,
        telling: match &args.out {
            Some(template) => Telling::Each(Template::parse(template)),
            None if args.format == Format::Json => Telling::Json,
            None => Telling::Human,
        },
        print: args.print,
    };
    trial.run()?;
    Ok(ExitCode::SUCCESS)
}

impl Trial {
    /// Runs it.
    ///
    /// # Errors
    ///
    /// The log cannot be read.
    pub(super) fn run(self) -> anyhow::Result<()> {
        let Self { filter, log, journalmatch, logtype, now, zone, telling, print } = self;
        for warning in filter.warnings() {
            eprintln!("warning: {}", PrintableLines(warning));
        }
        let mut matcher = Matcher::new(Arc::clone(&filter), zone.clone());
        let out = BufWriter::with_capacity(1 << 18, io::stdout().lock());
        let journalmatch = match &journalmatch[..] {
            [] => &filter.definition.defaults.journalmatch,
            given => given,
        };
        let input = input::open(&log, logtype, journalmatch)?;
        let told = match telling {
            Telling::Human => {
                let shown = Shown { print, colour: colours() };
                input.read(&mut matcher, now, Human::new(out, &filter, shown))
            }
            Telling::Json => input.read(&mut matcher, now, Json::new(out, zone, &filter, print)),
            Telling::Each(template) => {
                input.read(&mut matcher, now, Each::new(out, zone, template))
            }
        };
        match told {
            // Whoever reads us has seen enough, as in `gaoler test ... | head`.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            told => told.with_context(|| format!("{}: cannot be read", log.display())),
        }
    }
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
    let mut definition = if args.filter.contains('<') {
        let failregex = vec![args.filter.clone()];
        let name = "(command line)".to_owned();
        Definition { name, failregex, language: Language::Fail2ban, ..Definition::default() }
    } else {
        fail2ban::filter(dir, &args.filter, logtype)?
    };
    definition.usedns = match args.usedns {
        UseDns::Raw => definition::UseDns::Names,
        UseDns::No => definition::UseDns::No,
    };
    Ok(Arc::new(Filter::compile(&definition, NORMAL)?))
}

pub(super) fn zone(name: Option<&str>) -> anyhow::Result<TimeZone> {
    match name {
        None => Ok(TimeZone::system()),
        Some(name) => TimeZone::get(name).with_context(|| {
            format!("--timezone {name}: no such zone; give one of tzdata's names")
        }),
    }
}

/// Whether the report may be in colour (no-color.org).
fn colours() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty())
}

#[cfg(test)]
mod tests;
