//! What an earlier run left, taken up at a start.

use super::Daemon;
use crate::config::checked::Config;
use crate::enforcer::order::Demand;
use crate::jail::ban::BanKey;
use crate::moment::Moment;
use crate::store::change::{Ended, Saved, Window};
use crate::telemetry::lines;

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
        let mut desired = Vec::new();
        for ban in saved.bans {
            let key = ban.key.clone();
            let Some(index) = self.index(&key.jail) else {
                self.forget(key, "jail_removed", now);
                continue;
            };
            let running = &mut self.jails[index];
            if !running.jail.restore(ban.clone(), now) {
                let forbidden = running.jail.forbids(&ban);
                self.forget(key, if forbidden { "allowlist" } else { "expired" }, now);
                continue;
            }
            running.metrics.restored();
            lines::restored(&key.jail, &key.address);
            desired.push(running.demand(&key));
            self.standings.want(key.clone(), None);
            self.show_bans(&key);
        }
        desired
    }

    /// Takes up the failures counted so far.
    fn take_up_windows(&mut self, windows: Vec<Window>) {
        for Window { jail, address, times } in windows {
            match self.index(&jail) {
                Some(index) => self.jails[index].jail.restore_window(address, &times),
                None => self.orphans.push(Window { jail, address, times: Vec::new() }),
            }
        }
    }

    /// Ends a ban that ran out, or was forbidden, while nobody watched. Its rules go when the
    /// enforcer compares what is with what should be.
    fn forget(&mut self, key: BanKey, reason: &'static str, now: Moment) {
        lines::unbanned(&key.jail, &key.address);
        self.keeping.ended(Ended { key, at: now.wall, reason }, None);
    }
}
