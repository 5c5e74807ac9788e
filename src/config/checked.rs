//! The configuration as meant: every value checked, every name resolved, every filter compiled.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use jiff::SignedDuration;
use jiff::tz::TimeZone;

use crate::filter::Filter;
use crate::jail::ban::JailName;
use crate::jail::bantime::Increment;
use crate::jail::breaker::Rate;
use crate::jail::guards::Floors;
use crate::jail::scope::Scope;
use crate::jail::widen::Widening;
use crate::jail::window::Threshold;
use crate::record::origin::Origin;

/// All that `gaoler run` needs to know.
#[derive(Debug)]
pub struct Config {
    /// The jails that are enabled, in the order written.
    pub jails: Vec<JailSettings>,
    /// How bans are enforced.
    pub enforcement: Enforcement,
    /// How many new bans of all jails together are too many; `None`: however many.
    pub max_new_bans: Option<Rate>,
    /// What a stop does to the bans in force.
    pub on_stop: OnStop,
    /// The state database.
    pub state: PathBuf,
    /// How long ended bans are remembered there.
    pub history: SignedDuration,
    /// The control socket.
    pub socket: PathBuf,
    /// Where metrics and pages are served.
    pub listen: Option<SocketAddr>,
    /// Where telemetry is pushed to; `None` if the file says nothing of it.
    pub otlp: Option<Otlp>,
    /// Who may read them.
    pub web: Web,
    /// What a careful reader should know, though it stops nothing.
    pub warnings: Vec<String>,
}

/// One jail.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own")]
pub struct JailSettings {
    /// Its name.
    pub name: JailName,
    /// What it looks for.
    pub filter: Arc<Filter>,
    /// Where.
    pub origin: Origin,
    /// The zone of times that name none.
    pub time_zone: TimeZone,
    /// How much is too much.
    pub threshold: Threshold,
    /// How long a ban lasts; for ever when `None`.
    pub bantime: Option<SignedDuration>,
    /// What a ban refuses.
    pub scope: Scope,
    /// Never banned.
    pub ignoreip: Vec<IpNet>,
    /// Whether the host's own addresses are never banned.
    pub ignoreself: bool,
    /// Whether addresses that administrators are logged in from are never banned.
    pub ignoresessions: bool,
    /// How wide a ban may be; the same for all jails.
    pub floors: Floors,
    /// How many new bans are too many; `None`: there is no breaker.
    pub max_new_bans: Option<Rate>,
    /// Whether it only says whom it would ban.
    pub dry_run: bool,
    /// Proxies: never banned, and believed on who their clients are.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether a ban closes the live connections of its address.
    pub cut_established: bool,
    /// How many addresses the jail counts at most at a time.
    pub max_addresses: usize,
    /// How often its source has a record at least; it may be quiet when `None`.
    pub expect_every: Option<SignedDuration>,
    /// How bans grow for whom was banned before; not at all when `None`.
    pub increment: Option<Increment>,
    /// How long after its last ban an address counts as never banned.
    pub dbpurgeage: SignedDuration,
    /// How much of an IPv6 address names the attacker.
    pub ipv6_prefix: u8,
    /// When bans become wider; never when `None`.
    pub widen: Option<Widening>,
}

/// Where telemetry is pushed to, as the file has it; `OTEL_*` variables go before it.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Otlp {
    /// The collector, if the file names one.
    pub endpoint: Option<String>,
    /// How it is reached, if the file says.
    pub protocol: Option<OtlpProtocol>,
    /// What is sent along with each request. Secret.
    pub headers: Headers,
    /// How long a request may take.
    pub timeout: Duration,
    /// Whether requests are compressed.
    pub gzip: bool,
    /// The collector's authority, in PEM; `None`: the system's.
    pub ca_file: Option<PathBuf>,
    /// Our certificate, in PEM.
    pub cert_file: Option<PathBuf>,
    /// Its key, in PEM.
    pub key_file: Option<PathBuf>,
    /// Whether each ban is a trace there.
    pub traces: bool,
    /// Whether failures and bans are events there.
    pub logs: bool,
    /// Whether metrics are pushed there.
    pub metrics: bool,
    /// How often metrics are pushed.
    pub interval: Duration,
}

/// What is sent along with each request, such as a token: names, and values that nobody is shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(pub Vec<(String, String)>);

impl fmt::Debug for Headers {
    /// The names alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// How OTLP requests are carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OtlpProtocol {
    /// OTLP/gRPC.
    #[default]
    Grpc,
    /// OTLP/HTTP, binary protobuf.
    Http,
}

/// Who may read the pages, and what of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Web {
    /// The web configuration, with TLS and passwords; `None`: plain HTTP, to whoever reaches it.
    pub config_file: Option<PathBuf>,
    /// Who sees addresses.
    pub addresses: Addresses,
}

/// Who sees addresses on the pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Addresses {
    /// Whoever has shown a password or a certificate.
    #[default]
    Authenticated,
    /// Whoever reaches the pages.
    Always,
    /// Nobody.
    Never,
}

/// How bans are enforced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Enforcement {
    /// Not at all: watch only.
    None,
    /// By firewalld.
    Firewalld(Firewalld),
    /// By a table of our own in the kernel.
    Nftables(Nftables),
}

/// What a stop does to the bans in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnStop {
    /// They stay.
    #[default]
    Keep,
    /// They are taken out of the firewall; a start puts them back.
    Remove,
}

/// How firewalld is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firewalld {
    /// How a ban becomes a rule.
    pub mode: Mode,
    /// The zones; `None`: the active ones and the default one.
    pub zones: Option<Vec<String>>,
    /// What becomes of a banned packet.
    pub action: Action,
    /// The bus to find it on; `None`: the system bus.
    pub bus: Option<String>,
}

/// How a ban becomes a rule of firewalld.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// By sets where they are provisioned, else by rich rules.
    #[default]
    Auto,
    /// One rule for each ban, zone and port.
    RichRule,
    /// By entries of provisioned sets.
    Ipset,
}

/// How nftables is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nftables {
    /// The name of our table, of family inet.
    pub table: String,
}

/// What becomes of a banned packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// It is answered: port unreachable.
    #[default]
    Reject,
    /// It vanishes.
    Drop,
}
