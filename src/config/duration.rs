//! Durations in fail2ban's spellings: `600`, `10m`, `1d12h`, `1y 6mo`, `permanent`.
//!
//! A bare number is seconds; terms side by side are added. A year is 365.25 days and a month its
//! twelfth, as fail2ban counts them. fail2ban evaluates the rest as a Python expression (`60*5`);
//! nothing is evaluated here, and such a text is refused with its remedy.
//!
//! Source: jail.conf(5), "TIME ABBREVIATION FORMAT".

use jiff::SignedDuration;

/// The longest that is not better called `permanent`: a hundred years.
const LONGEST: SignedDuration = SignedDuration::from_hours(100 * 8766);

/// Every word for a unit, and the unit's length.
const UNITS: [(&[&str], SignedDuration); 7] = [
    (&["s", "ss", "sec", "secs", "second", "seconds"], SignedDuration::from_secs(1)),
    (&["m", "mm", "min", "mins", "minute", "minutes"], SignedDuration::from_mins(1)),
    (&["h", "hh", "hou", "hour", "hours"], SignedDuration::from_hours(1)),
    (&["d", "dd", "da", "day", "days"], SignedDuration::from_hours(24)),
    (&["w", "ww", "wee", "week", "weeks"], SignedDuration::from_hours(24 * 7)),
    (&["mo", "mon", "month", "months"], SignedDuration::from_mins(43_830)),
    (&["y", "yy", "yea", "year", "years"], SignedDuration::from_hours(8766)),
];

/// How long something lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// So long. Longer than nothing, and at most a hundred years.
    Of(SignedDuration),
    /// For ever.
    Permanent,
}

/// Why a duration was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DurationError {
    /// There is nothing.
    #[error("is empty; write for example `600`, `10m` or `1d12h`")]
    Empty,
    /// What stands where a number should be is none.
    #[error("is not a duration; write for example `600`, `10m` or `1d12h`")]
    NotANumber,
    /// A number is followed by a word that is no unit.
    #[error("is not a duration: there is no unit `{0}`; the units are s, m, h, d, w, mo and y")]
    Unit(String),
    /// fail2ban would evaluate it.
    #[error("is an expression, and none is evaluated; write the result, for example `300` or `5m`")]
    Expression,
    /// fail2ban's way of saying for ever, or a mistake.
    #[error("is negative; for ever is written `permanent`")]
    Negative,
    /// It lasts no time at all.
    #[error("must be longer than no time at all")]
    Zero,
    /// Longer than the clocks are good for.
    #[error("is longer than a hundred years; for ever is written `permanent`")]
    TooLong,
}

/// Reads a duration.
///
/// # Errors
///
/// Says what is wrong with the text, to be read after it.
pub fn parse(text: &str) -> Result<Length, DurationError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(DurationError::Empty);
    }
    if text.eq_ignore_ascii_case("permanent") {
        return Ok(Length::Permanent);
    }
    refuse_expressions(text)?;
    let mut total = SignedDuration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let (amount, after) = number(rest)?;
        let (unit, after) = unit(after)?;
        let term = scaled(amount, unit).ok_or(DurationError::TooLong)?;
        total = total.checked_add(term).ok_or(DurationError::TooLong)?;
        rest = after;
    }
    match total {
        total if total > LONGEST => Err(DurationError::TooLong),
        total if total.is_positive() => Ok(Length::Of(total)),
        _ => Err(DurationError::Zero),
    }
}

/// A duration as [`parse`] reads it, in the largest units that need no fraction: `1d12h`.
#[must_use]
pub fn show(duration: SignedDuration) -> String {
    let mut seconds = duration.as_secs();
    let mut out = String::new();
    for (unit, length) in [("w", 604_800), ("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)] {
        if seconds >= length && (unit != "w" || seconds % length == 0) {
            out.push_str(&(seconds / length).to_string());
            out.push_str(unit);
            seconds %= length;
        }
    }
    if out.is_empty() { "0s".to_owned() } else { out }
}

fn refuse_expressions(text: &str) -> Result<(), DurationError> {
    if text.starts_with('-') {
        return Err(DurationError::Negative);
    }
    let is_operator = |c: char| "+-*/%()".contains(c);
    if text.starts_with(|c: char| c.is_ascii_digit() || c == '(') && text.contains(is_operator) {
        return Err(DurationError::Expression);
    }
    Ok(())
}

/// A number of units: the whole ones, and billionths of one.
type Amount = (i64, i64);

/// The number that the text begins with, and what follows it.
fn number(text: &str) -> Result<(Amount, &str), DurationError> {
    let (whole, rest) = digits(text);
    if whole.is_empty() {
        return Err(DurationError::NotANumber);
    }
    let whole = whole.parse().map_err(|_| DurationError::TooLong)?;
    let Some(fraction) = rest.strip_prefix('.') else {
        return Ok(((whole, 0), rest));
    };
    let (fraction, rest) = digits(fraction);
    if fraction.is_empty() {
        return Err(DurationError::NotANumber);
    }
    let billionths = format!("{fraction:0<9.9}").parse().map_err(|_| DurationError::NotANumber)?;
    Ok(((whole, billionths), rest))
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// The unit that the text begins with, seconds if it names none, and what follows it.
fn unit(text: &str) -> Result<(SignedDuration, &str), DurationError> {
    let text = text.trim_start();
    let end = text.find(|c: char| c.is_ascii_digit() || c.is_whitespace()).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    if word.is_empty() {
        return Ok((SignedDuration::from_secs(1), rest));
    }
    let lower = word.to_lowercase();
    let unit = UNITS.iter().find(|(words, _)| words.contains(&lower.as_str()));
    let (_, length) = unit.ok_or_else(|| DurationError::Unit(word.to_owned()))?;
    Ok((*length, rest.trim_start()))
}

/// `None` when it does not fit.
fn scaled((whole, billionths): Amount, unit: SignedDuration) -> Option<SignedDuration> {
    let whole = SignedDuration::from_secs(whole.checked_mul(unit.as_secs())?);
    // At most a year of seconds times a billion: fits.
    let fraction = SignedDuration::from_nanos(billionths.checked_mul(unit.as_secs())?);
    whole.checked_add(fraction)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, seconds: i64) {
        assert_eq!(parse(text), Ok(Length::Of(SignedDuration::from_secs(seconds))), "{text}");
    }

    #[test]
    fn reads_fail2bans_spellings() {
        check("600", 600);
        check(" 600 ", 600);
        check("10m", 600);
        check("10 min", 600);
        check("1d12h", 129_600);
        check("1d 12h", 129_600);
        check("1y 6mo", 47_336_400);
        check("2w", 1_209_600);
        check("1 week", 604_800);
        check("1Hour 30", 3630);
        check("1.5h", 5400);
        assert_eq!(parse("0.25"), Ok(Length::Of(SignedDuration::from_millis(250))));
        assert_eq!(parse("permanent"), Ok(Length::Permanent));
    }

    #[test]
    fn every_word_for_a_unit_is_known() {
        for (words, length) in UNITS {
            for word in words {
                check(&format!("3{word}"), 3 * length.as_secs());
                check(&format!("3 {}", word.to_uppercase()), 3 * length.as_secs());
            }
        }
    }

    #[test]
    fn refuses_the_rest_and_says_why() {
        assert_eq!(parse(""), Err(DurationError::Empty));
        assert_eq!(parse("soon"), Err(DurationError::NotANumber));
        assert_eq!(parse("5."), Err(DurationError::NotANumber));
        assert_eq!(parse("5x"), Err(DurationError::Unit("x".into())));
        assert_eq!(parse("10m;"), Err(DurationError::Unit("m;".into())));
        assert_eq!(parse("60*5"), Err(DurationError::Expression));
        assert_eq!(parse("1year-6mo"), Err(DurationError::Expression));
        assert_eq!(parse("-1"), Err(DurationError::Negative));
        assert_eq!(parse("0"), Err(DurationError::Zero));
        assert_eq!(parse("0m"), Err(DurationError::Zero));
        assert_eq!(parse("101y"), Err(DurationError::TooLong));
        assert_eq!(parse("99999999999999999999"), Err(DurationError::TooLong));
        assert_eq!(parse("9223372036854775807y"), Err(DurationError::TooLong));
        assert_eq!(parse("9223372036854775807 9223372036854775807"), Err(DurationError::TooLong));
    }

    #[test]
    fn shows_the_largest_units() {
        let show = |seconds| show(SignedDuration::from_secs(seconds));
        assert_eq!(show(60), "1m");
        assert_eq!(show(129_600), "1d12h");
        assert_eq!(show(604_800), "1w");
        assert_eq!(show(694_861), "8d1h1m1s");
        assert_eq!(show(0), "0s");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}") {
            let _ = parse(&text);
        }

        #[test]
        fn what_is_shown_reads_the_same(seconds in 1i64..3_155_760_000) {
            let duration = SignedDuration::from_secs(seconds);
            prop_assert_eq!(parse(&show(duration)), Ok(Length::Of(duration)));
        }

        #[test]
        fn terms_add_up(terms in proptest::collection::vec((1i64..100, 0usize..7, 0usize..4), 1..5)) {
            let mut text = String::new();
            let mut seconds = 0;
            for (number, unit, word) in terms {
                let (words, length) = UNITS[unit];
                seconds += number * length.as_secs();
                text = format!("{text}{number}{} ", words[word]);
            }
            if seconds <= LONGEST.as_secs() {
                prop_assert_eq!(parse(&text), Ok(Length::Of(SignedDuration::from_secs(seconds))));
            }
        }
    }
}
