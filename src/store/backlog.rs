//! Changes that are not yet written, merged into one.
//!
//! Pure. While the store works it holds what came during the last transaction; while it does not,
//! it keeps what is newest of each ban and source, so that its size is that of the state and not
//! of the outage.

use std::collections::HashMap;
use std::sync::Arc;

use ipnet::IpNet;
use jiff::Timestamp;

use super::change::{Change, Ended, Totals, Window};
use crate::jail::ban::{Ban, BanKey, JailName};
use crate::jail::windows::Kept;
use crate::record::exhibit::Exhibit;
use crate::source::batch::{Position, SourceName};
use crate::trace::TraceId;

/// How many bans are kept at most while they cannot be written.
pub(super) const MOST_BANS: usize = 100_000;

/// How many bans that began and ended unwritten are kept for the history.
const MOST_PAST: usize = 1_000;

/// How many windows are kept at most while they cannot be written. Past that all of them are dropped,
/// and asked for anew once they can: see [`Backlog::windows_anew`].
const MOST_WINDOWS: usize = 200_000;

/// How many bans' records are kept at most while they cannot be written: those of the first.
const MOST_EVIDENCE: usize = 1_000;

/// Changes not yet written.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// What is to become of each ban: first the end, then the beginning.
    pub(super) bans: HashMap<BanKey, Fate>,
    /// Bans that began and ended with neither written.
    pub(super) past: Vec<(Ban, Ended)>,
    pub(super) positions: HashMap<SourceName, Position>,
    pub(super) windows: HashMap<(JailName, IpNet), Kept>,
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
        self.add_windows(change.windows);
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
            self.drop_windows();
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
        self.take_windows(later.windows);
        let room = MOST_PAST.saturating_sub(self.past.len());
        self.past.extend(later.past.into_iter().take(room));
        Ok(())
    }

    /// Adds windows, or gives up all of them: the store is to forget what it has of them then, for
    /// half of the truth would count failures that are forgotten.
    fn add_windows(&mut self, windows: Vec<Window>) {
        for Window { jail, kept } in windows {
            self.windows.insert((jail, kept.address), kept);
        }
        self.limit_windows();
    }

    /// Adds those of another backlog; mostly there are none yet, and a flood's are many.
    fn take_windows(&mut self, later: HashMap<(JailName, IpNet), Kept>) {
        if self.windows.is_empty() {
            self.windows = later;
        } else {
            self.windows.extend(later);
        }
        self.limit_windows();
    }

    fn limit_windows(&mut self) {
        if self.windows.len() > MOST_WINDOWS {
            self.drop_windows();
        }
    }

    fn drop_windows(&mut self) {
        self.dropped_windows += self.windows.len() as u64;
        self.windows = HashMap::new();
        self.windows_anew = true;
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

    use super::*;
    use crate::jail::ban::BanOrigin;

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
    fn too_many_windows_are_all_asked_for_anew() {
        let mut backlog = Backlog::default();
        let windows = |hosts: std::ops::Range<u32>| {
            let window = |host| Window {
                jail: JailName::new("sshd"),
                kept: Kept::none(ban(host).key.address),
            };
            Change { windows: hosts.map(window).collect(), ..Change::default() }
        };
        backlog.add(windows(0..150_000)).unwrap();
        backlog.add(windows(0..150_000)).unwrap();
        assert_eq!((backlog.windows.len(), backlog.windows_anew), (150_000, false));
        backlog.add(windows(150_000..300_000)).unwrap();
        assert_eq!((backlog.windows.len(), backlog.windows_anew), (0, true));
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
