//! Changes that are not yet written, merged into one.
//!
//! Pure. While the store works it holds what came during the last transaction; while it does not,
//! it keeps what is newest of each ban and source, so that its size is that of the state and not
//! of the outage.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::change::{Change, Ended, Totals};
use super::windows::{Dropped, Windows};
use crate::jail::ban::{Ban, BanKey, JailName};
use crate::record::exhibit::Exhibit;
use crate::source::batch::{Position, SourceName};
use crate::trace::TraceId;

/// How many bans are kept at most while they cannot be written.
pub(super) const MOST_BANS: usize = 100_000;

/// How many bans that began and ended unwritten are kept for the history.
const MOST_PAST: usize = 1_000;

/// How many bans' records are kept at most while they cannot be written: those of the first.
const MOST_EVIDENCE: usize = 1_000;

/// For how many bans the room is kept when they are written: what a busy batch begins.
const ROOM: usize = 1_024;

/// Changes not yet written.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// What is to become of each ban: first the end, then the beginning.
    pub(super) bans: HashMap<BanKey, Fate>,
    /// Bans that began and ended with neither written.
    pub(super) past: Vec<(Ban, Ended)>,
    pub(super) positions: HashMap<SourceName, Position>,
    pub(super) windows: Windows,
    /// Whether windows were dropped: none that is written can be relied on.
    pub(super) windows_anew: bool,
    /// How many.
    pub(super) dropped_windows: u64,
    pub(super) totals: HashMap<JailName, Totals>,
    pub(super) breakers: HashMap<JailName, Option<Timestamp>>,
    /// The records that bans rest on.
    pub(super) evidence: Vec<(TraceId, Vec<Arc<Exhibit>>)>,
}

/// What is to become of a ban.
#[derive(Debug, Default)]
pub(super) struct Fate {
    /// The ban that is written has ended so.
    pub(super) ended: Option<Ended>,
    /// And this one has begun.
    pub(super) began: Option<Ban>,
}

impl Backlog {
    /// Adds a change after those it holds. Gives it up, all of it, if there is no room.
    pub(super) fn add(&mut self, change: Change) -> Result<(), Full> {
        let more = change.began.len() + change.ended.len();
        if self.bans.len() + more > MOST_BANS {
            return Err(Full(more as u64));
        }
        for ended in change.ended {
            self.end(ended);
        }
        for ban in change.began {
            let fate = self.bans.entry(ban.key.clone()).or_default();
            fate.began = Some(ban);
        }
        let room = MOST_EVIDENCE.saturating_sub(self.evidence.len());
        self.evidence.extend(change.evidence.into_iter().take(room));
        self.positions.extend(change.positions);
        self.breakers.extend(change.breakers);
        if let Err(dropped) = self.windows.add(change.windows) {
            self.ask_anew(dropped);
        }
        for (jail, added) in change.totals {
            let totals = self.totals.entry(jail).or_default();
            totals.failed = totals.failed.saturating_add(added.failed);
            totals.banned = totals.banned.saturating_add(added.banned);
        }
        Ok(())
    }

    /// Adds what came after, in the same way.
    pub(super) fn absorb(&mut self, later: Self) -> Result<(), Full> {
        let (mut began, mut ended) = (Vec::new(), Vec::new());
        for fate in later.bans.into_values() {
            ended.extend(fate.ended);
            began.extend(fate.began);
        }
        if later.windows_anew {
            let earlier = self.windows.drop_all();
            self.ask_anew(earlier);
            self.dropped_windows += later.dropped_windows;
        }
        let change = Change {
            began,
            evidence: later.evidence,
            ended,
            positions: later.positions.into_iter().collect(),
            windows: Vec::new(),
            totals: later.totals.into_iter().collect(),
            breakers: later.breakers.into_iter().collect(),
        };
        self.add(change)?;
        if let Err(dropped) = self.windows.add(later.windows) {
            self.ask_anew(dropped);
        }
        let room = MOST_PAST.saturating_sub(self.past.len());
        self.past.extend(later.past.into_iter().take(room));
        Ok(())
    }

    /// Windows that were dropped are asked for anew: see [`windows_anew`](Self::windows_anew).
    fn ask_anew(&mut self, Dropped(dropped): Dropped) {
        self.dropped_windows += dropped;
        self.windows_anew = true;
    }

    /// Forgets everything, but keeps some room: made anew for each transaction of a flood, it would
    /// grow from nothing each time.
    pub(super) fn clear(&mut self) {
        let (mut bans, mut windows) =
            (std::mem::take(&mut self.bans), std::mem::take(&mut self.windows));
        bans.clear();
        bans.shrink_to(ROOM);
        windows.clear();
        *self = Self { bans, windows, ..Self::default() };
    }

    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.bans.is_empty()
            && self.past.is_empty()
            && self.positions.is_empty()
            && self.windows.is_empty()
            && !self.windows_anew
            && self.totals.is_empty()
            && self.breakers.is_empty()
            && self.evidence.is_empty()
    }

    fn end(&mut self, ended: Ended) {
        let fate = self.bans.entry(ended.key.clone()).or_default();
        let Some(ban) = fate.began.take() else {
            fate.ended.get_or_insert(ended);
            return;
        };
        // What was written before it, if anything, must not stay either.
        fate.ended.get_or_insert_with(|| ended.clone());
        if self.past.len() < MOST_PAST {
            self.past.push((ban, ended));
        }
    }
}

/// There is no room for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {MOST_BANS} changed bans wait to be written; this one is not kept")]
pub(super) struct Full(pub(super) u64);

#[cfg(test)]
mod tests {
    use super::super::change::Window;
    use super::*;
    use crate::jail::ban::BanOrigin;
    use crate::jail::windows::Kept;

    fn ban(host: u32) -> Ban {
        let address = std::net::Ipv4Addr::from(host);
        let address = ipnet::IpNet::from(std::net::IpAddr::from(address));
        let key = BanKey { jail: JailName::new("sshd"), address };
        let (origin, since) = (BanOrigin::Detected, Timestamp::UNIX_EPOCH);
        let trace = crate::trace::TraceId::new(u128::from(host));
        Ban { key, origin, since, bantime: None, failures: 5, trace }
    }

    fn ended(host: u32) -> Ended {
        Ended { key: ban(host).key, at: Timestamp::UNIX_EPOCH, reason: "expired" }
    }

    #[test]
    fn what_began_and_ended_unwritten_is_history_only() {
        let mut backlog = Backlog::default();
        backlog.add(Change { began: vec![ban(1)], ..Change::default() }).unwrap();
        backlog.add(Change { ended: vec![ended(1)], ..Change::default() }).unwrap();
        assert!(backlog.bans[&ban(1).key].began.is_none());
        assert_eq!(backlog.past, [(ban(1), ended(1))]);
    }

    #[test]
    fn what_ended_and_began_anew_keeps_both() {
        let mut backlog = Backlog::default();
        let change = Change { began: vec![ban(1)], ended: vec![ended(1)], ..Change::default() };
        backlog.add(change).unwrap();
        let fate = &backlog.bans[&ban(1).key];
        assert_eq!((fate.ended.as_ref(), fate.began.as_ref()), (Some(&ended(1)), Some(&ban(1))));
    }

    #[test]
    fn what_came_later_goes_on_from_what_came_before() {
        let change = |began: &[u32], ended_: &[u32]| Change {
            began: began.iter().copied().map(ban).collect(),
            ended: ended_.iter().copied().map(ended).collect(),
            ..Change::default()
        };
        let changes = [
            change(&[1, 2, 3], &[]),
            change(&[4], &[1, 9]),
            change(&[1], &[2]),
            change(&[2], &[1, 2, 3]),
        ];
        for split in 0..=changes.len() {
            let (mut at_once, mut earlier, mut later) =
                (Backlog::default(), Backlog::default(), Backlog::default());
            for (at, change) in changes.iter().enumerate() {
                at_once.add(change.clone()).unwrap();
                let part = if at < split { &mut earlier } else { &mut later };
                part.add(change.clone()).unwrap();
            }
            earlier.absorb(later).unwrap();
            let fates = |backlog: &Backlog| {
                let fate = |fate: &Fate| (fate.ended.clone(), fate.began.clone());
                let mut fates: Vec<_> =
                    backlog.bans.iter().map(|(key, one)| (key.clone(), fate(one))).collect();
                fates.sort_by(|one, other| one.0.cmp(&other.0));
                fates
            };
            assert_eq!(fates(&earlier), fates(&at_once), "split at {split}");
        }
    }

    #[test]
    fn windows_that_are_dropped_are_asked_for_anew() {
        let windows = |hosts: std::ops::Range<u32>| {
            let window = |host| Window {
                jail: JailName::new("sshd"),
                kept: Kept::none(ban(host).key.address),
            };
            Change { windows: hosts.map(window).collect(), ..Change::default() }
        };
        let (mut earlier, mut later) = (Backlog::default(), Backlog::default());
        earlier.add(windows(0..10)).unwrap();
        assert_eq!((earlier.windows.is_empty(), earlier.windows_anew), (false, false));
        later.add(windows(0..500_000)).unwrap();
        later.add(windows(7..8)).unwrap();
        assert_eq!((later.windows_anew, later.dropped_windows), (true, 500_000));
        earlier.absorb(later).unwrap();
        assert_eq!((earlier.windows.newest().len(), earlier.windows_anew), (1, true));
        assert_eq!(earlier.dropped_windows, 500_010);
    }

    #[test]
    fn an_outage_does_not_grow_it_without_end() {
        let mut backlog = Backlog::default();
        for _ in 0..3 {
            let began = (0..40_000).map(ban).collect();
            backlog.add(Change { began, ..Change::default() }).unwrap();
            let ended = (0..40_000).map(ended).collect();
            backlog.add(Change { ended, ..Change::default() }).unwrap();
        }
        assert_eq!((backlog.bans.len(), backlog.past.len()), (40_000, MOST_PAST));
        let began = (40_000..110_000).map(ban).collect();
        assert_eq!(backlog.add(Change { began, ..Change::default() }), Err(Full(70_000)));
    }
}
