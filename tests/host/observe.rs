//! What gaoler shows: the status tree and the metrics page, read as a user's tools would.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

use crate::host::{Host, SOON};

/// `gaoler status JAIL`, as printed and as read.
#[derive(Debug)]
pub(crate) struct Status {
    /// As printed.
    pub(crate) text: String,
    /// `Currently failed`.
    pub(crate) currently_failed: u64,
    /// `Total failed`.
    pub(crate) total_failed: u64,
    /// `Total banned`.
    pub(crate) total_banned: u64,
    /// `Banned IP list`.
    pub(crate) banned: Vec<String>,
}

impl Status {
    /// Asks gaoler.
    pub(crate) fn of(host: &Host, jail: &str) -> Result<Self> {
        let text = host.gaoler_ok(&["status", jail])?;
        let value = |key: &str| {
            let line = text.lines().find_map(|line| line.split_once(key));
            line.map(|(_, value)| value.trim().to_owned())
                .with_context(|| format!("`{key}` in:\n{text}"))
        };
        let count = |key: &str| Ok::<u64, anyhow::Error>(value(key)?.parse()?);
        Ok(Self {
            currently_failed: count("Currently failed:\t")?,
            total_failed: count("Total failed:\t")?,
            total_banned: count("Total banned:\t")?,
            banned: value("Banned IP list:")?.split_whitespace().map(str::to_owned).collect(),
            text,
        })
    }

    /// Whether `address` is banned, by itself or with its network.
    pub(crate) fn bans(&self, address: &str) -> bool {
        self.banned.iter().any(|banned| banned == address || covers(banned, address))
    }
}

/// Whether `network`, such as `2001:db8::/64`, holds `address`.
fn covers(network: &str, address: &str) -> bool {
    let network = network.parse::<ipnet::IpNet>();
    network.is_ok_and(|network| {
        address.parse().is_ok_and(|address: std::net::IpAddr| network.contains(&address))
    })
}

/// Waits until `jail` bans `address`, or does no longer.
pub(crate) fn await_ban(host: &Host, jail: &str, address: &str, banned: bool) -> Result<Status> {
    let verb = if banned { "bans" } else { "lets go" };
    host.until(&format!("{jail} {verb} {address}"), SOON, || {
        let status = Status::of(host, jail)?;
        Ok((status.bans(address) == banned).then_some(status))
    })
}

/// One look at `/metrics`: the samples by name and labels.
#[derive(Debug)]
pub(crate) struct Metrics(Vec<(String, BTreeMap<String, String>, f64)>);

impl Metrics {
    /// Fetches them.
    pub(crate) fn of(host: &Host) -> Result<Self> {
        Self::read(&host.sh("curl -sSf http://127.0.0.1:9642/metrics")?)
    }

    /// Reads a page.
    pub(crate) fn read(page: &str) -> Result<Self> {
        page.lines()
            .filter(|line| !line.starts_with('#'))
            .map(sample)
            .collect::<Result<_>>()
            .map(Self)
    }

    /// The sum over the samples of `name` that have these labels; none is an error.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> Result<f64> {
        let mut found = self.of_name(name).filter(|(has, _)| {
            labels.iter().all(|(label, value)| has.get(*label).is_some_and(|is| is == value))
        });
        let first = found.next().with_context(|| format!("no {name} with {labels:?}"))?;
        Ok(first.1 + found.map(|(_, value)| value).sum::<f64>())
    }

    /// Calls that change the firewall, and how many there were, whatever came of them.
    pub(crate) fn changes(&self) -> impl Iterator<Item = (&str, f64)> {
        self.of_name("gaoler_enforcement_operations_total").filter_map(|(labels, count)| {
            let name = labels["operation"].as_str();
            let changes = ["add", "remove", "set", "transaction"];
            changes.iter().any(|verb| name.starts_with(verb)).then_some((name, count))
        })
    }

    /// All samples of `name`.
    pub(crate) fn of_name(
        &self,
        name: &str,
    ) -> impl Iterator<Item = (&BTreeMap<String, String>, f64)> {
        self.0.iter().filter(move |(is, ..)| is == name).map(|(_, labels, value)| (labels, *value))
    }
}

/// Waits until a metric is such that `holds`.
pub(crate) fn await_metric(
    host: &Host,
    name: &str,
    labels: &[(&str, &str)],
    holds: impl Fn(f64) -> bool,
) -> Result<f64> {
    let mut last = f64::NAN;
    let found = host.until(&format!("{name} {labels:?} is as wanted"), SOON, || {
        last = Metrics::of(host)?.value(name, labels)?;
        Ok(holds(last).then_some(last))
    });
    found.with_context(|| format!("{name} was {last}"))
}

/// Bans, and waits until the firewall has it: on a busy machine that may take longer than the command
/// waits.
pub(crate) fn ban(host: &Host, jail: &str, addresses: &[&str]) -> Result<()> {
    let ran = host.gaoler(&[&["ban", jail], addresses].concat())?;
    ensure!(ran.code == 0 || ran.stderr.contains("goes on trying"), "{ran:?}");
    await_metric(host, "gaoler_enforcement_pending", &[], |pending| pending < 0.5)?;
    Ok(())
}

/// Unbans; whoever needs to know waits until it shows.
pub(crate) fn unban(host: &Host, addresses: &[&str]) -> Result<()> {
    let ran = host.gaoler(&[&["unban"], addresses].concat())?;
    ensure!(ran.code == 0 || ran.stderr.contains("goes on trying"), "{ran:?}");
    Ok(())
}

/// `name{label="value",…} 1`; the labels that gaoler sets hold no escapes.
fn sample(line: &str) -> Result<(String, BTreeMap<String, String>, f64)> {
    let (series, value) = line.rsplit_once(' ').with_context(|| format!("no sample: {line}"))?;
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let labels = labels.trim_end_matches('}').split("\",").filter(|label| !label.is_empty());
    let labels = labels
        .map(|label| {
            label.split_once("=\"").map(|(k, v)| (k.to_owned(), v.trim_end_matches('"').to_owned()))
        })
        .collect::<Option<_>>()
        .with_context(|| format!("no labels: {line}"))?;
    Ok((name.to_owned(), labels, value.parse()?))
}
