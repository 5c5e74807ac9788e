//! One ban: who, why, since when and until when.

use std::fmt;
use std::sync::Arc;

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::trace::TraceId;

/// A jail's name, as the configuration has it. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JailName(Arc<str>);

impl JailName {
    /// Names a jail. The configuration checks what may be a name; this does not.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JailName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which ban: a jail bans an address once at a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BanKey {
    /// The jail that banned.
    pub jail: JailName,
    /// Who: one host (`/32`, `/128`) or a network, its host bits zero.
    pub address: IpNet,
}

/// Who decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BanOrigin {
    /// The jail, having counted `maxretry` failures.
    Detected,
    /// An operator, by `gaoler ban`.
    Manual,
}

impl BanOrigin {
    /// The origin as a metric's label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Detected => "detected",
            Self::Manual => "manual",
        }
    }
}

/// A ban as it is kept. Its end on the running clock is the ledger's business.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ban {
    /// Which.
    #[serde(flatten)]
    pub key: BanKey,
    /// Who decided.
    pub origin: BanOrigin,
    /// When it was decided, by the wall clock.
    pub since: Timestamp,
    /// How long; for ever when `None`.
    pub bantime: Option<SignedDuration>,
    /// The failures that led to it; 0 for a manual one.
    pub failures: u32,
    /// The trace that tells of it; that of its failures, where it was detected.
    pub trace: TraceId,
}

impl Ban {
    /// When it ends by the wall clock; never when `None`. What a restart goes by.
    #[must_use]
    pub fn until(&self) -> Option<Timestamp> {
        let end = self.since.saturating_add(self.bantime?);
        Some(end.unwrap_or(Timestamp::MAX))
    }
}

/// An address as fail2ban prints it: a lone host without its `/32` or `/128`.
#[must_use]
pub fn show(address: &IpNet) -> String {
    if address.prefix_len() == address.max_prefix_len() {
        address.addr().to_string()
    } else {
        address.to_string()
    }
}
