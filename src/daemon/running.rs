//! A jail and a source as they run: what decides, with what shows it.

use std::sync::Arc;

use jiff::Timestamp;

use super::breaking::Said;
use crate::config::checked::JailSettings;
use crate::enforcer::order::{Block, Demand};
use crate::jail::ban::{BanKey, JailName};
use crate::jail::{Jail, Policy};
use crate::record::origin::Origin;
use crate::source::Source;
use crate::source::batch::Trouble;
use crate::store::change::Totals;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::metrics::jail::{JailMetrics, Settings};
use crate::telemetry::metrics::source::SourceMetrics;

/// A jail that runs.
pub(super) struct RunningJail {
    pub(super) jail: Jail,
    pub(super) settings: JailSettings,
    /// The filter's lines, as evidence quotes them.
    pub(super) lines: Vec<Arc<str>>,
    pub(super) metrics: JailMetrics,
    /// Since the state database was made.
    pub(super) totals: Totals,
    /// What the log has said of its breaker; none while that is closed.
    pub(super) said: Option<Said>,
    /// Whether the sweep that has begun is through with it.
    pub(super) swept: bool,
}

impl RunningJail {
    /// A jail with nobody in it yet.
    pub(super) fn new(
        settings: JailSettings,
        totals: Totals,
        backend: &str,
        metrics: &Metrics,
    ) -> Self {
        let jail = Jail::new(settings.name.clone(), policy(&settings));
        let metrics = metrics.jail_appears(&settings.name, &shown(&settings, backend));
        let lines = lines(&settings);
        Self { jail, settings, lines, metrics, totals, said: None, swept: false }
    }

    /// Whether bans of another jail count in it as failures do.
    pub(super) fn counts_bans_of(&self, jail: &JailName) -> bool {
        matches!(&self.settings.origin, Origin::Bans(bans) if bans.counts(jail.as_str()))
    }

    /// Whether bans of other jails count when it decides how long one lasts.
    pub(super) fn remembers_all_jails(&self) -> bool {
        self.settings.increment.as_ref().is_some_and(|increment| increment.overalljails)
    }

    /// The name of its filter.
    pub(super) fn filter(&self) -> &str {
        &self.settings.filter.definition.name
    }

    /// Shows how many addresses it counts, and how many it has had to forget.
    pub(super) fn track(&mut self) {
        let forgotten = self.jail.take_forgotten();
        self.metrics.tracking(self.jail.windows().len(), forgotten);
    }

    /// Its name.
    pub(super) fn name(&self) -> &JailName {
        &self.settings.name
    }

    /// Goes by other settings from now on; windows and bans stay.
    pub(super) fn set(&mut self, settings: JailSettings, backend: &str, metrics: &Metrics) {
        self.jail.set_policy(policy(&settings));
        self.metrics = metrics.jail_appears(&settings.name, &shown(&settings, backend));
        self.lines = lines(&settings);
        self.settings = settings;
    }

    /// What the firewall must refuse for a ban of this jail.
    pub(super) fn demand(&self, key: &BanKey) -> Demand {
        let block = Block { address: key.address, scope: self.settings.scope.clone() };
        let until = self.jail.ledger().end(&key.address);
        Demand { key: key.clone(), block, until }
    }
}

pub(super) fn policy(settings: &JailSettings) -> Policy {
    Policy {
        threshold: settings.threshold,
        bantime: settings.bantime,
        ignoreip: settings.ignoreip.clone(),
        ignoreself: settings.ignoreself,
        ignoresessions: settings.ignoresessions,
        trusted_proxies: settings.trusted_proxies.clone(),
        floors: settings.floors,
        max_new_bans: settings.max_new_bans,
        max_addresses: settings.max_addresses,
        increment: settings.increment.clone(),
        dbpurgeage: settings.dbpurgeage,
        ipv6_prefix: settings.ipv6_prefix,
        widen: settings.widen,
        recidive: matches!(settings.origin, Origin::Bans(_)),
    }
}

fn lines(settings: &JailSettings) -> Vec<Arc<str>> {
    settings.filter.lines().into_iter().map(Arc::from).collect()
}

fn shown(settings: &JailSettings, backend: &str) -> Settings {
    Settings {
        patterns: settings.filter.pattern_count(),
        findtime: settings.threshold.findtime(),
        maxretry: settings.threshold.maxretry(),
        bantime: settings.bantime,
        backend: backend.to_owned(),
    }
}

/// A source that runs.
pub(super) struct RunningSource {
    pub(super) source: Source,
    pub(super) metrics: SourceMetrics,
    /// Whether it can be read.
    pub(super) up: bool,
    /// Whether it had read all there was.
    pub(super) caught_up: bool,
    /// Whether it reads what was written while nobody was there, and has not caught up yet.
    pub(super) late: bool,
    /// The newest record's own time.
    pub(super) last_record: Option<Timestamp>,
    /// What is wrong while it cannot be read.
    pub(super) trouble: Option<Trouble>,
}
