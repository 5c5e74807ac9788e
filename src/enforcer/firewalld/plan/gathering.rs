//! A crowd of bans on its way: worth a moment's wait, so that each set is filled by one call.
//!
//! Only an empty set can be filled at once. Were the first of a crowd added by themselves as they
//! come, the thousands behind them would have to follow one by one. A ban that comes alone, or with
//! a few, never waits, nor does a crowd of which most go to sets that hold something already.

use jiff::SignedDuration;

use crate::moment::Boot;

/// From how many steps that wait on they are a crowd: two for each set of a family.
pub(super) const CROWD: usize = 64;

/// A crowd has come when nobody else has for so long. It comes in goes, since the store keeps it
/// first. To add [`CROWD`] entries one by one would take firewalld longer than that.
const PAUSE: SignedDuration = SignedDuration::from_millis(200);

/// It is waited for no longer than that, however long it is.
const LONGEST: SignedDuration = SignedDuration::from_secs(3);

/// Whether a crowd is on its way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Gathering {
    /// There is none.
    #[default]
    Nobody,
    /// It is waited for, until then; and until when at most.
    Coming(Boot, Boot),
    /// It was waited for long enough, and is being served. Who joins it now is not waited for.
    Come,
}

impl Gathering {
    /// A ban has come, and so many steps wait. `pays`: whether most of the last [`CROWD`] of them are
    /// for sets that one call could fill.
    pub(super) fn joined(&mut self, waiting: usize, pays: impl FnOnce() -> bool, now: Boot) {
        let until = |last: Boot| Self::Coming(now.after(PAUSE).min(last), last);
        *self = match *self {
            _ if waiting < CROWD => Self::Nobody,
            Self::Nobody if !pays() => Self::Nobody,
            Self::Nobody => until(now.after(LONGEST)),
            Self::Coming(_, last) => until(last),
            Self::Come => Self::Come,
        };
    }

    /// Whether to wait for more of them.
    pub(super) fn waits(&mut self, now: Boot) -> bool {
        match *self {
            Self::Coming(until, _) if now < until => return true,
            Self::Coming(..) => *self = Self::Come,
            Self::Nobody | Self::Come => {}
        }
        false
    }

    /// When the wait is over.
    pub(super) fn wake_at(self) -> Option<Boot> {
        match self {
            Self::Coming(until, _) => Some(until),
            Self::Nobody | Self::Come => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: i64) -> Boot {
        Boot(SignedDuration::from_millis(milliseconds))
    }

    #[test]
    fn nobody_is_waited_for_unless_a_crowd_comes() {
        let mut gathering = Gathering::default();
        for (waiting, pays) in [(CROWD - 1, true), (CROWD, false)] {
            gathering.joined(waiting, || pays, at(0));
            assert!(!gathering.waits(at(0)), "{waiting} {pays}");
            assert_eq!(gathering.wake_at(), None);
        }
    }

    #[test]
    fn a_crowd_is_waited_for_until_it_pauses() {
        let mut gathering = Gathering::default();
        for now in [0, 30, 60] {
            gathering.joined(CROWD, || true, at(now));
            assert!(gathering.waits(at(now)));
        }
        assert_eq!(gathering.wake_at(), Some(at(260)));
        assert!(gathering.waits(at(259)));
        assert!(!gathering.waits(at(260)));
        assert_eq!(gathering.wake_at(), None);
    }

    #[test]
    fn a_crowd_without_end_is_waited_for_once_and_not_longer_than_3_s() {
        let mut gathering = Gathering::default();
        let waited = |now: &i64| {
            gathering.joined(CROWD, || true, at(*now));
            gathering.waits(at(*now))
        };
        assert_eq!((0..5000).step_by(10).filter(waited).count(), 300);
        gathering.joined(CROWD - 1, || true, at(5000));
        gathering.joined(CROWD, || true, at(5001));
        assert!(gathering.waits(at(5001)), "the next crowd");
    }
}
