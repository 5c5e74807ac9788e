//! Breakers that open, stay open, and are closed by an operator.

use jiff::{SignedDuration, Timestamp};

use super::Daemon;
use super::running::RunningJail;
use crate::control::api::{Refused, Resumed};
use crate::jail::Verdict;
use crate::jail::ban::JailName;
use crate::jail::breaker::Recent;
use crate::moment::{Boot, Moment};
use crate::telemetry::news;

/// How often the log says that a breaker is still open, while it holds bans back.
const REMINDER: SignedDuration = SignedDuration::from_mins(10);

/// What the log has said of an open breaker.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    at: Boot,
    withheld: u64,
}

impl Daemon {
    /// A jail's breaker has opened: says so, and keeps it for a restart.
    pub(super) fn tripped(&mut self, index: usize, now: Moment) {
        let running = &mut self.jails[index];
        let Some(open) = running.jail.breaker().open() else { return };
        running.said = Some(Said { at: now.boot, withheld: open.withheld });
        running.metrics.breaker(true);
        // The ban that is one too many of all jails together still begins.
        let in_all = open.withheld == 0;
        let own = running.jail.breaker().limit();
        let limit = if in_all { self.new_bans.as_ref().map(Recent::rate) } else { own };
        news::breaker_opened(running.name(), limit, in_all);
        self.keeping.breaker(&running.settings.name, Some(open.since));
        self.changed(now);
    }

    /// An operator has looked: the jail bans again.
    pub(super) fn resume(&mut self, jail: &str, now: Moment) -> Result<Resumed, Refused> {
        let index = self.find(jail)?;
        let running = &mut self.jails[index];
        let was = running.jail.resume();
        let name = running.name().to_string();
        if let Some(open) = was {
            running.said = None;
            running.metrics.breaker(false);
            news::breaker_closed(&running.settings.name, open.withheld);
            self.keeping.breaker(&running.settings.name, None);
            self.changed(now);
        }
        Ok(Resumed { jail: name, was_open: was.is_some(), withheld: was.map_or(0, |o| o.withheld) })
    }

    /// Opens the breakers that were open when an earlier run ended.
    pub(super) fn take_up_breakers(&mut self, open: Vec<(JailName, Timestamp)>, now: Moment) {
        for (jail, since) in open {
            let index = self.index(&jail);
            if !index.is_some_and(|index| self.jails[index].jail.trip(since)) {
                self.keeping.breaker(&jail, None);
                continue;
            }
            let Some(index) = index else { continue };
            let running = &mut self.jails[index];
            running.metrics.breaker(true);
            running.said = Some(Said { at: now.boot, withheld: 0 });
            news::breaker_still_open(&jail, since, 0);
        }
    }
}

impl RunningJail {
    /// Whether its breaker has opened by this verdict: by its own count, or because this ban was
    /// one too many of all jails together, which still begins. What bans nobody does not count.
    pub(super) fn trips(
        &mut self,
        verdict: &Verdict,
        in_all: Option<&mut Recent>,
        now: Moment,
    ) -> bool {
        match verdict {
            Verdict::Withheld { tripped, .. } => *tripped,
            Verdict::Banned(_) => {
                let counts = !self.settings.dry_run && self.jail.breaker().limit().is_some();
                let admits = in_all.filter(|_| counts).is_none_or(|all| all.admits(now.boot));
                !admits && self.jail.trip(now.wall)
            }
            _ => false,
        }
    }

    /// Its settings have changed: without a limit there is no breaker. Says whether one is gone
    /// that was open.
    pub(super) fn breaker_is_gone(&mut self) -> bool {
        let gone = self.said.is_some() && self.jail.breaker().open().is_none();
        if gone {
            self.said = None;
            self.metrics.breaker(false);
        }
        gone
    }

    /// Says now and then how many bans an open breaker has held back.
    pub(super) fn remind(&mut self, now: Moment) {
        let (Some(said), Some(open)) = (self.said, self.jail.breaker().open()) else { return };
        if open.withheld > said.withheld && now.boot.since(said.at) >= REMINDER {
            self.said = Some(Said { at: now.boot, withheld: open.withheld });
            news::breaker_still_open(self.name(), open.since, open.withheld);
        }
    }
}
