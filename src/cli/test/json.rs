//! One JSON object a line of input, and one with all counts if asked for.

use std::io::{self, Write};

use jiff::tz::TimeZone;

use serde_json::{Value, json};

use super::tally::Tally;
use super::{Print, Report};
use crate::filter::{Filter, Match, Matcher, Name, Outcome};
use crate::printable;

/// Writes `{"line": 1, "outcome": "failure", "host": ..., "time": ..., ...}`.
pub(super) struct Json<'f, W> {
    out: W,
    zone: TimeZone,
    tally: Tally<'f>,
    print: Print,
    last_missed: bool,
}

impl<'f, W: Write> Json<'f, W> {
    pub(super) fn new(out: W, zone: TimeZone, filter: &'f Filter, print: Print) -> Self {
        Self { out, zone, tally: Tally::new(filter), print, last_missed: false }
    }

    /// The counts of a run.
    fn summary(&self) -> Value {
        let tally = &self.tally;
        let hits = tally.filter.lines().into_iter().zip(&tally.hits).enumerate();
        let patterns = hits.map(|(number, (regex, hits))| {
            let time = tally.time_of(number);
            let nanoseconds = (tally.timed > 0).then_some(time.as_nanos());
            json!({"pattern": number, "regex": regex, "hits": hits, "nanoseconds": nanoseconds})
        });
        let ignoreregex = tally.filter.definition.ignoreregex.iter().zip(&tally.ignore_hits);
        let ignoreregex = ignoreregex.map(|(regex, hits)| json!({"regex": regex, "hits": hits}));
        let dates = tally.dates.iter();
        let dates =
            dates.map(|(form, hits)| json!({"form": tally.filter.date_form(*form), "hits": hits}));
        let failures = tally.addresses.iter();
        let failures: serde_json::Map<String, Value> =
            failures.map(|(address, count)| (address.to_string(), json!(count))).collect();
        json!({"summary": {
            "lines": tally.lines, "ignored": tally.ignored, "matched": tally.matched(),
            "missed": tally.missed, "nofail": tally.nofail, "unattributed": tally.unattributed,
            "oversized": tally.oversized, "exceeded": tally.exceeded, "undated": tally.undated,
            "failregex": patterns.collect::<Vec<_>>(),
            "ignoreregex": ignoreregex.collect::<Vec<_>>(),
            "dates": dates.collect::<Vec<_>>(), "failures": failures,
        }})
    }

    fn found<Who>(&mut self, found: &Match<'_, Who>) -> io::Result<()> {
        let out = &mut self.out;
        if let Some(time) = found.time {
            // Local to the zone, without its offset, as fail2ban's samples have it.
            write!(out, ", \"time\": \"{}\"", self.zone.to_datetime(time))?;
        }
        write!(out, ", \"pattern\": {}, \"groups\": {{", found.pattern)?;
        let mut separator = "";
        for (name, value) in found.groups() {
            write!(out, "{separator}\"{name}\": ")?;
            write_json(out, value)?;
            separator = ", ";
        }
        for (name, values) in found.lists() {
            write!(out, "{separator}\"{name}\": ")?;
            write_list(out, values)?;
            separator = ", ";
        }
        out.write_all(b"}")?;
        match found.attempts() {
            1 => Ok(()),
            attempts => write!(out, ", \"attempts\": {attempts}"),
        }
    }

    /// Whose it is: the address, and by what fail2ban would count if not by that.
    fn whose(&mut self, found: &Match<'_>) -> io::Result<()> {
        write!(self.out, ", \"host\": \"{}\", \"id\": ", found.address)?;
        match found.id() {
            Some(id) => write_json(&mut self.out, id.as_bytes()),
            None => write!(self.out, "\"{}\"", found.address),
        }
    }

    /// Whose it is, where that is no address.
    fn name(&mut self, name: Name<'_>) -> io::Result<()> {
        let (key, text) = match name {
            Name::Host(text) => ("host", text),
            Name::Id(text) => ("id", text),
        };
        write!(self.out, ", \"{key}\": ")?;
        write_json(&mut self.out, text)
    }
}

/// Writes text as a JSON string; bytes that are not UTF-8 become U+FFFD.
fn write_json(out: &mut impl Write, text: &[u8]) -> io::Result<()> {
    let string = serde_json::to_string(&String::from_utf8_lossy(text))?;
    out.write_all(printable::json(&string).as_bytes())
}

fn write_list(out: &mut impl Write, values: &[String]) -> io::Result<()> {
    out.write_all(b"[")?;
    for (number, value) in values.iter().enumerate() {
        if number > 0 {
            out.write_all(b", ")?;
        }
        write_json(out, value.as_bytes())?;
    }
    out.write_all(b"]")
}

impl<W: Write> Report for Json<'_, W> {
    fn line(&mut self, number: u64, _text: &[u8], outcome: &Outcome<'_>) -> io::Result<()> {
        self.tally.line(outcome);
        self.last_missed = matches!(outcome, Outcome::Missed);
        let exceeded = match outcome {
            Outcome::Exceeded(part) => Some(part),
            _ => None,
        };
        let (name, found) = match outcome {
            Outcome::Missed => ("missed", None),
            Outcome::Unattributed(None) => ("unattributed", None),
            Outcome::Unattributed(Some(_)) => ("failure", None),
            Outcome::Ignored => ("ignored", None),
            Outcome::Exceeded(_) => ("exceeded", None),
            Outcome::NoFail(found) => ("nofail", found.as_ref()),
            Outcome::Failure(found) => ("failure", Some(found)),
        };
        write!(self.out, "{{\"line\": {number}, \"outcome\": \"{name}\"")?;
        if let Some(part) = exceeded {
            write!(self.out, ", \"regex\": \"{part}\"")?;
        }
        if let Some(found) = found {
            self.whose(found)?;
            self.found(found)?;
        }
        if let Outcome::Unattributed(Some(found)) = outcome {
            self.name(found.address)?;
            self.out.write_all(b", \"unattributed\": true")?;
            self.found(found)?;
        }
        Ok(())
    }

    /// Ends the line's object.
    fn after(&mut self, matcher: &Matcher, text: &[u8]) -> io::Result<()> {
        if self.print.summary {
            self.tally.after(matcher, text, self.print.times);
        }
        if self.last_missed
            && self.print.near_misses
            && let Some((miss, rest)) = self.tally.nearest(matcher, text)
        {
            let near = json!({
                "place": miss.place.to_string(), "fits": miss.fits, "fails": miss.fails,
                "at": miss.at, "rest": String::from_utf8_lossy(&rest),
            });
            write!(self.out, ", \"near_miss\": {}", printable::json(&near.to_string()))?;
        }
        self.out.write_all(b"}\n")
    }

    fn oversized(&mut self, number: u64) -> io::Result<()> {
        self.tally.lines += 1;
        self.tally.oversized += 1;
        writeln!(self.out, "{{\"line\": {number}, \"outcome\": \"missed\", \"oversized\": true}}")
    }

    fn end(&mut self) -> io::Result<()> {
        if self.print.summary {
            writeln!(self.out, "{}", printable::json(&self.summary().to_string()))?;
        }
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn json_reads_back_the_same(text: Vec<u8>) {
            let mut out = Vec::new();
            write_json(&mut out, &text).unwrap();
            let back: String = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(back, String::from_utf8_lossy(&text));
        }
    }

    #[test]
    fn a_terminal_obeys_none_of_it() {
        let mut out = Vec::new();
        write_json(&mut out, "\u{9b}2J\u{202e}\n\u{7f}é".as_bytes()).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), r#""\u009b2J\u202e\n\u007fé""#);
    }
}
