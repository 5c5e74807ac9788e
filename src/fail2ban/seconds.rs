//! fail2ban's numbers and times: `600`, `1d12h`, `1year-6mo`, `60*5`.
//!
//! fail2ban has Python evaluate them. Here a small grammar reads the same sums and products, and
//! nothing is evaluated that is more than that.
//!
//! Source: jail.conf(5), "TIME ABBREVIATION FORMAT".

/// Every beginning of a unit's name that counts, and the unit's seconds. A year is 365.25 days, a
/// month its twelfth.
const UNITS: [(&[&str], f64); 7] = [
    (&["s", "ss", "se", "sec", "second", "seconds"], 1.0),
    (&["m", "mm", "mi", "min", "minute", "minutes"], 60.0),
    (&["h", "hh", "ho", "hou", "hour", "hours"], 3600.0),
    (&["d", "dd", "da", "day", "days"], 86_400.0),
    (&["w", "ww", "we", "wee", "week", "weeks"], 604_800.0),
    (&["mo", "mon", "month", "months"], 2_629_800.0),
    (&["y", "yy", "ye", "yea", "year", "years"], 31_557_600.0),
];

/// Brackets may be nested so deep.
const DEEPEST: u8 = 20;

/// A number, or a time in seconds; negative ones mean *for ever* to `bantime`. `None`: it is no sum
/// or product of such.
#[must_use]
pub fn parse(text: &str) -> Option<f64> {
    let mut rest = text.trim();
    let value = sum(&mut rest, 0)?;
    (rest.is_empty() && value.is_finite()).then_some(value)
}

/// Terms, added and subtracted; those that stand side by side are added.
fn sum(rest: &mut &str, depth: u8) -> Option<f64> {
    let mut total = product(rest, depth)?;
    loop {
        *rest = rest.trim_start();
        match rest.chars().next() {
            Some('+') => {
                *rest = &rest[1..];
                total += product(rest, depth)?;
            }
            Some('-') => {
                *rest = &rest[1..];
                total -= product(rest, depth)?;
            }
            Some(c) if c.is_ascii_digit() || c == '.' => total += product(rest, depth)?,
            _ => return Some(total),
        }
    }
}

/// Factors, multiplied and divided.
fn product(rest: &mut &str, depth: u8) -> Option<f64> {
    let mut total = factor(rest, depth)?;
    loop {
        *rest = rest.trim_start();
        match rest.chars().next() {
            Some('*') => {
                *rest = &rest[1..];
                total *= factor(rest, depth)?;
            }
            Some('/') => {
                *rest = &rest[1..];
                total /= factor(rest, depth)?;
            }
            _ => return Some(total),
        }
    }
}

/// A number with or without its unit, something in brackets, or the negative of such.
fn factor(rest: &mut &str, depth: u8) -> Option<f64> {
    if depth > DEEPEST {
        return None;
    }
    *rest = rest.trim_start();
    if let Some(after) = rest.strip_prefix('-') {
        *rest = after;
        return Some(-factor(rest, depth + 1)?);
    }
    if let Some(after) = rest.strip_prefix('(') {
        *rest = after;
        let value = sum(rest, depth + 1)?;
        *rest = rest.trim_start().strip_prefix(')')?;
        return Some(value);
    }
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let number: f64 = rest[..end].parse().ok()?;
    let after = rest[end..].trim_start();
    let length = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
    if length == 0 {
        *rest = &rest[end..];
        return Some(number);
    }
    let word = after[..length].to_ascii_lowercase();
    let (_, seconds) = UNITS.iter().find(|(words, _)| words.contains(&word.as_str()))?;
    *rest = &after[length..];
    Some(number * seconds)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_sums_and_products() {
        let check = |text: &str, expected: Option<f64>| assert_eq!(parse(text), expected, "{text}");
        check("600", Some(600.0));
        check("-1", Some(-1.0));
        check("1d12h", Some(129_600.0));
        check("1y 6mo", Some(47_336_400.0));
        check("1year-6mo", Some(15_778_800.0));
        check("2W", Some(1_209_600.0));
        check("60*5", Some(300.0));
        check("1.5h", Some(5400.0));
        check("2 * (1h + 30 min) / 3", Some(3600.0));
        check("0d 1h 30m", Some(5400.0));
        check("", None);
        check("1h)", None);
        check("1/0", None);
        check("10 apples", None);
        check("__import__('os')", None);
        check(&"(".repeat(1000), None);
        check(&"-".repeat(1000), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[0-9.dhmsy+*/() -]{0,40}") {
            let _ = parse(&text);
        }

        #[test]
        fn what_is_added_counts(terms in prop::collection::vec((0_u32..1000, 0_usize..7), 1..5)) {
            let text: Vec<_> = terms.iter().map(|(n, unit)| format!("{n}{}", UNITS[*unit].0[0])).collect();
            let expected: f64 = terms.iter().map(|(n, unit)| f64::from(*n) * UNITS[*unit].1).sum();
            for separator in ["", " ", " + "] {
                prop_assert_eq!(parse(&text.join(separator)), Some(expected));
            }
        }
    }
}
