//! Closing the live connections of whom a jail with `cut_established` bans: once the firewall has
//! confirmed the ban, and for new bans only.

use std::collections::HashSet;

use tokio::sync::mpsc;

use super::Daemon;
use super::event::Event;
use crate::config::checked::JailSettings;
use crate::enforcer::cut::{self, Cut, Cutter, News, Reason};
use crate::jail::ban::BanKey;
use crate::telemetry::news;

/// The thread that does it, and the bans it is to hear of.
pub(super) struct Cutting {
    /// Started when first needed.
    cutter: Option<Cutter>,
    /// New bans that are not confirmed yet.
    due: HashSet<BanKey>,
    /// Whether the operator has been told that it cannot be done; once is enough, loudly.
    told: bool,
    events: mpsc::Sender<Event>,
}

impl Cutting {
    pub(super) fn new(events: mpsc::Sender<Event>) -> Self {
        Self { cutter: None, due: HashSet::new(), told: false, events }
    }

    /// A ban has begun, whose connections are to be closed.
    pub(super) fn begin(&mut self, key: &BanKey) {
        self.due.insert(key.clone());
    }

    /// A ban has ended.
    pub(super) fn end(&mut self, key: &BanKey) {
        self.due.remove(key);
    }

    /// Whether a ban's connections wait for its confirmation.
    #[cfg(test)]
    pub(super) fn is_due(&self, key: &BanKey) -> bool {
        self.due.contains(key)
    }

    /// Says at once, not at the first ban, that these jails ask for what gaoler may not do.
    pub(super) fn announce(&mut self, jails: &[JailSettings]) {
        let asked = jails.iter().any(|settings| settings.cut_established);
        if asked && cut::is_permitted() == Some(false) && !self.told {
            self.told = true;
            news::cannot_cut(Reason::Permission, "gaoler lacks CAP_NET_ADMIN");
        }
    }

    /// Hands a confirmed ban over. Returns whether there is somebody to take it.
    fn hand_over(&mut self, ban: Cut) -> bool {
        if self.cutter.is_none() {
            let events = self.events.clone();
            // The loop has ended: nobody wants to know any more.
            let tell = move |news| drop(events.blocking_send(Event::Cut(news)));
            match Cutter::spawn(tell) {
                Ok(cutter) => self.cutter = Some(cutter),
                Err(error) => tracing::error!(%error, "cannot start the thread that cuts"),
            }
        }
        self.cutter.as_ref().is_some_and(|cutter| cutter.cut(ban))
    }
}

impl Daemon {
    /// The firewall has confirmed a ban.
    pub(super) fn cut(&mut self, key: &BanKey) {
        if !self.cutting.due.remove(key) {
            return;
        }
        let Some(index) = self.index(&key.jail) else { return };
        let scope = self.jails[index].settings.scope.clone();
        let ban = Cut { jail: key.jail.clone(), address: key.address, scope };
        if !self.cutting.hand_over(ban) {
            let why = "too many bans at once".to_owned();
            self.on_cut(News::Failed { reason: Reason::Overflow, why });
        }
    }

    /// Connections were closed, or could not be.
    pub(super) fn on_cut(&mut self, news: News) {
        match news {
            News::Closed { jail, sockets, flows } => {
                if let Some(index) = self.index(&jail) {
                    self.jails[index].metrics.cut(sockets, flows);
                }
                news::cut(&jail, sockets, flows);
            }
            News::Failed { reason, why } => {
                self.metrics.cut_failed(reason);
                if std::mem::replace(&mut self.cutting.told, true) {
                    tracing::debug!(reason = reason.word(), "connections are not cut: {why}");
                } else {
                    news::cannot_cut(reason, &why);
                }
            }
        }
    }
}
