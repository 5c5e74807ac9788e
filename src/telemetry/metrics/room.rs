//! How many series there may be: jails and sources come from the configuration, and a slip in it
//! should not become a scrape of a million lines.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

/// Series of jails and sources that are shown at most; some 200 jails.
pub const SERIES: usize = 20_000;

/// What has series of its own, and comes and goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Jail,
    Source,
}

/// Who has how many of the series there may be.
#[derive(Debug)]
pub(super) struct Room {
    taken: Mutex<BTreeMap<(Kind, String), usize>>,
    most: usize,
    dropped: Counter,
}

impl Room {
    pub(super) fn register(to: &mut Registry, most: usize) -> Self {
        let dropped = Counter::default();
        let help = "Series of jails and sources that are not shown, since there would be too many";
        to.register("series_dropped", help, dropped.clone());
        Self { taken: Mutex::default(), most, dropped }
    }

    /// Takes room for so many series; who has some already has as many from now on. Where there is
    /// not enough, nothing is taken, what was is given back, and the series count as dropped.
    pub(super) fn take(&self, kind: Kind, name: &str, series: usize) -> bool {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let who = (kind, name.to_owned());
        taken.remove(&who);
        let fits = taken.values().sum::<usize>() + series <= self.most;
        if fits {
            taken.insert(who, series);
        } else {
            self.dropped.inc_by(series as u64);
        }
        fits
    }

    /// It is gone.
    pub(super) fn leave(&self, kind: Kind, name: &str) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.remove(&(kind, name.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_fit_is_counted_and_who_leaves_makes_room() {
        let room = Room::register(&mut Registry::default(), 10);
        assert!(room.take(Kind::Jail, "a", 6));
        assert!(room.take(Kind::Source, "a", 4));
        assert!(!room.take(Kind::Jail, "b", 1));
        assert!(!room.take(Kind::Jail, "a", 7), "a reload may not outgrow it either");
        assert_eq!(room.dropped.get(), 8);
        assert!(room.take(Kind::Jail, "b", 6));
        room.leave(Kind::Jail, "b");
        assert!(room.take(Kind::Jail, "a", 6));
    }
}
