//! What the daemon shows of itself: to the commands, and to the pages.

use jiff::SignedDuration;

use super::Daemon;
use super::running::RunningJail;
use crate::control::api::{
    ActionsStatus, BanStatus, Banned, BreakerStatus, CoverageStatus, EnforcementStatus,
    FilterStatus, JailStatus, OriginStatus, Refused, SourceStatus, Status,
};
use crate::enforcer::order::{Condition, Coverage};
use crate::jail::ban::{Ban, BanKey, show};
use crate::jail::breaker::Open;
use crate::moment::Moment;
use crate::record::origin::Origin;
use crate::telemetry::news;
use crate::telemetry::overview::{Overview, words};

impl Daemon {
    /// For `gaoler status`.
    pub(super) fn status(&mut self, now: Moment) -> Status {
        while !self.sweep(now) {}
        let jails = self.jails.iter().map(|running| self.jail_status(running, now)).collect();
        Status { jails, ..self.standing() }
    }

    /// How everything is, but for addresses: what the pages may always show.
    fn standing(&self) -> Status {
        Status {
            version: self.metrics.version().to_owned(),
            enforcement: EnforcementStatus {
                backend: self.backend.to_owned(),
                up: self.condition == Condition::Ready,
                condition: self.condition_in_words().to_owned(),
                coverage: self.coverage.as_ref().map(coverage),
            },
            sources: self
                .sources
                .iter()
                .map(|(name, running)| SourceStatus {
                    name: name.to_string(),
                    up: running.up,
                    caught_up: running.caught_up,
                    last_record: running.last_record,
                    trouble: running.trouble.as_ref().map(|trouble| trouble.detail.clone()),
                })
                .collect(),
            jails: self.jails.iter().map(|running| self.numbers(running)).collect(),
        }
    }

    /// For `gaoler banned`.
    pub(super) fn banned(&self, jail: Option<&str>, now: Moment) -> Result<Banned, Refused> {
        let jails = match jail {
            Some(jail) => std::slice::from_ref(&self.jails[self.find(jail)?]),
            None => &self.jails[..],
        };
        let bans = jails.iter().flat_map(|running| self.bans_of(running, now)).collect();
        Ok(Banned { bans })
    }

    /// Tells the pages how everything is.
    pub(super) fn publish(&mut self, now: Moment) {
        self.overview_due = None;
        let _ = self.sweep(now);
        news::more_bans(self.ration.take_kept_back());
        news::more_overruns(self.overruns.take_kept_back());
        self.overview.send_replace(Overview {
            started: !self.stopping,
            firewall: self.enforces().then(|| self.condition.clone()),
            state_ok: self.store_up,
            status: self.standing(),
            verdicts: self.recent.newest_first().cloned().collect(),
        });
    }

    /// Whether there is a firewall to enforce bans.
    pub(super) fn enforces(&self) -> bool {
        self.backend != "none"
    }

    fn state_of(&self, key: &BanKey) -> &'static str {
        match self.standings.state(key) {
            _ if !self.enforces() && !self.is_dry(&key.jail) => "watched",
            Some(state) => state.as_str(),
            None if self.is_dry(&key.jail) => "dry_run",
            None => "pending",
        }
    }

    fn condition_in_words(&self) -> &str {
        if self.dry_run {
            "dry run: nobody is banned"
        } else if !self.enforces() {
            "watching only, as `enforcement.backend: none` says"
        } else {
            words(&self.condition)
        }
    }

    /// A jail without the lists of its addresses.
    fn numbers(&self, running: &RunningJail) -> JailStatus {
        let dry_run = running.settings.dry_run;
        let counts = self.standings.counts(running.name());
        let enforced = counts.enforced.iter().map(|&enforced| u64::from(enforced)).sum();
        let banned = if dry_run { 0 } else { running.jail.ledger().len() as u64 };
        JailStatus {
            name: running.name().to_string(),
            filter: FilterStatus {
                currently_failed: running.jail.windows().len() as u64,
                total_failed: running.totals.failed,
                origin: match &running.settings.origin {
                    Origin::Journal(journal) => {
                        OriginStatus::JournalMatches(journal.matches.to_string())
                    }
                    Origin::Files(files) => OriginStatus::FileList(files.patterns.clone()),
                    Origin::Bans(bans) => OriginStatus::Bans(bans.to_string()),
                },
            },
            actions: ActionsStatus {
                currently_banned: banned,
                total_banned: running.totals.banned,
                enforced,
                pending: if self.enforces() { banned.saturating_sub(enforced) } else { 0 },
                banned: Vec::new(),
                would_ban: Vec::new(),
            },
            dry_run,
            breaker: running
                .jail
                .breaker()
                .open()
                .map(|Open { since, withheld }| BreakerStatus { since, withheld }),
        }
    }

    fn jail_status(&self, running: &RunningJail, now: Moment) -> JailStatus {
        let mut status = self.numbers(running);
        let bans = running.jail.ledger().list(now.boot);
        let listed = bans.iter().map(|(ban, _)| show(&ban.key.address)).collect();
        if status.dry_run {
            status.actions.would_ban = listed;
        } else {
            status.actions.banned = listed;
        }
        status
    }

    fn bans_of(&self, running: &RunningJail, now: Moment) -> Vec<BanStatus> {
        let bans = running.jail.ledger().list(now.boot).into_iter();
        bans.map(|(ban, left)| self.ban_status(ban, left, now)).collect()
    }

    /// One ban that has this much time left; for ever when `None`.
    pub(super) fn ban_status(
        &self,
        ban: &Ban,
        left: Option<SignedDuration>,
        now: Moment,
    ) -> BanStatus {
        BanStatus {
            address: show(&ban.key.address),
            jail: ban.key.jail.to_string(),
            origin: ban.origin,
            since: ban.since,
            until: left.and_then(|left| now.wall.checked_add(left).ok()),
            failures: ban.failures,
            state: self.state_of(&ban.key).to_owned(),
            trace_id: Some(ban.trace),
        }
    }
}

fn coverage(coverage: &Coverage) -> CoverageStatus {
    CoverageStatus {
        mode: coverage.mode.to_owned(),
        established: coverage.established,
        forwarded: coverage.forwarded,
        published: coverage.published,
        unprovisioned: coverage.unprovisioned.iter().map(ToString::to_string).collect(),
        summary: coverage.to_string(),
    }
}
