//! What a filter is tried on: a file, standard input, this host's journal, or a line given as such.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use anyhow::Context;
use jiff::Timestamp;

use super::lines::{Lines, Next};
use super::{LogType, Report};
use crate::cli::progress;
use crate::filter::Matcher;
use crate::record::Record;
use crate::record::journalmatch::JournalMatch;
use crate::record::origin::{JournalLocation, JournalOrigin};
use crate::source::export::{Export, Reading};
use crate::source::whole_journal;

/// Something to read.
pub(super) enum Input {
    /// Lines, or what `journalctl -o export` writes.
    Text(Box<dyn Read>, LogType),
    /// These entries.
    Journal(JournalOrigin),
}

/// As fail2ban-regex names it.
const JOURNAL: &str = "systemd-journal";

/// Opens what the command line names.
///
/// # Errors
///
/// It cannot be read, or the entries wanted of a journal are not written as journalctl(1) takes them.
pub(super) fn open(name: &Path, logtype: LogType, matches: &[String]) -> anyhow::Result<Input> {
    let text = |reader| Input::Text(reader, logtype);
    if name == Path::new("-") {
        return Ok(text(Box::new(io::stdin().lock())));
    }
    if name == Path::new(JOURNAL) {
        let matches = JournalMatch::parse(matches.iter().map(String::as_str));
        let matches = matches.context("--journalmatch")?;
        let location = JournalLocation::System;
        return Ok(Input::Journal(JournalOrigin { matches, trust_unprivileged: true, location }));
    }
    // What has a blank and is no file is a line.
    let line = name.to_string_lossy();
    if !name.exists() && line.contains(' ') {
        return Ok(text(Box::new(Cursor::new(line.into_owned()))));
    }
    let unreadable = || format!("{}: cannot be read", name.display());
    let file = File::open(name).with_context(unreadable)?;
    let length = file.metadata().with_context(unreadable)?.len();
    Ok(text(Box::new(progress::of_bytes(length).wrap_read(file))))
}

impl Input {
    /// Reads all of it with a filter, and tells of each line.
    ///
    /// # Errors
    ///
    /// It cannot be read, or what is told cannot be written.
    pub(super) fn read(
        self,
        matcher: &mut Matcher,
        now: Timestamp,
        report: impl Report,
    ) -> io::Result<()> {
        let mut reading = Trial { matcher, now, report, number: 0 };
        match self {
            Self::Journal(origin) => reading.journal(&origin)?,
            Self::Text(input, logtype) => match logtype {
                LogType::Export => reading.export(BufReader::new(input))?,
                LogType::Journal => reading.lines(input, Some(now))?,
                LogType::File => reading.lines(input, None)?,
            },
        }
        reading.report.end()
    }
}

/// One filter over one input.
struct Trial<'m, R> {
    matcher: &'m mut Matcher,
    now: Timestamp,
    report: R,
    /// Of the last line.
    number: u64,
}

impl<R: Report> Trial<'_, R> {
    fn lines(&mut self, input: impl Read, time: Option<Timestamp>) -> io::Result<()> {
        let mut lines = Lines::new(input);
        while let Some(next) = lines.next()? {
            self.number += 1;
            match next {
                Next::Line(text) => self.record(Record { time, text })?,
                Next::Oversized => self.report.oversized(self.number)?,
            }
        }
        Ok(())
    }

    /// Reads entries as the daemon does those of a journal.
    fn export(&mut self, input: impl BufRead) -> io::Result<()> {
        let mut export = Export::new(input, true);
        while let Some(entry) = export.next()? {
            self.entry(&entry)?;
        }
        Ok(())
    }

    fn journal(&mut self, origin: &JournalOrigin) -> io::Result<()> {
        let (mut told, progress) = (Ok(()), progress::of_entries());
        let read = whole_journal(origin, |entry| {
            if told.is_ok() {
                told = self.entry(&entry);
            }
            progress::entries_read(&progress, self.number);
        });
        told?;
        read.map_err(|trouble| io::Error::other(trouble.detail))
    }

    fn entry(&mut self, entry: &Reading<'_>) -> io::Result<()> {
        self.number += 1;
        match *entry {
            Reading::Record { time, text } => self.record(Record { time, text }),
            Reading::Oversized => self.report.oversized(self.number),
            Reading::Suppressed(_) | Reading::Untrusted => Ok(()),
        }
    }

    fn record(&mut self, record: Record<'_>) -> io::Result<()> {
        let outcome = self.matcher.read(record, self.now);
        self.report.line(self.number, record.text, &outcome)?;
        self.report.after(self.matcher, record.text)
    }
}
