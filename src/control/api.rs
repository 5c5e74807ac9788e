//! What can be asked over the socket, and what is answered. The JSON is part of the contract.

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::explanation::Explanation;
use super::settings::Settings;
use crate::jail::ban::BanOrigin;
use crate::trace::TraceId;

/// A request, once its sender may make it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// `GET /api/v1/status`: every jail with its numbers, the sources, the firewall.
    Status,
    /// `GET /api/v1/banned[?jail=J]`: who is banned.
    Banned {
        /// Only by this jail.
        jail: Option<String>,
    },
    /// `GET /api/v1/settings`: what every jail goes by.
    Settings,
    /// `GET /api/v1/explain?address=A`: why an address is banned, or is not.
    Explain {
        /// Which, or which network.
        address: IpNet,
    },
    /// `POST /api/v1/ban`.
    Ban(BanRequest),
    /// `POST /api/v1/unban`.
    Unban(UnbanRequest),
    /// `POST /api/v1/resume`: close a jail's breaker.
    Resume(ResumeRequest),
    /// `POST /api/v1/reload`: read the configuration again.
    Reload,
}

/// Whom to ban.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BanRequest {
    /// In which jail.
    pub jail: String,
    /// Addresses or networks.
    pub addresses: Vec<IpNet>,
    /// How long, if not the jail's bantime.
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    pub bantime: Option<Bantime>,
}

/// The length of a ban.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bantime {
    /// It ends.
    Seconds(i64),
    /// It does not.
    Permanent,
}

impl Bantime {
    /// As a jail has it: for ever is `None`.
    #[must_use]
    pub fn duration(self) -> Option<SignedDuration> {
        match self {
            Self::Seconds(seconds) => Some(SignedDuration::from_secs(seconds)),
            Self::Permanent => None,
        }
    }
}

/// Whom to release.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UnbanRequest {
    /// Only from this jail.
    pub jail: Option<String>,
    /// Addresses or networks.
    pub addresses: Vec<IpNet>,
    /// Everybody.
    pub all: bool,
}

/// Which jail is to ban again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResumeRequest {
    /// Its name.
    pub jail: String,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To [`Request::Status`].
    Status(Status),
    /// To [`Request::Banned`].
    Banned(Banned),
    /// To [`Request::Settings`].
    Settings(Settings),
    /// To [`Request::Explain`].
    Explanation(Box<Explanation>),
    /// To [`Request::Ban`] and [`Request::Unban`].
    Changed(Changed),
    /// To [`Request::Resume`].
    Resumed(Resumed),
    /// To [`Request::Reload`].
    Reloaded(Reloaded),
}

/// How everything is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// gaoler's version.
    pub version: String,
    /// The firewall.
    pub enforcement: EnforcementStatus,
    /// Where records come from.
    pub sources: Vec<SourceStatus>,
    /// The jails, by name.
    pub jails: Vec<JailStatus>,
}

/// How enforcement is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnforcementStatus {
    /// `firewalld` or `none`.
    pub backend: String,
    /// Whether it does what is asked.
    pub up: bool,
    /// How it is, in words.
    pub condition: String,
    /// What a ban stops, once that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<CoverageStatus>,
}

/// Which packets of a banned address are stopped, besides those that open a connection to the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverageStatus {
    /// How bans become rules: `rich-rule`, `ipset`, `nftables`.
    pub mode: String,
    /// Whether those of connections that were open before the ban.
    pub established: bool,
    /// Whether those that the host forwards.
    pub forwarded: bool,
    /// Whether those to ports that are forwarded elsewhere, such as a container's published ones.
    pub published: bool,
    /// The jails whose bans take rich rules, since no set is provisioned for their ports.
    pub unprovisioned: Vec<String>,
    /// All of that in words.
    pub summary: String,
}

/// How a source is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceStatus {
    /// Its name.
    pub name: String,
    /// Whether it can be read.
    pub up: bool,
    /// Whether all there was has been read.
    pub caught_up: bool,
    /// The newest record's own time, once there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_record: Option<Timestamp>,
    /// What is wrong, if something is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// One jail's numbers, as `status JAIL` shows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JailStatus {
    /// Its name.
    pub name: String,
    /// What it looks for, and what it found.
    pub filter: FilterStatus,
    /// What it did.
    pub actions: ActionsStatus,
    /// Whether it bans nobody, and only says whom it would.
    #[serde(default)]
    pub dry_run: bool,
    /// Its breaker, while that is open: the jail only watches.
    #[serde(default)]
    pub breaker: Option<BreakerStatus>,
}

/// An open breaker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerStatus {
    /// Since when.
    pub since: Timestamp,
    /// How many bans it has held back; counted from a restart on.
    pub withheld: u64,
}

/// The upper half of a jail's tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilterStatus {
    /// Addresses with failures within findtime.
    pub currently_failed: u64,
    /// Failures, since the state database was made.
    pub total_failed: u64,
    /// Where it looks, in fail2ban's words.
    #[serde(flatten)]
    pub origin: OriginStatus,
}

/// Where a jail looks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OriginStatus {
    /// `Journal matches`, as written.
    JournalMatches(String),
    /// `File list`: the configured patterns.
    FileList(Vec<String>),
    /// Bans of which other jails count, in words.
    Bans(String),
}

/// The lower half of a jail's tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionsStatus {
    /// Bans that should be in force.
    pub currently_banned: u64,
    /// Bans, since the state database was made.
    pub total_banned: u64,
    /// Bans that the firewall has.
    pub enforced: u64,
    /// Bans that it does not have yet.
    pub pending: u64,
    /// Who is banned, in the order in which the bans end.
    pub banned: Vec<String>,
    /// Whom a dry run would have banned by now, in the order in which the bans would end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub would_ban: Vec<String>,
}

/// Who is banned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Banned {
    /// The bans, by jail, in the order in which they end.
    pub bans: Vec<BanStatus>,
}

/// One ban.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BanStatus {
    /// Who.
    pub address: String,
    /// By which jail.
    pub jail: String,
    /// Who decided.
    pub origin: BanOrigin,
    /// Since when.
    pub since: Timestamp,
    /// Until when; `null`: for ever.
    pub until: Option<Timestamp>,
    /// The failures that led to it.
    pub failures: u32,
    /// `enforced`, `pending`, `refused` (the firewall will not have it), `watched` (there is no
    /// firewall to have it), or `dry_run` (the jail bans nobody).
    pub state: String,
    /// The trace that tells of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<TraceId>,
}

/// What a change came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// How many bans began, or ended.
    pub changed: u64,
    /// Of those, how many the firewall has not confirmed yet.
    pub pending: u64,
    /// What was refused, or could not be done, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// What was done otherwise than it was asked for: a wider ban was lifted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What a resume came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumed {
    /// Which jail.
    pub jail: String,
    /// Whether its breaker was open.
    pub was_open: bool,
    /// How many bans that had held back.
    pub withheld: u64,
}

/// What a reload came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// How many jails run now.
    pub jails: usize,
    /// What a careful reader should know.
    pub warnings: Vec<String>,
}

/// Why a request was not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No such jail.
    #[error("the jail `{0}` does not exist; `gaoler status` lists them")]
    NoSuchJail(String),
    /// The caller may not.
    #[error("{0}")]
    Forbidden(String),
    /// The request makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The new configuration is wrong; the old one stays.
    #[error("the configuration was not changed:\n{0}")]
    Configuration(String),
    /// The daemon is about to end.
    #[error("gaoler is stopping")]
    Stopping,
}
