//! The commands. Each does little: it asks the daemon, or is one.

mod address;
mod ask;
mod check;
mod daemon;
mod explain;
mod fail2ban_client;
mod fail2ban_regex;
mod flush;
mod import;
mod man;
mod progress;
mod provision;
mod replay;
pub mod test;
mod tree;
mod value;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::LazyLock;

use clap::{Args, Parser, Subcommand, ValueEnum};
use ipnet::IpNet;

use crate::config::Location;
use crate::control::api::Bantime;
use crate::telemetry::log;

/// Where the configuration is, unless `--config` says otherwise.
const CONFIG: &str = "/etc/gaoler/gaoler.yaml";
/// The commit this was built from, where the build said so.
const REVISION: &str = match option_env!("GAOLER_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};
/// The version and the revision, as `--version` and the manual pages have them.
static VERSION: LazyLock<String> =
    LazyLock::new(|| format!("{} (revision {REVISION})", env!("CARGO_PKG_VERSION")));
/// Where the daemon listens, unless `--socket` says otherwise.
const SOCKET: &str = "/run/gaoler/gaoler.sock";

const EXAMPLES: &str = "\
Examples:
  gaoler check                        is the configuration right, and what would a start do?
  gaoler status sshd                  the jail's numbers, and who is banned
  gaoler ban sshd 192.0.2.7 --for 1d  ban by hand; returns when the firewall has it
  gaoler explain 192.0.2.7            why it is banned, or is not: what the log said of it
  gaoler unban 192.0.2.7              release from every jail
  gaoler test --filter sshd /var/log/secure
                                      what the filter makes of a log

Exit status: 0 done, 1 refused or found wrong, 2 usage.";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  gaoler explain 192.0.2.7            a customer says that he cannot log in: is it us, and why?
  gaoler explain 192.0.2.0/24         who of his network is banned, and by which jail?
  gaoler explain 192.0.2.7 --format json | jq -r '.jails[].bans[].trace_id'
                                      the trace to open, or to look for in the journal:
  journalctl GAOLER_TRACE_ID=…        all that was logged of one ban";

/// Bans attackers through firewalld, and shows all of it to Prometheus.
///
/// Follows the systemd journal and log files, recognises failures with filters, counts them in
/// jails, and has firewalld refuse the addresses that failed too often.
#[derive(Debug, Parser)]
#[command(name = "gaoler", version = VERSION.as_str(), after_help = EXAMPLES, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the daemon, in the foreground. SIGHUP reloads, SIGTERM drains and ends.
    Run(RunArgs),
    /// Check everything a start would: the configuration, the filters, the filters' own samples.
    Check(CheckArgs),
    /// Show the jails, or one jail's numbers, as fail2ban-client does; or how an address stands.
    Status {
        /// Show this jail, or this address or network.
        #[arg(value_name = "JAIL|ADDRESS")]
        jail: Option<String>,
        #[command(flatten)]
        ask: AskArgs,
    },
    /// Ban addresses in a jail. Returns when the firewall has them; prints how many.
    Ban {
        /// The jail.
        jail: String,
        /// Addresses or networks, IPv4 or IPv6, such as 192.0.2.7 or 192.0.2.0/24.
        #[arg(required = true, value_parser = value::network)]
        addresses: Vec<IpNet>,
        /// How long, instead of the jail's bantime: 600, 10m, 1d12h, permanent.
        #[arg(long = "for", value_name = "TIME", value_parser = value::bantime)]
        bantime: Option<Bantime>,
        #[command(flatten)]
        ask: AskArgs,
    },
    /// Release addresses. Returns when the firewall has let go of them; prints how many.
    Unban {
        /// Addresses or networks, as `gaoler banned` shows them.
        #[arg(required_unless_present = "all", conflicts_with = "all", value_parser = value::network)]
        addresses: Vec<IpNet>,
        /// Only from this jail.
        #[arg(long)]
        jail: Option<String>,
        /// Release everybody.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        ask: AskArgs,
    },
    /// Show who is banned, since when, until when, and whether the firewall has it.
    Banned {
        /// Only by this jail; or only bans of this address or network, or of what holds it.
        #[arg(value_name = "JAIL|ADDRESS")]
        jail: Option<String>,
        #[command(flatten)]
        ask: AskArgs,
    },
    /// Tell why an address is banned, or why it is not.
    ///
    /// Shows, of every jail that knows the address: its ban, until when, and whether the firewall has
    /// it; how many failures count, and how many are too many; or why it is never banned. Below each,
    /// the records of the log that led to it, the filter's line that matched them, the user they name,
    /// and the trace that log lines and metrics' exemplars bear. Then its earlier bans and how they
    /// ended, and the last verdicts. What attackers wrote is shown escaped.
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain {
        /// An address or a network, IPv4 or IPv6, such as 192.0.2.7 or 192.0.2.0/24.
        #[arg(value_parser = value::network)]
        address: IpNet,
        #[command(flatten)]
        ask: AskArgs,
    },
    /// Try a filter on a log: what matches, whom it yields, and what was missed.
    Test(test::TestArgs),
    /// Have a jail ban again whose breaker has opened: it banned too many, too fast.
    Resume {
        /// The jail.
        jail: String,
        #[command(flatten)]
        ask: AskArgs,
    },
    /// Show, or with --apply make, the sets and policies that let firewalld hold many bans.
    Provision(provision::ProvisionArgs),
    /// Take all that is gaoler's out of the firewall, while no daemon runs; as root.
    ///
    /// For the day that gaoler is removed. What the daemon remembers stays: started again, it bans
    /// again who is still to be banned. The sets that `gaoler provision` made stay, empty; `gaoler
    /// provision --remove --apply` removes those.
    Flush(flush::FlushArgs),
    /// Have the daemon read its configuration again. Bans stay.
    Reload {
        #[command(flatten)]
        ask: AskArgs,
    },
    /// Decide over history: who would have been banned, when, and for how long.
    ///
    /// The whole decision path, filter, window, bantime and ignoreip, over logs or a journal at their own
    /// time. Nothing is banned. With --against, a second configuration decides over the same, and what
    /// differs is listed: the look to take before one changes a threshold, or switches from fail2ban.
    #[command(after_help = replay::EXAMPLES)]
    Replay(replay::ReplayArgs),
    /// Print the gaoler.yaml that does what a fail2ban installation does; or take over its bans.
    ///
    /// Reads fail2ban's files as fail2ban reads them, changes nothing, and says behind each value where
    /// it comes from, and at the top what a person should look at. With --bans, it prints nothing but
    /// how much it took: who is banned now and who was goes into gaoler's state, and gaoler's next start
    /// enforces it, without a gap, whether or not fail2ban still runs.
    #[command(name = "import-fail2ban", after_help = import::EXAMPLES)]
    ImportFail2ban(import::ImportArgs),
    /// Print the JSON Schema of gaoler.yaml, for editors and reviewers.
    Schema,
    /// Print a manual page, or write all: `gaoler man ban | man -l -`.
    Man(man::ManArgs),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
struct RunArgs {
    #[command(flatten)]
    location: LocationArgs,
    /// Watch and decide, but ban nobody and keep nothing.
    #[arg(long)]
    dry_run: bool,
    /// How much to log: error, warn, info, debug, trace.
    #[arg(long, value_name = "LEVEL", env = "GAOLER_LOG", default_value = "info")]
    log_level: String,
    /// What log lines look like.
    #[arg(
        long,
        value_name = "FORMAT",
        env = "GAOLER_LOG_FORMAT",
        value_enum,
        default_value_t = LogFormat::Auto
    )]
    log_format: LogFormat,
}

/// What log lines look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// To the journal under systemd, with jail, address and trace as fields; else as text.
    Auto,
    /// To standard error, for people; in colour on a terminal, unless `NO_COLOR` is set.
    Text,
    /// To standard output, one JSON object a line.
    Json,
    /// To standard output, as key=value pairs.
    Logfmt,
    /// To standard output, laid out as fail2ban.log; lines without a trace.
    Fail2ban,
}

impl From<LogFormat> for log::Format {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Auto => Self::Auto,
            LogFormat::Text => Self::Text,
            LogFormat::Json => Self::Json,
            LogFormat::Logfmt => Self::Logfmt,
            LogFormat::Fail2ban => Self::Fail2ban,
        }
    }
}

#[derive(Debug, Args)]
struct CheckArgs {
    #[command(flatten)]
    location: LocationArgs,
    /// Say also which engine each regex runs on, and why.
    #[arg(long, short)]
    verbose: bool,
    #[command(flatten)]
    format: FormatArgs,
}

/// Where the configuration is.
#[derive(Debug, Args)]
struct LocationArgs {
    /// The configuration; conf.d/*.yaml beside it is read too.
    #[arg(long, value_name = "FILE", default_value = CONFIG)]
    config: PathBuf,
    /// A fail2ban installation, such as /etc/fail2ban, whose enabled jails are run, too; then the
    /// configuration need not exist.
    #[arg(long, value_name = "DIR")]
    fail2ban_dir: Option<PathBuf>,
}

impl LocationArgs {
    fn location(&self) -> Location {
        Location { file: self.config.clone(), fail2ban_dir: self.fail2ban_dir.clone() }
    }
}

/// How to ask the daemon, and how to print its answer.
#[derive(Debug, Args)]
struct AskArgs {
    /// The daemon's control socket.
    #[arg(long, value_name = "PATH", env = "GAOLER_SOCKET", default_value = SOCKET)]
    socket: PathBuf,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Debug, Args)]
struct FormatArgs {
    /// For people, or for programs.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// How an answer is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Text for people.
    Human,
    /// One JSON document.
    Json,
}

/// Does what the arguments say.
///
/// # Errors
///
/// Fails with what to tell the user. Wrong usage is told by clap, with exit status 2.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> anyhow::Result<ExitCode> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    match name(&arguments) {
        Some(fail2ban_client::NAME) => return fail2ban_client::run(&arguments),
        Some(fail2ban_regex::NAME) => return fail2ban_regex::run(&arguments),
        _ => {}
    }
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(told) => {
            told.print()?;
            return Ok(if told.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS });
        }
    };
    match cli.verb {
        Verb::Run(RunArgs { location, dry_run, log_level, log_format }) => {
            daemon::run(location.location(), dry_run, &log_level, log_format.into())
        }
        Verb::Check(CheckArgs { location, verbose, format }) => {
            check::run(&location.location(), format.format, verbose)
        }
        Verb::Status { jail, ask } => ask::status(&ask.socket, jail.as_deref(), ask.format.format),
        Verb::Ban { jail, addresses, bantime, ask } => {
            ask::ban(&ask.socket, &jail, &addresses, bantime, ask.format.format)
        }
        Verb::Unban { addresses, jail, all, ask } => {
            ask::unban(&ask.socket, jail.as_deref(), &addresses, all, ask.format.format)
        }
        Verb::Banned { jail, ask } => ask::banned(&ask.socket, jail.as_deref(), ask.format.format),
        Verb::Explain { address, ask } => ask::explain(&ask.socket, &address, ask.format.format),
        Verb::Test(arguments) => test::run(&arguments),
        Verb::Resume { jail, ask } => ask::resume(&ask.socket, &jail, ask.format.format),
        Verb::Provision(arguments) => provision::run(&arguments),
        Verb::Flush(arguments) => flush::run(&arguments),
        Verb::Reload { ask } => ask::reload(&ask.socket, ask.format.format),
        Verb::Replay(arguments) => replay::run(&arguments),
        Verb::ImportFail2ban(arguments) => import::run(&arguments),
        Verb::Schema => check::schema(),
        Verb::Man(arguments) => man::run(<Cli as clap::CommandFactory>::command(), &arguments),
        Verb::Completions { shell } => Ok(completions(shell)),
    }
}

/// The name that gaoler was called by.
fn name(arguments: &[OsString]) -> Option<&str> {
    Path::new(arguments.first()?).file_name()?.to_str()
}

fn completions(shell: clap_complete::Shell) -> ExitCode {
    let mut command = <Cli as clap::CommandFactory>::command();
    clap_complete::generate(shell, &mut command, "gaoler", &mut std::io::stdout());
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
