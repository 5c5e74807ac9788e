//! Several that do the same work, one after the other, again and again: whatever slows the machine down
//! for a while slows all of them down.

use anyhow::Result;

use super::cost::Cost;
use super::groups::Bench;
use super::table::{Cell, Row, Table, median};

/// One that does the work.
pub(crate) struct Contender<'a> {
    name: String,
    /// It reads this part of the input alone, and its cost is multiplied by it.
    part: u32,
    /// It takes so long that three rounds must do.
    slow: bool,
    /// It may be missing.
    foreign: bool,
    /// Times of whose cost it should take at most.
    target: Option<(f64, &'static str)>,
    run: Box<dyn FnMut() -> Result<Cost> + 'a>,
    costs: Vec<Cost>,
}

impl<'a> Contender<'a> {
    /// One of ours: it must not fail.
    pub(crate) fn new(name: &str, run: impl FnMut() -> Result<Cost> + 'a) -> Self {
        Self {
            name: name.to_owned(),
            part: 1,
            slow: false,
            foreign: false,
            target: None,
            run: Box::new(run),
            costs: Vec::new(),
        }
    }

    /// Another's program, which need not be there.
    pub(crate) fn foreign(name: &str, run: impl FnMut() -> Result<Cost> + 'a) -> Self {
        Self { foreign: true, ..Self::new(name, run) }
    }

    /// It is given a tenth of the input.
    pub(crate) fn tenth(self) -> Self {
        Self { part: 10, slow: true, ..self }
    }

    /// Three rounds at most.
    pub(crate) fn slow(self) -> Self {
        Self { slow: true, ..self }
    }

    /// It should take at most so many times what another takes.
    pub(crate) fn at_most(self, times: f64, of: &'static str) -> Self {
        Self { target: Some((times, of)), ..self }
    }

    /// Processor seconds of all the work, a round each.
    fn seconds(&self) -> Vec<f64> {
        self.costs.iter().map(|cost| cost.cpu.as_secs_f64() * f64::from(self.part)).collect()
    }
}

/// What is to be done.
pub(crate) struct Race<'a> {
    pub(crate) group: &'static str,
    pub(crate) title: String,
    pub(crate) lines: u64,
    pub(crate) bytes: u64,
    pub(crate) contenders: Vec<Contender<'a>>,
}

impl Race<'_> {
    /// Runs all of them in turn, so many rounds.
    ///
    /// # Errors
    ///
    /// One of ours fails.
    pub(crate) fn run(mut self, &Bench { rounds, alone, .. }: &Bench) -> Result<Table> {
        self.contenders.retain(|contender| !(alone && contender.foreign));
        let mut missing = Vec::new();
        for round in 1..=rounds {
            eprintln!("· {}, round {round} of {rounds}", self.group);
            for contender in &mut self.contenders {
                if missing.contains(&contender.name) || contender.slow && 3 < round {
                    continue;
                }
                match (contender.run)() {
                    Ok(cost) => contender.costs.push(cost),
                    Err(error) if contender.foreign && contender.costs.is_empty() => {
                        eprintln!("  without {}: {error:#}", contender.name);
                        missing.push(contender.name.clone());
                    }
                    Err(error) => return Err(error.context(contender.name.clone())),
                }
            }
        }
        self.contenders.retain(|contender| !contender.costs.is_empty());
        Ok(self.table())
    }

    fn table(&self) -> Table {
        let mut table = Table::new(
            self.group,
            &self.title,
            &["", "CPU s", "lines/s", "MB/s", "× the first", "at most", "counted"],
        );
        for contender in &self.contenders {
            let seconds = contender.seconds();
            let took = median(&seconds);
            let first = self.contenders.first().map(|first| first.name.as_str());
            let times = first.and_then(|first| self.times(contender, first));
            let target = contender
                .target
                .and_then(|(at_most, of)| Some((self.times(contender, of)?, at_most, of)));
            let counted = contender.costs.last().map_or(0, |cost| cost.counted);
            let part = if contender.part == 1 { "" } else { " (of a tenth)" };
            table.rows.push(Row {
                name: contender.name.clone(),
                cells: vec![
                    Cell::text(format!("{took:.3}{}", if contender.part == 1 { "" } else { " *" })),
                    Cell::text(rate(self.lines, took)),
                    Cell::text(format!("{:.0}", per_second(self.bytes, took) / 1e6)),
                    Cell::text(times.map_or_else(String::new, |times| format!("{times:.2}"))),
                    Cell::target(target),
                    Cell::text(format!("{counted}{part}")),
                ],
                values: seconds,
            });
        }
        table
    }

    /// The median of how many times the cost of `of` a contender took, round by round.
    fn times(&self, contender: &Contender<'_>, of: &str) -> Option<f64> {
        let of = self.contenders.iter().find(|contender| contender.name == of)?;
        let pairs = contender.seconds().into_iter().zip(of.seconds());
        let times: Vec<f64> = pairs.map(|(one, other)| one / other.max(1e-6)).collect();
        Some(median(&times))
    }
}

#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn per_second(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds.max(1e-6)
}

/// `5.6 M`, `52 k`.
fn rate(lines: u64, seconds: f64) -> String {
    match per_second(lines, seconds) {
        rate if rate < 1e6 => format!("{:.0} k", rate / 1e3),
        rate => format!("{:.1} M", rate / 1e6),
    }
}
