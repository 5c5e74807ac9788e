//! The words of a form, `%d`, `%ExY` …, and the regex of each; its group is named as the word.
//!
//! As strptime(3) and Python's `time.strptime` have them, a little wider; a word after `Ex` takes
//! exactly as many digits as it has.

use crate::filter::date::datepattern::DatePatternError;

/// Replaces the words in a form.
pub(super) fn expand(form: &str) -> Result<String, DatePatternError> {
    let mut out = String::with_capacity(form.len() * 6);
    let mut rest = form;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let length = if after.starts_with("Ex") { 3 } else { 1 };
        let end = after.char_indices().nth(length).map_or(after.len(), |(end, _)| end);
        let (word, after) = after.split_at(end);
        let Some(regex) = regex(word) else {
            return Err(DatePatternError::UnknownWord(word.to_owned()));
        };
        out.push_str(&regex);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// Whether letters in a form are told apart by nothing but their case: names of months and days.
pub(super) fn has_names(form: &str) -> bool {
    let words = form.match_indices('%').filter(|(at, _)| !form[..*at].ends_with('%'));
    words
        .map(|(at, _)| &form[at + 1..])
        .any(|word| word.starts_with(['a', 'A', 'b', 'B', 'p', 'c']))
}

fn regex(word: &str) -> Option<String> {
    let regex = match word {
        "Y" => "(?P<Y>[0-9]{4})",
        // This century: what else has four digits is no year.
        "ExY" => "(?P<Y>20[0-9]{2})",
        "y" | "Exy" => "(?P<y>[0-9]{2})",
        "m" => "(?P<m>0?[1-9]|1[0-2])",
        "Exm" => "(?P<m>0[1-9]|1[0-2])",
        "d" => "(?P<d>[12][0-9]|[ 0]?[1-9]|3[01])",
        "Exd" => "(?P<d>[12][0-9]|0[1-9]|3[01])",
        "H" => "(?P<H>[01]?[0-9]|2[0-3])",
        "ExH" => "(?P<H>[01][0-9]|2[0-3])",
        "k" => " ?(?P<H>[0-2]?[0-9])",
        "Exk" => " ?(?P<H>[01]?[0-9]|2[0-3])",
        "I" => "(?P<I>1[0-2]|0[1-9]|[1-9])",
        "l" => " ?(?P<I>1?[0-9])",
        "Exl" => " ?(?P<I>1[0-2]|[0-9])",
        "M" => "(?P<M>[0-5]?[0-9])",
        "ExM" => "(?P<M>[0-5][0-9])",
        "S" => "(?P<S>[0-5]?[0-9]|6[01])",
        "ExS" => "(?P<S>[0-5][0-9]|6[01])",
        "f" => "(?P<f>[0-9]{1,6})",
        "j" => "(?P<j>36[0-6]|3[0-5][0-9]|[12][0-9]{2}|0[0-9]{2}|[1-9][0-9]|0[1-9]|[1-9])",
        "U" => "(?P<U>5[0-3]|[0-4][0-9]|[0-9])",
        "W" => "(?P<W>5[0-3]|[0-4][0-9]|[0-9])",
        "w" => "(?P<w>[0-6])",
        "p" => "(?P<p>am|pm)",
        "z" => "(?P<z>Z|UTC|GMT|[+-][01][0-9](?::?[0-9]{2})?)",
        "Z" => "(?P<Z>Z|[A-Z]{3,5})",
        "ExZ" => "(?P<Z>[A-Z](?:[A-Z]{2,4})?)",
        "Exz" => {
            "(?P<z>(?:[A-Z](?:[A-Z]{2,4})?)?[+-][01][0-9](?::?[0-9]{2})?|[A-Z](?:[A-Z]{2,4})?)"
        }
        "a" => "(?P<a>mon|tue|wed|thu|fri|sat|sun)",
        "A" => "(?P<A>monday|tuesday|wednesday|thursday|friday|saturday|sunday)",
        "b" => "(?P<b>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)",
        "B" => {
            "(?P<B>january|february|march|april|may|june|july|august|september|october|november|december)"
        }
        "c" => return expand(r"%a %b %d %H:%M:%S %Y").ok(),
        "x" => return expand("%m/%d/%y").ok(),
        "X" => return expand("%H:%M:%S").ok(),
        "%" => "%",
        _ => return None,
    };
    Some(regex.to_owned())
}
