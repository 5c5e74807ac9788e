//! What jails go by, as `fail2ban-client get` asks for it. The JSON is part of the contract.

use serde::{Deserialize, Serialize};

/// What the daemon goes by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The jails, by name.
    pub jails: Vec<JailSettings>,
}

/// What one jail goes by. Durations in seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JailSettings {
    /// Its name.
    pub name: String,
    /// The log files, as configured.
    pub logpath: Vec<String>,
    /// The journal matches, as written; empty for other jails.
    pub journalmatch: String,
    /// Who is never banned.
    pub ignoreip: Vec<String>,
    /// Whether the host's own addresses are never banned.
    pub ignoreself: bool,
    /// What recognises failures.
    pub failregex: Vec<String>,
    /// What excuses them.
    pub ignoreregex: Vec<String>,
    /// How dates are written; `None`: in one of the usual forms.
    pub datepattern: Option<String>,
    /// How long failures count.
    pub findtime: i64,
    /// How many are too many.
    pub maxretry: u64,
    /// How long a ban lasts; `None`: for ever.
    pub bantime: Option<i64>,
}
