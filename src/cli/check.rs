//! `gaoler check` and `gaoler schema`.

mod behind;
mod capability;
mod chosen;
mod engines;
mod pushing;

use std::path::Path;
use std::process::ExitCode;

use super::Format;
use super::ask::print;
use crate::config::checked::{Config, Enforcement, JailSettings};
use crate::config::duration;
use crate::config::{self, Location, Surroundings};
use crate::daemon::clock;
use crate::jail::scope::Scope;
use crate::record::origin::Origin;
use crate::telemetry::door::Door;

/// How many bans of an address are shown, where each is longer than the one before.
const SHOWN_BANS: u32 = 8;

/// Checks everything a start would, and says what the start would do.
///
/// # Errors
///
/// Fails with every mistake in the configuration at once.
pub(super) fn run(location: &Location, format: Format, verbose: bool) -> anyhow::Result<ExitCode> {
    let mut config = config::load_from(location, &Surroundings::default())?;
    let host = Path::new("/");
    config.warnings.extend(behind::notes(&config, host));
    config.warnings.extend(chosen::notes(&config, host));
    config.warnings.extend(capability::note(&config, host));
    let door = Door::open(config.web.clone(), clock::now)?;
    config.warnings.extend(door.certificate_holds().err().map(|error| error.to_string()));
    let pushing = pushing::pushing(&config, &|name| std::env::var(name).ok())?;
    config.warnings.extend(pushing.notes.iter().cloned());
    let samples = samples(&config);
    let broken = [samples.as_slice(), &pushing.wrong].concat();
    match format {
        Format::Human => {
            let said = report(location, &config, &pushing.targets, &broken);
            print(&if verbose { said + &engines::report(&config.jails) } else { said })?;
        }
        Format::Json => {
            let jails: Vec<&str> = config.jails.iter().map(|jail| jail.name.as_str()).collect();
            let mut report = serde_json::json!({
                "config": location.file, "fail2ban_dir": location.fail2ban_dir, "jails": jails, "warnings": config.warnings,
                "otlp": {"targets": pushing.targets, "wrong": pushing.wrong}, "samples": samples,
            });
            if verbose {
                report["regexes"] = engines::json(&config.jails);
            }
            print(&format!("{report}\n"))?;
        }
    }
    Ok(if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints the configuration's JSON Schema.
///
/// # Errors
///
/// Fails if nobody reads it.
pub(super) fn schema() -> anyhow::Result<ExitCode> {
    print(&format!("{}\n", serde_json::to_string_pretty(&config::schema())?))?;
    Ok(ExitCode::SUCCESS)
}

/// The filters' own samples that do not yield what they should.
fn samples(config: &Config) -> Vec<String> {
    let mut broken = Vec::new();
    let mut seen = Vec::new();
    for jail in &config.jails {
        let name = &jail.filter.definition.name;
        if !seen.contains(&name) {
            seen.push(name);
            let failures = jail.filter.run_samples();
            broken.extend(failures.iter().map(|failure| format!("filter {name}: {failure}")));
        }
    }
    broken
}

fn report(location: &Location, config: &Config, pushed: &[String], broken: &[String]) -> String {
    let enforcement = match &config.enforcement {
        Enforcement::None => "none: failures are watched, nobody is banned".to_owned(),
        Enforcement::Nftables(nftables) => format!("nftables, table inet {}", nftables.table),
        Enforcement::Firewalld(firewalld) => {
            let zones = firewalld.zones.as_ref().map_or_else(
                || "all active zones and the default one".to_owned(),
                |zones| zones.join(", "),
            );
            format!("firewalld, rich rules in {zones}")
        }
    };
    let mut lines = vec![
        format!("{}: OK", shown(location)),
        format!("enforcement: {enforcement}"),
        format!("state: {}", config.state.display()),
    ];
    lines.extend(pushed.iter().map(|target| format!("otlp: {target}")));
    for jail in &config.jails {
        lines.extend(describe(jail));
    }
    lines.extend(config.warnings.iter().map(|warning| format!("note: {warning}")));
    lines.extend(broken.iter().map(|sample| format!("WRONG: {sample}")));
    lines.push(String::new());
    lines.join("\n")
}

fn describe(jail: &JailSettings) -> Vec<String> {
    let threshold = jail.threshold;
    let bantime =
        jail.bantime.map_or_else(|| "for ever".to_owned(), |time| format!("for {time:#}"));
    let scope = scope(&jail.scope);
    let mut lines = vec![
        format!(
            "jail {}: filter {}, {} patterns",
            jail.name,
            jail.filter.definition.name,
            jail.filter.pattern_count()
        ),
        match &jail.origin {
            Origin::Bans(bans) => format!("  counts {bans}"),
            origin => format!("  follows {origin}"),
        },
        format!(
            "  {} failures within {:#} ban {bantime} from {scope}",
            threshold.maxretry(),
            threshold.findtime()
        ),
    ];
    lines.extend(growth(jail));
    lines
}

/// What the first bans of an address come to, where they grow.
fn growth(jail: &JailSettings) -> Option<String> {
    let increment = jail.increment.as_ref()?;
    let first = increment.first(jail.bantime?, SHOWN_BANS).map(duration::show);
    let first: Vec<String> = first.collect();
    let random = increment.rndtime.map(|rndtime| {
        let rndtime = duration::show(rndtime);
        format!(", and by chance up to {rndtime} more")
    });
    Some(format!("  its next bans last {}, …{}", first.join(", "), random.unwrap_or_default()))
}

/// What was read.
pub(super) fn shown(location: &Location) -> String {
    match &location.fail2ban_dir {
        Some(dir) if !location.file.exists() => dir.display().to_string(),
        Some(dir) => format!("{} and {}", location.file.display(), dir.display()),
        None => location.file.display().to_string(),
    }
}

/// What a ban refuses, in words.
pub(super) fn scope(scope: &Scope) -> String {
    let ports: Vec<String> = scope.ports.iter().map(ToString::to_string).collect();
    let protocols: Vec<&str> = scope.protocols.iter().map(|p| p.as_str()).collect();
    if ports.is_empty() {
        "every port".to_owned()
    } else {
        format!("{} port {}", protocols.join("/"), ports.join(", "))
    }
}
