//! One JSON object a line of input.

use std::io::{self, Write};

use jiff::tz::TimeZone;

use super::Report;
use super::text::write_json;
use crate::filter::date::Form;
use crate::filter::{Match, Outcome};

/// Writes `{"line": 1, "outcome": "failure", "host": ..., "time": ..., ...}`.
pub(super) struct Json<W> {
    out: W,
    zone: TimeZone,
}

impl<W: Write> Json<W> {
    pub(super) fn new(out: W, zone: TimeZone) -> Self {
        Self { out, zone }
    }

    fn found(&mut self, found: &Match<'_>) -> io::Result<()> {
        let out = &mut self.out;
        write!(out, ", \"host\": \"{0}\", \"id\": \"{0}\"", found.address)?;
        if let Some(time) = found.time {
            // Local to the zone, without its offset, as fail2ban's samples have it.
            write!(out, ", \"time\": \"{}\"", self.zone.to_datetime(time))?;
        }
        write!(out, ", \"pattern\": {}, \"groups\": {{", found.pattern)?;
        for (number, (name, value)) in found.groups().enumerate() {
            if number > 0 {
                out.write_all(b", ")?;
            }
            write!(out, "\"{name}\": ")?;
            write_json(out, value)?;
        }
        out.write_all(b"}")
    }
}

impl<W: Write> Report for Json<W> {
    fn line(&mut self, number: u64, _text: &[u8], outcome: &Outcome<'_>) -> io::Result<()> {
        let exceeded = match outcome {
            Outcome::Exceeded(part) => Some(part),
            _ => None,
        };
        let (name, found) = match outcome {
            Outcome::Missed | Outcome::Unattributed => ("missed", None),
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
            self.found(found)?;
        }
        self.out.write_all(b"}\n")
    }

    fn date(&mut self, _form: Option<Form>) {}

    fn oversized(&mut self, number: u64) -> io::Result<()> {
        writeln!(self.out, "{{\"line\": {number}, \"outcome\": \"missed\", \"oversized\": true}}")
    }

    fn end(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
