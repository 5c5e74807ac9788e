//! What one ban means for others: the next of its address may be longer (`bantime.increment`), and
//! jails for those who come again count it (`filter: recidive`).

use jiff::Timestamp;

use super::evidence::exhibit_of;
use super::judge::{counted, log};
use super::telling::Cause;
use super::{Daemon, recent};
use crate::failure::Failure;
use crate::jail::Verdict;
use crate::jail::ban::{Ban, BanKey};
use crate::moment::Moment;
use crate::source::batch::Finding;
use crate::source::excerpt::Excerpt;
use crate::store::change::Past;
use crate::telemetry::metrics::jail::Heard;

impl Daemon {
    /// Notes a ban that began, wherever it will count.
    pub(super) fn remember(&mut self, ban: &Ban) {
        self.note(&ban.key, 1, ban.until().unwrap_or(Timestamp::MAX));
    }

    /// Notes the bans of an earlier run, those that have ended and those that go on.
    pub(super) fn take_up_past(&mut self, past: &[Past], bans: &[Ban]) {
        for Past { key, bans, until, trace } in past {
            self.note(key, *bans, *until);
            if let Some(trace) = trace {
                self.telling.remember(key, *trace);
            }
        }
        for ban in bans {
            self.remember(ban);
        }
    }

    fn note(&mut self, key: &BanKey, bans: u32, until: Timestamp) {
        for running in &mut self.jails {
            if *running.name() == key.jail || running.remembers_all_jails() {
                running.jail.remember(&key.address, bans, until);
            }
        }
    }

    /// An operator has lifted a ban: it counts no more.
    pub(super) fn forgive(&mut self, key: &BanKey) {
        for running in &mut self.jails {
            if *running.name() == key.jail || running.remembers_all_jails() {
                running.jail.forgive(&key.address);
            }
        }
    }

    /// Counts a ban in the jails that count bans. What comes of it is committed with the ban.
    pub(super) fn count_ban(&mut self, ban: &Ban, now: Moment) {
        let address = ban.key.address;
        let failure = Failure { address: address.addr(), time: now.wall };
        let text = Excerpt::default();
        let finding = Finding { listener: 0, pattern: 0, failure, read: now, text, user: None };
        for index in 0..self.jails.len() {
            let running = &mut self.jails[index];
            if !running.counts_bans_of(&ban.key.jail) {
                continue;
            }
            let first = running.jail.first_failure(address, now.wall).unwrap_or(now.wall);
            let verdict = running.jail.on_ban_elsewhere(&address, now);
            self.telling.found(running.name(), running.filter(), &finding, &verdict, None);
            let mut heard = Heard::default();
            heard.note(finding.pattern, &verdict);
            log(running, &finding, &verdict, &self.zone);
            if let Some(trace) = counted(&verdict) {
                let until = now.boot.after(running.settings.threshold.findtime());
                self.evidence.note(trace, exhibit_of(ban), until);
            }
            let tripped = running.trips(&verdict, self.new_bans.as_mut(), now);
            self.recent.extend(recent::on_failure(running, address, &verdict, now.wall));
            self.heard(index, &heard, now);
            if tripped {
                self.tripped(index, now);
            }
            if let Verdict::Banned(ban) = verdict {
                self.begin_ban(&ban, Some(Cause { read: now, first }), now);
            }
        }
    }
}
