//! How long a ban lasts: longer for whom was banned before.
//!
//! The words and what they mean are jail.conf(5)'s (`bantime.increment` and its kin). Nothing here
//! keeps count: the number of earlier bans and the dice are given.

pub mod formula;

use jiff::SignedDuration;

use self::formula::{Formula, Names};

/// The longest that a ban grows to by itself: a hundred years.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(100 * 8766);

/// How bans grow (`bantime.increment: true`).
#[derive(Clone, Debug, PartialEq)]
pub struct Increment {
    /// By what.
    pub growth: Growth,
    /// What the growth is multiplied by (`bantime.factor`). Invariant: positive and finite.
    pub factor: f64,
    /// What no ban grows past (`bantime.maxtime`).
    pub maxtime: Option<SignedDuration>,
    /// How much a ban varies, so that nobody can tell when it ends (`bantime.rndtime`).
    pub rndtime: Option<SignedDuration>,
    /// Whether bans in other jails count as well (`bantime.overalljails`).
    pub overalljails: bool,
}

/// By what bans grow.
#[derive(Clone, Debug, PartialEq)]
pub enum Growth {
    /// What an expression comes to, in seconds (`bantime.formula`).
    Formula(Formula),
    /// So many times the bantime for each next ban; the last goes on (`bantime.multipliers`).
    /// Invariant: not empty.
    Multipliers(Vec<f64>),
}

impl Increment {
    /// How long a ban lasts after `earlier` ones, where the first lasts `bantime`. `random` is a
    /// number from 0 up to 1.
    ///
    /// A ban never gets shorter than `bantime` by the growth, and never longer than `maxtime`, at
    /// most [`LONGEST`]: what is infinite comes to that, and what has no value to `bantime`. Where
    /// the random time would lead past `maxtime` it is taken off instead, so that there, too, the
    /// end cannot be foretold.
    #[must_use]
    pub fn bantime(&self, bantime: SignedDuration, earlier: u32, random: f64) -> SignedDuration {
        let cap = self.maxtime.unwrap_or(LONGEST).min(LONGEST);
        let base = bantime.as_secs_f64();
        // `max` passes over what has no value.
        let grown = self.grown(base, earlier).max(base).min(cap.as_secs_f64());
        let rndtime = self.rndtime.unwrap_or_default().as_secs_f64();
        let random = (rndtime * random.clamp(0.0, 1.0)).floor();
        let varied = match grown + random {
            longer if longer <= cap.as_secs_f64() => longer,
            _ => (grown - random).max(base.min(grown)),
        };
        SignedDuration::try_from_secs_f64(varied).unwrap_or(bantime).min(cap)
    }

    /// How long the first `many` bans of an address last, where no chance has a part.
    pub fn first(
        &self,
        bantime: SignedDuration,
        many: u32,
    ) -> impl Iterator<Item = SignedDuration> {
        (0..many).map(move |earlier| self.bantime(bantime, earlier, 0.0))
    }

    /// In seconds; any double.
    fn grown(&self, base: f64, earlier: u32) -> f64 {
        match &self.growth {
            Growth::Formula(formula) => formula.evaluate(Names {
                time: base,
                count: f64::from(earlier),
                factor: self.factor,
            }),
            Growth::Multipliers(multipliers) => {
                let at = usize::try_from(earlier).unwrap_or(usize::MAX);
                let multiplier = multipliers.get(at).or(multipliers.last());
                base * self.factor * multiplier.copied().unwrap_or(1.0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seconds(seconds: i64) -> SignedDuration {
        SignedDuration::from_secs(seconds)
    }

    fn by(growth: Growth) -> Increment {
        Increment { growth, factor: 1.0, maxtime: None, rndtime: None, overalljails: false }
    }

    fn formula(text: &str) -> Increment {
        by(Growth::Formula(text.parse().unwrap()))
    }

    #[track_caller]
    fn check(increment: &Increment, expected: &[i64]) {
        let many = u32::try_from(expected.len()).unwrap();
        let actual: Vec<i64> = increment.first(seconds(600), many).map(|b| b.as_secs()).collect();
        assert_eq!(actual, expected, "{increment:?}");
    }

    #[test]
    fn by_default_each_ban_is_twice_as_long() {
        check(&by(Growth::Formula(Formula::default())), &[600, 1200, 2400, 4800, 9600]);
    }

    #[test]
    fn the_last_multiplier_goes_on() {
        let multipliers = by(Growth::Multipliers(vec![1.0, 5.0, 30.0]));
        check(&multipliers, &[600, 3000, 18_000, 18_000]);
        check(&Increment { factor: 2.0, ..multipliers }, &[1200, 6000, 36_000]);
    }

    #[test]
    fn maxtime_holds() {
        let capped =
            Increment { maxtime: Some(seconds(2000)), ..by(Growth::Formula(Formula::default())) };
        check(&capped, &[600, 1200, 2000, 2000]);
    }

    #[test]
    fn no_formula_shortens_a_ban_or_has_it_last_for_ever() {
        check(&formula("1"), &[600, 600]);
        check(&formula("0 - ban.Time"), &[600, 600]);
        check(&formula("1 / 0"), &[600, 600]);
        check(&formula("math.exp(1000)"), &[LONGEST.as_secs()]);
        check(&formula("0 - math.exp(1000)"), &[600]);
    }

    #[test]
    fn chance_adds_up_to_rndtime_and_at_the_cap_takes_off() {
        let varied = Increment {
            rndtime: Some(seconds(100)),
            maxtime: Some(seconds(1200)),
            ..by(Growth::Formula(Formula::default()))
        };
        let bantime = |earlier, random| varied.bantime(seconds(600), earlier, random).as_secs();
        assert_eq!([bantime(0, 0.0), bantime(0, 0.5), bantime(0, 0.99)], [600, 650, 699]);
        assert_eq!([bantime(1, 0.0), bantime(1, 0.5), bantime(5, 0.99)], [1200, 1150, 1101]);
    }

    proptest! {
        #[test]
        fn a_ban_is_never_shorter_than_the_first_nor_longer_than_the_longest(
            bantime in 1..1_000_000i64,
            earlier in any::<u32>(),
            random in 0.0..1.0f64,
            maxtime in prop::option::of(1..10_000_000i64),
            rndtime in prop::option::of(1..1_000_000i64),
            text in prop_oneof![
                Just("ban.Time * (1<<(ban.Count if ban.Count<20 else 20)) * banFactor"),
                Just("ban.Time * math.exp(float(ban.Count+1)*banFactor)/math.exp(1*banFactor)"),
                Just("ban.Time - ban.Count * 1000"),
                Just("ban.Time / (ban.Count % 3)"),
            ],
        ) {
            let increment = Increment {
                maxtime: maxtime.map(seconds),
                rndtime: rndtime.map(seconds),
                ..formula(text)
            };
            let actual = increment.bantime(seconds(bantime), earlier, random);
            let cap = maxtime.map_or(LONGEST, seconds);
            prop_assert!(actual <= cap, "{actual:?}");
            prop_assert!(actual >= seconds(bantime).min(cap), "{actual:?}");
        }
    }
}
