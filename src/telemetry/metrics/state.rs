//! How the state database and the configuration fare.

use jiff::SignedDuration;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::scale::{FloatGauge, durations, seconds, unix};
use crate::moment::Moment;

/// The state database's series.
#[derive(Debug)]
pub struct StateMetrics {
    up: Gauge,
    volatile: Gauge,
    damaged: Gauge,
    adopted: Gauge,
    writes: Histogram,
}

/// The configuration's series.
#[derive(Debug)]
pub struct ReloadMetrics {
    successful: Gauge,
    at: FloatGauge,
}

impl StateMetrics {
    pub(super) fn register(to: &mut Registry) -> Self {
        let state = Self {
            up: Gauge::default(),
            volatile: Gauge::default(),
            damaged: Gauge::default(),
            adopted: Gauge::default(),
            writes: durations(),
        };
        to.register(
            "state_up",
            "Whether the last write to the state database succeeded",
            state.up.clone(),
        );
        to.register(
            "bans_volatile",
            "Bans in force that a restart would forget, since they are not stored yet",
            state.volatile.clone(),
        );
        to.register(
            "state_damaged",
            "State databases found damaged, or gone, since the start, and replaced by a new one",
            state.damaged.clone(),
        );
        to.register(
            "bans_adopted",
            "Bans taken up from the firewall at the start: the state database could not tell of them",
            state.adopted.clone(),
        );
        to.register_with_unit(
            "state_write_duration",
            "How long a transaction of the state database took",
            Unit::Seconds,
            state.writes.clone(),
        );
        state
    }

    /// The database was opened, or could not be.
    pub fn opened(&self, ok: bool) {
        self.up.set(ok.into());
    }

    /// It was damaged, or gone, and a new one was begun.
    pub fn damaged(&self) {
        self.damaged.inc();
    }

    /// A ban was taken up from the firewall.
    pub fn adopted(&self) {
        self.adopted.inc();
    }

    /// A transaction ended; one that took no time was not tried.
    pub fn stored(&self, took: SignedDuration, ok: bool) {
        if !took.is_zero() {
            self.writes.observe(seconds(took));
        }
        self.opened(ok);
    }

    /// How many bans are in force and not yet stored.
    pub fn volatile(&self, bans: usize) {
        self.volatile.set(i64::try_from(bans).unwrap_or(i64::MAX));
    }
}

impl ReloadMetrics {
    pub(super) fn register(to: &mut Registry) -> Self {
        let reload = Self { successful: Gauge::default(), at: FloatGauge::default() };
        to.register(
            "config_last_reload_successful",
            "Whether the configuration as it stands was accepted when last read",
            reload.successful.clone(),
        );
        to.register_with_unit(
            "config_last_reload_success_timestamp",
            "When the configuration in force was read, in seconds since 1970",
            Unit::Seconds,
            reload.at.clone(),
        );
        reload
    }

    /// The configuration was read. If it was refused, the old one stays in force.
    pub fn ended(&self, ok: bool, at: Moment) {
        self.successful.set(ok.into());
        if ok {
            self.at.set(unix(at.wall));
        }
    }
}
