//! What becomes of the bans of earlier runs while the store cannot tell of them.
//!
//! Then the firewall remembers for it: the enforcer spares what it finds of ours, and says whom it
//! refuses. Such a ban is taken up for its jail's bantime from now, since nobody knows its end. Once
//! the store can be read after all, what it says counts; and once nothing more is to come, what is
//! left in the firewall and wanted by nobody goes.

use std::collections::HashSet;

use ipnet::IpNet;
use jiff::SignedDuration;

use super::Daemon;
use crate::enforcer::order::Order;
use crate::jail::Jail;
use crate::jail::ban::{Ban, BanKey, BanOrigin, JailName};
use crate::moment::Moment;
use crate::store::Loss;
use crate::store::change::{Saved, Totals};
use crate::store::heritage::{Heritage, Memory};
use crate::telemetry::metrics::reason::Unbanned;
use crate::telemetry::{lines, news};

/// How far the bans of earlier runs are known.
#[derive(Debug, Default)]
pub(super) struct Rebuilding {
    memory: Memory,
    /// Taken up from the firewall; their ends are guesses.
    adopted: HashSet<BanKey>,
    /// Ended while the store could not be read: what it says of them then is over.
    ended: HashSet<BanKey>,
    /// Whether the enforcer has said all that it found.
    told: bool,
}

impl Rebuilding {
    /// Whether the enforcer is to spare what it finds.
    pub(super) fn spares(&self) -> bool {
        self.memory != Memory::Whole
    }

    /// A ban is over; the store may not know when it can be read.
    pub(super) fn ended(&mut self, key: &BanKey) {
        if self.memory == Memory::Unread {
            self.ended.insert(key.clone());
        }
    }
}

impl Daemon {
    /// Says how the store fares at the start.
    pub(super) fn inherit(&mut self, heritage: &Heritage) {
        self.rebuilding.memory = heritage.memory;
        let Some(trouble) = &heritage.trouble else { return };
        let why = trouble.to_string();
        if heritage.memory == Memory::Lost {
            self.metrics.state.damaged();
            news::state_lost(&why, heritage.aside.as_deref());
        } else {
            self.store_up = false;
            self.metrics.state.opened(false);
            news::store(Some(&why));
        }
    }

    /// The firewall refuses an address on our behalf, and nobody knows since when: any of these jails
    /// may have banned it. The one that bans for longest takes it.
    pub(super) fn on_found(
        &mut self,
        address: IpNet,
        jails: &[JailName],
        left: Option<SignedDuration>,
        now: Moment,
    ) {
        if !self.rebuilding.spares() || self.rebuilding.told {
            return;
        }
        let indices = jails.iter().filter_map(|jail| self.index(jail));
        let indices = indices.filter(|&index| !self.jails[index].settings.dry_run);
        let longest = |&index: &usize| {
            let bantime = self.jails[index].settings.bantime;
            (bantime.is_none(), bantime)
        };
        let Some(index) = indices.max_by_key(longest) else { return };
        let running = &mut self.jails[index];
        let ban = adopted(&mut running.jail, address, left, now);
        if !running.jail.restore(ban.clone(), now) {
            // Nobody may refuse it: neither does the rule that was found.
            let key = ban.key;
            let release = Order::Release(key.clone());
            let orders = vec![Order::Enforce(running.demand(&key)), release];
            self.send(orders);
            return;
        }
        running.metrics.restored();
        let order = Order::Enforce(running.demand(&ban.key));
        self.ration.log(now.boot, || lines::restored(&ban));
        self.rebuilding.adopted.insert(ban.key.clone());
        self.metrics.state.adopted();
        self.remember(&ban);
        self.telling.remember(&ban.key, ban.trace);
        self.standings.want(ban.key.clone(), None);
        self.show_bans(&ban.key);
        self.keeping.again(ban, now.boot);
        // It is in force; nothing has to be durable before that.
        self.send(vec![order]);
        self.changed(now);
    }

    /// The enforcer has said all that it found.
    pub(super) fn on_found_all(&mut self) {
        if !self.rebuilding.told {
            self.rebuilding.told = true;
            news::adopted(self.rebuilding.adopted.len());
        }
        self.spare_no_more();
    }

    /// What the store held is lost: everything is handed over again.
    pub(super) fn on_anew(&mut self, loss: &Loss, now: Moment) {
        self.metrics.state.damaged();
        news::state_lost(&loss.why, loss.aside.as_deref());
        if self.rebuilding.memory == Memory::Unread {
            self.rebuilding.memory = Memory::Lost;
            self.spare_no_more();
        }
        self.keeping.forget_totals();
        for (source, position) in self.positions.clone() {
            self.keeping.read(&source, position, now.boot);
        }
        let totals = self.jails.iter().map(|it| (it.name().clone(), it.totals));
        let totals: Vec<(JailName, Totals)> = totals.chain(self.totals.clone()).collect();
        for (jail, totals) in totals {
            self.keeping.count(&jail, totals, now.boot);
        }
        for running in &self.jails {
            if let Some(open) = running.jail.breaker().open() {
                self.keeping.breaker(running.name(), Some(open.since));
            }
            let bans = running.jail.ledger().list(now.boot);
            for (ban, _) in bans.into_iter().filter(|_| !running.settings.dry_run) {
                self.keeping.again(ban.clone(), now.boot);
            }
        }
        self.retell_windows();
    }

    /// All failure windows are to be committed again.
    pub(super) fn retell_windows(&mut self) {
        for running in &mut self.jails {
            running.jail.retell_windows();
        }
    }

    /// The store can be read at last. What it knows counts for more than what the firewall shows.
    pub(super) fn on_read(&mut self, saved: Saved, memory: Memory, now: Moment) {
        for (source, position) in saved.positions {
            self.positions.entry(source).or_insert(position);
        }
        for (jail, Totals { failed, banned }) in saved.totals {
            let totals = match self.index(&jail) {
                Some(index) => &mut self.jails[index].totals,
                None => self.totals.entry(jail).or_default(),
            };
            totals.failed = totals.failed.saturating_add(failed);
            totals.banned = totals.banned.saturating_add(banned);
        }
        self.take_up_past(&saved.past, &saved.bans);
        self.take_up_breakers(saved.breakers, now);
        for ban in saved.bans {
            self.take_up_late(ban, now);
        }
        self.rebuilding.memory = memory;
        self.rebuilding.ended.clear();
        self.spare_no_more();
        self.changed(now);
    }

    /// Takes up a ban that the store told of late.
    fn take_up_late(&mut self, ban: Ban, now: Moment) {
        let key = ban.key.clone();
        let Some(index) = self.index(&key.jail) else {
            return self.forget(&ban, "jail_removed", now);
        };
        let running = &mut self.jails[index];
        let known = running.jail.ledger().get(&key.address).is_some();
        if known && !self.rebuilding.adopted.contains(&key) {
            return; // Banned anew since; that stands.
        }
        if !known && self.rebuilding.ended.contains(&key) {
            return; // Lifted since; the store is told of that, too.
        }
        let over = ban.until().is_some_and(|until| until <= now.wall);
        let withheld = super::restore::withheld(running, &ban).filter(|_| !over);
        if over || withheld.is_some() {
            let reason = if over { Unbanned::Expired } else { Unbanned::Guard };
            match running.jail.unban(&key.address).filter(|_| known) {
                Some(adopted) => self.end_ban(&adopted, reason, now),
                None => self.forget(&ban, reason.word(), now),
            }
            return;
        }
        running.jail.restore(ban.clone(), now);
        let order = Order::Enforce(running.demand(&key));
        if !known {
            running.metrics.restored();
            self.telling.remember(&key, ban.trace);
            self.ration.log(now.boot, || lines::restored(&ban));
            self.standings.want(key.clone(), None);
            self.show_bans(&key);
        }
        self.keeping.again(ban, now.boot);
        self.send(vec![order]);
    }

    /// Lets the enforcer remove what nobody wants, once nothing more is to come.
    fn spare_no_more(&mut self) {
        if self.rebuilding.told && self.rebuilding.memory != Memory::Unread {
            self.rebuilding.memory = Memory::Whole;
            self.send(vec![Order::Clear]);
        }
    }
}

/// The ban that somebody must have begun, as if it were now.
fn adopted(jail: &mut Jail, address: IpNet, left: Option<SignedDuration>, now: Moment) -> Ban {
    Ban {
        key: BanKey { jail: jail.name().clone(), address },
        origin: BanOrigin::Detected,
        since: now.wall,
        bantime: left.or(jail.policy().bantime),
        failures: 0,
        trace: jail.new_trace(),
    }
}
