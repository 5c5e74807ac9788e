//! What waits for the store, and what waits for it.
//!
//! A ban is durable before it is enforced: its order is held until the store says that it is kept.
//! A store that fails or dawdles does not delay a ban by more than [`PATIENCE`]; the order then
//! goes out, and the ban is volatile until the store is back.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::enforcer::order::Order;
use crate::jail::ban::{Ban, JailName};
use crate::moment::Boot;
use crate::record::exhibit::Exhibit;
use crate::source::batch::{Position, SourceName};
use crate::store::change::{Change, Ended, Totals};

/// How long an order waits for the store.
pub(super) const PATIENCE: SignedDuration = SignedDuration::from_millis(50);
/// How long positions and totals gather before they are committed.
pub(super) const GATHERING: SignedDuration = SignedDuration::from_millis(500);

/// From how many commits on those that hold up nothing any more are counted together.
const MOST_HELD: usize = 64;

/// Changes not yet handed to the store, and orders that wait for changes that were.
#[derive(Debug, Default)]
pub(super) struct Keeping {
    change: Change,
    orders: Vec<Order>,
    /// When the first of the gathered changes came.
    since: Option<Boot>,
    sequence: u64,
    held: VecDeque<Held>,
    volatile: usize,
}

/// Orders that wait for one commit.
#[derive(Debug)]
struct Held {
    sequence: u64,
    until: Boot,
    orders: Vec<Order>,
    bans: usize,
    released: bool,
}

impl Keeping {
    /// A ban began that rests on this `evidence`; `order` enforces it.
    pub(super) fn began(&mut self, ban: Ban, evidence: Vec<Arc<Exhibit>>, order: Order) {
        if !evidence.is_empty() {
            self.change.evidence.push((ban.trace, evidence));
        }
        self.change.began.push(ban);
        self.orders.push(order);
    }

    /// A ban that is in force is to be kept, though nothing waits for that: the store has lost it, or
    /// never had it.
    pub(super) fn again(&mut self, ban: Ban, now: Boot) {
        self.since.get_or_insert(now);
        self.change.began.push(ban);
    }

    /// What was counted is told anew.
    pub(super) fn forget_totals(&mut self) {
        self.change.totals.clear();
    }

    /// A ban ended; `order` releases it.
    pub(super) fn ended(&mut self, ended: Ended, order: Option<Order>) {
        self.change.ended.push(ended);
        self.orders.extend(order);
    }

    /// A source was read up to here.
    pub(super) fn read(&mut self, source: &SourceName, through: Position, now: Boot) {
        self.since.get_or_insert(now);
        match self.change.positions.iter_mut().find(|(name, _)| name == source) {
            Some((_, position)) => *position = through,
            None => self.change.positions.push((source.clone(), through)),
        }
    }

    /// A jail's breaker opened, or is closed.
    pub(super) fn breaker(&mut self, jail: &JailName, open: Option<Timestamp>) {
        self.change.breakers.push((jail.clone(), open));
    }

    /// A jail's lifetime totals grew.
    pub(super) fn count(&mut self, jail: &JailName, more: Totals, now: Boot) {
        if more == Totals::default() {
            return;
        }
        self.since.get_or_insert(now);
        match self.change.totals.iter_mut().find(|(name, _)| name == jail) {
            Some((_, totals)) => {
                totals.failed += more.failed;
                totals.banned += more.banned;
            }
            None => self.change.totals.push((jail.clone(), more)),
        }
    }

    /// The changes to commit now, if it is time: at once where an order waits for them.
    pub(super) fn commit(&mut self, now: Boot, flush: bool) -> Option<(u64, Change)> {
        let change = &self.change;
        let urgent =
            !change.began.is_empty() || !change.ended.is_empty() || !change.breakers.is_empty();
        let ripe = self.since.is_some_and(|since| now >= since.after(GATHERING) || flush);
        if !urgent && !ripe {
            return None;
        }
        self.since = None;
        self.sequence += 1;
        let orders = std::mem::take(&mut self.orders);
        let bans = self.change.began.len();
        self.merge_released();
        if urgent {
            let until = now.after(PATIENCE);
            self.held.push_back(Held {
                sequence: self.sequence,
                until,
                orders,
                bans,
                released: false,
            });
        }
        Some((self.sequence, std::mem::take(&mut self.change)))
    }

    /// What was released and is still to be kept needs one entry, however long the store fails.
    fn merge_released(&mut self) {
        if self.held.len() < MOST_HELD {
            return;
        }
        let (released, waiting): (VecDeque<Held>, VecDeque<Held>) =
            std::mem::take(&mut self.held).into_iter().partition(|held| held.released);
        self.held = waiting;
        let bans = released.iter().map(|held| held.bans).sum();
        if let Some(last) = released.into_iter().next_back() {
            self.held.push_front(Held { bans, ..last });
        }
    }

    /// The store kept everything up to `sequence` (`kept`), or could not yet. Returns the orders
    /// that need not wait any longer.
    pub(super) fn acknowledged(&mut self, sequence: u64, kept: bool) -> Vec<Order> {
        let mut orders = Vec::new();
        for held in self.held.iter_mut().filter(|held| held.sequence <= sequence) {
            orders.append(&mut held.orders);
            if !held.released {
                held.released = true;
                self.volatile += held.bans;
            }
        }
        if kept {
            while let Some(held) = self.held.front()
                && held.sequence <= sequence
            {
                self.volatile -= held.bans;
                self.held.pop_front();
            }
        }
        orders
    }

    /// The orders that have waited long enough.
    pub(super) fn overdue(&mut self, now: Boot) -> Vec<Order> {
        let mut orders = Vec::new();
        for held in self.held.iter_mut().filter(|held| !held.released && held.until <= now) {
            orders.append(&mut held.orders);
            held.released = true;
            self.volatile += held.bans;
        }
        orders
    }

    /// When something is due next.
    #[must_use]
    pub(super) fn due(&self) -> Option<Boot> {
        let patience = self.held.iter().find(|held| !held.released).map(|held| held.until);
        let gathered = self.since.map(|since| since.after(GATHERING));
        patience.into_iter().chain(gathered).min()
    }

    /// How many bans are enforced and not yet kept.
    #[must_use]
    pub(super) fn volatile(&self) -> usize {
        self.volatile
    }

    /// Whether all that was handed over is kept, and nothing waits.
    #[must_use]
    pub(super) fn is_idle(&self) -> bool {
        !self.awaits_store() && self.since.is_none() && self.orders.is_empty()
    }

    /// Whether a ban, or its end, is handed over and not yet kept.
    #[must_use]
    pub(super) fn awaits_store(&self) -> bool {
        !self.held.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jail::ban::{BanKey, BanOrigin};

    fn at(millis: i64) -> Boot {
        Boot(SignedDuration::from_millis(millis))
    }

    fn ban(keeping: &mut Keeping) {
        let address = "192.0.2.1/32".parse().unwrap();
        let key = BanKey { jail: JailName::new("sshd"), address };
        let since = Timestamp::UNIX_EPOCH;
        let ban = Ban {
            key: key.clone(),
            origin: BanOrigin::Detected,
            since,
            bantime: None,
            failures: 2,
            trace: crate::trace::TraceId::new(1),
        };
        keeping.began(ban, Vec::new(), Order::Release(key));
    }

    #[test]
    fn an_order_waits_until_its_ban_is_kept() {
        let mut keeping = Keeping::default();
        ban(&mut keeping);
        let (sequence, change) = keeping.commit(at(0), false).unwrap();
        assert_eq!(change.began.len(), 1);
        assert!(keeping.overdue(at(49)).is_empty());
        assert_eq!(keeping.acknowledged(sequence, true).len(), 1);
        assert_eq!(keeping.volatile(), 0);
        assert!(keeping.overdue(at(1000)).is_empty());
        assert!(keeping.is_idle());
    }

    #[test]
    fn a_store_that_dawdles_does_not_delay_it() {
        let mut keeping = Keeping::default();
        ban(&mut keeping);
        let (sequence, _) = keeping.commit(at(0), false).unwrap();
        assert_eq!(keeping.due(), Some(at(50)));
        assert_eq!(keeping.overdue(at(50)).len(), 1);
        assert_eq!(keeping.volatile(), 1);
        assert!(keeping.acknowledged(sequence, true).is_empty());
        assert_eq!(keeping.volatile(), 0);
    }

    #[test]
    fn a_store_that_fails_does_not_stop_it() {
        let mut keeping = Keeping::default();
        ban(&mut keeping);
        let (sequence, _) = keeping.commit(at(0), false).unwrap();
        assert_eq!(keeping.acknowledged(sequence, false).len(), 1);
        assert_eq!(keeping.volatile(), 1);
        assert!(!keeping.is_idle());
        assert!(keeping.acknowledged(sequence, true).is_empty());
        assert_eq!(keeping.volatile(), 0);
    }

    #[test]
    fn a_store_that_fails_for_ever_costs_no_more_and_every_ban_is_counted() {
        let mut keeping = Keeping::default();
        for _ in 0..10_000 {
            ban(&mut keeping);
            let (sequence, _) = keeping.commit(at(0), false).unwrap();
            keeping.acknowledged(sequence, false);
            assert!(keeping.held.len() <= MOST_HELD);
        }
        assert_eq!(keeping.volatile(), 10_000);
        ban(&mut keeping);
        let (sequence, _) = keeping.commit(at(0), false).unwrap();
        assert_eq!(keeping.acknowledged(sequence, true).len(), 1);
        assert_eq!(keeping.volatile(), 0);
        assert!(keeping.is_idle());
    }

    #[test]
    fn positions_gather_and_the_newest_wins() {
        let mut keeping = Keeping::default();
        let source: SourceName = "journal".into();
        let position = |cursor: &str| Position::Journal { cursor: cursor.into() };
        keeping.read(&source, position("a"), at(0));
        keeping.read(&source, position("b"), at(300));
        assert!(keeping.commit(at(499), false).is_none());
        let (_, change) = keeping.commit(at(500), false).unwrap();
        assert_eq!(change.positions, [(source, position("b"))]);
        assert!(keeping.commit(at(2000), true).is_none());
    }
}
