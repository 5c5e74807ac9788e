//! What is asked of firewalld, what it answers, and what it says unasked.

use super::element::{Holder, Zone};
use super::provision::Policy;
use super::reconcile::Step;

/// One call to firewalld.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// `getDefaultZone`; its answer means that firewalld works.
    DefaultZone,
    /// The property `version`.
    Version,
    /// `queryPanicMode`.
    PanicMode,
    /// `getActiveZones`.
    ActiveZones,
    /// `getZones`.
    Zones,
    /// `addRichRule` of a rule that refuses nobody, in a zone: whether the kernel still takes any.
    Canary(Zone),
    /// `removeRichRule` of that rule.
    CanaryGone(Zone),
    /// `getIPSets`.
    Sets,
    /// `getActivePolicies`.
    Policies,
    /// `getPolicySettings` of a policy.
    Policy(String),
    /// `getRichRules` of a zone, or `getEntries` of a set.
    List(Holder),
    /// `addRichRule`, `removeRichRule`, `addEntry`, `removeEntry` or `setEntries`.
    Change(Step),
}

/// What a call answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To [`Call::DefaultZone`].
    Zone(Zone),
    /// To [`Call::Version`].
    Version(String),
    /// To [`Call::PanicMode`].
    Panic(bool),
    /// To [`Call::ActiveZones`] and [`Call::Zones`].
    Zones(Vec<Zone>),
    /// To [`Call::Sets`] and [`Call::Policies`].
    Names(Vec<String>),
    /// To [`Call::Policy`].
    Policy(Policy),
    /// To [`Call::List`].
    Texts(Vec<String>),
    /// To [`Call::Change`], [`Call::Canary`] and [`Call::CanaryGone`].
    Done,
}

/// What firewalld said without being asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// `Reloaded`: runtime rules are gone.
    Reloaded,
    /// `PanicModeEnabled`.
    PanicOn,
    /// `PanicModeDisabled`.
    PanicOff,
    /// The default zone, or what is bound to a zone, has changed.
    Zones,
    /// `RichRuleRemoved`: the zone, and the rule as whoever removed it wrote it.
    RuleRemoved(String, String),
    /// `EntryRemoved`: the set, and the entry as whoever removed it wrote it.
    EntryRemoved(String, String),
    /// `PolicyUpdated`: a policy of ours has changed.
    Policies,
}

/// All that [`Call::operation`] can answer.
pub const OPERATIONS: [&str; 16] = [
    "add_entry",
    "add_rich_rule",
    "canary",
    "get_active_policies",
    "get_active_zones",
    "get_default_zone",
    "get_entries",
    "get_ipsets",
    "get_policy_settings",
    "get_rich_rules",
    "get_version",
    "get_zones",
    "query_panic_mode",
    "remove_entry",
    "remove_rich_rule",
    "set_entries",
];

impl Call {
    /// What it is called in metrics.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        match self {
            Self::DefaultZone => "get_default_zone",
            Self::Version => "get_version",
            Self::PanicMode => "query_panic_mode",
            Self::ActiveZones => "get_active_zones",
            Self::Zones => "get_zones",
            Self::Canary(_) | Self::CanaryGone(_) => "canary",
            Self::Sets => "get_ipsets",
            Self::Policies => "get_active_policies",
            Self::Policy(_) => "get_policy_settings",
            Self::List(Holder::Zone(_)) => "get_rich_rules",
            Self::List(Holder::Set(_)) => "get_entries",
            Self::Change(step) => step.operation(),
        }
    }
}

impl Step {
    fn operation(&self) -> &'static str {
        match self {
            Self::Add(Holder::Zone(_), _) => "add_rich_rule",
            Self::Add(Holder::Set(_), _) => "add_entry",
            Self::Remove(Holder::Zone(_), _) | Self::RemoveStray(Holder::Zone(_), _) => {
                "remove_rich_rule"
            }
            Self::Remove(Holder::Set(_), _) | Self::RemoveStray(Holder::Set(_), _) => {
                "remove_entry"
            }
            Self::Fill(..) | Self::Empty(_) => "set_entries",
        }
    }
}
