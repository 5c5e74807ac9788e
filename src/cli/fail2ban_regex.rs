//! `fail2ban-regex`, when gaoler is called by that name: its arguments, and `gaoler test`'s report,
//! which is laid out as its own.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Parser;

use super::ask::print;
use super::test::{LogType, Print, Telling, Template, Trial, zone};
use crate::config::filters::Filters;
use crate::daemon::clock;
use crate::fail2ban::{self, Logtype};
use crate::filter::{Definition, Filter, Language, NORMAL, definition};
use crate::printable::{Printable, PrintableLines};

/// The name to be called by.
pub(super) const NAME: &str = "fail2ban-regex";

/// How fail2ban ends when something is wrong.
const FAILED: u8 = 255;

/// Reads a log with a filter or a failregex in fail2ban's language. This is gaoler, which answers in
/// fail2ban's place; `gaoler test` can do more.
#[expect(clippy::struct_excessive_bools, reason = "options of a command line, each by itself")]
#[derive(Debug, Parser)]
#[command(name = NAME, version = super::VERSION.as_str(), disable_version_flag = true)]
struct Arguments {
    /// A line, a file, or systemd-journal.
    log: String,
    /// A failregex, a filter by name (sshd[mode=aggressive]), or its file.
    regex: String,
    /// An ignoreregex.
    ignoreregex: Option<String>,
    /// fail2ban's configuration directory.
    #[arg(short, long, default_value = "/etc/fail2ban")]
    config: PathBuf,
    /// How dates are written.
    #[arg(short, long)]
    datepattern: Option<String>,
    /// The zone of dates that name none.
    #[arg(long, alias = "TZ")]
    timezone: Option<String>,
    /// Taken, and changes nothing: text that is not UTF-8 matches as it is.
    #[arg(short, long)]
    encoding: Option<String>,
    /// Failures of host names, too; none is ever looked up.
    #[arg(short, long)]
    raw: bool,
    /// `raw` as -r; with any other, `<HOST>` is an address only.
    #[arg(long)]
    usedns: Option<String>,
    /// How many lines a pattern sees.
    #[arg(short = 'L', long)]
    maxlines: Option<u16>,
    /// Which entries of systemd-journal.
    #[arg(short = 'm', long)]
    journalmatch: Option<String>,
    /// Of each failure this alone: ip, msg, F-USER, or a template such as `<ip> <F-USER>`.
    #[arg(short, long)]
    out: Option<String>,
    #[arg(long)]
    print_no_missed: bool,
    #[arg(long)]
    print_no_ignored: bool,
    #[arg(long)]
    print_all_matched: bool,
    #[arg(long)]
    print_all_missed: bool,
    #[arg(long)]
    print_all_ignored: bool,
    /// The version alone.
    #[arg(short = 'V')]
    version: bool,
    #[command(flatten)]
    unheeded: Unheeded,
}

/// What fail2ban-regex knows and gaoler takes without a word.
#[expect(clippy::struct_excessive_bools, reason = "options of a command line, each by itself")]
#[derive(Debug, clap::Args)]
struct Unheeded {
    #[arg(short, long, action = clap::ArgAction::Count, hide = true)]
    verbose: u8,
    #[arg(long, hide = true)]
    verbosity: Option<u8>,
    #[arg(long, alias = "VD", hide = true)]
    verbose_date: bool,
    #[arg(short, long, hide = true)]
    log_level: Option<String>,
    #[arg(long, hide = true)]
    no_check_all: bool,
    #[arg(short = 't', long, hide = true)]
    log_traceback: bool,
    #[arg(long, hide = true)]
    full_traceback: bool,
}

/// Does what the arguments say.
///
/// # Errors
///
/// Fails if nobody reads what it says.
pub(super) fn run(arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    if arguments.get(1).is_some_and(|only| only == "-V" || only == "--version") {
        print(&format!("{}\n", env!("CARGO_PKG_VERSION")))?;
        return Ok(ExitCode::SUCCESS);
    }
    let told = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => trial(&arguments).and_then(|trial| {
            if arguments.out.is_none() {
                print(&header(&arguments))?;
            }
            trial.run()
        }),
        Err(told) => {
            told.print()?;
            return Ok(ExitCode::from(if told.use_stderr() { FAILED } else { 0 }));
        }
    };
    match told {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            writeln!(std::io::stderr(), "ERROR: {}", PrintableLines(&format!("{error:#}")))?;
            Ok(ExitCode::from(FAILED))
        }
    }
}

fn trial(arguments: &Arguments) -> anyhow::Result<Trial> {
    let logtype = match arguments.log.as_str() {
        log if log.starts_with("systemd-journal") => LogType::Journal,
        _ => LogType::File,
    };
    let filter = Arc::new(Filter::compile(&definition(arguments, logtype)?, NORMAL)?);
    let log = match logtype {
        LogType::Journal => "systemd-journal",
        _ => &arguments.log,
    };
    Ok(Trial {
        filter,
        log: log.into(),
        journalmatch: arguments.journalmatch.iter().cloned().collect(),
        logtype,
        now: clock::now().wall,
        zone: zone(arguments.timezone.as_deref())?,
        telling: match &arguments.out {
            Some(template) => Telling::Each(Template::parse(template)),
            None => Telling::Human,
        },
        print: Print {
            print_all_matched: arguments.print_all_matched,
            print_all_missed: arguments.print_all_missed,
            print_all_ignored: arguments.print_all_ignored,
            print_no_missed: arguments.print_no_missed,
            print_no_ignored: arguments.print_no_ignored,
            ..Print::default()
        },
    })
}

/// The filter, with what the command line has otherwise.
fn definition(arguments: &Arguments, logtype: LogType) -> anyhow::Result<Definition> {
    let mut definition = named(arguments, logtype)?;
    if let Some(ignoreregex) = &arguments.ignoreregex {
        definition.ignoreregex = vec![ignoreregex.clone()];
    }
    if arguments.datepattern.is_some() {
        definition.datepattern.clone_from(&arguments.datepattern);
    }
    definition.maxlines = arguments.maxlines.unwrap_or(definition.maxlines);
    // Only where they are wanted as they are; a name that nobody looks up is nobody's.
    let raw = arguments.raw || arguments.usedns.as_deref() == Some("raw");
    definition.usedns = if raw { definition::UseDns::Names } else { definition::UseDns::No };
    Ok(definition)
}

/// The filter that REGEX names: its file, one of fail2ban's, one of ours; or else a failregex.
fn named(arguments: &Arguments, logtype: LogType) -> anyhow::Result<Definition> {
    let logtype = if logtype == LogType::File { Logtype::File } else { Logtype::Journal };
    let regex = arguments.regex.as_str();
    if let Some((directory, name)) = file(Path::new(regex)) {
        return Ok(fail2ban::filter(&directory, &name, logtype)?);
    }
    if is_name(regex) {
        let name = regex.split('[').next().unwrap_or(regex);
        if arguments.config.join("filter.d").join(format!("{name}.conf")).exists() {
            return Ok(fail2ban::filter(&arguments.config, regex, logtype)?);
        }
        let own = Path::new(super::CONFIG).with_file_name("filters");
        let (_, filter) = Filters::new(own).named(regex).with_context(|| {
            format!("{}/filter.d has no {name}.conf", arguments.config.display())
        })?;
        return Ok(filter.definition.clone());
    }
    Ok(Definition {
        name: "(command line)".to_owned(),
        failregex: vec![regex.to_owned()],
        language: Language::Fail2ban,
        ..Definition::default()
    })
}

/// The configuration directory that a filter's file is in, and its name.
fn file(path: &Path) -> Option<(PathBuf, String)> {
    if path.extension()? != "conf" || !path.exists() {
        return None;
    }
    let path = std::path::absolute(path).ok()?;
    let name = path.file_stem()?.to_str()?.to_owned();
    let directory = path.parent().filter(|parent| parent.ends_with("filter.d"))?.parent()?;
    Some((directory.to_owned(), name))
}

/// Whether it could be a filter's name, with options or without: `sshd`, `sshd[mode=aggressive]`.
fn is_name(text: &str) -> bool {
    let (name, options) = text.split_at(text.find('[').unwrap_or(text.len()));
    let word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !name.is_empty() && name.chars().all(word) && (options.is_empty() || options.ends_with(']'))
}

fn header(arguments: &Arguments) -> String {
    let Arguments { log, regex, .. } = arguments;
    let filter = if is_name(regex) || file(Path::new(regex)).is_some() {
        format!("Use   failregex filter file : {regex}, basedir: {}", arguments.config.display())
    } else {
        format!("Use   failregex line : {regex}")
    };
    let log = match log.as_str() {
        log if log.starts_with("systemd-journal") => "Use      journal match".to_owned(),
        log if Path::new(log).exists() => format!("Use         log file : {log}"),
        line => format!("Use      single line : {line}"),
    };
    format!(
        "\nRunning tests\n=============\n\n{}\n{}\n\n\nResults\n=======\n\n",
        Printable(filter.as_bytes()),
        Printable(log.as_bytes())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filters_name_is_told_from_a_failregex() {
        for name in ["sshd", "apache-auth", "sshd[mode=aggressive]", "a[b=\"c\"]"] {
            assert!(is_name(name), "{name}");
        }
        for regex in ["^failed from <HOST>", "", "[a]", "user .*", "a[b", "<HOST>"] {
            assert!(!is_name(regex), "{regex}");
        }
    }

    #[test]
    fn its_options_are_taken() {
        Arguments::try_parse_from([
            NAME,
            "-v",
            "-l",
            "info",
            "-r",
            "-L",
            "3",
            "-d",
            "{NONE}",
            "--print-all-missed",
            "-o",
            "ip",
            "a line",
            "<HOST>",
            "ignored",
        ])
        .unwrap();
    }
}
