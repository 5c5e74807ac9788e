//! The end: what has been read is judged and kept, what was ordered is done; bans stay, unless
//! `on_stop` says otherwise.

use std::collections::HashSet;
use std::time::Duration;

use tokio::sync::mpsc::Receiver;

use super::event::Event;
use super::{Daemon, clock, notify};
use crate::config::checked::OnStop;
use crate::enforcer::order::{Condition, Order, Report};
use crate::jail::ban::BanKey;

/// How long it may take to leave nothing in the firewall. A rich rule takes some 10 ms; the unit's
/// `TimeoutStopSec` is longer.
const WITHDRAWAL: Duration = Duration::from_secs(40);

impl Daemon {
    /// Ends the sources. What they have read still comes; the last of them closes the channel.
    pub(super) fn begin_stop(&mut self) {
        if self.stopping {
            return;
        }
        self.stopping = true;
        notify::stopping();
        match self.on_stop {
            OnStop::Keep => tracing::info!("stopping: bans stay in force"),
            OnStop::Remove => tracing::info!("stopping: bans are taken out of the firewall"),
        }
        self.messages = None;
        for running in self.sources.values() {
            running.source.stop();
        }
    }

    /// Whether nothing is left to be kept or ordered.
    pub(super) fn is_drained(&self) -> bool {
        self.keeping.is_idle()
    }

    /// Takes all bans out of the firewall. The store keeps them, so that a start puts them back.
    pub(super) async fn withdraw(&mut self, reports: &mut Receiver<Report>) {
        if self.enforces() && self.condition != Condition::Ready {
            tracing::warn!("the firewall does not answer: what it still holds of ours stays there");
            return;
        }
        let mut left: HashSet<BanKey> = self
            .jails
            .iter()
            .filter(|running| !running.settings.dry_run)
            .flat_map(|running| running.jail.ledger().list(clock::now().boot))
            .map(|(ban, _)| ban.key.clone())
            .collect();
        self.send(left.iter().cloned().map(Order::Release).collect());
        let withdrawn = tokio::time::timeout(WITHDRAWAL, async {
            while !left.is_empty()
                && let Some(report) = reports.recv().await
            {
                if let Report::Released { key } = &report {
                    left.remove(key);
                }
                self.on_event(Event::Firewall(report), clock::now());
            }
        });
        if withdrawn.await.is_err() {
            tracing::warn!("{} bans could not be taken out of the firewall in time", left.len());
        }
    }
}
