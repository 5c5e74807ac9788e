//! `gaoler man`: the manual pages, made from what `--help` and the configuration's tables say.

mod verb;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Command};
use roff::{Roff, bold, roman};

use crate::config::reference;

/// The day of the revision, as a page shows it; where the build does not say (`make` does), the day
/// on which what is not made from `--help` was gone over last.
const DATE: &str = match option_env!("GAOLER_DATE") {
    Some(date) if !date.is_empty() => date,
    _ => "2026-11-22",
};

const FILES: &[(&str, &str)] = &[
    ("/etc/gaoler/gaoler.yaml", "the configuration, see gaoler.yaml(5)"),
    ("/etc/gaoler/conf.d/*.yaml", "what comes after it, in the order of the names"),
    ("/etc/gaoler/filters/*.yaml", "filters; they come before the built-in ones of their names"),
    ("/var/lib/gaoler/state.db", "bans, their history, positions in logs"),
    ("/run/gaoler/gaoler.sock", "where the other commands reach the daemon"),
];

#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// The page: a verb's (`run`), or `gaoler.yaml`. Not given: gaoler(8).
    page: Option<String>,
    /// Write all pages into this directory, as gaoler.8, gaoler-run.8, …, gaoler.yaml.5.
    #[arg(long, value_name = "DIR", conflicts_with = "page")]
    out: Option<PathBuf>,
}

/// Prints a page, or writes all.
pub(super) fn run(mut command: Command, arguments: &ManArgs) -> anyhow::Result<ExitCode> {
    command.build();
    let pages = pages(&command);
    if let Some(directory) = &arguments.out {
        for page in &pages {
            write(directory, page)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let wanted = match arguments.page.as_deref() {
        None | Some("gaoler") => "gaoler".to_owned(),
        Some("gaoler.yaml") => "gaoler.yaml".to_owned(),
        Some(verb) => format!("gaoler-{verb}"),
    };
    let Some(page) = pages.iter().find(|page| page.name == wanted) else {
        let names: Vec<_> =
            pages.iter().map(|page| page.name.trim_start_matches("gaoler-")).collect();
        bail!("there is no manual page {wanted}; there are: {}", names.join(", "));
    };
    std::io::stdout().write_all(page.text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// A manual page.
struct Page {
    name: String,
    section: &'static str,
    text: String,
}

fn pages(command: &Command) -> Vec<Page> {
    let verbs = || command.get_subcommands().filter(|verb| verb.get_name() != "help");
    let mut others: Vec<String> =
        verbs().map(|verb| format!("gaoler-{}(8)", verb.get_name())).collect();
    others.push("gaoler.yaml(5)".to_owned());
    let mut pages = vec![whole(command, &others)];
    pages.extend(verbs().map(of_verb));
    pages.push(of_configuration());
    pages
}

fn whole(command: &Command, others: &[String]) -> Page {
    let mut roff = head("gaoler", "8", "bans attackers through the firewall");
    verb::describe(&mut roff, command);
    roff.control("SH", ["FILES"]);
    for (path, what) in FILES {
        roff.control("TP", []).text([bold(*path)]).text([roman(*what)]);
    }
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    see_also(&mut roff, &[&others[..], &["firewalld(1)", "journald.conf(5)"]].concat());
    Page { name: "gaoler".to_owned(), section: "8", text: roff.render() }
}

fn of_verb(verb: &Command) -> Page {
    let name = format!("gaoler-{}", verb.get_name());
    let mut roff = head(&name, "8", &verb::about(verb));
    verb::describe(&mut roff, verb);
    see_also(&mut roff, &["gaoler(8)", "gaoler.yaml(5)"]);
    Page { name, section: "8", text: roff.render() }
}

fn of_configuration() -> Page {
    let mut roff = head("gaoler.yaml", "5", "the configuration of gaoler(8), and its filters");
    reference::page(&mut roff);
    see_also(&mut roff, &["gaoler(8)", "gaoler-check(8)"]);
    Page { name: "gaoler.yaml".to_owned(), section: "5", text: roff.render() }
}

fn head(name: &str, section: &str, about: &str) -> Roff {
    let mut roff = Roff::new();
    let source = format!("gaoler {}", env!("CARGO_PKG_VERSION"));
    let title = name.to_uppercase();
    roff.control("TH", [title.as_str(), section, DATE, source.as_str(), "gaoler"]);
    roff.control("SH", ["NAME"]).text([roman(format!("{name} - {about}"))]);
    roff
}

fn see_also(roff: &mut Roff, pages: &[&str]) {
    roff.control("SH", ["SEE ALSO"]);
    for (number, page) in pages.iter().enumerate() {
        let (name, section) = page.split_once('(').expect("pages are named with their section");
        let comma = if number + 1 < pages.len() { "," } else { "" };
        roff.control("BR", [name, format!("({section}{comma}").as_str()]);
    }
}

fn write(directory: &Path, page: &Page) -> anyhow::Result<()> {
    let path = directory.join(format!("{}.{}", page.name, page.section));
    std::fs::write(&path, &page.text).with_context(|| format!("cannot write {}", path.display()))
}
