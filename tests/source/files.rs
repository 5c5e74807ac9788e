//! Log files that grow, are rotated in every way, come late and go, read by the file source.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use gaoler::record::origin::{FilesOrigin, Origin};
use gaoler::source::batch::{Notice, Position, Rotation};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::watched::{Watched, fail, listener};

/// A directory of logs.
pub(crate) struct Logs {
    directory: TempDir,
}

impl Logs {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Appends to a file, which is made if need be.
    pub(crate) fn append(&self, name: &str, bytes: impl AsRef<[u8]>) {
        append_to(&self.path(name)).write_all(bytes.as_ref()).unwrap();
    }

    pub(crate) fn append_fails(&self, name: &str, hosts: impl IntoIterator<Item = u32>) {
        self.append(name, lines(hosts));
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    /// What `sed -i` does: another file with the same content.
    fn rewrite(&self, name: &str) {
        fs::copy(self.path(name), self.path("new")).unwrap();
        self.rename("new", name);
    }

    /// What logrotate does for `copytruncate`.
    fn copytruncate(&self, from: &str, to: &str) {
        fs::copy(self.path(from), self.path(to)).unwrap();
        OpenOptions::new().write(true).open(self.path(from)).unwrap().set_len(0).unwrap();
    }

    pub(crate) fn origin(&self, patterns: &[&str]) -> Origin {
        let pattern = |name: &&str| self.path(name).to_str().unwrap().to_owned();
        Origin::Files(FilesOrigin { patterns: patterns.iter().map(pattern).collect() })
    }

    fn follow(&self, patterns: &[&str]) -> Watched {
        Watched::new(self.origin(patterns))
    }

    fn resume(&self, patterns: &[&str], through: Option<Position>) -> Watched {
        Watched::from(self.origin(patterns), through)
    }
}

fn append_to(path: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).unwrap()
}

/// Lines of failures, longer than a bare one so that a file soon has a whole head.
fn lines(hosts: impl IntoIterator<Item = u32>) -> Vec<u8> {
    let line = |host| format!("line number {host:>40} {}\n", fail(host));
    hosts.into_iter().flat_map(|host| line(host).into_bytes()).collect()
}

fn is_down(notice: &Notice, reason: &str) -> bool {
    matches!(notice, Notice::Down(trouble) if trouble.reason == reason)
}

#[test]
fn reads_what_was_there_and_what_comes() {
    let logs = Logs::new();
    logs.append_fails("log", 0..10_000);
    let mut watched = logs.follow(&["log"]);
    watched.until_failures(10_000);
    logs.append_fails("log", 10_000..10_010);
    watched.until_failures(10_010);
    assert!(watched.caught_up);
    assert_eq!(watched.notices, [Notice::Up]);
    watched.finish().assert_once(0..10_010);
}

#[test]
fn says_once_that_there_was_nothing_to_read() {
    let logs = Logs::new();
    logs.append("log", "");
    let mut watched = logs.follow(&["log"]);
    watched.until("it says so", |w| w.notices.len() == 2);
    logs.append_fails("log", 0..1);
    watched.until_failures(1);
    assert!(watched.caught_up);
    assert_eq!(watched.finish().notices, [Notice::Up, Notice::CaughtUp]);
}

#[test]
fn holds_back_a_line_until_it_ends() {
    let logs = Logs::new();
    logs.append("log", "FAIL 10.0.0.1");
    let mut watched = logs.follow(&["log"]);
    logs.append("log", "7\r\nFAIL 10.0.0");
    watched.until_failures(1);
    let through = watched.finish().through;
    logs.append("log", ".18\n");
    let mut resumed = logs.resume(&["log"], through);
    resumed.until_failures(1);
    resumed.finish().assert_once([18]);
}

#[test]
fn takes_any_bytes_and_skips_the_endless() {
    let logs = Logs::new();
    logs.append("log", b"\xff\xfe\0\x1b[2J FAIL nobody\n\n");
    logs.append("log", [b"x".repeat(65_536 - 12), b" FAIL 10.0.0.1\n".to_vec()].concat());
    logs.append("log", [b"x".repeat(10_000_000), b" FAIL 10.0.0.2\n".to_vec()].concat());
    logs.append("log", "FAIL 10.0.0.3\n");
    logs.append("log", b"x".repeat(100_000));
    let mut watched = logs.follow(&["log"]);
    watched.until("the line without an end is given up", |w| w.tally.oversized == 3);
    logs.append("log", " FAIL 10.0.0.4\nFAIL 10.0.0.5\n");
    watched.until_failures(2);
    watched.assert_once([3, 5]);
    assert_eq!(watched.tally.records, 4);
}

#[test]
fn reads_a_renamed_file_to_its_end_and_on() {
    let logs = Logs::new();
    logs.append_fails("log", 0..10);
    let mut old = append_to(&logs.path("log"));
    let mut watched = logs.follow(&["log"]);
    watched.until_failures(10);
    old.write_all(&lines(10..20)).unwrap();
    logs.rename("log", "log.1");
    old.write_all(&lines(20..30)).unwrap();
    logs.append_fails("log", 30..40);
    watched.until_failures(40);
    watched.until("it is told", |w| w.notices.contains(&Notice::Rotated(Rotation::Renamed)));
    old.write_all(&lines(40..50)).unwrap();
    watched.until_failures(50);
    watched.finish().assert_once(0..50);
}

/// Writes through `rotations`, each done by `rotate`, while the source follows `patterns`.
#[track_caller]
fn check_rotations(patterns: &[&str], rotate: impl Fn(&Logs, u32)) {
    const ROTATIONS: u32 = 12;
    const LINES: u32 = 2000;
    let logs = Logs::new();
    let mut watched = logs.follow(patterns);
    for rotation in 0..ROTATIONS {
        let first = rotation * LINES;
        // One write a line, in the midst of which the source reads.
        (first..first + LINES).for_each(|host| logs.append_fails("log", [host]));
        watched.until("the file is followed", |w| w.has_failed(first));
        rotate(&logs, rotation);
    }
    // What would be read twice is read by now.
    for marker in 1_000_000..1_000_005 {
        logs.append_fails("log", [marker]);
        watched.until("the marker is read", |w| w.has_failed(marker));
    }
    watched.until_failures((ROTATIONS * LINES) as usize + 5);
    watched.finish().assert_once((0..ROTATIONS * LINES).chain(1_000_000..1_000_005));
}

#[test]
fn misses_nothing_when_files_are_renamed() {
    check_rotations(&["log"], |logs, n| logs.rename("log", &format!("log.{n}")));
}

#[test]
fn misses_nothing_when_files_are_copied_and_cut_short() {
    check_rotations(&["log"], |logs, n| logs.copytruncate("log", &format!("log.{n}")));
}

#[test]
fn counts_once_though_the_pattern_names_renamed_files_too() {
    check_rotations(&["log*"], |logs, n| logs.rename("log", &format!("log.{n}")));
}

#[test]
fn counts_once_though_the_pattern_names_copies_too() {
    check_rotations(&["log*"], |logs, n| logs.copytruncate("log", &format!("log.{n}")));
}

#[test]
fn misses_nothing_when_files_are_deleted() {
    check_rotations(&["log"], |logs, _| fs::remove_file(logs.path("log")).unwrap());
}

#[test]
fn counts_once_when_the_file_is_written_anew_with_what_it_held() {
    check_rotations(&["log"], |logs, n| {
        logs.rewrite("log");
        if n % 3 == 0 {
            logs.rename("log", &format!("log.{n}"));
        }
    });
}

#[test]
fn takes_the_unfinished_last_line_of_a_deleted_file_for_a_line() {
    let logs = Logs::new();
    logs.append("log", "FAIL 10.0.0.1\nFAIL 10.0.0.2");
    let mut watched = logs.follow(&["log"]);
    watched.until_failures(1);
    fs::remove_file(logs.path("log")).unwrap();
    watched.until_failures(2);
    watched.assert_once([1, 2]);
    watched.until("it is let go", |w| w.through == Some(Position::Files(Vec::new())));
    watched.until("it is missed", |w| w.notices.iter().any(|n| is_down(n, "missing")));
}

#[test]
fn finds_files_that_come_late() {
    let logs = Logs::new();
    let mut watched = logs.follow(&["access_log-*", "sub/*.log"]);
    watched.until("they are missed", |w| w.notices.iter().any(|n| is_down(n, "missing")));
    logs.append_fails("access_log-20261122", 0..3);
    watched.until_failures(3);
    watched.until("it is up", |w| w.notices.contains(&Notice::Up));
    logs.append_fails("access_log-20261123", 3..6);
    fs::create_dir(logs.path("sub")).unwrap();
    logs.append_fails("sub/a.log", 6..9);
    watched.until_failures(9);
    logs.append_fails("access_log-20261122", 9..12);
    watched.until_failures(12);
    watched.finish().assert_once(0..12);
}

#[test]
fn follows_a_symlink_to_where_it_leads_now() {
    let logs = Logs::new();
    logs.append_fails("monday", 0..3);
    logs.append_fails("tuesday", 3..6);
    symlink(logs.path("monday"), logs.path("log")).unwrap();
    let mut watched = logs.follow(&["log"]);
    watched.until_failures(3);
    symlink(logs.path("tuesday"), logs.path("next")).unwrap();
    logs.rename("next", "log");
    watched.until_failures(6);
    logs.append_fails("tuesday", 6..9);
    watched.until_failures(9);
    watched.finish().assert_once(0..9);
}

#[test]
fn reads_a_file_with_two_names_once() {
    let logs = Logs::new();
    logs.append_fails("a.log", 0..3);
    symlink(logs.path("a.log"), logs.path("b.log")).unwrap();
    fs::hard_link(logs.path("a.log"), logs.path("c.log")).unwrap();
    let mut watched = logs.follow(&["*.log", "a.log"]);
    watched.until_failures(3);
    logs.append_fails("c.log", 3..6);
    watched.until_failures(6);
    watched.finish().assert_once(0..6);
}

#[test]
fn gives_every_file_its_turn() {
    let logs = Logs::new();
    logs.append_fails("a", 0..100_000);
    logs.append_fails("b", [1_000_000]);
    let mut watched = logs.follow(&["a", "b"]);
    watched.until("the short file's turn comes", |w| w.has_failed(1_000_000));
    assert!(watched.failures.len() < 50_000, "the long file was read first");
    watched.until_failures(100_001);
}

#[test]
fn resumes_where_it_was() {
    let logs = Logs::new();
    logs.append_fails("log", 0..10);
    let mut watched = logs.follow(&["log"]);
    watched.until_failures(10);
    let through = watched.finish().through;
    logs.append_fails("log", 10..20);
    let mut resumed = logs.resume(&["log"], through);
    resumed.until_failures(10);
    resumed.finish().assert_once(10..20);
}

#[test]
fn an_attempt_that_is_told_of_before_and_after_a_restart_counts_once() {
    let logs = Logs::new();
    logs.append("log", "attempt 1 FAIL 10.0.0.1\n");
    let mut watched = Watched::attempts(logs.origin(&["log"]), None);
    watched.until_failures(1);
    let through = watched.finish().through;
    logs.append("log", "attempt 1 CLOSED 10.0.0.1\nattempt 2 CLOSED 10.0.0.2\n");
    let mut resumed = Watched::attempts(logs.origin(&["log"]), through);
    resumed.until("the last line is read", |w| w.has_failed(2));
    resumed.finish().assert_once([2]);
}

/// Reads ten lines, stops, writes ten, rotates by `rotate`, writes ten, and expects the twenty.
#[track_caller]
fn check_resume(patterns: &[&str], rotate: impl Fn(&Logs), expected: &[Notice]) {
    let logs = Logs::new();
    logs.append_fails("log", 0..10);
    let mut watched = logs.follow(patterns);
    watched.until_failures(10);
    let through = watched.finish().through;
    logs.append_fails("log", 10..20);
    rotate(&logs);
    logs.append_fails("log", 20..30);
    let mut resumed = logs.resume(patterns, through);
    resumed.until_failures(20);
    resumed.until("all is told", |w| expected.iter().all(|notice| w.notices.contains(notice)));
    resumed.finish().assert_once(10..30);
}

#[test]
fn drains_what_was_rotated_while_it_was_away() {
    let renamed = Notice::Rotated(Rotation::Renamed);
    let truncated = Notice::Rotated(Rotation::Truncated);
    check_resume(&["log"], |logs| logs.rename("log", "log.1"), &[renamed]);
    check_resume(&["log"], |logs| logs.copytruncate("log", "log.1"), &[truncated]);
    check_resume(&["log*"], |logs| logs.rename("log", "a"), &[]);
    check_resume(&["log*"], |logs| logs.rename("log", "log.1"), &[]);
    check_resume(&["log*"], |logs| logs.copytruncate("log", "log.1"), &[]);
    check_resume(&["log"], |logs| logs.rewrite("log"), &[]);
}

#[test]
fn says_so_if_what_was_rotated_is_nowhere() {
    let logs = Logs::new();
    logs.append_fails("log", 0..10);
    let mut watched = logs.follow(&["log"]);
    watched.until_failures(10);
    let through = watched.finish().through;
    fs::remove_file(logs.path("log")).unwrap();
    logs.append_fails("log", 10..20);
    let mut resumed = logs.resume(&["log"], through);
    resumed.until_failures(10);
    let lost = |notice: &Notice| matches!(notice, Notice::Lost(_));
    resumed.until("the loss is told", |w| w.notices.iter().any(lost));
    resumed.finish().assert_once(10..20);
}

#[test]
fn keeps_a_position_until_its_file_is_back() {
    let logs = Logs::new();
    fs::create_dir(logs.path("mount")).unwrap();
    logs.append_fails("mount/log", 0..10);
    logs.append_fails("other", 100..101);
    let mut watched = logs.follow(&["mount/log", "other"]);
    watched.until_failures(11);
    let through = watched.finish().through;
    logs.rename("mount", "unmounted");
    let mut away = logs.resume(&["mount/log", "other"], through);
    logs.append_fails("other", 101..102);
    away.until_failures(1);
    let through = away.finish().through;
    logs.rename("unmounted", "mount");
    let mut back = logs.resume(&["mount/log", "other"], through);
    logs.append_fails("mount/log", 10..20);
    back.until_failures(10);
    back.finish().assert_once(10..20);
}

#[test]
fn refuses_what_is_not_a_file() {
    let logs = Logs::new();
    fs::create_dir(logs.path("directory")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        logs.path("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    for name in ["directory", "pipe"] {
        let mut watched = logs.follow(&[name]);
        watched.until("it is refused", |w| w.notices.iter().any(|n| is_down(n, "not_a_file")));
        watched.finish();
    }
    let mut watched =
        Watched::new(Origin::Files(FilesOrigin { patterns: vec!["/dev/null".into()] }));
    watched.until("it is refused", |w| w.notices.iter().any(|n| is_down(n, "not_a_file")));
}

#[test]
fn waits_for_permission() {
    let logs = Logs::new();
    allow(logs.directory.path(), 0o755);
    logs.append_fails("log", 0..3);
    allow(&logs.path("log"), 0o600);
    let mut watched = unprivileged(logs.origin(&["log"]), None);
    watched.until("it is denied", |w| w.notices.iter().any(|n| is_down(n, "permission")));
    allow(&logs.path("log"), 0o644);
    watched.until_failures(3);
    assert_eq!(watched.notices.last(), Some(&Notice::Up));
}

fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Follows as a user who owns nothing.
fn unprivileged(origin: Origin, through: Option<Position>) -> Watched {
    // The source's thread inherits the user of the thread that makes it.
    let follow = move || {
        let nobody = rustix::process::Uid::from_raw(65_534);
        rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
        Watched::from(origin, through)
    };
    std::thread::spawn(follow).join().unwrap()
}

#[test]
fn goes_on_where_it_was_once_it_is_permitted_again() {
    for denied in ["log", ""] {
        let logs = Logs::new();
        allow(logs.directory.path(), 0o755);
        logs.append_fails("log", 0..10);
        let mut watched = logs.follow(&["log"]);
        watched.until_failures(10);
        let through = watched.finish().through;
        let mode = fs::metadata(logs.path(denied)).unwrap().permissions().mode();
        allow(&logs.path(denied), 0o600);
        logs.append_fails("log", 10..20);
        let mut resumed = unprivileged(logs.origin(&["log"]), through);
        resumed.until("it is denied", |w| w.notices.iter().any(|n| is_down(n, "permission")));
        allow(&logs.path(denied), mode);
        resumed.until_failures(10);
        let resumed = resumed.finish();
        resumed.assert_once(10..20);
        assert!(!resumed.notices.iter().any(|n| matches!(n, Notice::Lost(_) | Notice::Rotated(_))));
    }
}

#[test]
fn a_directory_that_is_closed_for_a_while_is_no_rotation() {
    let logs = Logs::new();
    allow(logs.directory.path(), 0o755);
    logs.append_fails("log", 0..10);
    let others = Logs::new();
    allow(others.directory.path(), 0o755);
    let pattern = |logs: &Logs| logs.path("*log").to_str().unwrap().to_owned();
    let patterns = vec![pattern(&logs), pattern(&others)];
    let mut watched = unprivileged(Origin::Files(FilesOrigin { patterns }), None);
    watched.until_failures(10);
    allow(logs.directory.path(), 0o700);
    logs.append_fails("log", 10..20);
    watched.until("it is denied", |w| w.notices.iter().any(|n| is_down(n, "permission")));
    watched.until_failures(20);
    // Each is found by one look more.
    for other in 30..33 {
        others.append_fails(&format!("{other}.log"), [other]);
        watched.until("it is found", |w| w.has_failed(other));
    }
    allow(logs.directory.path(), 0o755);
    watched.until("it is up", |w| w.notices.last() == Some(&Notice::Up));
    logs.append_fails("log", 20..30);
    watched.until_failures(33);
    let watched = watched.finish();
    watched.assert_once(0..33);
    assert!(!watched.notices.iter().any(|notice| matches!(notice, Notice::Rotated(_))));
}

#[test]
fn says_how_much_was_cut_off_unread() {
    let logs = Logs::new();
    let total = 60_000;
    logs.append_fails("log", 0..total);
    let size = fs::metadata(logs.path("log")).unwrap().len();
    let mut watched = logs.follow(&["log"]);
    watched.until_it_waits();
    // A copy that does not have the end of it, and then nothing.
    let copied = lines(0..total / 2);
    fs::write(logs.path("log.1"), &copied).unwrap();
    OpenOptions::new().write(true).open(logs.path("log")).unwrap().set_len(0).unwrap();
    logs.append_fails("log", [1_000_000]);
    watched.until("the new line is read", |w| w.has_failed(1_000_000));
    watched.until_failures((total / 2) as usize + 1);
    let watched = watched.finish();
    watched.assert_once((0..total / 2).chain([1_000_000]));
    let lost = watched.notices.iter().filter_map(|notice| match notice {
        Notice::Lost(unread) => Some(unread.bytes),
        _ => None,
    });
    assert_eq!(lost.collect::<Vec<_>>(), [size - copied.len() as u64]);
}

#[test]
fn swaps_listeners_without_missing_a_line() {
    let logs = Logs::new();
    let mut watched = logs.follow(&["log"]);
    for round in 0..20 {
        logs.append_fails("log", round * 50..(round + 1) * 50);
        watched.source.set_listeners(vec![listener(&format!("jail-{round}"))]);
        watched.until_failures((round as usize) * 50 + 1);
    }
    // The batch after the first one that ends after the swap is the new listeners'.
    logs.append_fails("log", [1000]);
    watched.until_failures(1001);
    logs.append_fails("log", [1001]);
    watched.until_failures(1002);
    watched.assert_once(0..1002);
    assert_eq!(watched.jails.last().unwrap(), "jail-19");
}

/// What may happen to a log.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Rename,
    Copytruncate,
    Rewrite,
    Delete,
    /// The source stops, and goes on from its position after the next fate.
    Restart,
}

/// Writes some lines before each fate, and the first half of a line where it does not matter.
fn live(patterns: &[&str], fates: &[(Fate, u32)]) {
    let logs = Logs::new();
    let mut host = 0;
    let mut write = |count: u32| {
        let first = host;
        (0..count).for_each(|n| logs.append_fails("log", [first + n]));
        host += count;
        first
    };
    let mut watched = logs.follow(patterns);
    let mut seen = Vec::new();
    for (n, &(fate, count)) in fates.iter().enumerate() {
        let first = write(count);
        watched.until("the file is followed", |w| w.has_failed(first));
        match fate {
            Fate::Rename => logs.rename("log", &format!("log.{n}")),
            Fate::Copytruncate => logs.copytruncate("log", &format!("log.{n}")),
            Fate::Rewrite => logs.rewrite("log"),
            Fate::Delete => fs::remove_file(logs.path("log")).unwrap(),
            Fate::Restart => {
                let stopped = watched.finish();
                let through = stopped.through.clone();
                seen.push(stopped);
                write(count);
                watched = logs.resume(patterns, through);
            }
        }
    }
    write(1);
    let last = write(5);
    watched.until("the last line is read", |w| w.has_failed(last));
    seen.push(watched);
    let found = |seen: &[Watched]| seen.iter().map(|w| w.times.len()).sum::<usize>();
    let before = found(&seen[..seen.len() - 1]);
    let mut watched = seen.pop().unwrap();
    watched.until("all are found", |w| host as usize <= before + w.times.len());
    for earlier in &seen {
        for (address, count) in &earlier.failures {
            *watched.failures.entry(*address).or_default() += count;
        }
    }
    watched.finish().assert_once(0..host);
}

fn fates() -> impl Strategy<Value = Vec<(Fate, u32)>> {
    let fate = prop_oneof![
        Just(Fate::Rename),
        Just(Fate::Copytruncate),
        Just(Fate::Rewrite),
        Just(Fate::Delete),
        Just(Fate::Restart),
    ];
    prop::collection::vec((fate, 1..300u32), 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..Default::default() })]

    #[test]
    fn counts_every_line_once_whatever_becomes_of_the_log(fates in fates(), wide in any::<bool>()) {
        live(if wide { &["log*"] } else { &["log"] }, &fates);
    }
}
