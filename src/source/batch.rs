//! What a source tells the daemon.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::excerpt::{Excerpt, Excerpts};
use crate::failure::Failure;
use crate::filter::Part;
use crate::jail::ban::JailName;
use crate::moment::Moment;

/// A source's name: its [`Origin`](crate::record::origin::Origin), displayed.
pub type SourceName = Arc<str>;

/// All that can come from a source's thread.
#[derive(Debug)]
pub struct Message {
    /// Who speaks.
    pub source: SourceName,
    /// What it says.
    pub body: Body,
}

/// Findings, or how the source fares.
#[derive(Debug)]
pub enum Body {
    /// Records were read and matched.
    Batch(Batch),
    /// Something happened to the source itself.
    Notice(Notice),
}

/// What a run of records yielded. Applied whole: findings and `through` together, so that a line
/// counts once.
#[derive(Debug)]
pub struct Batch {
    /// The jails that listened, by index from [`Finding::listener`]; fixed at a (re)load.
    pub listeners: Arc<[JailName]>,
    /// What was found. Their source takes up the room again when nobody reads it any more.
    pub found: Arc<Findings>,
    /// Numbers for the metrics.
    pub tally: Tally,
    /// Everything up to here has been read.
    pub through: Position,
    /// Whether the source had read all there was.
    pub caught_up: bool,
    /// Whether the source reads what was written while nobody was there to read it: it goes on from
    /// a kept position, or was held up, and has not caught up since.
    pub late: bool,
    /// Bytes known to wait still; 0 when caught up, and for journals.
    pub backlog_bytes: u64,
}

/// The failures of one batch, and what they were found in.
#[derive(Debug, Default)]
pub struct Findings {
    /// The failures, in the order read.
    pub failures: Vec<Finding>,
    /// The texts that they were found in, and those at which a budget was used up.
    pub excerpts: Excerpts,
}

impl Findings {
    /// Forgets them, but keeps their room.
    pub fn clear(&mut self) {
        self.failures.clear();
        self.excerpts.clear();
    }
}

/// One failure, and whose it is.
#[derive(Clone, Copy, Debug)]
pub struct Finding {
    /// Index into [`Batch::listeners`].
    pub listener: u16,
    /// Which failregex, from 0.
    pub pattern: u16,
    /// The failure.
    pub failure: Failure,
    /// When the record was read.
    pub read: Moment,
    /// The record's text, in [`Findings::excerpts`].
    pub text: Excerpt,
    /// The user it names there, if it names one.
    pub user: Option<Excerpt>,
}

/// Counts of one batch.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Records read.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Records an ignoreregex took, by listener.
    pub ignored: Vec<u64>,
    /// Failures of which nobody can tell whose they are, by listener.
    pub unattributed: Vec<u64>,
    /// Failures without a readable date, by listener; they count at the time of reading.
    pub date_errors: Vec<u64>,
    /// Records at which a regex that backtracks used up its budget; `None`: none did.
    pub overruns: Option<Box<Overruns>>,
    /// Lines over 64 KiB, skipped.
    pub oversized: u64,
    /// Records that journald says its rate limit dropped.
    pub suppressed: u64,
    /// The newest record's own time, if it has one.
    pub last_record: Option<Timestamp>,
}

/// Records at which regexes used up their budgets.
#[derive(Clone, Debug, Default)]
pub struct Overruns {
    /// How many, by listener and [`Part::index`].
    pub counts: Vec<[u64; Part::WORDS.len()]>,
    /// The first few.
    pub first: Vec<Overrun>,
}

/// A record at which a regex used up its budget.
#[derive(Clone, Copy, Debug)]
pub struct Overrun {
    /// Index into [`Batch::listeners`].
    pub listener: u16,
    /// Which regex.
    pub part: Part,
    /// The record's text, in [`Findings::excerpts`].
    pub text: Excerpt,
}

/// How far a source has read; what the store keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Position {
    /// After the entry with this cursor (`sd_journal_get_cursor(3)`).
    Journal {
        /// The cursor.
        cursor: String,
    },
    /// After these bytes of these files.
    Files(Vec<FilePosition>),
}

/// How far one file was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilePosition {
    /// Its path when last seen.
    pub path: std::path::PathBuf,
    /// The file system's device number.
    pub device: u64,
    /// The inode.
    pub inode: u64,
    /// The first byte not yet read; always the start of a line.
    pub offset: u64,
    /// A hash of the first bytes, to tell a new file in an old inode; with `fingerprint_len`.
    pub fingerprint: u64,
    /// Of how many bytes.
    pub fingerprint_len: u32,
}

/// How a source fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It can be read.
    Up,
    /// All there was has been read; told where no [`Batch`] says so, since there was nothing.
    CaughtUp,
    /// It cannot, or a part of it cannot; it is tried again.
    Down(Trouble),
    /// Something was skipped or is missing, and reading goes on.
    Error(Trouble),
    /// Bytes that nobody has any more were not read, and reading goes on.
    Lost(Loss),
    /// A file was rotated; what was left in the old one has been read.
    Rotated(Rotation),
    /// The reader was opened anew.
    Restarted(Trouble),
}

/// What is wrong, for a metric's label and for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// One of a few fixed words, such as `permission`, `missing`, `corrupt`.
    pub reason: &'static str,
    /// The whole story, with the path.
    pub detail: String,
}

/// What was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// How many bytes at the least; 0 where that cannot be known.
    pub bytes: u64,
    /// The whole story, with the path.
    pub detail: String,
}

/// How a file was rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// It lost its path: it was renamed or deleted, or another file took its place.
    Renamed,
    /// It was cut short in place (logrotate's copytruncate).
    Truncated,
}
