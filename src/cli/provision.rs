//! `gaoler provision`: the sets and policies of firewalld's that bans need to be entries of sets.

mod report;

use std::io::Write;
use std::num::NonZeroU8;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use self::report::Report;
use super::ask::print;
use super::progress;
use super::{FormatArgs, LocationArgs};
use crate::config::checked::{Config, Enforcement, Firewalld, Mode};
use crate::config::{self, Surroundings};
use crate::enforcer::firewalld::permanent::{Permanent, PermanentError, Taken};
use crate::enforcer::firewalld::provision::plan::{self, Existing};
use crate::enforcer::firewalld::provision::{Wanted, xml};
use crate::enforcer::shard::{MOST_SHARDS, SHARDS};

const AFTER: &str = "\
firewalld can make neither a set nor a policy while it runs, so both are made once, in its
permanent configuration: for every port, and for each other list of ports that a jail has,
18 sets (8 and one for networks, IPv4 and IPv6), and two policies that refuse what is in them.
From then on a ban is one entry, in force in every zone; a family's sets take 32,000 of them.
Jails whose ports are not provisioned go on with a rich rule a ban.

With more sets (--shards) a ban costs firewalld less while thousands are in force, and everything
else it is asked to do more: docs/operating.md has figures. A list of ports that has more keeps them.

Examples:
  gaoler provision                    what would be done
  gaoler provision --apply            do it (as root); then, once: firewall-cmd --reload
  gaoler provision --prune --apply    also remove sets of ports that no jail has any more
  gaoler provision --remove --apply   remove all of it; then: firewall-cmd --reload
  gaoler provision --shards 32 --apply
                                      32 sets a family instead of 8, for hosts with many bans
  gaoler provision --xml /etc/firewalld
                                      the same as files, for hosts that are set up by files

A reload drops everything that is in firewalld's running configuration alone; gaoler puts its own
bans back by itself. gaoler never reloads firewalld.

Exit status: 0 done or nothing to do, 1 refused or failed, 2 usage.";

/// What the command line says of provisioning.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub(super) struct ProvisionArgs {
    #[command(flatten)]
    location: LocationArgs,
    /// Write it into firewalld's permanent configuration, instead of only showing it.
    #[arg(long)]
    apply: bool,
    /// Also remove the sets of ports that no jail of this configuration has.
    #[arg(long)]
    prune: bool,
    /// How many sets share the addresses of a list of ports, IPv4's and IPv6's each; 1 to 100.
    #[arg(long, value_name = "N", default_value_t = SHARDS, value_parser = shards, conflicts_with = "remove")]
    shards: NonZeroU8,
    /// Remove all of gaoler's sets and policies instead.
    #[arg(long, conflicts_with = "prune")]
    remove: bool,
    /// Write files below this directory instead, as firewalld reads them; firewalld is not asked.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["apply", "prune", "remove"])]
    xml: Option<PathBuf>,
    #[command(flatten)]
    format: FormatArgs,
}

/// Shows or does what the arguments say.
///
/// # Errors
///
/// Fails if the configuration is wrong, firewalld does not answer, or it refuses a change.
pub(super) fn run(args: &ProvisionArgs) -> anyhow::Result<ExitCode> {
    let config = config::load_from(&args.location.location(), &Surroundings::default())?;
    let Enforcement::Firewalld(firewalld) = &config.enforcement else {
        print(
            "Nothing to do: enforcement.backend is not firewalld, so there is no set of its to make.\n",
        )?;
        return Ok(ExitCode::SUCCESS);
    };
    let wanted = Wanted::new(config.jails.iter().map(|jail| &jail.scope), firewalld.action);
    let wanted = wanted.with_shards(args.shards);
    if let Some(directory) = &args.xml {
        return write_files(&wanted, directory);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(provision(args, &config, firewalld, &wanted))?;
    let (text, code) = (report.text(args.format.format), report.code());
    print(&text)?;
    Ok(code)
}

/// How many shards the command line asks for: their names have two digits.
fn shards(text: &str) -> Result<NonZeroU8, String> {
    let shards = text.parse().ok().filter(|shards| *shards <= MOST_SHARDS);
    shards.ok_or_else(|| format!("a number from 1 to {MOST_SHARDS}"))
}

async fn provision(
    args: &ProvisionArgs,
    config: &Config,
    firewalld: &Firewalld,
    wanted: &Wanted,
) -> Result<Report, PermanentError> {
    let permanent = Permanent::connect(firewalld.bus.as_deref()).await?;
    let existing = permanent.existing().await?;
    let plan = if args.remove {
        plan::removal(&existing)
    } else {
        plan::plan(wanted, &existing, args.prune)
    };
    let mut report = Report::new(args.apply, args.remove, wanted, plan);
    report.notes = notes(config, firewalld, args.remove);
    if args.apply {
        apply(&permanent, &mut report).await;
    }
    report.reload_due = is_reload_due(args, &permanent, wanted, &existing).await?;
    Ok(report)
}

/// Takes the steps in order, up to the first that fails.
async fn apply(permanent: &Permanent, report: &mut Report) {
    let progress = progress::of_steps(report.plan.steps.len());
    for step in &report.plan.steps {
        match permanent.take(step).await {
            Ok(Taken::Done) => {}
            Ok(Taken::Packaged) => report.packaged += 1,
            Err(error) => {
                report.error = Some(error.to_string());
                return;
            }
        }
        report.done += 1;
        progress.inc(1);
    }
}

/// Whether what is permanent is not what runs. Asked after the last change.
async fn is_reload_due(
    args: &ProvisionArgs,
    permanent: &Permanent,
    wanted: &Wanted,
    before: &Existing,
) -> Result<bool, PermanentError> {
    let loaded = permanent.loaded().await?;
    if args.remove {
        return Ok(args.apply && loaded != Existing::default());
    }
    let now = if args.apply { &permanent.existing().await? } else { before };
    Ok(now.holds(wanted) && !loaded.holds(wanted))
}

/// What the reader should know besides.
fn notes(config: &Config, firewalld: &Firewalld, remove: bool) -> Vec<String> {
    let mut notes = Vec::new();
    let sets = "once the sets are loaded, a ban is an entry";
    if !remove && firewalld.mode == Mode::RichRule {
        notes.push(format!(
            "enforcement.firewalld.mode is `rich-rule`, which uses no sets; write `auto`, and {sets}"
        ));
    }
    if !remove && config.jails.is_empty() {
        notes.push("no jail is enabled; the sets of every port serve any".to_owned());
    }
    if is_polkit_rule_missing() {
        notes.push(
            "the polkit rule 45-gaoler.rules is in neither /usr/share/polkit-1/rules.d nor \
             /etc/polkit-1/rules.d: without it only root may have firewalld ban, and gaoler does \
             not run as root; the package or `make install` brings it"
                .to_owned(),
        );
    }
    notes
}

/// Whether it surely is; who may not look there does not know.
fn is_polkit_rule_missing() -> bool {
    ["/usr/share", "/etc"].iter().all(|directory| {
        let rule = Path::new(directory).join("polkit-1/rules.d/45-gaoler.rules");
        rule.try_exists().is_ok_and(|exists| !exists)
    })
}

/// Writes every file whole or not at all, since firewalld looks on.
fn write_files(wanted: &Wanted, directory: &Path) -> anyhow::Result<ExitCode> {
    let files = xml::files(wanted);
    for (path, text) in &files {
        let path = directory.join(path);
        let new = path.with_extension("xml.new");
        let write = || {
            std::fs::create_dir_all(path.parent().unwrap_or(directory))?;
            std::fs::File::create(&new)?.write_all(text.as_bytes())?;
            std::fs::rename(&new, &path)
        };
        write().with_context(|| format!("{}: cannot be written", path.display()))?;
    }
    let (count, directory) = (files.len(), directory.display());
    print(&format!(
        "{count} files below {directory}. firewalld reads /etc/firewalld and /usr/lib/firewalld; \
         once they are there: firewall-cmd --reload\n"
    ))?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::enforcer::shard::MOST_ENTRIES;

    #[test]
    fn the_help_knows_how_many_sets_there_are() {
        let shards = usize::from(SHARDS.get());
        assert!(AFTER.contains(&format!("{} sets ({shards} and one for networks", 2 * shards + 2)));
        assert!(AFTER.contains(&format!("take {},000 of them", shards * MOST_ENTRIES / 1000)));
    }

    #[test]
    fn shards_are_as_many_as_names_can_be_told_apart() {
        assert_eq!(shards("32").map(NonZeroU8::get), Ok(32));
        for text in ["0", "101", "256", "-1", "8x", ""] {
            assert_eq!(shards(text), Err("a number from 1 to 100".to_owned()), "{text}");
        }
    }
}
