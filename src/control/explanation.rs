//! Why an address is banned, or is not: the answer to `gaoler explain`. The JSON is part of the
//! contract.
//!
//! Texts of records and names of users are what attackers wrote, whole but for bytes that are not
//! UTF-8 (U+FFFD stands for them). Whoever shows them escapes them.

use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::api::BanStatus;
use crate::jail::ban::{BanOrigin, show};
use crate::jail::recent::RecentVerdict;
use crate::record::exhibit::Exhibit;
use crate::trace::TraceId;

/// How an address or a network stands, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// Of whom.
    pub address: String,
    /// How every jail sees it, by name.
    pub jails: Vec<JailView>,
    /// The bans of it that have ended, of what holds it, and of its parts; the last to end first.
    pub earlier: Vec<EarlierBan>,
    /// What was decided of it lately, the newest first.
    pub verdicts: Vec<RecentVerdict>,
    /// Why the earlier bans, or records, are not told, if they cannot be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// How one jail sees an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JailView {
    /// The jail.
    pub jail: String,
    /// Its filter.
    pub filter: String,
    /// How many failures are too many.
    pub maxretry: u64,
    /// Within how long, in seconds.
    pub findtime_seconds: i64,
    /// Whether the jail is a dry run: its bans are none.
    pub dry_run: bool,
    /// Why the address is never banned, in a word of metrics' labels, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignored: Option<String>,
    /// The bans that hold it; of a network, also those of its parts. The narrowest first.
    pub bans: Vec<BanView>,
    /// The failures that count now, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counting: Option<Counting>,
    /// The ban that the jail's breaker held back last, if that was lately.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withheld: Option<Counting>,
    /// Whether the jail's breaker is open: it bans nobody new.
    pub breaker_open: bool,
}

/// A ban in force, or that would be in a dry run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BanView {
    /// The ban.
    #[serde(flatten)]
    pub ban: BanStatus,
    /// Why the firewall will not have it, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// The last of the records that it rests on, the oldest first.
    pub records: Vec<RecordView>,
}

/// Failures that count together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counting {
    /// How many.
    pub failures: u32,
    /// When the last verdict on them was said, if that is remembered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// Their trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<TraceId>,
    /// The last of their records, the oldest first.
    pub records: Vec<RecordView>,
}

/// A ban that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierBan {
    /// Who.
    pub address: String,
    /// By which jail.
    pub jail: String,
    /// Who decided.
    pub origin: BanOrigin,
    /// When it began.
    pub since: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// Why it ended: `expired`, `manual`, `guard`, ….
    pub reason: String,
    /// The failures that led to it.
    pub failures: u32,
    /// Its trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<TraceId>,
    /// The last of the records that it rested on, the oldest first.
    pub records: Vec<RecordView>,
}

/// A matched record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordView {
    /// When it happened, as the log states it.
    pub time: Timestamp,
    /// Whose failure it tells of.
    pub address: String,
    /// Where it was read.
    pub source: String,
    /// The filter's line that matched, as written.
    pub pattern: String,
    /// The user it names, if it names one. Hostile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Its text. Hostile.
    pub text: String,
    /// Whether there was more text.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

impl From<&Exhibit> for RecordView {
    fn from(exhibit: &Exhibit) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            time: exhibit.time,
            address: show(&IpNet::from(exhibit.address)),
            source: exhibit.source.to_string(),
            pattern: exhibit.pattern.to_string(),
            user: exhibit.user.as_deref().map(text),
            text: text(&exhibit.text),
            cut: exhibit.cut,
        }
    }
}
