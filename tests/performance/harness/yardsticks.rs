//! What the work costs at least: scans that do nothing but find, count and keep no promise.
//!
//! They read by chunks, line by line, and count by address in a hash map. They know nothing of dates,
//! windows, bans or hostile lines.

use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::Result;
use memchr::{memchr, memchr_iter};
use regex::bytes::Regex;
use rustc_hash::FxHashMap;
use systemd::journal::OpenDirectoryOptions;

/// sshd's failures, as four patterns.
const SSHD: [&str; 4] = [
    r"(?-u)sshd(?:-session)?\[\d+\]: Failed (?:password|publickey|keyboard-interactive/pam) for (?:invalid user )?(?:.*?) from ([0-9a-fA-F:.]+) port \d+(?: ssh\d*)?$",
    r"(?-u)sshd(?:-session)?\[\d+\]: Invalid user .*? from ([0-9a-fA-F:.]+) port \d+$",
    r"(?-u)sshd(?:-session)?\[\d+\]: Connection (?:closed|reset) by (?:invalid|authenticating) user .*? ([0-9a-fA-F:.]+) port \d+ \[preauth\]$",
    r"(?-u)sshd(?:-session)?\[\d+\]: Disconnected from (?:invalid|authenticating) user .*? ([0-9a-fA-F:.]+) port \d+ \[preauth\]$",
];

/// The failregex for access logs as the regex crate has it, and one that leaves nothing to be searched
/// for twice.
pub(crate) const AS_WRITTEN: &str = r#"(?-u)^([0-9a-fA-F:.]+) -.*"(GET|HEAD)"#;
pub(crate) const TIGHT: &str = r#"(?-u)^([0-9a-fA-F:.]+) - [^ ]+ \[[^\]]+\] "(GET|HEAD) "#;

/// How often an address was found.
#[derive(Default)]
struct Addresses(FxHashMap<Box<[u8]>, u64>);

impl Addresses {
    fn count(&mut self, address: &[u8]) {
        if let Some(count) = self.0.get_mut(address) {
            *count += 1;
        } else {
            self.0.insert(address.into(), 1);
        }
    }

    fn sum(&self) -> u64 {
        self.0.values().sum()
    }
}

/// sshd's failures, by a regex after the other on each line.
///
/// # Errors
///
/// The file cannot be read.
pub(crate) fn auth(path: &Path) -> Result<u64> {
    let patterns = SSHD.map(|pattern| Regex::new(pattern).expect("a pattern"));
    let mut places = patterns.each_ref().map(Regex::capture_locations);
    let mut addresses = Addresses::default();
    lines(path, |line| {
        for (pattern, places) in patterns.iter().zip(&mut places) {
            if pattern.captures_read(places, line).is_some() {
                let (from, to) = places.get(1).expect("it took part");
                addresses.count(&line[from..to]);
                break;
            }
        }
    })?;
    Ok(addresses.sum())
}

/// Requests, by a regex on each line.
///
/// # Errors
///
/// The file cannot be read.
pub(crate) fn access(path: &Path, pattern: &str) -> Result<u64> {
    let pattern = Regex::new(pattern)?;
    let mut places = pattern.capture_locations();
    let mut addresses = Addresses::default();
    lines(path, |line| {
        if pattern.captures_read(&mut places, line).is_some() {
            let (from, to) = places.get(1).expect("it took part");
            addresses.count(&line[from..to]);
        }
    })?;
    Ok(addresses.sum())
}

/// Requests, by hand: what stands before the first blank, and after the first quote.
///
/// # Errors
///
/// The file cannot be read.
pub(crate) fn access_by_hand(path: &Path) -> Result<u64> {
    let mut addresses = Addresses::default();
    lines(path, |line| {
        let Some(blank) = memchr(b' ', line) else { return };
        let Some(quote) = memchr(b'"', &line[blank..]) else { return };
        let request = &line[blank + quote + 1..];
        if request.starts_with(b"GET ") || request.starts_with(b"HEAD ") {
            addresses.count(&line[..blank]);
        }
    })?;
    Ok(addresses.sum())
}

/// What a loop over a journal fetches of each entry.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fetched {
    /// Its time and its message.
    Message,
    /// Every field.
    All,
}

/// Goes through sshd's entries; how many there are.
///
/// # Errors
///
/// libsystemd's.
pub(crate) fn journal(directory: &Path, fetched: Fetched) -> Result<u64> {
    let mut journal =
        OpenDirectoryOptions::default().open_directory(directory.as_os_str().as_bytes())?;
    journal.match_add("_SYSTEMD_UNIT", "sshd.service")?;
    let (mut entries, mut bytes) = (0, 0);
    while journal.next()? != 0 {
        entries += 1;
        match fetched {
            Fetched::Message => {
                bytes += journal.timestamp_usec()? & 1;
                let message = journal.get_data("MESSAGE")?;
                bytes += message.map_or(0, |message| message.data().len() as u64);
            }
            Fetched::All => {
                journal.restart_data();
                while let Some(field) = journal.enumerate_data()? {
                    bytes += field.data().len() as u64;
                }
            }
        }
    }
    std::hint::black_box(bytes);
    Ok(entries)
}

/// Every line, without its line feed.
fn lines(path: &Path, mut each: impl FnMut(&[u8])) -> Result<()> {
    let mut file = File::open(path)?;
    let mut chunk = vec![0; 1 << 18];
    let mut kept = 0;
    loop {
        let read = file.read(&mut chunk[kept..])?;
        let filled = kept + read;
        let mut begin = 0;
        for end in memchr_iter(b'\n', &chunk[..filled]) {
            each(&chunk[begin..end]);
            begin = end + 1;
        }
        if read == 0 {
            if begin < filled {
                each(&chunk[begin..filled]);
            }
            return Ok(());
        }
        chunk.copy_within(begin..filled, 0);
        kept = filled - begin;
        if kept == chunk.len() {
            chunk.resize(2 * kept, 0);
        }
    }
}
