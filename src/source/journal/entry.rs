//! One journal entry: its fields (`systemd.journal-fields(7)`), made a record.
//!
//! A record has fail2ban's shape, `HOST IDENT[PID]: MESSAGE`, and is written into one buffer that
//! is used again and again.

use jiff::{SignedDuration, Timestamp};
use memchr::memchr;
use systemd::journal::JournalRef;

use super::guard::DROPPED;

/// Messages longer than this are skipped.
const LIMIT: usize = 64 * 1024;

/// Compressed fields are unpacked no further: just enough to see that a message is too long.
pub(super) const THRESHOLD: usize = "MESSAGE=".len() + LIMIT + 1;

/// How long an entry may have waited for journald. The time at which its sender spoke is believed
/// within that; one that differs more was stamped by another clock (before the clock was set, or
/// on another host), and journald's own time counts.
const PATIENCE: SignedDuration = SignedDuration::from_mins(10);

/// Reads entries.
#[derive(Debug)]
pub(in crate::source) struct Entry {
    trust_unprivileged: bool,
    fields: Fields,
    text: Vec<u8>,
}

/// What an entry is.
#[derive(Debug, PartialEq, Eq)]
pub enum Reading<'a> {
    /// A record, for the filters.
    Record {
        /// When it happened.
        time: Option<Timestamp>,
        /// `HOST IDENT[PID]: MESSAGE`.
        text: &'a [u8],
    },
    /// Its message is over the limit.
    Oversized,
    /// journald says that its rate limit dropped so many.
    Suppressed(u64),
    /// Not from root, though only root is believed.
    Untrusted,
}

/// The fields that matter; empty if the entry lacks them.
#[derive(Debug, Default)]
struct Fields {
    hostname: Vec<u8>,
    syslog_identifier: Vec<u8>,
    comm: Vec<u8>,
    syslog_pid: Vec<u8>,
    pid: Vec<u8>,
    message: Vec<u8>,
    oversized: bool,
    /// Whether `_UID` is there, and 0 wherever it is.
    root: Option<bool>,
    source_time: Option<Timestamp>,
    /// Whether journald itself speaks, of entries it dropped.
    dropped: bool,
    driver: bool,
    n_dropped: u64,
}

impl Entry {
    /// Reads entries of root alone, unless `trust_unprivileged`.
    pub(in crate::source) fn new(trust_unprivileged: bool) -> Self {
        Self { trust_unprivileged, fields: Fields::default(), text: Vec::new() }
    }

    /// Reads the entry that `journal` is at.
    ///
    /// # Errors
    ///
    /// Fails if libsystemd cannot read it: the journal file is corrupt there.
    pub(super) fn read(&mut self, journal: &mut JournalRef) -> systemd::Result<Reading<'_>> {
        self.fields.clear();
        journal.restart_data();
        while let Some(field) = journal.enumerate_data()? {
            self.fields.add(field.name(), field.value().unwrap_or_default());
        }
        let received = i64::try_from(journal.timestamp_usec()?)
            .ok()
            .and_then(|usec| Timestamp::from_microsecond(usec).ok());
        Ok(self.reading(received))
    }

    /// Forgets the entry before.
    pub(in crate::source) fn begin(&mut self) {
        self.fields.clear();
    }

    /// Takes up a field of the entry.
    pub(in crate::source) fn add(&mut self, name: &[u8], value: &[u8]) {
        self.fields.add(name, value);
    }

    /// What the entry is, now that all its fields are known; `received`: its `__REALTIME_TIMESTAMP`.
    pub(in crate::source) fn finish(&mut self, received: Option<&[u8]>) -> Reading<'_> {
        self.reading(received.and_then(microseconds))
    }

    /// Makes sense of the fields.
    fn reading(&mut self, received: Option<Timestamp>) -> Reading<'_> {
        let fields = &self.fields;
        if !self.trust_unprivileged && fields.root != Some(true) {
            return Reading::Untrusted;
        }
        if fields.dropped && fields.driver {
            return Reading::Suppressed(fields.n_dropped);
        }
        if fields.oversized {
            return Reading::Oversized;
        }
        self.text.clear();
        fields.write(&mut self.text);
        Reading::Record { time: believed(fields.source_time, received), text: &self.text }
    }
}

impl Fields {
    fn clear(&mut self) {
        for field in [
            &mut self.hostname,
            &mut self.syslog_identifier,
            &mut self.comm,
            &mut self.syslog_pid,
            &mut self.pid,
            &mut self.message,
        ] {
            field.clear();
        }
        self.oversized = false;
        self.root = None;
        self.source_time = None;
        self.dropped = false;
        self.driver = false;
        self.n_dropped = 0;
    }

    fn add(&mut self, name: &[u8], value: &[u8]) {
        match name {
            b"MESSAGE" if value.len() > LIMIT => self.oversized = true,
            b"MESSAGE" => keep_first(&mut self.message, value),
            b"_HOSTNAME" => keep_first(&mut self.hostname, value),
            b"SYSLOG_IDENTIFIER" => keep_first(&mut self.syslog_identifier, value),
            b"_COMM" => keep_first(&mut self.comm, value),
            b"SYSLOG_PID" => keep_first(&mut self.syslog_pid, value),
            b"_PID" => keep_first(&mut self.pid, value),
            b"_UID" => self.root = Some(self.root.unwrap_or(true) && value == b"0"),
            b"_SOURCE_REALTIME_TIMESTAMP" => self.source_time = microseconds(value),
            b"MESSAGE_ID" => self.dropped |= value == DROPPED.as_bytes(),
            b"_TRANSPORT" => self.driver |= value == b"driver",
            b"N_DROPPED" => self.n_dropped = number(value).unwrap_or(0),
            _ => {}
        }
    }

    /// Appends `HOST IDENT[PID]: MESSAGE` to `text`, as far as the parts are there.
    fn write(&self, text: &mut Vec<u8>) {
        if !self.hostname.is_empty() {
            append_escaped(text, &self.hostname);
            text.push(b' ');
        }
        let ident = first_of(&self.syslog_identifier, &self.comm);
        if !ident.is_empty() {
            append_escaped(text, ident);
            let pid = first_of(&self.syslog_pid, &self.pid);
            if !pid.is_empty() {
                text.push(b'[');
                append_escaped(text, pid);
                text.push(b']');
            }
            text.extend_from_slice(b": ");
        }
        append_escaped(text, &self.message);
    }
}

/// An entry may have a field twice; the first counts, as `sd_journal_get_data(3)` has it.
fn keep_first(kept: &mut Vec<u8>, value: &[u8]) {
    if kept.is_empty() && value.len() <= LIMIT {
        kept.extend_from_slice(value);
    }
}

fn first_of<'a>(first: &'a [u8], second: &'a [u8]) -> &'a [u8] {
    if first.is_empty() { second } else { first }
}

/// Appends `value` with its line breaks written as `\n`: a record is one line.
fn append_escaped(text: &mut Vec<u8>, mut value: &[u8]) {
    while let Some(at) = memchr(b'\n', value) {
        text.extend_from_slice(&value[..at]);
        text.extend_from_slice(br"\n");
        value = &value[at + 1..];
    }
    text.extend_from_slice(value);
}

/// When an entry happened: when its sender spoke, as journald heard it from the kernel
/// (`_SOURCE_REALTIME_TIMESTAMP`), or when journald received it.
fn believed(spoken: Option<Timestamp>, received: Option<Timestamp>) -> Option<Timestamp> {
    match (spoken, received) {
        (Some(spoken), Some(received)) => {
            let waited = received.duration_since(spoken);
            let plausible = SignedDuration::from_secs(-1) <= waited && waited <= PATIENCE;
            Some(if plausible { spoken } else { received })
        }
        (spoken, received) => received.or(spoken),
    }
}

fn microseconds(value: &[u8]) -> Option<Timestamp> {
    Timestamp::from_microsecond(i64::try_from(number(value)?).ok()?).ok()
}

fn number(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SSHD: [(&str, &str); 5] = [
        ("_UID", "0"),
        ("_HOSTNAME", "bastion"),
        ("SYSLOG_IDENTIFIER", "sshd"),
        ("SYSLOG_PID", "7"),
        ("MESSAGE", "hello"),
    ];

    fn entry(trust: bool, fields: &[(&str, &str)]) -> Entry {
        let mut entry = Entry::new(trust);
        for (name, value) in fields {
            entry.fields.add(name.as_bytes(), value.as_bytes());
        }
        entry
    }

    /// Adds `fields` to sshd's and expects that text; `None`: no record.
    #[track_caller]
    fn check(fields: &[(&str, &str)], expected: Option<&str>) {
        let mut entry = entry(false, fields);
        let actual = match entry.reading(None) {
            Reading::Record { text, .. } => Some(String::from_utf8(text.to_vec()).unwrap()),
            _ => None,
        };
        assert_eq!(actual.as_deref(), expected);
    }

    #[test]
    fn has_the_shape_of_a_syslog_line() {
        check(&SSHD, Some("bastion sshd[7]: hello"));
        check(
            &[("_UID", "0"), ("_COMM", "sshd"), ("_PID", "8"), ("MESSAGE", "x")],
            Some("sshd[8]: x"),
        );
        check(
            &[("_UID", "0"), ("_HOSTNAME", "h"), ("_COMM", "a"), ("MESSAGE", "x")],
            Some("h a: x"),
        );
        check(&[("_UID", "0"), ("MESSAGE", "x")], Some("x"));
    }

    #[test]
    fn is_one_line_whatever_its_fields_hold() {
        let fields =
            [("_UID", "0"), ("_HOSTNAME", "h"), ("_COMM", "a\nb"), ("MESSAGE", "\nx\n\ny")];
        check(&fields, Some(r"h a\nb: \nx\n\ny"));
    }

    #[test]
    fn believes_root_alone() {
        check(&[("_UID", "1000"), ("MESSAGE", "x")], None);
        check(&[("MESSAGE", "x")], None);
        check(&[("_UID", "0"), ("_UID", "1000"), ("MESSAGE", "x")], None);
        check(&[("_UID", "1000"), ("_UID", "0"), ("MESSAGE", "x")], None);
        check(&[("_UID", "00"), ("MESSAGE", "x")], None);
        let mut trusting = entry(true, &[("_UID", "1000"), ("MESSAGE", "x")]);
        assert!(matches!(trusting.reading(None), Reading::Record { text: b"x", .. }));
    }

    #[test]
    fn skips_messages_over_the_limit() {
        let long = "x".repeat(LIMIT + 1);
        assert_eq!(entry(true, &[("MESSAGE", &long)]).reading(None), Reading::Oversized);
        let fits = "x".repeat(LIMIT);
        let mut entry = entry(true, &[("MESSAGE", &fits)]);
        assert!(matches!(entry.reading(None), Reading::Record { text, .. } if text.len() == LIMIT));
    }

    #[test]
    fn counts_what_journald_dropped_if_journald_says_so() {
        let dropped = [
            ("_UID", "0"),
            ("MESSAGE_ID", DROPPED),
            ("N_DROPPED", "41"),
            ("MESSAGE", "Suppressed"),
        ];
        assert!(matches!(entry(false, &dropped).reading(None), Reading::Record { .. }));
        let mut driver = entry(false, &dropped);
        driver.fields.add(b"_TRANSPORT", b"driver");
        assert_eq!(driver.reading(None), Reading::Suppressed(41));
    }

    /// `spoken` and `received` in seconds; whether the first is believed.
    #[track_caller]
    fn check_time(spoken: i64, received: i64, is_believed: bool) {
        let at = |second| Timestamp::from_second(second).unwrap();
        let expected = if is_believed { spoken } else { received };
        assert_eq!(believed(Some(at(spoken)), Some(at(received))), Some(at(expected)));
    }

    #[test]
    fn believes_the_sender_s_time_within_reason() {
        check_time(1000, 1000, true);
        check_time(1000, 1600, true);
        check_time(1000, 1601, false);
        check_time(1001, 1000, true);
        check_time(1002, 1000, false);
    }

    #[test]
    fn takes_the_time_there_is() {
        let at = Timestamp::from_second(1).unwrap();
        assert_eq!(believed(Some(at), None), Some(at));
        assert_eq!(believed(None, Some(at)), Some(at));
        assert_eq!(believed(None, None), None);
    }

    proptest! {
        /// Whatever the fields hold, a record is one line that ends in the message, and what is not
        /// root's is none.
        #[test]
        fn any_fields_make_one_line(
            fields in prop::collection::vec((
                prop::sample::select(vec![
                    "MESSAGE", "_HOSTNAME", "SYSLOG_IDENTIFIER", "_COMM", "SYSLOG_PID", "_PID", "_UID",
                    "_SOURCE_REALTIME_TIMESTAMP", "MESSAGE_ID", "_TRANSPORT", "N_DROPPED", "X",
                ]),
                prop_oneof![any::<Vec<u8>>(), Just(b"0".to_vec()), Just(DROPPED.into()), Just(b"driver".to_vec())],
            ), 0..16),
            trust: bool,
            received: Option<i64>,
        ) {
            let mut entry = Entry::new(trust);
            for (name, value) in &fields {
                entry.add(name.as_bytes(), value);
            }
            let of = |wanted: &'static str| {
                let named = fields.iter().filter(move |(name, _)| *name == wanted);
                named.map(|(_, value)| value)
            };
            let root = of("_UID").next().is_some() && of("_UID").all(|uid| uid == b"0");
            let message = of("MESSAGE").find(|value| !value.is_empty()).cloned().unwrap_or_default();
            let received = received.map(|usec| usec.to_string().into_bytes());
            match entry.finish(received.as_deref()) {
                Reading::Record { text, .. } => {
                    prop_assert!(trust || root);
                    prop_assert!(!text.contains(&b'\n'));
                    let lines: Vec<&[u8]> = message.split(|byte| *byte == b'\n').collect();
                    prop_assert!(text.ends_with(&lines.join(&br"\n"[..])));
                }
                Reading::Untrusted => prop_assert!(!trust && !root),
                Reading::Suppressed(_) | Reading::Oversized => {}
            }
        }
    }
}
