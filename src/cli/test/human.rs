//! The report for people, laid out as fail2ban-regex lays out its own.

use std::cmp::Reverse;
use std::io::{self, Write};
use std::time::Instant;

use super::tally::Tally;
use super::{Print, Report};
use crate::filter::probe::NearMiss;
use crate::filter::{Filter, Match, Matcher, Name, Outcome, Part};
use crate::printable::Printable;

/// How the report looks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shown {
    pub(super) print: Print,
    pub(super) colour: bool,
}

/// Counts, prints the lines asked for as they come, and sums up at the end.
pub(super) struct Human<'f, W> {
    out: W,
    tally: Tally<'f>,
    shown: Shown,
    started: Instant,
    last_missed: bool,
    first_missed: Vec<Missed>,
    first_ignored: Vec<Vec<u8>>,
}

/// A line missed, and why.
struct Missed {
    line: Vec<u8>,
    /// With what is left of the line where it parts from the pattern.
    near: Option<(NearMiss, Vec<u8>)>,
}

/// How many missed lines are shown unasked.
const FEW: usize = 20;

/// How many addresses are shown.
const TOP: usize = 10;

/// How much of a line is shown where it parts from a pattern.
const REST: usize = 60;

impl<'f, W: Write> Human<'f, W> {
    pub(super) fn new(out: W, filter: &'f Filter, shown: Shown) -> Self {
        Self {
            out,
            tally: Tally::new(filter),
            shown,
            started: Instant::now(),
            last_missed: false,
            first_missed: Vec::new(),
            first_ignored: Vec::new(),
        }
    }

    /// Such lines are always shown: as they are, the filter tells nothing of them.
    fn exceeded(&mut self, part: Part, text: &[u8]) -> io::Result<()> {
        if self.tally.exceeded > FEW as u64 {
            return Ok(());
        }
        self.paint(Colour::Red, "exceeded")?;
        writeln!(self.out, " {part} {}", Printable(text))
    }

    fn matched<Who>(
        &mut self,
        (word, colour): (&str, Colour),
        whose: &[u8],
        found: &Match<'_, Who>,
        text: &[u8],
    ) -> io::Result<()> {
        self.paint(colour, word)?;
        write!(self.out, " #{} {} ", found.pattern + 1, Printable(whose))?;
        if let Some(user) = found.user {
            write!(self.out, "user=\"{}\" ", Printable(user))?;
        }
        writeln!(self.out, "{}", Printable(text))
    }

    fn print(&mut self, word: &str, colour: Colour, text: &[u8]) -> io::Result<()> {
        self.paint(colour, word)?;
        writeln!(self.out, " {}", Printable(text))
    }

    /// A line that matches, if such are asked for.
    fn told(&mut self, text: &[u8], outcome: &Outcome<'_>) -> io::Result<()> {
        match outcome {
            Outcome::Failure(found) => {
                let whose = found.address.to_string();
                self.matched(("failure", Colour::Red), whose.as_bytes(), found, text)
            }
            Outcome::NoFail(Some(found)) => {
                let whose = found.address.to_string();
                self.matched(("nofail ", Colour::Yellow), whose.as_bytes(), found, text)
            }
            Outcome::Unattributed(Some(found)) => {
                let (Name::Host(name) | Name::Id(name)) = found.address;
                self.matched(("nobody ", Colour::Yellow), name, found, text)
            }
            Outcome::NoFail(None) => self.print("nofail ", Colour::Yellow, text),
            _ => self.print("nobody ", Colour::Yellow, text),
        }
    }

    fn near(&mut self, indent: &str, (miss, rest): &(NearMiss, Vec<u8>)) -> io::Result<()> {
        write!(self.out, "{indent}{} fits: ", miss.place)?;
        self.paint(Colour::Green, &Printable(miss.fits.as_bytes()).to_string())?;
        write!(self.out, "\n{indent}  and then not: ")?;
        self.paint(Colour::Red, &Printable(miss.fails.as_bytes()).to_string())?;
        write!(self.out, "\n{indent}  where the line has: ")?;
        if rest.is_empty() {
            self.out.write_all(b"(its end)")?;
        } else {
            write!(self.out, "{}", Printable(&rest[..rest.len().min(REST)]))?;
        }
        self.out.write_all(b"\n")
    }

    fn paint(&mut self, colour: Colour, text: &str) -> io::Result<()> {
        if self.shown.colour {
            write!(self.out, "\x1b[{}m{text}\x1b[0m", colour as u8)
        } else {
            self.out.write_all(text.as_bytes())
        }
    }

    fn patterns(&mut self) -> io::Result<()> {
        let total: u64 = self.tally.hits.iter().sum();
        self.paint(Colour::Bold, "Failregex")?;
        writeln!(self.out, ": {total} total")?;
        let lines = self.tally.filter.patterns().map(str::to_owned).collect::<Vec<_>>();
        let lines = if lines.is_empty() { vec!["(httpd)".to_owned()] } else { lines };
        self.hits(&lines, &self.tally.hits.clone())?;
        self.paint(Colour::Bold, "Ignoreregex")?;
        writeln!(self.out, ": {} total", self.tally.ignored)?;
        if self.tally.ignored > 0 {
            let lines = self.tally.filter.definition.ignoreregex.clone();
            return self.hits(&lines, &self.tally.ignore_hits.clone());
        }
        self.out.write_all(b"\n")
    }

    fn hits(&mut self, lines: &[String], hits: &[u64]) -> io::Result<()> {
        writeln!(self.out, "|-  #) [# of hits] regular expression")?;
        for (number, (pattern, hits)) in (1..).zip(lines.iter().zip(hits)) {
            if *hits > 0 {
                writeln!(self.out, "|  {number:2}) [{hits}] {}", Printable(pattern.as_bytes()))?;
            }
        }
        writeln!(self.out, "`-\n")
    }

    /// The slowest first.
    fn times(&mut self) -> io::Result<()> {
        let mut slowest: Vec<usize> = (0..self.tally.hits.len()).collect();
        slowest.sort_by_key(|pattern| Reverse(self.tally.time_of(*pattern)));
        self.paint(Colour::Bold, "Time a pattern")?;
        writeln!(self.out, ": each by itself, over the first {} lines", self.tally.timed)?;
        writeln!(self.out, "|-  #) [time a line] regular expression")?;
        let lines = self.tally.filter.lines();
        for pattern in slowest {
            let time = self.tally.time_of(pattern);
            let line = Printable(lines[pattern].as_bytes());
            writeln!(self.out, "|  {:2}) [{time:.1?}] {line}", pattern + 1)?;
        }
        writeln!(self.out, "`-\n")
    }

    fn dates(&mut self) -> io::Result<()> {
        self.paint(Colour::Bold, "Date template hits")?;
        writeln!(self.out, ":\n|- [# of hits] date format")?;
        for (form, hits) in &self.tally.dates {
            let form = Printable(self.tally.filter.date_form(*form).as_bytes());
            writeln!(self.out, "|  [{hits}] {form}")?;
        }
        writeln!(self.out, "`-")?;
        if self.tally.undated > 0 {
            writeln!(
                self.out,
                "{} failures have no date that can be read; the daemon would take them for now's",
                self.tally.undated
            )?;
        }
        self.out.write_all(b"\n")
    }

    fn top(&mut self) -> io::Result<()> {
        let addresses = self.tally.addresses.iter();
        let mut addresses: Vec<_> = addresses.map(|(address, count)| (*address, *count)).collect();
        addresses.sort_by_key(|(address, failures)| (Reverse(*failures), *address));
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
        self.more(addresses.len())
    }

    /// Those that are no addresses.
    fn nobodies(&mut self) -> io::Result<()> {
        if self.tally.unattributed == 0 {
            return Ok(());
        }
        let names = self.tally.names.iter();
        let mut names: Vec<_> = names.map(|(name, count)| (name.clone(), *count)).collect();
        names.sort_by(|one, other| (Reverse(one.1), &one.0).cmp(&(Reverse(other.1), &other.0)));
        self.paint(Colour::Bold, "Nobody's")?;
        writeln!(self.out, ": {} failures; such are never banned", self.tally.unattributed)?;
        writeln!(self.out, "|- [# of failures] host or ID")?;
        for (name, failures) in names.iter().take(TOP) {
            writeln!(self.out, "|  [{failures}] {}", Printable(name))?;
        }
        self.more(names.len())
    }

    fn more(&mut self, count: usize) -> io::Result<()> {
        if count > TOP {
            writeln!(self.out, "|  ... and {} more", count - TOP)?;
        }
        writeln!(self.out, "`-\n")
    }

    fn total(&mut self) -> io::Result<()> {
        let Tally { lines, ignored, missed, nofail, oversized, exceeded, .. } = self.tally;
        let matched = self.tally.matched();
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

    fn some_ignored(&mut self) -> io::Result<()> {
        let some = std::mem::take(&mut self.first_ignored);
        if some.is_empty() {
            return Ok(());
        }
        self.out.write_all(b"\n")?;
        self.paint(Colour::Bold, "Ignored line(s)")?;
        writeln!(self.out, ":")?;
        for line in &some {
            writeln!(self.out, "|  {}", Printable(line))?;
        }
        self.first(self.tally.ignored, "ignored")
    }

    fn some_missed(&mut self) -> io::Result<()> {
        let some = std::mem::take(&mut self.first_missed);
        if some.is_empty() {
            return Ok(());
        }
        self.out.write_all(b"\n")?;
        self.paint(Colour::Bold, "Missed line(s)")?;
        writeln!(self.out, ":")?;
        for Missed { line, near } in &some {
            writeln!(self.out, "|  {}", Printable(line))?;
            if let Some(near) = near {
                self.near("|    ", near)?;
            }
        }
        self.first(self.tally.missed, "missed")
    }

    fn first(&mut self, count: u64, word: &str) -> io::Result<()> {
        if count > FEW as u64 {
            writeln!(self.out, "`- the first {FEW} of {count}; --print-all-{word} prints all")
        } else {
            writeln!(self.out, "`-")
        }
    }
}

impl<W: Write> Report for Human<'_, W> {
    fn line(&mut self, _number: u64, text: &[u8], outcome: &Outcome<'_>) -> io::Result<()> {
        self.tally.line(outcome);
        self.last_missed = matches!(outcome, Outcome::Missed);
        let print = self.shown.print;
        match outcome {
            Outcome::Missed if print.print_all_missed => self.print("missed ", Colour::Dim, text),
            Outcome::Missed => Ok(()),
            Outcome::Exceeded(part) => self.exceeded(*part, text),
            Outcome::Ignored if print.print_all_ignored => {
                self.print("ignored", Colour::Yellow, text)
            }
            Outcome::Ignored => {
                if !print.print_no_ignored && self.first_ignored.len() < FEW {
                    self.first_ignored.push(text.to_vec());
                }
                Ok(())
            }
            outcome if print.print_all_matched => self.told(text, outcome),
            _ => Ok(()),
        }
    }

    fn after(&mut self, matcher: &Matcher, text: &[u8]) -> io::Result<()> {
        let print = self.shown.print;
        self.tally.after(matcher, text, print.times);
        if !self.last_missed || print.print_no_missed {
            return Ok(());
        }
        if print.print_all_missed {
            let near = if print.near_misses { self.tally.nearest(matcher, text) } else { None };
            return near.map_or(Ok(()), |near| self.near("        ", &near));
        }
        if self.first_missed.len() < FEW {
            let near = self.tally.nearest(matcher, text);
            self.first_missed.push(Missed { line: text.to_vec(), near });
        }
        Ok(())
    }

    fn oversized(&mut self, _number: u64) -> io::Result<()> {
        self.tally.lines += 1;
        self.tally.oversized += 1;
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        let Print { print_all_matched, print_all_missed, print_all_ignored, times, .. } =
            self.shown.print;
        if print_all_matched || print_all_missed || print_all_ignored {
            self.out.write_all(b"\n")?;
        }
        self.patterns()?;
        if times {
            self.times()?;
        }
        self.dates()?;
        self.top()?;
        self.nobodies()?;
        self.total()?;
        self.some_ignored()?;
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
    Green = 32,
    Yellow = 33,
}
