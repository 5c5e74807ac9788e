//! What goes wrong with files and processes, and that nothing acknowledged is lost by it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use gaoler::store::change::Change;
use gaoler::store::{Store, StoreError, set_aside};
use jiff::Timestamp;
use tokio::sync::mpsc::unbounded_channel;

use super::opened::{Opened, ban, clock, execute, query};

#[track_caller]
fn refusal(path: &Path) -> StoreError {
    let (acks, _) = unbounded_channel();
    Store::open(path, clock, acks).map(|_| ()).unwrap_err()
}

#[test]
fn the_file_is_nobody_elses_to_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let mut opened = Opened::at(&path);
    opened.commit(Change { began: vec![ban(1)], ..Change::default() });
    opened.next_ack();
    for entry in fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
    }
}

#[test]
fn a_directory_that_is_not_there_is_named_with_the_remedy() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("none");
    let error = refusal(&missing.join("state.db"));
    assert!(matches!(&error, StoreError::NoDirectory { directory } if *directory == missing));
    let words = format!(
        "the directory {} of state.path does not exist: create it, owned by the user gaoler, \
         or set state.path to another",
        missing.display()
    );
    assert_eq!(error.to_string(), words);
}

#[test]
fn what_is_no_database_is_damaged_and_can_be_set_aside() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    fs::write(&path, "not a database, and longer than a hundred bytes of it ".repeat(40)).unwrap();
    assert!(matches!(refusal(&path), StoreError::Corrupt { .. }));
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let aside = set_aside(&path, now).unwrap();
    assert_eq!(aside, directory.path().join("state.db.damaged-20270115T080000Z"));
    assert!(fs::read_to_string(aside).unwrap().starts_with("not a database"));
    Opened::at(&path).close();
}

#[test]
fn damage_is_found_at_the_start_even_where_nothing_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    Opened::at(&path).close();
    execute(
        &path,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
         INSERT INTO history SELECT i, 'j', i, 'manual', 0, NULL, 0, 0, 'expired', NULL FROM n",
    );
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 4096;
    bytes[last..last + 64].fill(0xff);
    fs::write(&path, bytes).unwrap();
    assert!(matches!(refusal(&path), StoreError::Corrupt { .. }));
}

#[test]
fn a_row_that_nobody_could_have_written_is_damage() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    Opened::at(&path).close();
    execute(&path, "INSERT INTO bans VALUES ('sshd', 'nobody', 'manual', 0, NULL, 0, NULL)");
    let error = refusal(&path);
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("nobody"), "{error}");
}

#[test]
fn a_file_of_a_later_version_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    Opened::at(&path).close();
    execute(&path, "PRAGMA user_version = 99");
    assert!(matches!(refusal(&path), StoreError::Newer { found: 99, known: 3, .. }));
}

#[test]
fn the_database_of_another_program_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("other.db");
    execute(&path, "CREATE TABLE bans (ip TEXT)");
    assert!(matches!(refusal(&path), StoreError::Foreign { .. }));
    assert_eq!(query(&path, "SELECT count(*) || '' FROM sqlite_schema"), ["1"]);
}

#[test]
fn another_writer_delays_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let mut opened = Opened::at(&path);
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    opened.commit(Change { began: vec![ban(1)], ..Change::default() });
    let ack = opened.next_ack();
    assert!(ack.result.unwrap_err().contains("locked"));
    opened.commit(Change { began: vec![ban(2)], ..Change::default() });
    other.execute_batch("ROLLBACK").unwrap();
    // The first may fail once more; the last is acknowledged, and the first is durable with it.
    while !matches!(opened.next_ack(), ack if ack.seq == 2 && ack.result.is_ok()) {}
    assert_eq!(query(&path, "SELECT address FROM bans"), ["192.0.2.1/32", "192.0.2.2/32"]);
}

#[test]
fn a_full_disk_delays_and_loses_nothing() {
    let disk = Disk::new();
    let path = disk.directory.path().join("state.db");
    let mut opened = Opened::at(&path);
    let filler = disk.directory.path().join("filler");
    assert!(fs::write(&filler, vec![0; 4 << 20]).is_err(), "the disk is full");
    let began: Vec<_> = (1..=200).map(ban).collect();
    opened.commit(Change { began, ..Change::default() });
    let ack = opened.next_ack();
    assert!(ack.result.unwrap_err().contains("full"));
    fs::remove_file(filler).unwrap();
    while !matches!(opened.next_ack(), ack if ack.seq == 1 && ack.result.is_ok()) {}
    opened.close();
    assert_eq!(Opened::at(&path).saved.bans.len(), 200);
}

/// A disk of one mebibyte.
struct Disk {
    directory: tempfile::TempDir,
}

impl Disk {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().to_str().unwrap();
        run("mount", &["-t", "tmpfs", "-o", "size=1m", "tmpfs", target]);
        Self { directory }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        run("umount", &["--lazy", self.directory.path().to_str().unwrap()]);
    }
}

#[expect(clippy::disallowed_methods, reason = "mounting a disk for the test")]
fn run(program: &str, args: &[&str]) {
    let status = Command::new(program).args(args).status().unwrap();
    assert!(status.success(), "{program} {args:?} (needs root): {status}");
}

/// What the child of the next test does: commits, says what was acknowledged, and never ends.
#[test]
#[ignore = "the child process of another test"]
fn child_that_commits_until_it_is_killed() {
    let path = std::env::var("GAOLER_TEST_STORE").unwrap();
    let mut opened = Opened::at(Path::new(&path));
    loop {
        for host in 0..=255 {
            opened.commit(Change { began: vec![ban(host)], ..Change::default() });
            let ack = opened.next_ack();
            assert_eq!(ack.result, Ok(()));
            eprintln!("durable {}", opened_address(host));
        }
    }
}

fn opened_address(host: u8) -> String {
    ban(host).key.address.to_string()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the child is this test itself")]
fn what_was_acknowledged_survives_being_killed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "trouble::child_that_commits_until_it_is_killed"])
        .arg("--nocapture")
        .env("GAOLER_TEST_STORE", &path)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let said =
        lines.map_while(Result::ok).filter_map(|l| Some(l.strip_prefix("durable ")?.to_owned()));
    let mut durable: Vec<String> = Vec::new();
    for address in said {
        durable.push(address);
        if durable.len() == 100 {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(durable.len() >= 100, "the child said {durable:?}");
    let saved = Opened::at(&path).saved.bans;
    for address in durable {
        assert!(saved.iter().any(|ban| ban.key.address.to_string() == address), "{address}");
    }
}

#[test]
fn a_commit_reaches_the_database_file_itself_without_a_close() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let mut opened = Opened::at(&path);
    opened.commit(Change { began: vec![ban(7)], ..Change::default() });
    opened.next_ack();
    // The checkpoint that writes it there has synced the write-ahead log before.
    let written = || {
        let bytes = fs::read(&path).unwrap();
        bytes.windows(12).any(|window| window == b"192.0.2.7/32")
    };
    assert!(!written(), "the test sees nothing if it is there at once");
    let begun = std::time::Instant::now();
    while !written() {
        assert!(begun.elapsed() < super::opened::DEADLINE, "it never came");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}
