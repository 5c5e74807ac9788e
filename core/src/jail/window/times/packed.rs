//! An instant in eight bytes, half of what [`Timestamp`] takes: a jail that is flooded keeps millions.

use jiff::{SignedDuration, Timestamp};

/// Nanoseconds to a second.
const SECOND: i64 = 1_000_000_000;

/// Nanoseconds since 1970. Whatever is not of the years 1678 to 2261 is the nearest instant that is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::jail::window) struct Packed(i64);

impl Packed {
    /// The instant.
    pub(in crate::jail::window) fn unpacked(self) -> Timestamp {
        let below = i32::try_from(self.0.rem_euclid(SECOND)).unwrap_or_default();
        Timestamp::new(self.0.div_euclid(SECOND), below).expect("of these years each is in range")
    }

    /// How many nanoseconds it is after another; fewer than none: before it.
    pub(in crate::jail::window) fn since(self, other: Self) -> i64 {
        self.0.saturating_sub(other.0)
    }
}

/// How many nanoseconds a duration has: as many as can be told, 292 years, where it is longer.
pub(in crate::jail::window) fn nanoseconds(duration: SignedDuration) -> i64 {
    let seconds = duration.as_secs().saturating_mul(SECOND);
    seconds.saturating_add(duration.subsec_nanos().into())
}

impl From<Timestamp> for Packed {
    fn from(at: Timestamp) -> Self {
        let seconds = at.as_second().saturating_mul(SECOND);
        // Before 1970 the fraction is negative as well.
        Self(seconds.saturating_add(at.subsec_nanosecond().into()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_out_of_reach_is_the_nearest() {
        for (far, near) in [(Timestamp::MIN, i64::MIN), (Timestamp::MAX, i64::MAX)] {
            let packed = Packed::from(far);
            assert_eq!(packed, Packed(near));
            assert_eq!(Packed::from(packed.unpacked()), packed);
        }
    }

    proptest! {
        #[test]
        fn an_instant_and_its_order_are_kept(one: i64, other: i64) {
            let [one, other] = [one, other].map(|at| Timestamp::from_nanosecond(at.into()).unwrap());
            prop_assert_eq!(Packed::from(one).unpacked(), one);
            prop_assert_eq!(Packed::from(one) < Packed::from(other), one < other);
            let apart = Packed::from(one).since(Packed::from(other));
            prop_assert_eq!(apart, nanoseconds(one.duration_since(other)));
        }
    }
}
