//! What goes wrong with files and processes, and that nothing acknowledged is lost by it.

use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use gaoler::store::change::{Change, Ended};
use gaoler::store::heritage::Memory;
use gaoler::store::{News, StoreError};
use jiff::Timestamp;

use super::opened::{Opened, ban, execute, key, query};

/// A store whose file is in trouble, and the trouble.
#[track_caller]
fn troubled(path: &Path) -> (Opened, StoreError) {
    let mut opened = Opened::anyhow(path);
    let trouble = opened.heritage.trouble.take().unwrap();
    (opened, trouble)
}

/// That the file is damaged is found and said; it is kept aside, and a new one takes what comes.
#[track_caller]
fn is_set_aside(path: &Path) -> StoreError {
    let bytes = fs::read(path).unwrap();
    let (mut opened, trouble) = troubled(path);
    assert!(matches!(trouble, StoreError::Corrupt { .. }), "{trouble}");
    assert_eq!(opened.heritage.memory, Memory::Lost);
    let aside = opened.heritage.aside.clone().unwrap();
    let name = aside.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("state.db.damaged-20"), "{name}");
    assert!(fs::read(aside).unwrap() == bytes, "it is kept as it was");
    opened.commit(Change { began: vec![ban(1)], ..Change::default() });
    opened.kept();
    opened.close();
    assert_eq!(Opened::at(path).saved.bans, [ban(1)]);
    trouble
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
fn a_directory_that_is_not_there_is_named_and_used_once_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("none");
    let path = missing.join("state.db");
    let (mut opened, error) = troubled(&path);
    assert!(matches!(&error, StoreError::NoDirectory { directory } if *directory == missing));
    let words = format!(
        "the directory {} of state.path does not exist: create it, owned by the user gaoler, \
         or set state.path to another",
        missing.display()
    );
    assert_eq!(error.to_string(), words);
    assert_eq!(opened.heritage.memory, Memory::Unread);
    opened.commit(Change { began: vec![ban(1)], ..Change::default() });
    assert_eq!(opened.next_ack().result, Err(words));
    fs::create_dir(&missing).unwrap();
    opened.kept();
    opened.close();
    assert_eq!(Opened::at(&path).saved.bans, [ban(1)]);
}

#[test]
fn what_is_no_database_is_set_aside() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    fs::write(&path, "not a database, and longer than a hundred bytes of it ".repeat(40)).unwrap();
    is_set_aside(&path);
}

/// A database of some pages, closed.
fn filled(path: &Path) {
    Opened::at(path).close();
    execute(
        path,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
         INSERT INTO history SELECT i, 'j', i, 'manual', 0, NULL, 0, 0, 'expired', NULL FROM n",
    );
}

/// What happens to the file's bytes.
type Damage = fn(&mut Vec<u8>);

#[test]
fn damage_is_found_at_the_start_wherever_it_is() {
    let damages: [(&str, Damage); 5] = [
        ("the header", |bytes| bytes[..16].fill(b'x')),
        ("the schema", |bytes| bytes[100..400].fill(0xff)),
        ("a page in the middle", |bytes| {
            let middle = bytes.len() / 8192 * 4096;
            bytes[middle..middle + 64].fill(0xff);
        }),
        ("the last page, where nothing is read", |bytes| {
            let last = bytes.len() - 4096;
            bytes[last..last + 64].fill(0xff);
        }),
        ("half of it is missing", |bytes| bytes.truncate(bytes.len() / 8192 * 4096)),
    ];
    for (what, damage) in damages {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.db");
        filled(&path);
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes);
        fs::write(&path, bytes).unwrap();
        let error = is_set_aside(&path);
        assert!(error.to_string().contains("damaged"), "{what}: {error}");
    }
}

/// What stands in the write-ahead log after a `kill -9`, and was garbled by a loss of power, is as
/// if it was never written; the rest is whole.
#[test]
fn a_garbled_write_ahead_log_costs_what_is_in_it_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let mut opened = Opened::at(&path);
    opened.commit(Change { began: vec![ban(1)], ..Change::default() });
    opened.kept();
    opened.close();
    let garbage: Vec<u8> = (0..20_000u32).map(|n| n.to_le_bytes()[0] ^ 0x5a).collect();
    fs::write(directory.path().join("state.db-wal"), garbage).unwrap();
    let mut opened = Opened::at(&path);
    assert_eq!(opened.saved.bans, [ban(1)]);
    opened.commit(Change { began: vec![ban(2)], ..Change::default() });
    opened.kept();
    opened.close();
    assert_eq!(Opened::at(&path).saved.bans, [ban(1), ban(2)]);
}

#[test]
fn damage_while_it_runs_is_set_aside_and_everything_asked_for_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let mut opened = Opened::at(&path);
    opened.commit(Change { began: vec![ban(1)], ..Change::default() });
    opened.kept();
    // Its own memory holds pages for a while: other tables make it read.
    execute(&path, "PRAGMA wal_checkpoint(TRUNCATE)");
    let size = usize::try_from(fs::metadata(&path).unwrap().len()).unwrap();
    let mut file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all(&vec![0xff; size]).unwrap();
    let mut loss = None;
    let begun = std::time::Instant::now();
    while loss.is_none() {
        assert!(begun.elapsed() < super::opened::DEADLINE, "nobody noticed");
        opened.commit(Change { began: vec![ban(2)], ..Change::default() });
        if let News::Anew(told) = opened.next_news() {
            loss = Some(told);
        }
    }
    let aside = loss.unwrap().aside.unwrap();
    assert!(fs::read(aside).unwrap().starts_with(&[0xff; 64]));
    opened.commit(Change { began: vec![ban(1), ban(2)], ..Change::default() });
    opened.kept();
    opened.close();
    assert_eq!(Opened::at(&path).saved.bans, [ban(1), ban(2)]);
}

#[test]
fn a_file_that_somebody_removes_is_made_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let mut opened = Opened::at(&path);
    opened.commit(Change { began: vec![ban(1)], ..Change::default() });
    opened.kept();
    fs::remove_file(&path).unwrap();
    opened.commit(Change { began: vec![ban(2)], ..Change::default() });
    let News::Anew(loss) = opened.next_news() else { panic!("it goes unnoticed") };
    assert_eq!(loss.aside, None);
    opened.kept();
    opened.close();
    assert_eq!(Opened::at(&path).saved.bans, [ban(2)]);
}

#[test]
fn damaged_files_do_not_fill_the_disk() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    for _ in 0..10 {
        fs::write(&path, [b'x'; 5000]).unwrap();
        is_set_aside(&path);
        fs::write(&path, [b'x'; 5000]).unwrap();
    }
    let (_, trouble) = troubled(&path);
    assert!(matches!(trouble, StoreError::Stuck { .. }), "{trouble}");
    assert_eq!(fs::read(&path).unwrap(), [b'x'; 5000]);
}

#[test]
fn a_row_that_nobody_could_have_written_is_damage() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    Opened::at(&path).close();
    execute(&path, "INSERT INTO bans VALUES ('sshd', 'nobody', 'manual', 0, NULL, 0, NULL)");
    let error = is_set_aside(&path);
    assert!(error.to_string().contains("nobody"), "{error}");
}

#[test]
fn a_file_of_a_later_version_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    Opened::at(&path).close();
    execute(&path, "PRAGMA user_version = 99");
    let (mut opened, trouble) = troubled(&path);
    assert!(matches!(trouble, StoreError::Newer { found: 99, known: 3, .. }));
    assert_eq!(opened.heritage.memory, Memory::Unread);
    opened.commit(Change { began: vec![ban(1)], ..Change::default() });
    assert!(opened.next_ack().result.is_err());
    assert_eq!(query(&path, "SELECT count(*) || '' FROM bans"), ["0"]);
}

#[test]
fn the_database_of_another_program_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("other.db");
    execute(&path, "CREATE TABLE bans (ip TEXT)");
    let (mut opened, trouble) = troubled(&path);
    assert!(matches!(trouble, StoreError::Foreign { .. }));
    opened.commit(Change { began: vec![ban(1)], ..Change::default() });
    assert!(opened.next_ack().result.is_err());
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
    opened.kept();
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
    opened.kept();
    opened.close();
    assert_eq!(Opened::at(&path).saved.bans.len(), 200);
}

#[test]
fn a_disk_that_is_full_or_read_only_at_the_start_is_read_all_the_same() {
    let disk = Disk::new();
    let path = disk.directory.path().join("state.db");
    let mut opened = Opened::at(&path);
    opened.commit(Change { began: vec![ban(1)], ..Change::default() });
    opened.kept();
    opened.close();
    let before = ["-o", "remount,ro"];
    disk.mount(&before);
    let (mut opened, trouble) = troubled(&path);
    assert_eq!((opened.saved.bans.clone(), opened.heritage.memory), (vec![ban(1)], Memory::Whole));
    assert!(trouble.to_string().contains("ead-only"), "{trouble}");
    opened.commit(Change { began: vec![ban(2)], ..Change::default() });
    assert!(opened.next_ack().result.is_err());
    disk.mount(&["-o", "remount,rw"]);
    opened.kept();
    opened.close();
    let filler = disk.directory.path().join("filler");
    assert!(fs::write(&filler, vec![0; 4 << 20]).is_err(), "the disk is full");
    let mut opened = Opened::anyhow(&path);
    assert_eq!(
        (opened.saved.bans.clone(), opened.heritage.memory),
        (vec![ban(1), ban(2)], Memory::Whole)
    );
    opened.commit(Change { began: (3..=200).map(ban).collect(), ..Change::default() });
    assert!(opened.next_ack().result.is_err());
    fs::remove_file(filler).unwrap();
    opened.kept();
    opened.close();
    assert_eq!(Opened::at(&path).saved.bans.len(), 200);
}

#[test]
fn a_file_that_is_locked_at_the_start_is_read_once_it_is_free() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let mut opened = Opened::at(&path);
    opened.commit(Change { began: vec![ban(1), ban(2), ban(3)], ..Change::default() });
    opened.kept();
    opened.close();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE").unwrap();
    let (mut opened, trouble) = troubled(&path);
    assert!(trouble.to_string().contains("locked"), "{trouble}");
    assert_eq!((opened.saved.bans.len(), opened.heritage.memory), (0, Memory::Unread));
    let at = Timestamp::from_second(1_800_000_000).unwrap();
    opened.commit(Change { began: vec![ban(2), ban(4)], ..Change::default() });
    let ended = vec![Ended { key: key(2), at, reason: "manual" }];
    opened.commit(Change { ended, ..Change::default() });
    drop(other);
    let saved = loop {
        if let News::Read(saved, Memory::Whole) = opened.next_news() {
            break saved;
        }
    };
    assert_eq!(saved.bans, [ban(1), ban(3)], "the second was lifted meanwhile");
    opened.kept();
    opened.close();
    assert_eq!(Opened::at(&path).saved.bans, [ban(1), ban(3), ban(4)]);
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

    fn mount(&self, options: &[&str]) {
        run("mount", &[options, &[self.directory.path().to_str().unwrap()]].concat());
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
