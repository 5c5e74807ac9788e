//! The report for people, laid out as fail2ban-regex lays out its own.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::IpAddr;
use std::time::Instant;

use rustc_hash::FxHashMap;

use super::Report;
use super::text::write_shown;
use crate::filter::date::Form;
use crate::filter::{Filter, Match, Outcome, Part};

/// Which lines are printed, besides the first that were missed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shown {
    pub(super) matched: bool,
    pub(super) missed: bool,
    pub(super) ignored: bool,
}

/// Counts, prints the lines asked for as they come, and sums up at the end.
pub(super) struct Human<'f, W> {
    out: W,
    filter: &'f Filter,
    shown: Shown,
    colour: bool,
    started: Instant,
    lines: u64,
    ignored: u64,
    missed: u64,
    nofail: u64,
    oversized: u64,
    undated: u64,
    exceeded: u64,
    hits: Vec<u64>,
    dates: BTreeMap<Form, u64>,
    addresses: FxHashMap<IpAddr, u64>,
    first_missed: Vec<Vec<u8>>,
}

/// How many missed lines are shown unasked.
const FEW: usize = 20;

/// How many addresses are shown.
const TOP: usize = 10;

impl<'f, W: Write> Human<'f, W> {
    pub(super) fn new(out: W, filter: &'f Filter, shown: Shown, colour: bool) -> Self {
        Self {
            out,
            filter,
            shown,
            colour,
            started: Instant::now(),
            lines: 0,
            ignored: 0,
            missed: 0,
            nofail: 0,
            oversized: 0,
            undated: 0,
            exceeded: 0,
            hits: vec![0; usize::from(filter.pattern_count())],
            dates: BTreeMap::new(),
            addresses: FxHashMap::default(),
            first_missed: Vec::new(),
        }
    }

    fn missed(&mut self, text: &[u8]) -> io::Result<()> {
        self.missed += 1;
        if self.shown.missed {
            return self.print("missed ", Colour::Dim, text);
        }
        if self.first_missed.len() < FEW {
            self.first_missed.push(text.to_vec());
        }
        Ok(())
    }

    /// Such lines are always shown: as they are, the filter tells nothing of them.
    fn exceeded(&mut self, part: Part, text: &[u8]) -> io::Result<()> {
        self.exceeded += 1;
        if self.exceeded > FEW as u64 {
            return Ok(());
        }
        self.paint(Colour::Red, "exceeded")?;
        write!(self.out, " {part} ")?;
        write_shown(&mut self.out, text)?;
        self.out.write_all(b"\n")
    }

    fn matched(&mut self, found: &Match<'_>, text: &[u8], counts: bool) -> io::Result<()> {
        self.hits[usize::from(found.pattern)] += 1;
        if counts {
            *self.addresses.entry(found.address).or_default() += 1;
            self.undated += u64::from(found.time.is_none());
        } else {
            self.nofail += 1;
        }
        if !self.shown.matched {
            return Ok(());
        }
        let (word, colour) =
            if counts { ("failure", Colour::Red) } else { ("nofail ", Colour::Yellow) };
        self.paint(colour, word)?;
        write!(self.out, " #{} {} ", found.pattern + 1, found.address)?;
        if let Some(user) = found.user {
            self.out.write_all(b"user=\"")?;
            write_shown(&mut self.out, user)?;
            self.out.write_all(b"\" ")?;
        }
        write_shown(&mut self.out, text)?;
        self.out.write_all(b"\n")
    }

    fn print(&mut self, word: &str, colour: Colour, text: &[u8]) -> io::Result<()> {
        self.paint(colour, word)?;
        self.out.write_all(b" ")?;
        write_shown(&mut self.out, text)?;
        self.out.write_all(b"\n")
    }

    fn paint(&mut self, colour: Colour, text: &str) -> io::Result<()> {
        if self.colour {
            write!(self.out, "\x1b[{}m{text}\x1b[0m", colour as u8)
        } else {
            self.out.write_all(text.as_bytes())
        }
    }

    fn patterns(&mut self) -> io::Result<()> {
        let total: u64 = self.hits.iter().sum();
        self.paint(Colour::Bold, "Failregex")?;
        writeln!(self.out, ": {total} total")?;
        writeln!(self.out, "|-  #) [# of hits] regular expression")?;
        let rule = self.filter.patterns().next().is_none().then_some("(httpd)");
        let patterns = self.filter.patterns().chain(rule);
        for (number, (pattern, hits)) in (1..).zip(patterns.zip(&self.hits)) {
            if *hits > 0 {
                write!(self.out, "|  {number:2}) [{hits}] ")?;
                write_shown(&mut self.out, pattern.as_bytes())?;
                self.out.write_all(b"\n")?;
            }
        }
        writeln!(self.out, "`-\n")?;
        self.paint(Colour::Bold, "Ignoreregex")?;
        writeln!(self.out, ": {} total\n", self.ignored)
    }

    fn dates(&mut self) -> io::Result<()> {
        self.paint(Colour::Bold, "Date template hits")?;
        writeln!(self.out, ":\n|- [# of hits] date format")?;
        for (form, hits) in &self.dates {
            writeln!(self.out, "|  [{hits}] {}", form.describe())?;
        }
        writeln!(self.out, "`-")?;
        if self.undated > 0 {
            writeln!(
                self.out,
                "{} failures have no date that can be read; the daemon would take them for now's",
                self.undated
            )?;
        }
        self.out.write_all(b"\n")
    }

    fn top(&mut self) -> io::Result<()> {
        let mut addresses: Vec<(IpAddr, u64)> =
            self.addresses.iter().map(|(address, failures)| (*address, *failures)).collect();
        addresses.sort_by_key(|(address, failures)| (std::cmp::Reverse(*failures), *address));
        let failures: u64 = addresses.iter().map(|(_, failures)| failures).sum();
        self.paint(Colour::Bold, "Failures")?;
        let noun = if addresses.len() == 1 { "address" } else { "addresses" };
        writeln!(self.out, ": {failures} by {} {noun}", addresses.len())?;
        if addresses.is_empty() {
            return self.out.write_all(b"\n");
        }
        writeln!(self.out, "|- [# of failures] address")?;
        for (address, failures) in addresses.iter().take(TOP) {
            writeln!(self.out, "|  [{failures}] {address}")?;
        }
        if addresses.len() > TOP {
            writeln!(self.out, "|  ... and {} more", addresses.len() - TOP)?;
        }
        writeln!(self.out, "`-\n")
    }

    fn total(&mut self) -> io::Result<()> {
        let Self { lines, ignored, missed, nofail, oversized, exceeded, .. } = *self;
        let matched = lines - ignored - missed - oversized - exceeded;
        self.paint(Colour::Bold, "Lines")?;
        write!(self.out, ": {lines} lines, {ignored} ignored, {matched} matched, {missed} missed")?;
        if nofail > 0 {
            write!(self.out, "; {nofail} matched but not counted")?;
        }
        if oversized > 0 {
            write!(self.out, "; {oversized} over 64 KiB, skipped")?;
        }
        if exceeded > 0 {
            write!(self.out, "; {exceeded} used up a regex's steps: what they are nobody knows")?;
        }
        let seconds = self.started.elapsed().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "shown in whole lines")]
        let rate = lines as f64 / seconds.max(1e-9);
        writeln!(self.out, "\n[processed in {seconds:.2} sec, {rate:.0} lines/s]")
    }

    fn some_missed(&mut self) -> io::Result<()> {
        let some = std::mem::take(&mut self.first_missed);
        if some.is_empty() {
            return Ok(());
        }
        self.out.write_all(b"\n")?;
        self.paint(Colour::Bold, "Missed line(s)")?;
        writeln!(self.out, ":")?;
        for line in &some {
            self.out.write_all(b"|  ")?;
            write_shown(&mut self.out, line)?;
            self.out.write_all(b"\n")?;
        }
        if self.missed > FEW as u64 {
            writeln!(
                self.out,
                "`- the first {FEW} of {}; --print-all-missed prints all",
                self.missed
            )
        } else {
            writeln!(self.out, "`-")
        }
    }
}

impl<W: Write> Report for Human<'_, W> {
    fn line(&mut self, _number: u64, text: &[u8], outcome: &Outcome<'_>) -> io::Result<()> {
        self.lines += 1;
        match outcome {
            Outcome::Missed | Outcome::Unattributed(_) => self.missed(text),
            Outcome::Failure(found) => self.matched(found, text, true),
            Outcome::NoFail(Some(found)) => self.matched(found, text, false),
            Outcome::Exceeded(part) => self.exceeded(*part, text),
            Outcome::NoFail(None) => {
                self.nofail += 1;
                Ok(())
            }
            Outcome::Ignored => {
                self.ignored += 1;
                if self.shown.ignored {
                    self.print("ignored", Colour::Yellow, text)
                } else {
                    Ok(())
                }
            }
        }
    }

    fn date(&mut self, form: Option<Form>) {
        if let Some(form) = form {
            *self.dates.entry(form).or_default() += 1;
        }
    }

    fn oversized(&mut self, _number: u64) -> io::Result<()> {
        self.lines += 1;
        self.oversized += 1;
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        if self.shown.matched || self.shown.missed || self.shown.ignored {
            self.out.write_all(b"\n")?;
        }
        self.patterns()?;
        self.dates()?;
        self.top()?;
        self.total()?;
        self.some_missed()?;
        self.out.flush()
    }
}

/// SGR codes, `console_codes(4)`.
#[derive(Clone, Copy)]
enum Colour {
    Bold = 1,
    Dim = 2,
    Red = 31,
    Yellow = 33,
}
