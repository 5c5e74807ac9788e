//! What a filter is tried on: a file, standard input, a journal, or a line given as such.

use std::fs::File;
use std::io::{self, BufReader, Cursor, IsTerminal, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};

use super::LogType;

/// Something to read, how, and how far.
pub(super) struct Input {
    pub(super) reader: Box<dyn Read>,
    pub(super) logtype: LogType,
    pub(super) progress: ProgressBar,
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
pub(super) fn open(name: &Path, logtype: LogType, matches: &[String]) -> anyhow::Result<Input> {
    let plain = |reader| Input { reader, logtype, progress: ProgressBar::hidden() };
    if name == Path::new("-") {
        return Ok(plain(Box::new(io::stdin().lock())));
    }
    if name == Path::new(JOURNAL) {
        return Ok(Input { logtype: LogType::Export, ..plain(Box::new(Journal::open(matches)?)) });
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
    Ok(Input { reader: Box::new(progress.wrap_read(file)), logtype, progress })
}

/// The host's journal, as `journalctl -o export` writes it.
struct Journal {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Journal {
    fn open(matches: &[String]) -> anyhow::Result<Self> {
        let mut journalctl = Command::new("journalctl");
        journalctl.args(["--output=export", "--no-pager", "--quiet"]);
        // A match alone could be an option.
        journalctl.arg("--").args(matches.iter().flat_map(|line| line.split_whitespace()));
        let mut child = journalctl.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context(
            "journalctl cannot be run; give it as a file, `journalctl -o export > FILE`",
        )?;
        let output = child.stdout.take().context("journalctl's output")?;
        Ok(Self { child, output: BufReader::new(output) })
    }
}

impl Read for Journal {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.output.read(buffer)?;
        if count == 0 && !buffer.is_empty() {
            let status = self.child.wait()?;
            if !status.success() {
                return Err(io::Error::other(format!("journalctl failed: {status}")));
            }
        }
        Ok(count)
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // It ends by itself where nobody reads it any more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
