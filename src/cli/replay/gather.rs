//! Finds the failures in all logs: what there is to decide over.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use flate2::bufread::MultiGzDecoder;
use indicatif::ProgressBar;
use jiff::Timestamp;

use super::{ReplayArgs, now, reads};
use crate::cli::progress;
use crate::config::checked::JailSettings;
use crate::failure::Failure;
use crate::filter::Outcome;
use crate::filter::matchers::{Matchers, Told};
use crate::jail::history::History;
use crate::record::Record;
use crate::record::origin::{JournalLocation, Origin};
use crate::source::export::{Export, Reading};
use crate::source::lines::{Line, Lines, Passed, Reader};
use crate::source::whole_journal;

/// So many failures are held at most: 28 bytes each where each has an instant of its own.
const MOST: usize = 20_000_000;

/// How much is read at once: more than a line may have, and little enough to stay in the cache.
const CHUNK: usize = 128 * 1024;

/// What `journalctl -o export` begins with.
const EXPORT: &[u8] = b"__CURSOR=";

/// What the logs hold.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// The failures.
    pub(super) found: History,
    /// How many records were read.
    pub(super) lines: u64,
    /// How many failures have no time that can be read, and count for nothing.
    pub(super) undated: u64,
}

/// The jails that read one log.
struct Listeners {
    /// Their numbers.
    jails: Vec<u32>,
    matchers: Matchers,
    /// Whom the line in hand tells of, by the place of the jail.
    told: Vec<(usize, IpAddr, Option<Timestamp>)>,
    now: Timestamp,
    /// The last failure's time: a line without a date is of then.
    last: Option<Timestamp>,
}

/// Reads all logs.
///
/// # Errors
///
/// One cannot be read, or holds more than can be held.
pub(super) fn gather(args: &ReplayArgs, jails: &[JailSettings]) -> anyhow::Result<Gathered> {
    let mut gathered = Gathered::default();
    gathered.files(args, jails)?;
    if let Some(directory) = &args.journal {
        gathered.journal(directory, args, jails)?;
    }
    Ok(gathered)
}

/// The jails that read a file: those whose `logpath` names it, or else all.
fn listening(jails: &[JailSettings], file: &Path, all: bool) -> Vec<usize> {
    let readers = || (0..jails.len()).filter(|index| reads(&jails[*index]));
    let named: Vec<usize> = readers().filter(|index| names(&jails[*index], file)).collect();
    if all || named.is_empty() { readers().collect() } else { named }
}

/// Whether a jail's `logpath` names a file, or what it was before it was rotated.
fn names(jail: &JailSettings, file: &Path) -> bool {
    let Origin::Files(files) = &jail.origin else { return false };
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    files.patterns.iter().any(|pattern| {
        [pattern.clone(), format!("{pattern}[.-]*")]
            .iter()
            .any(|pattern| glob::Pattern::new(pattern).is_ok_and(|glob| glob.matches_path(&file)))
    })
}

impl Gathered {
    fn files(&mut self, args: &ReplayArgs, jails: &[JailSettings]) -> anyhow::Result<()> {
        let lengths = args.files.iter().filter_map(|file| Some(file.metadata().ok()?.len()));
        let progress = progress::of_bytes(lengths.sum());
        for file in &args.files {
            let listening = listening(jails, file, args.jail.is_some());
            let listeners = Listeners::new(jails, &listening, now(args));
            self.file(file, listeners, &progress)
                .with_context(|| format!("{}: cannot be read", file.display()))?;
        }
        Ok(())
    }

    /// Reads the journal in a directory once for each jail that reads one.
    fn journal(
        &mut self,
        directory: &Path,
        args: &ReplayArgs,
        jails: &[JailSettings],
    ) -> anyhow::Result<()> {
        let progress = progress::of_entries();
        for (index, jail) in jails.iter().enumerate() {
            let Origin::Journal(origin) = &jail.origin else { continue };
            let mut origin = origin.clone();
            origin.location = JournalLocation::Directory(directory.to_owned());
            let mut listeners = Listeners::new(jails, &[index], now(args));
            let read = whole_journal(&origin, |reading| {
                self.reading(&reading, &mut listeners);
                progress::entries_read(&progress, self.lines);
            });
            if let Err(trouble) = read {
                bail!("{}: {}", directory.display(), trouble.detail);
            }
            self.bounded().with_context(|| directory.display().to_string())?;
        }
        Ok(())
    }

    fn file(
        &mut self,
        path: &Path,
        mut listeners: Listeners,
        progress: &ProgressBar,
    ) -> io::Result<()> {
        let file = progress.wrap_read(File::open(path)?);
        let file = BufReader::with_capacity(1 << 16, file);
        let mut input: Box<dyn BufRead> = if path.extension().is_some_and(|it| it == "gz") {
            Box::new(BufReader::new(MultiGzDecoder::new(file)))
        } else {
            Box::new(file)
        };
        if input.fill_buf()?.starts_with(EXPORT) {
            let mut export = Export::new(input, true);
            while let Some(reading) = export.next()? {
                self.reading(&reading, &mut listeners);
            }
            return self.bounded();
        }
        self.lines(input, &mut listeners)
    }

    fn lines(&mut self, mut input: impl Read, listeners: &mut Listeners) -> io::Result<()> {
        let (mut lines, mut buffer, mut held) = (Lines::default(), vec![0; CHUNK], 0);
        loop {
            let read = match input.read(&mut buffer[held..]) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let chunk = &buffer[..held + read];
            let before = self.lines;
            let mut reading = LogReader { gathered: self, listeners, shown: 0 };
            let cut = lines.scan(chunk, &mut reading);
            let shown = reading.shown;
            listeners.matchers.looked_through(shown, self.lines - before - shown);
            self.bounded()?;
            held = chunk.len() - cut.consumed;
            buffer.copy_within(cut.consumed..cut.consumed + held, 0);
        }
        if let Some(last) = lines.end(&buffer[..held]) {
            LogReader { gathered: self, listeners, shown: 0 }.line(last);
        }
        self.bounded()
    }

    fn reading(&mut self, reading: &Reading<'_>, listeners: &mut Listeners) {
        self.lines += 1;
        if let Reading::Record { time, text } = *reading
            && self.found.len() <= MOST
        {
            self.record(Record { time, text }, false, listeners);
        }
    }

    /// `found`: the search for literals has led to it.
    fn record(&mut self, record: Record<'_>, found: bool, listeners: &mut Listeners) {
        let Listeners { jails, matchers, told, now, last } = listeners;
        told.clear();
        matchers.read(record, found, *now, |Told { readers, outcome, .. }| {
            let Outcome::Failure(found) = outcome else { return };
            told.extend(readers.iter().map(|place| (*place, found.address, found.time)));
        });
        if told.len() > 1 {
            told.sort_by_key(|(place, ..)| *place);
        }
        for (place, address, time) in told.iter() {
            let Some(time) = time.or(record.time).or(*last) else {
                self.undated += 1;
                continue;
            };
            *last = Some(time);
            self.found.push(jails[*place], Failure { address: *address, time });
        }
    }

    fn bounded(&self) -> io::Result<()> {
        if self.found.len() > MOST {
            let why = format!("it has more than {MOST} failures; replay less at once");
            return Err(io::Error::new(io::ErrorKind::OutOfMemory, why));
        }
        Ok(())
    }
}

impl Listeners {
    fn new(jails: &[JailSettings], indices: &[usize], now: Timestamp) -> Self {
        let reader = |index: &usize| {
            let jail = &jails[*index];
            (Arc::clone(&jail.filter), jail.time_zone.clone())
        };
        let matchers = Matchers::new(indices.iter().map(reader));
        let number = |index: &usize| u32::try_from(*index).unwrap_or(u32::MAX);
        let jails = indices.iter().map(number).collect();
        Self { jails, matchers, told: Vec::new(), now, last: None }
    }
}

/// Reads a log's lines for its listeners.
struct LogReader<'a> {
    gathered: &'a mut Gathered,
    listeners: &'a mut Listeners,
    /// How many lines were shown.
    shown: u64,
}

impl Reader for LogReader<'_> {
    fn next(&mut self, chunk: &[u8], from: usize) -> Option<usize> {
        self.listeners.matchers.next(chunk, from)
    }

    #[inline]
    fn line(&mut self, line: Line<'_>) {
        self.gathered.lines += 1;
        self.shown += 1;
        if let Line::Text(text) = line {
            self.gathered.record(Record { time: None, text }, true, self.listeners);
        }
    }

    fn passed(&mut self, passed: Passed) {
        self.gathered.lines += passed.lines;
    }
}
