//! Matched records, for people.

use std::fmt::{self, Write as _};

use jiff::tz::TimeZone;

use crate::control::explanation::RecordView;
use crate::printable::Printable;
use crate::telemetry::lines::local;

/// Writes records, each with its time; where they were read and what matched, where that changes.
pub(super) fn write(
    text: &mut String,
    zone: &TimeZone,
    filter: &str,
    records: &[RecordView],
) -> fmt::Result {
    let mut last: Option<&RecordView> = None;
    for record in records {
        let same = |of: fn(&RecordView) -> &str| last.is_some_and(|last| of(last) == of(record));
        if !same(|record| &record.pattern) {
            let filter = if filter.is_empty() { "" } else { &format!("{filter}: ") };
            let pattern = Printable(record.pattern.as_bytes());
            writeln!(text, "  {:<9} {filter}{pattern}", "filter")?;
        }
        if !same(|record| &record.source) {
            writeln!(text, "  {:<9} {}", "records", Printable(record.source.as_bytes()))?;
        }
        let more = if record.cut { "…" } else { "" };
        let shown = Printable(record.text.as_bytes());
        writeln!(text, "    {}  {shown}{more}", local(record.time, zone))?;
        if let Some(user) = record.user.as_ref().filter(|user| !user.is_empty()) {
            writeln!(text, "      user: {}", Printable(user.as_bytes()))?;
        }
        last = Some(record);
    }
    Ok(())
}
