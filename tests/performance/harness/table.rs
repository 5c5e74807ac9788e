//! What was measured: for people, for docs/performance.md, and for programs.

use std::fmt::Write as _;

use serde::Serialize;

/// One table.
#[derive(Debug, Serialize)]
pub(crate) struct Table {
    pub(crate) group: &'static str,
    pub(crate) title: String,
    pub(crate) head: Vec<&'static str>,
    pub(crate) rows: Vec<Row>,
}

/// One that was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    /// The other columns.
    pub(crate) cells: Vec<Cell>,
    /// What each round took, in the table's first unit.
    pub(crate) values: Vec<f64>,
}

/// One field.
#[derive(Debug, Serialize)]
pub(crate) struct Cell {
    pub(crate) text: String,
    /// Whether what was to be reached was; `None`: nothing was to be.
    pub(crate) met: Option<bool>,
}

impl Cell {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), met: None }
    }

    /// How many times another's cost it took, how many it should take at most, and whose.
    pub(crate) fn target(target: Option<(f64, f64, &str)>) -> Self {
        let Some((measured, at_most, of)) = target else { return Self::text("") };
        let met = measured <= at_most;
        let sign = if met { "✓" } else { "✗" };
        Self { text: format!("{at_most} × {of}: {measured:.2} {sign}"), met: Some(met) }
    }

    /// A figure that should be at most so much.
    pub(crate) fn limit(measured: f64, at_most: f64, unit: &str) -> Self {
        let met = measured <= at_most;
        let sign = if met { "✓" } else { "✗" };
        Self { text: format!("{at_most} {unit} {sign}"), met: Some(met) }
    }
}

impl Table {
    pub(crate) fn new(group: &'static str, title: &str, head: &[&'static str]) -> Self {
        Self { group, title: title.to_owned(), head: head.to_vec(), rows: Vec::new() }
    }

    /// A table of single figures.
    pub(crate) fn of_figures(group: &'static str, title: &str) -> Self {
        Self::new(group, title, &["", "median", "at most"])
    }

    /// Adds a figure that was measured so often.
    pub(crate) fn figure(
        &mut self,
        name: &str,
        values: Vec<f64>,
        unit: &str,
        at_most: Option<f64>,
    ) {
        let measured = median(&values);
        let limit = at_most.map(|at_most| Cell::limit(measured, at_most, unit));
        let shown = Cell::text(format!("{} {unit}", number(measured)).trim_end());
        let cells = vec![shown, limit.unwrap_or_else(|| Cell::text(""))];
        self.rows.push(Row { name: name.to_owned(), cells, values });
    }

    /// For a terminal: columns of equal width.
    pub(crate) fn for_people(&self) -> String {
        let rows = self.fields();
        let width = |column: usize| {
            rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let mut text = format!("\n{}\n", self.title);
        for row in &rows {
            let mut line = String::new();
            for (column, (field, width)) in row.iter().zip(&widths).enumerate() {
                // A String takes any text.
                let _ = match column {
                    0 => write!(line, "  {field:width$}"),
                    _ => write!(line, "  {field:>width$}"),
                };
            }
            text += line.trim_end();
            text.push('\n');
        }
        text
    }

    /// For docs/performance.md.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("{}\n\n", self.title);
        for (number, row) in self.fields().iter().enumerate() {
            let _ = writeln!(text, "| {} |", row.join(" | "));
            if number == 0 {
                let _ = writeln!(text, "|---{}|", "|---:".repeat(self.head.len() - 1));
            }
        }
        text
    }

    fn fields(&self) -> Vec<Vec<&str>> {
        let rows = self.rows.iter().map(|row| {
            let cells = row.cells.iter().map(|cell| cell.text.as_str());
            std::iter::once(row.name.as_str()).chain(cells).collect()
        });
        std::iter::once(self.head.clone()).chain(rows).collect()
    }
}

/// The middle one; of two the mean.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// With three digits that tell something.
fn number(value: f64) -> String {
    match value.abs() {
        0.0..10.0 => format!("{value:.2}"),
        10.0..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}
