//! Finds the failures in all logs: what there is to decide over.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use flate2::bufread::MultiGzDecoder;
use jiff::Timestamp;

use super::{ReplayArgs, now, reads};
use crate::cli::test::lines::{Lines, Next};
use crate::config::checked::JailSettings;
use crate::daemon::replay::History;
use crate::failure::Failure;
use crate::filter::{Matcher, Outcome};
use crate::record::Record;
use crate::record::origin::{JournalLocation, Origin};
use crate::source::export::{Export, Reading};
use crate::source::whole_journal;

/// So many failures are held at most: 24 bytes each.
const MOST: usize = 20_000_000;

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
    matchers: Vec<(u32, Matcher)>,
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
    for file in &args.files {
        let listening = listening(jails, file, args.jail.is_some());
        let listeners = Listeners::new(jails, &listening, now(args));
        gathered
            .file(file, listeners)
            .with_context(|| format!("{}: cannot be read", file.display()))?;
    }
    if let Some(directory) = &args.journal {
        for (index, jail) in jails.iter().enumerate() {
            let Origin::Journal(origin) = &jail.origin else { continue };
            let mut origin = origin.clone();
            origin.location = JournalLocation::Directory(directory.clone());
            let mut listeners = Listeners::new(jails, &[index], now(args));
            let read = whole_journal(&origin, |reading| gathered.reading(&reading, &mut listeners));
            if let Err(trouble) = read {
                bail!("{}: {}", directory.display(), trouble.detail);
            }
        }
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
    fn file(&mut self, path: &Path, mut listeners: Listeners) -> io::Result<()> {
        let file = BufReader::with_capacity(1 << 16, File::open(path)?);
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

    fn lines(&mut self, input: impl Read, listeners: &mut Listeners) -> io::Result<()> {
        let mut lines = Lines::new(input);
        while let Some(next) = lines.next()? {
            self.lines += 1;
            if let Next::Line(text) = next {
                self.record(Record { time: None, text }, listeners);
                self.bounded()?;
            }
        }
        Ok(())
    }

    fn reading(&mut self, reading: &Reading<'_>, listeners: &mut Listeners) {
        self.lines += 1;
        if let Reading::Record { time, text } = *reading
            && self.found.len() <= MOST
        {
            self.record(Record { time, text }, listeners);
        }
    }

    fn record(&mut self, record: Record<'_>, listeners: &mut Listeners) {
        let Listeners { matchers, now, last } = listeners;
        for (jail, matcher) in matchers {
            let Outcome::Failure(found) = matcher.read(record, *now) else { continue };
            let Some(time) = found.time.or(record.time).or(*last) else {
                self.undated += 1;
                continue;
            };
            *last = Some(time);
            self.found.push(*jail, Failure { address: found.address, time });
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
        let matcher = |index: &usize| {
            let jail = &jails[*index];
            let matcher = Matcher::new(Arc::clone(&jail.filter), jail.time_zone.clone());
            (u32::try_from(*index).unwrap_or(u32::MAX), matcher)
        };
        Self { matchers: indices.iter().map(matcher).collect(), now, last: None }
    }
}
