//! What was read from each source, and how the source fares.

use jiff::SignedDuration;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::label::{
    Labels, OTHER, PerWord, family, family_of, forget_words, label as pair, per_word,
};
use super::scale::{FloatGauge, unix};
use crate::source::batch::{Batch, Notice, Rotation};

/// Why something could not be read. A [`Trouble`](crate::source::batch::Trouble) with any other
/// reason counts as `other`.
pub const REASONS: [&str; 11] = [
    "permission",
    "missing",
    "not_a_file",
    "pattern",
    "corrupt",
    "oversized",
    "journal",
    "io",
    "lost",
    "panic",
    OTHER,
];

/// Why a reader was opened anew, likewise.
pub const RESTARTS: [&str; 6] = ["corrupt", "replaced", "truncated", "vacuumed", "journal", OTHER];

/// How files are rotated.
const ROTATIONS: [&str; 2] = ["renamed", "truncated"];

/// The families with a `source` label.
#[derive(Debug)]
pub(super) struct SourceFamilies {
    records: Family<Labels<1>, Counter>,
    bytes: Family<Labels<1>, Counter>,
    suppressed: Family<Labels<1>, Counter>,
    errors: Family<Labels<2>, Counter>,
    lost: Family<Labels<1>, Counter>,
    rotations: Family<Labels<2>, Counter>,
    restarts: Family<Labels<2>, Counter>,
    last_record: Family<Labels<1>, FloatGauge>,
    expect_every: Family<Labels<1>, FloatGauge>,
    up: Family<Labels<1>, Gauge>,
    caught_up: Family<Labels<1>, Gauge>,
    backlog: Family<Labels<1>, Gauge>,
}

/// One source's series.
#[derive(Debug)]
pub struct SourceMetrics {
    name: String,
    records: Counter,
    bytes: Counter,
    suppressed: Counter,
    errors: PerWord,
    lost: Counter,
    rotations: PerWord,
    restarts: PerWord,
    last_record: FloatGauge,
    expect_every: FloatGauge,
    up: Gauge,
    caught_up: Gauge,
    backlog: Gauge,
}

impl SourceMetrics {
    /// The source's name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Records were read. What the jails make of the findings is
    /// [`JailMetrics`](super::jail::JailMetrics)' business.
    pub fn observe_batch(&self, batch: &Batch) {
        let tally = &batch.tally;
        self.records.inc_by(tally.records);
        self.bytes.inc_by(tally.bytes);
        self.suppressed.inc_by(tally.suppressed);
        self.errors.add("oversized", tally.oversized);
        if let Some(time) = tally.last_record {
            self.last_record.set(unix(time));
        }
        self.caught_up.set(batch.caught_up.into());
        self.backlog.set(i64::try_from(batch.backlog_bytes).unwrap_or(i64::MAX));
    }

    /// A record is expected so often; `None`: it may be quiet.
    pub fn expect_every(&self, span: Option<SignedDuration>) {
        self.expect_every.set(span.map_or(0.0, |span| span.as_secs_f64()));
    }

    /// Something happened to the source itself.
    pub fn observe_notice(&self, notice: &Notice) {
        match notice {
            Notice::Up => {
                self.up.set(1);
            }
            Notice::CaughtUp => {
                self.caught_up.set(1);
                self.backlog.set(0);
            }
            Notice::Down(trouble) => {
                self.up.set(0);
                self.errors.add(trouble.reason, 1);
            }
            Notice::Error(trouble) => self.errors.add(trouble.reason, 1),
            Notice::Lost(loss) => {
                self.errors.add("lost", 1);
                self.lost.inc_by(loss.bytes);
            }
            Notice::Rotated(Rotation::Renamed) => self.rotations.add("renamed", 1),
            Notice::Rotated(Rotation::Truncated) => self.rotations.add("truncated", 1),
            Notice::Restarted(trouble) => self.restarts.add(trouble.reason, 1),
        }
    }
}

impl SourceFamilies {
    /// How many series a source has.
    pub(super) const SERIES: usize = 9 + REASONS.len() + ROTATIONS.len() + RESTARTS.len();

    pub(super) fn register(to: &mut Registry) -> Self {
        Self {
            records: family(to, "source_records", "Records read: log lines, or journal entries"),
            bytes: family_of(to, "source", Unit::Bytes, "Bytes read", Counter::default),
            suppressed: family(
                to,
                "source_suppressed_records",
                "Records that journald says its rate limit dropped before anybody could read them",
            ),
            errors: family(to, "source_errors", "Times something was lost, skipped or unreadable"),
            lost: family_of(
                to,
                "source_lost",
                Unit::Bytes,
                "Bytes that were seen to be in a file and were gone before they could be read",
                Counter::default,
            ),
            rotations: family(to, "source_rotations", "Files rotated, each read to its last line"),
            restarts: family(to, "source_restarts", "Times the reader was opened anew"),
            last_record: family_of(
                to,
                "source_last_record_timestamp",
                Unit::Seconds,
                "The newest record's own time, in seconds since 1970; 0 before the first",
                FloatGauge::default,
            ),
            expect_every: family_of(
                to,
                "source_expect_every",
                Unit::Seconds,
                "How often a record is expected at least (`expect_every`); 0: it may be quiet",
                FloatGauge::default,
            ),
            up: family(to, "source_up", "Whether the source can be read"),
            caught_up: family(to, "source_caught_up", "Whether all there is has been read"),
            backlog: family_of(
                to,
                "source_backlog",
                Unit::Bytes,
                "Bytes of files known to wait to be read; 0 for a journal, which cannot tell",
                Gauge::default,
            ),
        }
    }

    pub(super) fn appear(&self, name: &str) -> SourceMetrics {
        let one = [pair("source", name)];
        let words = |family, label, words| per_word(family, ("source", name), label, words);
        SourceMetrics {
            name: name.to_owned(),
            records: self.records.get_or_create_owned(&one),
            bytes: self.bytes.get_or_create_owned(&one),
            suppressed: self.suppressed.get_or_create_owned(&one),
            errors: words(&self.errors, "reason", &REASONS),
            lost: self.lost.get_or_create_owned(&one),
            rotations: words(&self.rotations, "reason", &ROTATIONS),
            restarts: words(&self.restarts, "reason", &RESTARTS),
            last_record: self.last_record.get_or_create_owned(&one),
            expect_every: self.expect_every.get_or_create_owned(&one),
            up: self.up.get_or_create_owned(&one),
            caught_up: self.caught_up.get_or_create_owned(&one),
            backlog: self.backlog.get_or_create_owned(&one),
        }
    }

    pub(super) fn forget(&self, source: &SourceMetrics) {
        let one = [pair("source", &source.name)];
        for counters in [&self.records, &self.bytes, &self.suppressed, &self.lost] {
            counters.remove(&one);
        }
        for gauges in [&self.up, &self.caught_up, &self.backlog] {
            gauges.remove(&one);
        }
        self.last_record.remove(&one);
        self.expect_every.remove(&one);
        let first = ("source", source.name.as_str());
        forget_words(&self.errors, first, "reason", &REASONS);
        forget_words(&self.rotations, first, "reason", &ROTATIONS);
        forget_words(&self.restarts, first, "reason", &RESTARTS);
    }
}
