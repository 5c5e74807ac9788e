//! What the enforcer and the store report.

use super::Daemon;
use super::standing::State;
use super::telling::Operation;
use crate::enforcer::order::{Condition, Coverage, Order, Report};
use crate::jail::ban::BanKey;
use crate::moment::Moment;
use crate::store::{self, Ack};
use crate::telemetry::metrics::reason::{Forgotten, Withheld};
use crate::telemetry::news;
use crate::telemetry::trace::ban::{End, Kept};

/// How many bans that a firewall has lost are logged one by one: a reload loses them all.
const LOST_LOGGED: u64 = 20;

impl Daemon {
    /// The firewall did something, or fares otherwise.
    pub(super) fn on_report(&mut self, report: Report, now: Moment) {
        match report {
            Report::Enforced { key, at } => self.on_enforced(&key, at),
            Report::Released { key } => {
                self.telling.released(&key, now);
                self.on_done(&key, false);
            }
            Report::Lost { key } => {
                self.standings.pending(&key);
                self.show_bans(&key);
                self.lost += 1;
                if self.lost <= LOST_LOGGED {
                    news::lost(&key);
                }
            }
            Report::Failed { key, why, gives_up } => self.on_failed(&key, why, gives_up, now),
            Report::Operation { operation, outcome, took, ended, bans } => {
                self.backend_metrics.operation(operation, outcome, took);
                self.telling.called(&bans, &Operation { word: operation, outcome, took, ended });
            }
            Report::Condition(condition) => self.on_condition(condition, now),
            Report::Reconciled { trigger, missing, unexpected } => {
                self.backend_metrics.reconciled(missing, unexpected, now);
                news::lost_more(std::mem::take(&mut self.lost).saturating_sub(LOST_LOGGED));
                news::reconciled(trigger, missing, unexpected);
            }
            Report::Found { address, jails, left } => {
                self.on_found(address, &jails, left, now);
            }
            Report::FoundAll => self.on_found_all(),
            Report::Capacity { used, limit } => self.on_capacity(used, limit),
            Report::MadePermanent { count, remedy } => news::made_permanent(count, &remedy),
            Report::Coverage(coverage) => self.on_coverage(coverage),
            Report::Refused { jail, ipv6, packets, bytes } => {
                if let Some(index) = self.index(&jail) {
                    self.jails[index].metrics.dropped(ipv6, packets, bytes);
                }
            }
        }
        self.changed(now);
    }

    fn on_enforced(&mut self, key: &BanKey, at: Moment) {
        let decided = self.standings.enforced(key);
        self.show_bans(key);
        if let (Some(decided), Some(index)) = (decided, self.index(&key.jail)) {
            let running = &self.jails[index];
            let ban = running.jail.ledger().get(&key.address);
            let traced = ban.and_then(|ban| self.telling.traced(ban.trace, at));
            running.metrics.enforced_after(at.boot.since(decided.boot), traced);
        }
        self.telling.end(key, &End::InForce, at);
        self.cut(key);
        self.on_done(key, true);
    }

    fn on_failed(&mut self, key: &BanKey, why: String, gives_up: bool, now: Moment) {
        news::not_enforced(key, &why, gives_up);
        self.telling.failed(key, &why);
        if !gives_up {
            return;
        }
        self.telling.end(key, &End::Refused(why.clone()), now);
        if self.standings.state(key) != Some(&State::Refused(why.clone()))
            && let Some(index) = self.index(&key.jail)
        {
            self.jails[index].metrics.withheld(Withheld::Capacity);
        }
        self.on_answer(key, Some(&why));
        self.standings.refused(key, why);
        self.show_bans(key);
    }

    fn on_condition(&mut self, condition: Condition, now: Moment) {
        self.backend_metrics.condition(&condition);
        news::condition(self.backend, &condition);
        self.condition = condition;
        self.publish(now);
    }

    fn on_capacity(&mut self, used: u64, limit: u64) {
        self.backend_metrics.capacity(used, limit);
        if self.backend == "nftables" && self.burden.tells(used) {
            news::burden(used);
        }
    }

    fn on_coverage(&mut self, coverage: Coverage) {
        self.backend_metrics.coverage(&coverage);
        for running in &self.jails {
            running.metrics.unprovisioned(coverage.unprovisioned.contains(running.name()));
        }
        if self.coverage.as_ref() != Some(&coverage) {
            news::coverage(self.backend, &coverage);
            self.coverage = Some(coverage);
        }
    }

    /// The store kept something, could not, or has lost it.
    pub(super) fn on_store(&mut self, news: store::News, now: Moment) {
        match news {
            store::News::Ack(ack) => self.on_stored(&ack, now),
            store::News::Anew(loss) => self.on_anew(&loss, now),
            store::News::Windows(dropped) => {
                self.metrics.forgotten(Forgotten::UnsavedWindows, dropped);
                self.retell_windows();
            }
            store::News::Read(saved, memory) => self.on_read(*saved, memory, now),
        }
    }

    fn on_stored(&mut self, ack: &Ack, now: Moment) {
        let kept = ack.result.is_ok();
        self.metrics.state.stored(ack.took, kept);
        if kept != self.store_up {
            news::store(ack.result.as_ref().err().map(String::as_str));
            self.store_up = kept;
        }
        self.metrics.forgotten(Forgotten::UnsavedBans, ack.dropped);
        let orders: Vec<Order> = self.keeping.acknowledged(ack.seq, kept);
        self.telling.ordered(&orders, if kept { Kept::Durable } else { Kept::Failed }, now);
        self.send(orders);
    }
}
