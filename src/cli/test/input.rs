//! What a filter is tried on: a file, standard input, a journal, or a line given as such.

use std::fs::File;
use std::io::{self, Cursor, IsTerminal, Read};
use std::path::Path;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};

use crate::record::journalmatch::JournalMatch;
use crate::record::origin::{JournalLocation, JournalOrigin};

/// What to read.
pub(super) enum Input {
    /// Text, and how far it is read.
    Text(Box<dyn Read>, ProgressBar),
    /// Entries of this host's journal, whoever wrote them.
    Journal(JournalOrigin),
}

/// A long log's progress is shown on a terminal, on the side.
const LONG: u64 = 16 << 20;

/// As fail2ban-regex names it.
const JOURNAL: &str = "systemd-journal";

/// Opens what the command line names.
///
/// # Errors
///
/// It cannot be read.
pub(super) fn open(name: &Path, matches: &[String]) -> anyhow::Result<Input> {
    let plain = |reader| Input::Text(reader, ProgressBar::hidden());
    if name == Path::new("-") {
        return Ok(plain(Box::new(io::stdin().lock())));
    }
    if name == Path::new(JOURNAL) {
        return journal(matches);
    }
    // No file's name has a blank after a word and does not exist: so it is a line.
    let line = name.to_string_lossy();
    if !name.exists() && line.contains(' ') {
        return Ok(plain(Box::new(Cursor::new(line.into_owned()))));
    }
    let unreadable = || format!("{}: cannot be read", name.display());
    let file = File::open(name).with_context(unreadable)?;
    let length = file.metadata().with_context(unreadable)?.len();
    if length < LONG || !io::stderr().is_terminal() {
        return Ok(plain(Box::new(file)));
    }
    let style = ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes} {eta}")?;
    let progress = ProgressBar::new(length).with_style(style);
    Ok(Input::Text(Box::new(progress.wrap_read(file)), progress))
}

fn journal(matches: &[String]) -> anyhow::Result<Input> {
    let matches = JournalMatch::parse(matches.iter().map(String::as_str))
        .with_context(|| format!("--journalmatch {}", matches.join(" ")))?;
    let location = JournalLocation::System;
    Ok(Input::Journal(JournalOrigin { matches, trust_unprivileged: true, location }))
}
