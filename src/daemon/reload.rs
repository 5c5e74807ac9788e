//! The configuration read again while everything runs: no ban is lifted, no line is missed.
//!
//! It is read beside the loop, since compiling filters takes time. A configuration with a mistake
//! in it changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::calls::Reply;
use super::event::Event;
use super::running::{RunningJail, RunningSource};
use super::{Daemon, notify};
use crate::config::checked::{Config, JailSettings};
use crate::config::{self, Surroundings};
use crate::control::api::{Answer, Refused, Reloaded};
use crate::enforcer::order::Order;
use crate::jail::Jail;
use crate::jail::ban::{Ban, BanKey, JailName};
use crate::jail::breaker::Recent;
use crate::moment::Moment;
use crate::record::origin::Origin;
use crate::source::batch::SourceName;
use crate::source::{self, Listener, Start};
use crate::telemetry::metrics::reason::Unbanned;
use crate::telemetry::news;

impl Daemon {
    /// Reads the configuration, and comes back with it.
    pub(super) fn read_configuration(&mut self, reply: Option<Reply>) {
        self.reloading.extend(reply);
        notify::reloading();
        let (location, events) = (self.location.clone(), self.events.clone());
        tokio::task::spawn_blocking(move || {
            let read = config::load_from(&location, &Surroundings::default())
                .map(Box::new)
                .map_err(|errors| Refused::Configuration(errors.to_string()));
            // The loop has ended: nobody wants it any more.
            let _ = events.blocking_send(Event::Configuration(read));
        });
    }

    /// The configuration has been read.
    pub(super) fn on_configuration(&mut self, read: Result<Config, Refused>, now: Moment) {
        let result = if self.stopping {
            Err(Refused::Stopping)
        } else {
            read.map(|config| self.apply(config, now))
        };
        if !self.stopping {
            self.metrics.reload.ended(result.is_ok(), now);
            news::reloaded(result.as_ref().err());
            notify::ready(&self.summary());
            self.publish(now);
        }
        for reply in std::mem::take(&mut self.reloading) {
            let _ = reply.send(result.clone().map(Answer::Reloaded));
        }
    }

    /// A line for `systemctl status`.
    pub(super) fn summary(&self) -> String {
        format!("{} jails, {} sources, {}", self.jails.len(), self.sources.len(), self.backend)
    }

    fn apply(&mut self, config: Config, now: Moment) -> Reloaded {
        let mut warnings = self.frozen.differences(&config);
        warnings.extend(config.warnings);
        if self.new_bans.as_ref().map(Recent::rate) != config.max_new_bans {
            self.new_bans = config.max_new_bans.map(Recent::new);
        }
        self.on_stop = config.on_stop;
        if let Some(store) = &self.store {
            store.keep_history(config.history);
        }
        self.remove_jails(&config.jails, now);
        for settings in &config.jails {
            match self.index(&settings.name) {
                Some(index) => self.change_jail(index, settings.clone(), now),
                None => self.add_jail(settings.clone()),
            }
        }
        self.follow(&config.jails, now);
        self.tell_jails();
        self.cutting.announce(&config.jails);
        for warning in &warnings {
            tracing::warn!("{warning}");
        }
        Reloaded { jails: self.jails.len(), warnings }
    }

    /// Tells the enforcer what the jails' bans refuse.
    pub(super) fn tell_jails(&mut self) {
        let jails = self.jails.iter();
        let scopes = jails.map(|jail| (jail.name().clone(), jail.settings.scope.clone()));
        let scopes = scopes.collect();
        self.send(vec![Order::Jails(scopes)]);
    }

    /// Jails that are gone lift their bans: nothing would show them any more.
    fn remove_jails(&mut self, wanted: &[JailSettings], now: Moment) {
        let wanted: BTreeSet<&JailName> = wanted.iter().map(|settings| &settings.name).collect();
        let gone: Vec<JailName> = self
            .jails
            .iter()
            .map(|running| running.name().clone())
            .filter(|name| !wanted.contains(name))
            .collect();
        for name in gone {
            let Some(index) = self.index(&name) else { continue };
            self.lift(index, now, Unbanned::JailRemoved, |_, _| true);
            let running = self.jails.remove(index);
            if running.jail.breaker().open().is_some() {
                self.keeping.breaker(&name, None);
            }
            self.metrics.jail_leaves(&running.metrics);
            self.totals.insert(name, running.totals);
        }
    }

    /// Adds a jail, in its place in the list.
    pub(super) fn add_jail(&mut self, mut settings: JailSettings) {
        settings.dry_run |= self.dry_run;
        let totals = self.totals.get(&settings.name).copied().unwrap_or_default();
        let mut running = RunningJail::new(settings, totals, self.backend, &self.metrics);
        running.jail.set_guards(&self.guards);
        running.jail.seed(self.random.u64(..));
        let place = self.jails.partition_point(|other| other.name() < running.name());
        self.jails.insert(place, running);
    }

    /// Gives a jail other settings. Bans of addresses that it now ignores are lifted, and all of
    /// them once it is a dry run; the others refuse what the new settings say.
    fn change_jail(&mut self, index: usize, mut settings: JailSettings, now: Moment) {
        settings.dry_run |= self.dry_run;
        if self.jails[index].settings.dry_run != settings.dry_run {
            // What it has banned, or would have: that was of the other kind.
            self.lift(index, now, Unbanned::DryRun, |_, _| true);
        }
        let running = &mut self.jails[index];
        let rescoped = running.settings.scope != settings.scope;
        running.set(settings, self.backend, &self.metrics);
        if running.breaker_is_gone() {
            self.keeping.breaker(&running.settings.name, None);
        }
        running.jail.set_guards(&self.guards);
        self.lift(index, now, Unbanned::Allowlist, |jail, key| {
            jail.ignores(&key.address).is_some()
        });
        if rescoped && !self.jails[index].settings.dry_run {
            let running = &self.jails[index];
            let bans = running.jail.ledger().list(now.boot);
            let orders: Vec<Order> =
                bans.into_iter().map(|(ban, _)| Order::Enforce(running.demand(&ban.key))).collect();
            self.send(orders);
        }
    }

    /// Ends the bans of a jail that `which` chooses.
    pub(super) fn lift(
        &mut self,
        index: usize,
        now: Moment,
        reason: Unbanned,
        which: impl Fn(&Jail, &BanKey) -> bool,
    ) {
        let running = &self.jails[index];
        let bans = running.jail.ledger().list(now.boot);
        let lifted: Vec<Ban> = bans
            .into_iter()
            .map(|(ban, _)| ban.clone())
            .filter(|ban| which(&running.jail, &ban.key))
            .collect();
        for ban in lifted {
            self.jails[index].jail.unban(&ban.key.address);
            self.end_ban(&ban, reason, now);
        }
    }

    /// Follows the origins of these jails, and no other. A source that stays goes on where it is.
    pub(super) fn follow(&mut self, jails: &[JailSettings], now: Moment) {
        let mut wanted: BTreeMap<SourceName, (Origin, Vec<&JailSettings>)> = BTreeMap::new();
        let reading = jails.iter().filter(|jail| !matches!(jail.origin, Origin::Bans(_)));
        for settings in reading {
            let name: SourceName = settings.origin.to_string().into();
            let (_, jails) =
                wanted.entry(name).or_insert_with(|| (settings.origin.clone(), Vec::new()));
            jails.push(settings);
        }
        let gone: Vec<SourceName> =
            self.sources.keys().filter(|name| !wanted.contains_key(*name)).cloned().collect();
        for name in gone {
            self.leave(&name);
        }
        for (name, (origin, jails)) in wanted {
            let listeners = jails.iter().map(|settings| listener(settings)).collect();
            match self.sources.get(&name) {
                Some(running) => running.source.set_listeners(listeners),
                None => self.open(name.clone(), origin, listeners, &jails, now),
            }
            if let Some(running) = self.sources.get(&name) {
                let expected = jails.iter().filter_map(|settings| settings.expect_every).min();
                running.metrics.expect_every(expected);
            }
        }
    }

    fn leave(&mut self, name: &SourceName) {
        let Some(running) = self.sources.remove(name) else { return };
        running.source.stop();
        self.metrics.source_leaves(&running.metrics);
    }

    fn open(
        &mut self,
        name: SourceName,
        origin: Origin,
        listeners: Vec<Listener>,
        jails: &[&JailSettings],
        now: Moment,
    ) {
        let Some(messages) = self.messages.clone() else { return };
        let findtime = jails.iter().map(|settings| settings.threshold.findtime()).max();
        let not_before = now.wall.checked_sub(findtime.unwrap_or_default()).unwrap_or(now.wall);
        let from = self.positions.get(&name).cloned();
        let late = from.is_some();
        if !late {
            self.begin_anew(jails);
        }
        let start = Start { from, not_before };
        match source::spawn(origin, listeners, start, super::clock::now, messages) {
            Ok(source) => {
                let metrics = self.metrics.source_appears(&name);
                let running = RunningSource {
                    source,
                    metrics,
                    up: false,
                    caught_up: false,
                    late,
                    last_record: None,
                    trouble: None,
                };
                self.sources.insert(name, running);
            }
            Err(error) => {
                tracing::error!(source = %name, %error, "{name}: cannot start its thread");
            }
        }
    }
}

impl Daemon {
    /// What these jails listen to is read from where their windows begin: what they have counted of
    /// it, by another source's name, is counted again.
    fn begin_anew(&mut self, jails: &[&JailSettings]) {
        for settings in jails {
            if let Some(index) = self.index(&settings.name) {
                self.jails[index].jail.forget_failures();
            }
        }
    }
}

fn listener(settings: &JailSettings) -> Listener {
    Listener {
        jail: settings.name.clone(),
        filter: settings.filter.clone(),
        time_zone: settings.time_zone.clone(),
    }
}
