//! One JSON object a line of input.

use std::io::{self, Write};

use jiff::tz::TimeZone;

use super::Report;
use super::text::write_json;
use crate::filter::date::Form;
use crate::filter::{Match, Name, Outcome};

/// Writes `{"line": 1, "outcome": "failure", "host": ..., "time": ..., ...}`.
pub(super) struct Json<W> {
    out: W,
    zone: TimeZone,
}

impl<W: Write> Json<W> {
    pub(super) fn new(out: W, zone: TimeZone) -> Self {
        Self { out, zone }
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

impl<W: Write> Report for Json<W> {
    fn line(&mut self, number: u64, _text: &[u8], outcome: &Outcome<'_>) -> io::Result<()> {
        let exceeded = match outcome {
            Outcome::Exceeded(part) => Some(part),
            _ => None,
        };
        let (name, found) = match outcome {
            Outcome::Missed | Outcome::Unattributed(None) => ("missed", None),
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
