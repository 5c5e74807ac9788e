//! Journal entries as `journalctl -o export` writes them, for trying filters on.
//!
//! A field is a line `NAME=value`; or, where its value holds what a line cannot, a line `NAME`, the
//! value's length as 64 bits (little-endian), the value and a line feed. An empty line ends an entry.
//! Source: <https://systemd.io/JOURNAL_EXPORT_FORMATS>.
//!
//! An entry becomes a record as the daemon's own reader makes one: the same code does.

use std::io::{self, BufRead, Read};

use memchr::memchr;

use super::journal::entry::Entry;
pub use super::journal::entry::Reading;

/// No line that is not a value's own is longer: a field's name, and a value without line feeds.
const LONGEST: u64 = 1 << 20;

/// No value is longer: journald takes none over 768 MiB, and we look at 64 KiB.
const LONGEST_VALUE: u64 = 768 << 20;

/// Entries, one by one.
#[derive(Debug)]
pub struct Export<R> {
    input: R,
    entry: Entry,
    line: Vec<u8>,
    value: Vec<u8>,
}

impl<R: BufRead> Export<R> {
    /// Reads entries of root alone, unless `trust_unprivileged`.
    pub fn new(input: R, trust_unprivileged: bool) -> Self {
        let entry = Entry::new(trust_unprivileged);
        Self { input, entry, line: Vec::new(), value: Vec::new() }
    }

    /// The next entry; `None`: there are no more.
    ///
    /// # Errors
    ///
    /// The input's own, or `InvalidData`: it is no journal export.
    #[expect(clippy::should_implement_trait, reason = "an entry borrows the buffer")]
    pub fn next(&mut self) -> io::Result<Option<Reading<'_>>> {
        self.entry.begin();
        let (mut received, mut fields) = (None, false);
        loop {
            self.line.clear();
            (&mut self.input).take(LONGEST).read_until(b'\n', &mut self.line)?;
            match self.line.pop() {
                None if !fields => return Ok(None),
                None => break,
                Some(b'\n') if self.line.is_empty() && fields => break,
                Some(b'\n') if self.line.is_empty() => continue,
                Some(b'\n') => {}
                Some(_) => return Err(invalid("a line ends amid a field, or is over 1 MiB")),
            }
            fields = true;
            let (name, value) = if let Some(at) = memchr(b'=', &self.line) {
                (&self.line[..at], &self.line[at + 1..])
            } else {
                read_value(&mut self.input, &mut self.value)?;
                (&self.line[..], &self.value[..])
            };
            if name == b"__REALTIME_TIMESTAMP" {
                received = Some(value.to_vec());
            }
            self.entry.add(name, value);
        }
        Ok(Some(self.entry.finish(received.as_deref())))
    }
}

/// Reads a value behind its length, as much of it as is looked at, and the line feed after it.
fn read_value(input: &mut impl BufRead, value: &mut Vec<u8>) -> io::Result<()> {
    let mut length = [0; 8];
    input.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    if length > LONGEST_VALUE {
        return Err(invalid("a value is said to be over 768 MiB"));
    }
    value.clear();
    let kept = length.min(LONGEST);
    if input.take(kept).read_to_end(value)? as u64 != kept {
        return Err(invalid("it ends amid a value"));
    }
    io::copy(&mut input.take(length - kept), &mut io::sink())?;
    let mut end = [0];
    input.read_exact(&mut end)?;
    if end == *b"\n" { Ok(()) } else { Err(invalid("a value is longer than it says")) }
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not a journal export: {why}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What an export holds: records' texts, or what else an entry is.
    fn read(export: &[u8]) -> Result<Vec<String>, String> {
        let mut export = Export::new(export, false);
        let mut told = Vec::new();
        while let Some(reading) = export.next().map_err(|error| error.to_string())? {
            told.push(match reading {
                Reading::Record { time, text } => {
                    let time = time.map_or_else(String::new, |time| format!("{time} "));
                    time + &String::from_utf8_lossy(text)
                }
                other => format!("{other:?}"),
            });
        }
        Ok(told)
    }

    /// One field, in the form that its value needs.
    fn field(name: &str, value: &[u8]) -> Vec<u8> {
        if value.contains(&b'\n') {
            let length = (value.len() as u64).to_le_bytes();
            [name.as_bytes(), b"\n", &length, value, b"\n"].concat()
        } else {
            [name.as_bytes(), b"=", value, b"\n"].concat()
        }
    }

    #[test]
    fn entries_become_records_as_the_journals_own_do() {
        let export = "__REALTIME_TIMESTAMP=1795341600000000\n_UID=0\n_HOSTNAME=h\n_COMM=sshd\n_PID=7\n\
                      MESSAGE=Invalid user a=b\n\n\n_UID=1000\nMESSAGE=forged\n\n_UID=0\nMESSAGE=last\n";
        let expected = ["2026-11-22T10:00:00Z h sshd[7]: Invalid user a=b", "Untrusted", "last"];
        assert_eq!(read(export.as_bytes()).unwrap(), expected);
        assert_eq!(read(b"").unwrap(), [""; 0]);
        assert_eq!(read(b"\n\n").unwrap(), [""; 0]);
    }

    #[test]
    fn a_value_may_hold_line_feeds_and_is_one_line_all_the_same() {
        let export = [field("_UID", b"0"), field("MESSAGE", b"a\n\nMESSAGE=b\xff"), b"\n".to_vec()];
        assert_eq!(read(&export.concat()).unwrap(), ["a\\n\\nMESSAGE=b\u{fffd}"]);
    }

    #[test]
    fn what_is_no_export_is_said_to_be_none() {
        for export in
            [&b"MESSAGE=a"[..], b"MESSAGE\n\x05\0\0\0\0\0\0\0ab", b"M\n\x01\0\0\0\0\0\0\0ab"]
        {
            let told = read(export).unwrap_err();
            assert!(told.contains("not a journal export") || told.contains("fill"), "{told}");
        }
        assert!(read(b"M\n\xff\xff\xff\xff\xff\xff\xff\xff").unwrap_err().contains("768 MiB"));
    }

    proptest! {
        /// Whatever a message holds, it comes back as it was, on one line.
        #[test]
        fn a_message_comes_back(message in prop::collection::vec(any::<u8>(), 1..200)) {
            let entry = [field("_UID", b"0"), field("MESSAGE", &message), b"\n".to_vec()].concat();
            let mut export = Export::new(&entry[..], false);
            let Some(Reading::Record { text, .. }) = export.next().unwrap() else { panic!() };
            let lines = message.split(|byte| *byte == b'\n');
            prop_assert_eq!(text, lines.collect::<Vec<_>>().join(&br"\n"[..]));
            prop_assert!(export.next().unwrap().is_none());
        }

        /// Nothing makes it panic, or give more entries than there are bytes.
        #[test]
        fn any_bytes_are_read(bytes: Vec<u8>) {
            let mut export = Export::new(&bytes[..], true);
            let mut entries = 0;
            while let Ok(Some(_)) = export.next() {
                entries += 1;
            }
            prop_assert!(entries <= bytes.len());
        }
    }
}
