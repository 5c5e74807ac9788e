//! What is asked of firewalld, what it answers, and what it says unasked.

use super::reconcile::{Step, Zone};

/// One call to firewalld.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// `getDefaultZone`; its answer means that firewalld works.
    DefaultZone,
    /// `queryPanicMode`.
    PanicMode,
    /// `getActiveZones`.
    ActiveZones,
    /// `getZones`.
    Zones,
    /// `getRichRules` of a zone.
    RichRules(Zone),
    /// `addRichRule` or `removeRichRule`.
    Change(Step),
}

/// What a call answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To [`Call::DefaultZone`].
    Zone(Zone),
    /// To [`Call::PanicMode`].
    Panic(bool),
    /// To [`Call::ActiveZones`] and [`Call::Zones`].
    Zones(Vec<Zone>),
    /// To [`Call::RichRules`].
    Rules(Vec<String>),
    /// To [`Call::Change`].
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
}

/// All that [`Call::operation`] can answer.
pub const OPERATIONS: [&str; 7] = [
    "add_rich_rule",
    "get_active_zones",
    "get_default_zone",
    "get_rich_rules",
    "get_zones",
    "query_panic_mode",
    "remove_rich_rule",
];

impl Call {
    /// What it is called in metrics.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        match self {
            Self::DefaultZone => "get_default_zone",
            Self::PanicMode => "query_panic_mode",
            Self::ActiveZones => "get_active_zones",
            Self::Zones => "get_zones",
            Self::RichRules(_) => "get_rich_rules",
            Self::Change(Step::Add(..)) => "add_rich_rule",
            Self::Change(Step::Remove(..) | Step::RemoveStray(..)) => "remove_rich_rule",
        }
    }
}
