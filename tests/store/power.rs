//! The machine loses power: the database is what it was after some commit, and a second after a
//! commit it is there for good.

use std::fs;
use std::time::{Duration, Instant};

use gaoler::moment::{Boot, Moment};

use super::*;

/// Commit number `n`: as many failures in the window, and a position that says so.
fn change(n: u64) -> Change {
    let failure = |n: u64| Timestamp::from_second(1_800_000_000 + i64::try_from(n).unwrap());
    let kept = Kept {
        address: "192.0.2.7/32".parse().unwrap(),
        times: (0..n).map(|n| failure(n).unwrap()).collect(),
        trace: Some(TraceId::new(7)),
    };
    let cursor = n.to_string();
    Change {
        positions: vec![("journal".into(), Position::Journal { cursor })],
        windows: vec![Window { jail: JailName::new("sshd"), kept }],
        totals: vec![(JailName::new("sshd"), Totals { failed: 1, banned: 0 })],
        ..Change::default()
    }
}

/// How many commits a database holds; all that was committed as one is there as one.
#[track_caller]
fn commits(saved: &Saved) -> u64 {
    let cursor = match saved.positions.first() {
        None => 0,
        Some((_, Position::Journal { cursor })) => cursor.parse().unwrap(),
        Some(other) => panic!("{other:?}"),
    };
    let window = saved.windows.first().map_or(0, |window| window.kept.times.len() as u64);
    let failed = saved.totals.first().map_or(0, |(_, totals)| totals.failed);
    assert_eq!((window, failed), (cursor, cursor));
    cursor
}

#[test]
fn a_torn_log_of_writes_is_some_commit() {
    const COMMITS: u64 = 40;
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("state.db");
    // A second never passes, so nothing is synced.
    let mut opened = Opened::by(&path, || Moment {
        wall: Timestamp::UNIX_EPOCH,
        boot: Boot(SignedDuration::ZERO),
    });
    for n in 1..=COMMITS {
        opened.commit(change(n));
        assert_eq!(opened.next_ack().result, Ok(()));
    }
    let log = fs::read(path.with_extension("db-wal")).unwrap();
    let database = fs::read(&path).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for cut in (0..=log.len()).step_by(log.len() / 97 + 1).chain([log.len()]) {
        for garbage in [0, 1000] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("state.db");
            fs::write(&path, &database).unwrap();
            // What was not synced may be missing, or be other bytes.
            let torn = [&log[..cut], &vec![0x5a; garbage]].concat();
            fs::write(path.with_extension("db-wal"), torn).unwrap();
            seen.insert(commits(&Opened::at(&path).saved));
        }
    }
    assert!(seen.len() > 20 && seen.contains(&COMMITS), "{seen:?}");
}

#[test]
fn a_second_after_a_commit_it_needs_no_log_of_writes() {
    let home = tempfile::tempdir().unwrap();
    let mut opened = Opened::at(&home.path().join("state.db"));
    opened.commit(change(1));
    assert_eq!(opened.next_ack().result, Ok(()));
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.db");
        fs::copy(home.path().join("state.db"), &path).unwrap();
        match commits(&Opened::at(&path).saved) {
            1 => return,
            _ if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(10)),
            held => panic!("{held} commits are on the disk"),
        }
    }
}
