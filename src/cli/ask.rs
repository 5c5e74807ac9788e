//! The verbs that ask the running daemon.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;
use hyper::Method;
use ipnet::IpNet;

use super::{Format, address, explain, tree};
use crate::control::api::{
    BanRequest, BanStatus, Banned, Bantime, Changed, Reloaded, ResumeRequest, Resumed, Status,
    UnbanRequest,
};
use crate::control::client;
use crate::control::explanation::Explanation;
use crate::printable::{self, PrintableLines};
use crate::telemetry::lines;

/// `gaoler status [JAIL|ADDRESS]`.
///
/// # Errors
///
/// Fails if the daemon does not answer, or has no such jail.
pub(super) fn status(
    socket: &Path,
    jail: Option<&str>,
    format: Format,
) -> anyhow::Result<ExitCode> {
    if let Some(address) = jail.and_then(address::named) {
        let banned = of_address(ask_banned(socket, None)?, &address);
        show(format, &banned, || address::standing(&address, &banned.bans))?;
        return Ok(ExitCode::SUCCESS);
    }
    let status: Status = ask(socket, Method::GET, "/api/v1/status", Vec::new())?;
    let Some(name) = jail else {
        show(format, &status, || tree::overview(&status))?;
        warn(&tree::troubles(&status));
        return Ok(ExitCode::SUCCESS);
    };
    let Some(jail) = status.jails.iter().find(|jail| jail.name == name) else {
        bail!("the jail `{name}` does not exist; `gaoler status` lists them");
    };
    show(format, jail, || tree::jail(jail))?;
    warn(&tree::troubles(&status));
    Ok(ExitCode::SUCCESS)
}

/// `gaoler banned [JAIL|ADDRESS]`.
///
/// # Errors
///
/// Fails if the daemon does not answer, or has no such jail.
pub(super) fn banned(
    socket: &Path,
    jail: Option<&str>,
    format: Format,
) -> anyhow::Result<ExitCode> {
    let banned = match jail.and_then(address::named) {
        Some(address) => of_address(ask_banned(socket, None)?, &address),
        None => ask_banned(socket, jail)?,
    };
    show(format, &banned, || table(&banned.bans))?;
    Ok(ExitCode::SUCCESS)
}

/// `gaoler explain ADDRESS`.
///
/// # Errors
///
/// Fails if the daemon does not answer.
pub(super) fn explain(socket: &Path, address: &IpNet, format: Format) -> anyhow::Result<ExitCode> {
    let path = format!("/api/v1/explain?address={address}");
    let told: Explanation = ask(socket, Method::GET, &path, Vec::new())?;
    show(format, &told, || explain::human(&told, &jiff::tz::TimeZone::system()))?;
    if format == Format::Human {
        warn(told.trouble.as_slice());
    }
    Ok(ExitCode::SUCCESS)
}

fn ask_banned(socket: &Path, jail: Option<&str>) -> anyhow::Result<Banned> {
    let path = match jail {
        Some(jail) => format!("/api/v1/banned?jail={jail}"),
        None => "/api/v1/banned".to_owned(),
    };
    ask(socket, Method::GET, &path, Vec::new())
}

fn of_address(mut banned: Banned, address: &IpNet) -> Banned {
    banned.bans.retain(|ban| address::concerns(ban, address));
    banned
}

/// `gaoler ban JAIL ADDR…`.
///
/// # Errors
///
/// Fails if the daemon does not answer, or refuses.
pub(super) fn ban(
    socket: &Path,
    jail: &str,
    addresses: &[IpNet],
    bantime: Option<Bantime>,
    format: Format,
) -> anyhow::Result<ExitCode> {
    let request = BanRequest { jail: jail.to_owned(), addresses: addresses.to_vec(), bantime };
    change(socket, "/api/v1/ban", serde_json::to_vec(&request)?, format)
}

/// `gaoler unban ADDR… [--jail J] [--all]`.
///
/// # Errors
///
/// Fails if the daemon does not answer, or refuses.
pub(super) fn unban(
    socket: &Path,
    jail: Option<&str>,
    addresses: &[IpNet],
    all: bool,
    format: Format,
) -> anyhow::Result<ExitCode> {
    let request =
        UnbanRequest { jail: jail.map(str::to_owned), addresses: addresses.to_vec(), all };
    change(socket, "/api/v1/unban", serde_json::to_vec(&request)?, format)
}

/// `gaoler resume JAIL`.
///
/// # Errors
///
/// Fails if the daemon does not answer, or has no such jail.
pub(super) fn resume(socket: &Path, jail: &str, format: Format) -> anyhow::Result<ExitCode> {
    let body = serde_json::to_vec(&ResumeRequest { jail: jail.to_owned() })?;
    let resumed: Resumed = ask(socket, Method::POST, "/api/v1/resume", body)?;
    show(format, &resumed, || {
        if resumed.was_open {
            format!("{jail} bans again; {} bans were held back\n", resumed.withheld)
        } else {
            format!("{jail}: the breaker was not open\n")
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// `gaoler reload`.
///
/// # Errors
///
/// Fails if the daemon does not answer, or the new configuration is wrong.
pub(super) fn reload(socket: &Path, format: Format) -> anyhow::Result<ExitCode> {
    let reloaded: Reloaded = ask(socket, Method::POST, "/api/v1/reload", Vec::new())?;
    show(format, &reloaded, || format!("OK: {} jails\n", reloaded.jails))?;
    if format == Format::Human {
        warn(&reloaded.warnings);
    }
    Ok(ExitCode::SUCCESS)
}

/// Bans or unbans, and prints how many. What the firewall did not confirm is not a success.
fn change(socket: &Path, path: &str, body: Vec<u8>, format: Format) -> anyhow::Result<ExitCode> {
    let changed: Changed = ask(socket, Method::POST, path, body)?;
    show(format, &changed, || format!("{}\n", changed.changed))?;
    if format == Format::Human {
        warn(&changed.notes);
    }
    warn(&changed.problems);
    Ok(if changed.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Asks the daemon, and waits for its answer; a failure is a `ClientError`.
pub(super) fn ask<T: serde::de::DeserializeOwned>(
    socket: &Path,
    method: Method,
    path: &str,
    body: Vec<u8>,
) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(client::ask(socket, method, path, body))?)
}

fn table(bans: &[BanStatus]) -> String {
    let mut rows =
        vec![["ADDRESS", "JAIL", "SINCE", "UNTIL", "FAILURES", "STATE"].map(String::from)];
    rows.extend(bans.iter().map(|ban| {
        let until = until(ban);
        let failures = ban.failures.to_string();
        let (address, jail) = (ban.address.clone(), ban.jail.clone());
        [address, jail, local(ban.since), until, failures, ban.state.clone()]
    }));
    let widths: Vec<usize> =
        (0..6).map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0)).collect();
    let line = |row: &[String; 6]| {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

/// When a ban ends, in words.
pub(super) fn until(ban: &BanStatus) -> String {
    ban.until.map_or_else(|| "never".to_owned(), local)
}

/// A time as an operator of this host reads it.
pub(super) fn local(time: jiff::Timestamp) -> String {
    lines::local(time, &jiff::tz::TimeZone::system()).to_string()
}

fn show(
    format: Format,
    value: &impl serde::Serialize,
    human: impl FnOnce() -> String,
) -> anyhow::Result<()> {
    let text = match format {
        Format::Human => human(),
        Format::Json => format!("{}\n", printable::json(&serde_json::to_string(value)?)),
    };
    print(&text)
}

/// Prints to standard output. `gaoler banned | head` is no failure of ours.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

fn warn(lines: &[String]) {
    for line in lines {
        // Nobody is left to tell if standard error is closed.
        let _ = writeln!(std::io::stderr(), "gaoler: {}", PrintableLines(line));
    }
}
