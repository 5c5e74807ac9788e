//! A few instants in ascending order, of which most addresses have one or two: these need no memory
//! of their own, and eight bytes each.

mod packed;

use std::collections::VecDeque;

pub(super) use self::packed::{Packed, nanoseconds};

/// How many instants are kept in place: as many as a window has with `maxretry`'s default.
const FEW: usize = 5;

/// Instants, ascending.
#[derive(Clone, Debug)]
pub(super) enum Times {
    /// Those in front of `len` count.
    Few { len: u8, times: [Packed; FEW] },
    /// There were more once.
    Many(VecDeque<Packed>),
}

impl Default for Times {
    fn default() -> Self {
        Self::Few { len: 0, times: [Packed::default(); FEW] }
    }
}

impl Times {
    /// How many.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Few { len, .. } => usize::from(*len),
            Self::Many(times) => times.len(),
        }
    }

    /// The first.
    pub(super) fn front(&self) -> Option<Packed> {
        match self {
            Self::Few { len, times } => (*len > 0).then_some(times[0]),
            Self::Many(times) => times.front().copied(),
        }
    }

    /// The last.
    pub(super) fn back(&self) -> Option<Packed> {
        match self {
            Self::Few { len, times } => Some(times[usize::from(len.checked_sub(1)?)]),
            Self::Many(times) => times.back().copied(),
        }
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = Packed> {
        let (few, many) = match self {
            Self::Few { len, times } => (&times[..usize::from(*len)], None),
            Self::Many(times) => (&[][..], Some(times)),
        };
        few.iter().chain(many.into_iter().flatten()).copied()
    }

    /// How many come before the first of which `before` does not hold.
    pub(super) fn partition_point(&self, before: impl Fn(Packed) -> bool) -> usize {
        match self {
            Self::Few { len, times } => {
                times[..usize::from(*len)].partition_point(|&time| before(time))
            }
            Self::Many(times) => times.partition_point(|&time| before(time)),
        }
    }

    /// Adds one, behind all that are not later.
    pub(super) fn insert(&mut self, at: Packed) {
        let last = self.back().is_none_or(|last| last <= at);
        let idx = if last { self.len() } else { self.partition_point(|time| time <= at) };
        match self {
            Self::Few { len, times } if usize::from(*len) < FEW => {
                times.copy_within(idx..FEW - 1, idx + 1);
                times[idx] = at;
                *len += 1;
            }
            Self::Few { times, .. } => {
                let mut many = VecDeque::with_capacity(2 * FEW);
                many.extend(&*times);
                many.insert(idx, at);
                *self = Self::Many(many);
            }
            Self::Many(times) => times.insert(idx, at),
        }
    }

    /// Drops the first.
    pub(super) fn pop_front(&mut self) {
        match self {
            Self::Few { len, times } => {
                times.copy_within(1.., 0);
                *len = len.saturating_sub(1);
            }
            Self::Many(times) => drop(times.pop_front()),
        }
    }

    /// Drops the last.
    pub(super) fn pop_back(&mut self) {
        match self {
            Self::Few { len, .. } => *len = len.saturating_sub(1),
            Self::Many(times) => drop(times.pop_back()),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Insert(i64),
        PopFront,
        PopBack,
    }

    fn step() -> impl Strategy<Value = Step> {
        let insert = (0..20i64).prop_map(Step::Insert);
        prop_oneof![4 => insert, 1 => Just(Step::PopFront), 1 => Just(Step::PopBack)]
    }

    proptest! {
        /// The oracle is a vector that is sorted anew each time.
        #[test]
        fn keeps_what_a_sorted_list_keeps(steps in prop::collection::vec(step(), 0..40)) {
            let mut times = Times::default();
            let mut oracle: Vec<Packed> = Vec::new();
            for step in steps {
                match step {
                    Step::Insert(second) => {
                        let at = Timestamp::new(second, 7).unwrap().into();
                        times.insert(at);
                        oracle.push(at);
                        oracle.sort();
                    }
                    Step::PopFront => {
                        times.pop_front();
                        oracle.drain(..oracle.len().min(1));
                    }
                    Step::PopBack => {
                        times.pop_back();
                        oracle.pop();
                    }
                }
                prop_assert_eq!(times.iter().collect::<Vec<_>>(), oracle.clone());
                prop_assert_eq!(times.len(), oracle.len());
                let ends = (oracle.first().copied(), oracle.last().copied());
                prop_assert_eq!((times.front(), times.back()), ends);
                let tenth = Timestamp::from_second(10).unwrap().into();
                let before = oracle.iter().filter(|&&time| time < tenth).count();
                prop_assert_eq!(times.partition_point(|time| time < tenth), before);
            }
        }
    }
}
