//! How a ban begins and ends, whoever decided.

use super::evidence::exhibit_of;
use super::running::RunningJail;
use super::telling::Cause;
use super::{Daemon, recent};
use crate::enforcer::order::Order;
use crate::jail::ban::{Ban, BanKey, BanOrigin, JailName};
use crate::moment::Moment;
use crate::store::change::{Ended, Totals};
use crate::telemetry::lines;
use crate::telemetry::metrics::jail::PerFamily;
use crate::telemetry::metrics::reason::{Unbanned, Withheld};
use crate::telemetry::verdicts::Word;

/// How many bans there are at most, of all jails together: as many as any firewall takes. Each costs
/// about a kilobyte, in all that knows of it.
const MOST_BANS: usize = 1_000_000;

impl Daemon {
    /// A jail has banned, or an operator did; `cause` is what led the jail to it.
    pub(super) fn begin_ban(&mut self, ban: &Ban, cause: Option<Cause>, now: Moment) {
        let Some(index) = self.index(&ban.key.jail) else { return };
        self.make_room(now);
        let running = &mut self.jails[index];
        if running.jail.ledger().get(&ban.key.address).is_none() {
            return; // It would end first itself.
        }
        self.evidence.keep(ban.trace, running.jail.ledger().end(&ban.key.address));
        if running.settings.dry_run {
            running.metrics.withheld(Withheld::DryRun);
            self.ration.log(now.boot, || lines::would_ban(ban));
            let reason = Withheld::DryRun.word();
            let said = recent::of_ban(running, ban, Word::Withheld, reason, now.wall);
            self.recent.add(said);
            return;
        }
        // Banned by hand once more: the ban has another end, and is none the more.
        let is_new = self.standings.state(&ban.key).is_none();
        if is_new {
            running.metrics.banned(ban.origin, self.telling.traced(ban.trace, now));
            running.totals.banned += 1;
            self.keeping.count(&ban.key.jail, Totals { failed: 0, banned: 1 }, now.boot);
        }
        self.ration.log(now.boot, || lines::banned(ban));
        let reason = ban.origin.as_str();
        self.recent.add(recent::of_ban(running, ban, Word::Banned, reason, now.wall));
        let order = Order::Enforce(running.demand(&ban.key));
        if running.settings.cut_established {
            self.cutting.begin(&ban.key);
        }
        let detected = cause.filter(|_| ban.origin == BanOrigin::Detected);
        self.standings.want(ban.key.clone(), detected.map(|cause| cause.read));
        let evidence = self.evidence.of(ban.trace);
        self.telling.began(ban, self.jails[index].filter(), &evidence, cause, now);
        self.show_bans(&ban.key);
        self.keeping.began(ban.clone(), evidence, order);
        self.changed(now);
        if is_new {
            self.remember(ban);
            self.widen(ban, detected, now);
            self.count_ban(ban, now);
        }
    }

    /// Bans the network around a ban as well, if enough of it is banned now.
    fn widen(&mut self, ban: &Ban, cause: Option<Cause>, now: Moment) {
        let Some(index) = self.index(&ban.key.jail) else { return };
        if ban.origin == BanOrigin::Detected
            && let Some(wide) = self.jails[index].jail.widen(&ban.key.address, now)
        {
            let members = self.jails[index].jail.ledger().within(&wide.key.address);
            for member in members.filter(|member| member.trace != wide.trace) {
                self.evidence.note(wide.trace, exhibit_of(member), now.boot);
            }
            self.begin_ban(&wide, cause, now);
        }
    }

    /// A ban has left its jail's ledger.
    pub(super) fn end_ban(&mut self, ban: &Ban, reason: Unbanned, now: Moment) {
        let key = &ban.key;
        self.evidence.drop(ban.trace);
        if self.is_dry(&key.jail) {
            self.ration.log(now.boot, || lines::would_unban(ban));
            return;
        }
        self.rebuilding.ended(key);
        self.standings.drop(key);
        self.cutting.end(key);
        self.show_bans(key);
        if let Some(index) = self.index(&key.jail) {
            self.jails[index].metrics.unbanned(reason);
            let running = &self.jails[index];
            let said = recent::of_ban(running, ban, Word::Unbanned, reason.word(), now.wall);
            self.recent.add(said);
        }
        self.ration.log(now.boot, || lines::unbanned(ban));
        self.telling.ended(ban, reason.word(), now);
        let ended = Ended { key: key.clone(), at: now.wall, reason: reason.word() };
        self.keeping.ended(ended, Some(Order::Release(key.clone())));
        self.changed(now);
    }

    /// Past so many bans, the one goes that would end first, of the jail that has the most.
    fn make_room(&mut self, now: Moment) {
        let bans = |running: &RunningJail| running.jail.ledger().len();
        if self.jails.iter().map(bans).sum::<usize>() <= MOST_BANS {
            return;
        }
        let fullest = self.jails.iter_mut().max_by_key(|running| bans(running));
        if let Some(ban) = fullest.and_then(|running| running.jail.evict()) {
            self.end_ban(&ban, Unbanned::Capacity, now);
        }
    }

    /// Ends the bans whose time is over.
    pub(super) fn release_expired(&mut self, now: Moment) {
        let expired: Vec<Ban> =
            self.jails.iter_mut().flat_map(|running| running.jail.release_expired(now)).collect();
        for ban in expired {
            self.end_ban(&ban, Unbanned::Expired, now);
        }
    }

    /// Whether a jail bans nobody: its ledger says whom it would.
    pub(super) fn is_dry(&self, jail: &JailName) -> bool {
        self.index(jail).is_some_and(|index| self.jails[index].settings.dry_run)
    }

    /// Shows how many bans a jail has, and how many of them are in force.
    pub(super) fn show_bans(&self, key: &BanKey) {
        let Some(index) = self.index(&key.jail) else { return };
        let counts = self.standings.counts(&key.jail);
        let families = |[ipv4, ipv6]: [u32; 2]| PerFamily { ipv4, ipv6 };
        self.jails[index].metrics.set_bans(families(counts.desired), families(counts.enforced));
    }
}
