//! `gaoler import-fail2ban`: from fail2ban's files and database to gaoler's.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use ipnet::IpNet;
use jiff::Timestamp;

use super::CONFIG;
use super::ask::print;
use crate::config::checked::{Config, JailSettings};
use crate::config::{self, Location, Surroundings};
use crate::daemon::clock;
use crate::fail2ban::database::{self, Banned};
use crate::fail2ban::{Directory, jail};
use crate::jail::ban::{Ban, BanKey, BanOrigin};
use crate::printable::Printable;
use crate::store::takeover::{Taken, take_over};
use crate::trace::TraceId;

pub(super) const EXAMPLES: &str = "\
Examples:
  gaoler import-fail2ban > /etc/gaoler/gaoler.yaml
  gaoler import-fail2ban --out /etc/gaoler
                                      the same with all filters as files: fail2ban can go
  gaoler check                        is it right?
  gaoler replay --against /etc/fail2ban /var/log/secure
                                      would both have banned the same?
  gaoler import-fail2ban --bans       who is banned there is banned here, from the start
  systemctl start gaoler && systemctl disable --now fail2ban";

/// Where fail2ban keeps its bans, unless fail2ban.conf says otherwise.
const DATABASE: &str = "/var/lib/fail2ban/fail2ban.sqlite3";

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// fail2ban's configuration directory: the one that holds jail.conf.
    #[arg(value_name = "DIR", default_value = "/etc/fail2ban")]
    dir: PathBuf,
    /// Write gaoler.yaml into this directory, and into filters/ below it the filters that gaoler has none
    /// of its own for: then fail2ban's files are needed no more.
    #[arg(long, value_name = "OUT", conflicts_with = "bans")]
    out: Option<PathBuf>,
    /// Take over the bans, live and past, from this database; by default the one that fail2ban.conf
    /// names. It is only read, also while fail2ban runs.
    #[arg(long, value_name = "DB", num_args = 0..=1)]
    #[expect(clippy::option_option, reason = "without a path it is another thing than not given")]
    bans: Option<Option<PathBuf>>,
    /// With --bans: the configuration whose state gets them. Where there is none, DIR's jails count.
    #[arg(long, value_name = "FILE", default_value = CONFIG)]
    config: PathBuf,
}

/// Prints the configuration, or takes the bans over.
///
/// # Errors
///
/// fail2ban's files or database cannot be read, a daemon runs, or the state cannot be written.
pub(super) fn run(arguments: &ImportArgs) -> anyhow::Result<ExitCode> {
    match &arguments.bans {
        None => configuration(arguments)?,
        Some(database) => print(&bans(arguments, database.as_deref())?)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the configuration, or writes it with the filters it needs.
fn configuration(arguments: &ImportArgs) -> anyhow::Result<()> {
    let imported = config::imported(&arguments.dir, arguments.out.is_some())?;
    let Some(out) = &arguments.out else { return print(&imported.yaml) };
    let filters = out.join("filters");
    std::fs::create_dir_all(&filters)
        .with_context(|| format!("{}: cannot be made", filters.display()))?;
    let files = imported.filters.iter();
    let mut files: Vec<_> =
        files.map(|(name, text)| (filters.join(format!("{name}.yaml")), text)).collect();
    files.push((out.join("gaoler.yaml"), &imported.yaml));
    if let Some((file, _)) = files.iter().find(|(file, _)| file.exists()) {
        bail!("{}: is there already; name another directory with --out", file.display());
    }
    for (file, text) in &files {
        std::fs::write(file, text)
            .with_context(|| format!("{}: cannot be written", file.display()))?;
        print(&format!("{}\n", file.display()))?;
    }
    Ok(())
}

fn bans(arguments: &ImportArgs, database: Option<&Path>) -> anyhow::Result<String> {
    let here = arguments.config.exists();
    let fail2ban_dir = (!here).then(|| arguments.dir.clone());
    let location = Location { file: arguments.config.clone(), fail2ban_dir };
    let config = config::load_from(&location, &Surroundings::default())?;
    if UnixStream::connect(&config.socket).is_ok() {
        bail!(
            "the daemon runs (it answers at {}): `systemctl stop gaoler`, import, and start it again; \
             its own bans stay in force meanwhile",
            config.socket.display()
        );
    }
    let database = match database {
        Some(path) => path.to_owned(),
        None => named_database(&arguments.dir)?,
    };
    let found = database::read(&database)?;
    let now = clock::now().wall;
    let selected = select(&config, &found, now, &mut || TraceId::new(fastrand::u128(..)));
    let taken = take_over(&config.state, &selected.live, &selected.ended)?;
    Ok(told(&selected, taken, &config))
}

/// The database that fail2ban.conf names.
fn named_database(dir: &Path) -> anyhow::Result<PathBuf> {
    let server = jail::server(&mut Directory::new(dir))?;
    Ok(PathBuf::from(server.text("dbfile").unwrap_or(DATABASE)))
}

/// What is taken over, and what is not.
#[derive(Debug, Default)]
struct Selected {
    live: Vec<Ban>,
    ended: Vec<(Ban, Timestamp)>,
    /// Live bans that are left out, by the reason.
    left: BTreeMap<String, usize>,
}

fn select(
    config: &Config,
    found: &database::Bans,
    now: Timestamp,
    trace: &mut impl FnMut() -> TraceId,
) -> Selected {
    let mut selected = Selected::default();
    let is_live = |banned: &Banned| banned.until().is_none_or(|until| until > now);
    for banned in found.last.iter().filter(|banned| is_live(banned)) {
        match ban(config, banned, trace()) {
            Ok(ban) => selected.live.push(ban),
            Err(why) => *selected.left.entry(why).or_default() += 1,
        }
    }
    for banned in found.all.iter().rev().filter(|banned| !is_live(banned)) {
        let ended = banned.until().zip(ban(config, banned, trace()).ok());
        selected.ended.extend(ended.map(|(until, ban)| (ban, until)));
    }
    selected
}

/// A ban as gaoler would have it; or why it has none.
fn ban(config: &Config, banned: &Banned, trace: TraceId) -> Result<Ban, String> {
    let jail = config.jails.iter().find(|jail| jail.name.as_str() == banned.jail);
    let jail = jail.ok_or_else(|| {
        format!("no jail `{}` is enabled here", Printable(banned.jail.as_bytes()))
    })?;
    let address = super::value::network(&banned.id)
        .map_err(|_| "not an address (fail2ban bans by other identifiers, too)".to_owned())?;
    if spares(jail, &address) {
        return Err("in ignoreip, and so never banned".to_owned());
    }
    Ok(Ban {
        key: BanKey { jail: jail.name.clone(), address },
        origin: BanOrigin::Detected,
        since: banned.since,
        bantime: banned.bantime,
        failures: banned.failures,
        trace,
    })
}

/// Whether a jail never bans any of these. The daemon looks again, at its own addresses, too.
fn spares(jail: &JailSettings, address: &IpNet) -> bool {
    let lists = jail.ignoreip.iter().chain(&jail.trusted_proxies);
    lists.into_iter().any(|spared| spared.contains(address) || address.contains(spared))
}

fn told(selected: &Selected, taken: Taken, config: &Config) -> String {
    let mut out = format!(
        "{} live bans and {} of the past are in {}; gaoler's next start enforces them\n",
        taken.live,
        taken.ended,
        config.state.display()
    );
    let there = selected.live.len() - taken.live;
    if there > 0 {
        let _ = writeln!(out, "{there} live bans were there already");
    }
    for (why, count) in &selected.left {
        let _ = writeln!(out, "{count} live bans are left out: {why}");
    }
    out
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn banned(jail: &str, id: &str, since: i64, bantime: Option<i64>) -> Banned {
        Banned {
            jail: jail.to_owned(),
            id: id.to_owned(),
            since: Timestamp::from_second(since).unwrap(),
            bantime: bantime.map(SignedDuration::from_secs),
            failures: 3,
        }
    }

    #[test]
    fn live_bans_of_known_jails_are_taken_but_for_whom_they_spare() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("gaoler.yaml");
        std::fs::write(&file, "jails: {sshd: {ignoreip: 198.51.100.0/24}}\n").unwrap();
        let config = config::load(&file).unwrap();
        let last = vec![
            banned("sshd", "192.0.2.1", 900, Some(600)),
            banned("sshd", "2001:db8::1", 0, None),
            banned("sshd", "192.0.2.2", 100, Some(600)),
            banned("sshd", "198.51.100.7", 900, Some(600)),
            banned("sshd", "some-user", 900, Some(600)),
            banned("old", "192.0.2.3", 900, Some(600)),
        ];
        let all = [last.clone(), vec![banned("sshd", "192.0.2.1", 10, Some(60))]].concat();
        let now = Timestamp::from_second(1000).unwrap();
        let found = database::Bans { last, all };
        let selected = select(&config, &found, now, &mut || TraceId::new(7));
        let live: Vec<_> = selected.live.iter().map(|ban| ban.key.address.to_string()).collect();
        assert_eq!(live, ["192.0.2.1/32", "2001:db8::1/128"]);
        let ended: Vec<_> = selected
            .ended
            .iter()
            .map(|(ban, at)| (ban.since.as_second(), at.as_second()))
            .collect();
        assert_eq!(ended, [(10, 70), (100, 700)]);
        assert_eq!(selected.left.values().sum::<usize>(), 3);
        let said = told(&selected, Taken { live: 1, ended: 2 }, &config);
        assert!(said.starts_with("1 live bans and 2 of the past are in /var/lib/gaoler/state.db;"));
        assert!(
            said.contains("1 live bans are left out: no jail `old` is enabled here\n"),
            "{said}"
        );
    }
}
