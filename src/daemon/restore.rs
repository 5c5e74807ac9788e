//! What an earlier run left, taken up at a start.

use super::Daemon;
use super::running::RunningJail;
use crate::config::checked::Config;
use crate::enforcer::order::Demand;
use crate::jail::ban::Ban;
use crate::jail::windows::Kept;
use crate::moment::Moment;
use crate::store::change::{Ended, Saved, Window};
use crate::telemetry::lines;
use crate::telemetry::metrics::reason::{Unbanned, Withheld};

impl Daemon {
    /// Makes the jails, and puts into them what an earlier run left. Returns the bans that
    /// should still be in force, for the enforcer.
    pub(super) fn take_up(&mut self, config: &Config, saved: Saved, now: Moment) -> Vec<Demand> {
        self.positions = saved.positions.into_iter().collect();
        self.totals = saved.totals.into_iter().collect();
        for settings in &config.jails {
            self.add_jail(settings.clone());
        }
        self.take_up_windows(saved.windows);
        self.take_up_past(&saved.past, &saved.bans);
        self.take_up_breakers(saved.breakers, now);
        let mut desired = Vec::new();
        for ban in saved.bans {
            let key = ban.key.clone();
            let Some(index) = self.index(&key.jail) else {
                self.forget(&ban, "jail_removed", now);
                continue;
            };
            let running = &mut self.jails[index];
            let over = ban.until().is_some_and(|until| until <= now.wall);
            if let Some(reason) = withheld(running, &ban).filter(|_| !over) {
                running.metrics.withheld(reason);
                self.forget(&ban, reason.word(), now);
                continue;
            }
            if over || !running.jail.restore(ban.clone(), now) {
                self.forget(&ban, Unbanned::Expired.word(), now);
                continue;
            }
            running.metrics.restored();
            self.telling.remember(&ban.key, ban.trace);
            self.ration.log(now.boot, || lines::restored(&ban));
            desired.push(running.demand(&key));
            self.standings.want(key.clone(), None);
            self.show_bans(&key);
        }
        desired
    }

    /// Takes up the failures counted so far.
    fn take_up_windows(&mut self, windows: Vec<Window>) {
        for Window { jail, kept } in windows {
            match self.index(&jail) {
                Some(index) => self.jails[index].jail.restore_window(&kept),
                None => self.orphans.push(Window { jail, kept: Kept::none(kept.address) }),
            }
        }
    }

    /// Ends a ban that ran out, or was forbidden, while nobody watched. Its rules go when the
    /// enforcer compares what is with what should be.
    pub(super) fn forget(&mut self, ban: &Ban, reason: &'static str, now: Moment) {
        self.ration.log(now.boot, || lines::unbanned(ban));
        self.keeping.ended(Ended { key: ban.key.clone(), at: now.wall, reason }, None);
    }
}

/// Why a ban of an earlier run must not be taken up, if so.
pub(super) fn withheld(running: &RunningJail, ban: &Ban) -> Option<Withheld> {
    if running.settings.dry_run {
        return Some(Withheld::DryRun);
    }
    let ignored = running.jail.ignores(&ban.key.address).map(Withheld::from);
    ignored.or(running.jail.forbids(ban).then_some(Withheld::Guard))
}
