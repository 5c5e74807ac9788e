//! Journals, written by `systemd-journal-remote(8)`, read by the journal source.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use gaoler::record::journalmatch::JournalMatch;
use gaoler::record::origin::{JournalLocation, JournalOrigin, Origin};
use gaoler::source::Start;
use gaoler::source::batch::{Notice, Position};
use jiff::Timestamp;

use crate::watched::{Watched, address, fail, listener};

const REMOTE: &str = "/lib/systemd/systemd-journal-remote";

/// When the first entry of a test was made, in microseconds.
const EPOCH: u64 = 1_700_000_000_000_000;

const DROPPED: &str = "a596d6fe7bfa4994828e72309e95d61e";

/// A journal file that is being written.
struct Writer {
    remote: Child,
}

impl Writer {
    /// Opens or makes the journal file `path`, whose name must end in `.journal`.
    #[expect(clippy::disallowed_methods, reason = "journald's own tool writes the test's journal")]
    fn new(path: &Path) -> Self {
        let remote = Command::new(REMOTE)
            .arg("--output")
            .arg(path)
            .arg("-")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{REMOTE}: {error}; install systemd-journal-remote"));
        Self { remote }
    }

    /// Writes entry number `seq`, one second after the one before.
    fn write(&mut self, seq: u32, fields: &[(&str, &[u8])]) {
        let usec = EPOCH + u64::from(seq) * 1_000_000;
        let mut entry = format!(
            "__REALTIME_TIMESTAMP={usec}\n__MONOTONIC_TIMESTAMP={}\n\
             _BOOT_ID=0123456789abcdef0123456789abcdef\n",
            usec - EPOCH + 1
        )
        .into_bytes();
        for (name, value) in fields {
            // The journal export format's binary form, which holds any bytes.
            entry.extend_from_slice(name.as_bytes());
            entry.push(b'\n');
            entry.extend_from_slice(&(value.len() as u64).to_le_bytes());
            entry.extend_from_slice(value);
            entry.push(b'\n');
        }
        entry.push(b'\n');
        self.remote.stdin.as_mut().unwrap().write_all(&entry).unwrap();
    }

    /// Writes a failure of host number `seq` by sshd.
    fn sshd(&mut self, seq: u32) {
        self.write(seq, &sshd(&[("MESSAGE", fail(seq).as_bytes())]));
    }

    /// Waits until all is written.
    fn close(mut self) {
        drop(self.remote.stdin.take());
        assert!(self.remote.wait().unwrap().success(), "{REMOTE} failed");
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.remote.stdin.take());
        let _ = self.remote.wait();
    }
}

/// sshd's fields, and further ones.
fn sshd<'a>(more: &[(&'a str, &'a [u8])]) -> Vec<(&'a str, &'a [u8])> {
    let mut fields: Vec<(&str, &[u8])> = vec![
        ("_UID", b"0"),
        ("_SYSTEMD_UNIT", b"sshd.service"),
        ("_COMM", b"sshd"),
        ("_HOSTNAME", b"bastion"),
        ("SYSLOG_IDENTIFIER", b"sshd"),
        ("SYSLOG_PID", b"42"),
    ];
    fields.extend_from_slice(more);
    fields
}

/// The seed's match, over the journal files in `directory`.
fn origin(directory: &Path) -> JournalOrigin {
    JournalOrigin {
        matches: JournalMatch::parse(["_SYSTEMD_UNIT=sshd.service + _COMM=sshd"]).unwrap(),
        trust_unprivileged: false,
        location: JournalLocation::Directory(directory.to_owned()),
    }
}

fn follow(directory: &Path) -> Watched {
    Watched::new(Origin::Journal(origin(directory)))
}

/// Writes a journal file with the failures of those hosts.
fn journal(path: impl AsRef<Path>, seqs: impl IntoIterator<Item = u32>) {
    let mut writer = Writer::new(path.as_ref());
    seqs.into_iter().for_each(|seq| writer.sshd(seq));
    writer.close();
}

#[test]
fn reads_what_was_there_and_what_comes() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(&directory.path().join("a.journal"));
    (0..3000).for_each(|seq| writer.sshd(seq));
    let mut watched = follow(directory.path());
    watched.until_failures(3000);
    writer.sshd(3000);
    watched.until_failures(3001);
    watched.assert_once(0..=3000);
    assert!(watched.caught_up);
    assert_eq!(watched.notices, [Notice::Up]);
    let last = i64::try_from(EPOCH + 3_000_000_000).unwrap();
    assert_eq!(watched.tally.last_record, Some(Timestamp::from_microsecond(last).unwrap()));
}

#[test]
fn goes_on_in_the_next_file() {
    let directory = tempfile::tempdir().unwrap();
    journal(directory.path().join("a.journal"), 0..10);
    let mut watched = follow(directory.path());
    watched.until_failures(10);
    journal(directory.path().join("b.journal"), 10..20);
    watched.until_failures(20);
    std::fs::remove_file(directory.path().join("a.journal")).unwrap();
    journal(directory.path().join("c.journal"), 20..30);
    watched.until_failures(30);
    watched.finish().assert_once(0..30);
}

#[test]
fn resumes_after_the_entry_read_last() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.journal");
    journal(&file, 0..10);
    let mut watched = follow(directory.path());
    watched.until_failures(10);
    let through = watched.finish().through;
    journal(file, 10..15);
    let origin = Origin::Journal(origin(directory.path()));
    let mut watched = Watched::from(origin, through);
    watched.until_failures(5);
    let watched = watched.finish();
    watched.assert_once(10..15);
    assert_eq!(watched.notices, [Notice::Up]);
}

#[test]
fn an_attempt_that_is_told_of_before_and_after_a_restart_counts_once() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(&directory.path().join("a.journal"));
    let mut write = |seq, message: &str| {
        writer.write(seq, &sshd(&[("MESSAGE", message.as_bytes())]));
    };
    for seq in 0..5 {
        write(seq, &format!("attempt {seq} FAIL 10.0.0.{seq}"));
    }
    let origin = Origin::Journal(origin(directory.path()));
    let mut watched = Watched::attempts(origin.clone(), None);
    watched.until_failures(5);
    let through = watched.finish().through;
    write(5, "attempt 3 CLOSED 10.0.0.3");
    write(6, "attempt 4 CLOSED 10.0.0.4");
    write(7, "attempt 9 CLOSED 10.0.0.9");
    let mut resumed = Watched::attempts(origin, through);
    resumed.until("the last entry is read", |w| w.has_failed(9));
    resumed.finish().assert_once([9]);
}

#[test]
fn resumes_with_what_is_left_once_vacuumed() {
    let directory = tempfile::tempdir().unwrap();
    journal(directory.path().join("a.journal"), 0..10);
    let mut watched = follow(directory.path());
    watched.until_failures(10);
    let through = watched.finish().through;
    std::fs::remove_file(directory.path().join("a.journal")).unwrap();
    journal(directory.path().join("b.journal"), 15..20);
    let mut watched = Watched::from(Origin::Journal(origin(directory.path())), through);
    watched.until_failures(5);
    let gap = |notice: &Notice| matches!(notice, Notice::Restarted(t) if t.reason == "vacuumed");
    watched.until("the gap is told", |w| w.notices.iter().any(gap));
    watched.finish().assert_once(15..20);
}

#[test]
fn begins_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    journal(directory.path().join("a.journal"), 0..10);
    let not_before = Timestamp::from_microsecond(i64::try_from(EPOCH).unwrap() + 7_000_000);
    let start = Start { from: None, not_before: not_before.unwrap() };
    let mut watched = Watched::start(Origin::Journal(origin(directory.path())), start);
    watched.until_failures(3);
    watched.finish().assert_once(7..10);
}

#[test]
fn begins_at_the_start_if_the_position_is_another_kind() {
    let directory = tempfile::tempdir().unwrap();
    journal(directory.path().join("a.journal"), 0..3);
    let from = Some(Position::Files(Vec::new()));
    let mut watched = Watched::from(Origin::Journal(origin(directory.path())), from);
    watched.until_failures(3);
}

/// A program that a user calls sshd, and other senders that are not root's sshd.
fn write_imposters(writer: &mut Writer) {
    let message = fail(666);
    let imposter = |uid: &'static [u8], unit: &'static [u8]| {
        vec![
            ("_UID", uid),
            ("_COMM", b"sshd".as_slice()),
            ("SYSLOG_IDENTIFIER", b"sshd"),
            ("_SYSTEMD_UNIT", unit),
        ]
    };
    for mut fields in [
        imposter(b"1000", b"session-1.scope"),
        imposter(b"1000", b"sshd.service"),
        imposter(b"", b"sshd.service"),
        imposter(b"00", b"sshd.service"),
        imposter(b"0", b"cron.service")[1..2].to_vec(),
    ] {
        fields.push(("MESSAGE", message.as_bytes()));
        writer.write(1, &fields);
    }
    // Says of itself, in fields anybody may send, what only journald may say.
    let forged = [
        ("_UID", b"1000".as_slice()),
        ("MESSAGE_ID", DROPPED.as_bytes()),
        ("OBJECT_SYSTEMD_UNIT", b"sshd.service"),
        ("N_DROPPED", b"1000"),
        ("_TRANSPORT", b"journal"),
        ("MESSAGE", message.as_bytes()),
    ];
    writer.write(1, &forged);
}

#[test]
fn hears_root_alone() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(&directory.path().join("a.journal"));
    writer.sshd(0);
    write_imposters(&mut writer);
    writer.sshd(2);
    for line in ["_SYSTEMD_UNIT=sshd.service + _COMM=sshd", "_SYSTEMD_UNIT=sshd.service _UID=0"] {
        let matches = JournalMatch::parse([line]).unwrap();
        let origin = JournalOrigin { matches, ..origin(directory.path()) };
        let mut watched = Watched::new(Origin::Journal(origin));
        watched.until("the last entry is read", |w| w.has_failed(2));
        watched.assert_once([0, 2]);
        assert_eq!(watched.tally.records, 2, "{line}");
        assert_eq!(watched.tally.suppressed, 0, "{line}");
    }
}

#[test]
fn hears_everybody_if_told_to() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(&directory.path().join("a.journal"));
    write_imposters(&mut writer);
    writer.sshd(2);
    let origin = JournalOrigin { trust_unprivileged: true, ..origin(directory.path()) };
    let mut watched = Watched::new(Origin::Journal(origin));
    watched.until("the last entry is read", |w| w.has_failed(2));
    // All that say they are sshd, but not the forger.
    assert_eq!(watched.failures[&address(666).into()], 5);
}

#[test]
fn wants_what_its_match_says() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(&directory.path().join("a.journal"));
    let entry = |unit: &'static [u8], comm: &'static [u8]| {
        [("_UID", b"0".as_slice()), ("_SYSTEMD_UNIT", unit), ("_COMM", comm)]
    };
    for (host, fields) in [
        entry(b"a", b"x"),
        entry(b"b", b"x"),
        entry(b"c", b"x"),
        entry(b"a", b"y"),
        entry(b"d", b"z"),
    ]
    .into_iter()
    .enumerate()
    {
        let message = fail(u32::try_from(host).unwrap());
        let mut fields = fields.to_vec();
        fields.push(("MESSAGE", message.as_bytes()));
        writer.write(u32::try_from(host).unwrap(), &fields);
    }
    writer.close();
    let lines = ["_SYSTEMD_UNIT=a _SYSTEMD_UNIT=b _COMM=x", "_COMM=z"];
    let matches = JournalMatch::parse(lines).unwrap();
    let origin = JournalOrigin { matches, ..origin(directory.path()) };
    let mut watched = Watched::new(Origin::Journal(origin));
    watched.until_failures(3);
    watched.finish().assert_once([0, 1, 4]);
}

#[test]
fn takes_any_bytes_and_skips_the_endless() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(&directory.path().join("a.journal"));
    writer.write(0, &sshd(&[("MESSAGE", b"\xff\x00\x1b[2J\nFAIL nowhere\n")]));
    let hidden = format!("first line\n{}", fail(1));
    writer.write(1, &sshd(&[("MESSAGE", hidden.as_bytes())]));
    let mut endless = vec![b'x'; 300_000];
    endless.extend_from_slice(b" FAIL 10.0.0.9");
    writer.write(2, &sshd(&[("MESSAGE", &endless)]));
    writer.sshd(3);
    let mut watched = follow(directory.path());
    watched.until("the last entry is read", |w| w.has_failed(3));
    assert_eq!(watched.tally.records, 3);
    assert_eq!(watched.tally.oversized, 1);
    assert!(!watched.has_failed(9));
}

#[test]
fn counts_what_the_rate_limit_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(&directory.path().join("a.journal"));
    for (unit, count) in [(b"sshd.service", b"41".as_slice()), (b"cron.service", b"1")] {
        let dropped = [
            ("_UID", b"0".as_slice()),
            ("_TRANSPORT", b"driver"),
            ("_SYSTEMD_UNIT", b"systemd-journald.service"),
            ("MESSAGE_ID", DROPPED.as_bytes()),
            ("OBJECT_SYSTEMD_UNIT", unit),
            ("N_DROPPED", count),
            ("MESSAGE", b"Suppressed messages"),
        ];
        writer.write(0, &dropped);
    }
    writer.sshd(1);
    let mut watched = follow(directory.path());
    watched.until_failures(1);
    assert_eq!((watched.tally.suppressed, watched.tally.records), (41, 1));
}

#[test]
fn waits_for_a_journal_that_is_not_there_and_for_one_made_anew() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().join("later");
    let mut watched = follow(&home);
    let missing = |notice: &Notice| matches!(notice, Notice::Down(t) if t.reason == "missing");
    watched.until("it is missed", |w| w.notices.iter().any(missing));
    std::fs::create_dir(&home).unwrap();
    journal(home.join("a.journal"), 0..3);
    watched.until_failures(3);
    assert_eq!(watched.notices.last(), Some(&Notice::Up));
    std::fs::rename(&home, directory.path().join("elsewhere")).unwrap();
    std::fs::create_dir(&home).unwrap();
    journal(home.join("b.journal"), 3..6);
    watched.until_failures(6);
    watched.finish().assert_once(0..6);
}

#[test]
fn swaps_listeners_without_missing_an_entry() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(&directory.path().join("a.journal"));
    let mut watched = follow(directory.path());
    for round in 0..20 {
        (0..50).for_each(|seq| writer.sshd(round * 50 + seq));
        watched.source.set_listeners(vec![listener(&format!("jail-{round}"))]);
        watched.until_failures(usize::try_from(round).unwrap() * 50 + 1);
    }
    // The batch after the first one that ends after the swap is the new listeners'.
    writer.sshd(1000);
    watched.until_failures(1001);
    writer.sshd(1001);
    watched.until_failures(1002);
    watched.assert_once(0..1002);
    assert_eq!(watched.jails.last().unwrap(), "jail-19");
}

fn restarted(notice: &Notice, reason: &str) -> bool {
    matches!(notice, Notice::Restarted(trouble) if trouble.reason == reason)
}

#[test]
fn an_entry_that_was_moved_to_another_file_counts_once() {
    let directory = tempfile::tempdir().unwrap();
    journal(directory.path().join("a.journal"), 0..10);
    let mut watched = follow(directory.path());
    watched.until_failures(10);
    let through = watched.finish().through;
    std::fs::remove_file(directory.path().join("a.journal")).unwrap();
    // The same entries with another sequence, as when journald moves its journal to /var.
    journal(directory.path().join("b.journal"), 0..15);
    let mut watched = Watched::from(Origin::Journal(origin(directory.path())), through);
    watched.until_failures(5);
    let watched = watched.finish();
    watched.assert_once(10..15);
    assert_eq!(watched.notices, [Notice::Up], "nothing is missing");
}

#[test]
fn a_file_that_is_cut_short_ends_nothing() {
    for left in [0, 4096, 300_000] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.journal");
        journal(&path, 0..3000);
        let mut watched = follow(directory.path());
        watched.until_failures(3000);
        std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(left).unwrap();
        journal(directory.path().join("b.journal"), 3000..3010);
        watched.until_failures(3010);
        watched.until("it is told", |w| w.notices.iter().any(|n| restarted(n, "truncated")));
        journal(directory.path().join("c.journal"), 3010..3020);
        watched.until_failures(3020);
        watched.finish().assert_once(0..3020);
    }
}

#[test]
fn a_damaged_file_is_told_and_the_others_are_read() {
    // All of it, and all but the header: libsystemd finds out when it opens or when it reads it.
    for whole in [0, 4096] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.journal");
        journal(&path, 0..3000);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[whole..].fill(0x5a);
        std::fs::write(&path, bytes).unwrap();
        journal(directory.path().join("b.journal"), 3000..3010);
        let mut watched = follow(directory.path());
        let told = |notice: &Notice| {
            matches!(notice, Notice::Error(t) | Notice::Restarted(t) if t.reason == "corrupt"
                && t.detail.contains("a.journal"))
        };
        let times = |w: &Watched| w.notices.iter().filter(|notice| told(notice)).count();
        // It is opened once more, lest it was only being written to.
        watched.until("it is told", |w| times(w) == 2);
        watched.until("the other is read", |w| w.has_failed(3009));
        journal(directory.path().join("c.journal"), 3010..3020);
        watched.until("the next is read", |w| w.has_failed(3019));
        let watched = watched.finish();
        assert_eq!(times(&watched), 2);
        assert!(watched.failures.values().all(|&times| times == 1));
    }
}
