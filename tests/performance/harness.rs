//! Everything but `main`: so the tests run all of it, on less.

pub(crate) mod cost;
mod gaoler;
pub(crate) mod groups;
mod peers;
pub(crate) mod race;
mod report;
pub(crate) mod table;
mod yardsticks;

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Parser;

use self::groups::{ALL, Bench, Group};
use self::report::{Machine, Report};

/// Measures gaoler against others, on the same inputs, in one run.
#[derive(Debug, Parser)]
#[command(name = "make bench BENCH='…'", after_help = about())]
struct Arguments {
    /// Groups to measure, and how many rounds; all of them, and 5.
    #[arg(value_name = "GROUP|ROUNDS")]
    what: Vec<String>,
    /// Lines of the sshd log; the access log has twice as many, the journal three tenths.
    #[arg(long, default_value_t = 1_000_000)]
    lines: u64,
    /// Seconds for which a daemon at rest is watched.
    #[arg(long, default_value_t = 20.0)]
    rest: f64,
    /// Leave the peers out.
    #[arg(long)]
    alone: bool,
    /// Where the inputs are kept.
    #[arg(long, default_value = "target/bench")]
    directory: PathBuf,
    /// Where every round's figures go. Not given: results.json among the inputs.
    #[arg(long)]
    json: Option<PathBuf>,
    /// The document whose tables are to be made anew, such as docs/performance.md.
    #[arg(long)]
    update: Option<PathBuf>,
    /// Fill one jail with so many addresses, for the group `addresses`, and say what that took.
    #[arg(long, hide = true)]
    jail: Option<u32>,
    /// What cargo says to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

fn about() -> String {
    let groups = ALL.iter().map(|Group { name, about, .. }| format!("  {name:10} {about}\n"));
    format!("Groups:\n{}  parts      each part by itself (divan)", groups.collect::<String>())
}

/// Measures what the arguments ask for, and writes the tables to `out`.
///
/// # Errors
///
/// An argument is wrong; gaoler, or something that every machine has, fails.
pub(crate) fn run(
    arguments: impl IntoIterator<Item = OsString>,
    out: &mut impl Write,
) -> Result<()> {
    let arguments = Arguments::parse_from(arguments);
    if let Some(addresses) = arguments.jail {
        let took = groups::addresses::measured(addresses, u32::try_from(arguments.lines)?)?;
        return Ok(serde_json::to_writer(out, &took)?);
    }
    let (groups, rounds) = chosen(&arguments.what)?;
    fs::create_dir_all(&arguments.directory)?;
    let bench = Bench {
        directory: fs::canonicalize(&arguments.directory)?,
        lines: arguments.lines,
        rounds,
        alone: arguments.alone,
        rest: Duration::try_from_secs_f64(arguments.rest)?,
    };
    let mut report = Report { machine: Machine::here()?, rounds, tables: Vec::new() };
    for group in groups {
        let mut table = (group.run)(&bench)?;
        table.title = format!("{}; rounds: {rounds}", table.title);
        write!(out, "{}", table.for_people())?;
        report.tables.push(table);
    }
    let json = arguments.json.unwrap_or_else(|| bench.directory.join("results.json"));
    report.write_json(&json)?;
    writeln!(out, "\nEvery round's figures: {}", json.display())?;
    if let Some(document) = &arguments.update {
        report.update(document)?;
        writeln!(out, "The tables of {} are new", document.display())?;
    }
    Ok(())
}

/// The groups, and how many rounds.
fn chosen(what: &[String]) -> Result<(Vec<&'static Group>, u32)> {
    let (mut groups, mut rounds) = (Vec::new(), 5);
    for word in what {
        if let Ok(number) = word.parse() {
            rounds = number;
        } else if let Some(group) = ALL.iter().find(|group| group.name == word) {
            groups.push(group);
        } else {
            let names: Vec<&str> = ALL.iter().map(|group| group.name).collect();
            bail!("there is no group `{word}`; there are: {}, parts", names.join(", "));
        }
    }
    if rounds == 0 {
        bail!("no round measures nothing");
    }
    if groups.is_empty() {
        groups.extend(&ALL);
    }
    Ok((groups, rounds))
}
