//! The follower turn by turn; without inotify, where everything must be found by looking.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::mpsc::{Receiver, channel};

use super::super::batch::{Body, Message, Rotation};
use super::super::bell::Bell;
use super::super::matching::Matching;
use super::*;
use crate::moment::{Boot, Moment};

/// A follower of `pattern` that hears nothing, and what it tells.
fn blind(pattern: &Path) -> (Follower, Outlet, Arc<Bell>, Receiver<Message>) {
    follower(pattern, Watch::blind())
}

fn follower(pattern: &Path, watch: Watch) -> (Follower, Outlet, Arc<Bell>, Receiver<Message>) {
    let clock = || Moment { wall: Timestamp::UNIX_EPOCH, boot: Boot::default() };
    let (sender, messages) = channel(16);
    let bell = Arc::new(Bell::new().unwrap());
    let matching = Matching::new(Vec::new());
    let outlet = Outlet::new("test".into(), sender, Arc::clone(&bell), matching, clock);
    let origin = FilesOrigin { patterns: vec![pattern.to_str().unwrap().to_owned()] };
    (Follower::new(&origin, Vec::new(), watch), outlet, bell, messages)
}

fn follow_blind(pattern: &Path) -> (Arc<Bell>, Receiver<Message>) {
    let (follower, mut outlet, bell, messages) = blind(pattern);
    std::thread::spawn(move || {
        let Err(Stopped) = follower.run(&mut outlet);
    });
    (bell, messages)
}

/// Receives until so many records were read, and returns the rotations told meanwhile.
fn receive(messages: &mut Receiver<Message>, records: u64) -> Vec<Rotation> {
    let (mut read, mut rotations) = (0, Vec::new());
    let deadline = Instant::now() + Duration::from_mins(1);
    while read < records {
        match messages.try_recv().map(|message| message.body) {
            Ok(Body::Batch(batch)) => read += batch.tally.records,
            Ok(Body::Notice(Notice::Rotated(how))) => rotations.push(how),
            Ok(Body::Notice(_)) => {}
            Err(error) => {
                assert!(Instant::now() < deadline, "{error}: {read} of {records} records");
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
    assert_eq!(read, records);
    rotations
}

fn append(path: &Path, line: &str) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    writeln!(file, "{line}").unwrap();
}

#[test]
fn looks_for_itself_if_the_kernel_tells_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let (bell, mut messages) = follow_blind(&log);
    append(&log, "one");
    receive(&mut messages, 1);
    append(&log, "two");
    receive(&mut messages, 1);
    append(&log, "three");
    fs::rename(&log, directory.path().join("log.1")).unwrap();
    append(&log, "four");
    receive(&mut messages, 2);
    append(&log, "five");
    fs::copy(&log, directory.path().join("log.2")).unwrap();
    fs::File::create(&log).unwrap();
    append(&log, "six");
    let rotations = receive(&mut messages, 2);
    assert!(rotations.contains(&Rotation::Renamed), "{rotations:?}");
    bell.stop();
}

/// As where a server of files restarts: the open file cannot be read any more (`ESTALE`), and its
/// name leads to another inode with the same content.
#[test]
fn goes_on_in_the_file_that_a_server_has_in_its_place() {
    for seen_before in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        (0..10).for_each(|n| append(&log, &format!("line number {n:>50}")));
        let (mut follower, mut outlet, _bell, mut messages) = blind(&log);
        let mut turn = |follower: &mut Follower| {
            follower.look(&mut outlet).unwrap();
            while follower.read_round(&mut outlet).unwrap() {}
        };
        turn(&mut follower);
        receive(&mut messages, 10);
        let new = directory.path().join("new");
        fs::copy(&log, &new).unwrap();
        fs::rename(&new, &log).unwrap();
        if seen_before {
            turn(&mut follower);
        }
        follower.reopen(0);
        (10..15).for_each(|n| append(&log, &format!("line number {n:>50}")));
        turn(&mut follower);
        receive(&mut messages, 5);
        append(&log, "the last");
        turn(&mut follower);
        receive(&mut messages, 1);
    }
}

/// How long until it looks around, if nothing is told.
fn rests(follower: &Follower) -> Duration {
    follower.look_due().saturating_duration_since(Instant::now())
}

#[test]
fn looks_around_only_while_something_is_rotated() {
    let directory = tempfile::tempdir().unwrap();
    let (log, old) = (directory.path().join("log"), directory.path().join("log.1"));
    append(&log, "one");
    let (mut follower, mut outlet, _bell, mut messages) = follower(&log, Watch::new());
    let mut turn = |follower: &mut Follower, records| {
        for _ in 0..2 {
            follower.hear();
            follower.look(&mut outlet).unwrap();
            while follower.read_round(&mut outlet).unwrap() {}
        }
        receive(&mut messages, records);
    };
    turn(&mut follower, 1);
    assert!(LOOK < rests(&follower));
    append(&log, "two");
    turn(&mut follower, 1);
    assert!(LOOK < rests(&follower));
    fs::rename(&log, &old).unwrap();
    append(&log, "three");
    turn(&mut follower, 1);
    assert!(rests(&follower) <= LOOK, "it will be told, and let go of");
}

#[test]
fn hears_of_what_comes_and_goes() {
    let directory = tempfile::tempdir().unwrap();
    let pattern = directory.path().join("later/*/log");
    let (mut follower, mut outlet, _bell, _messages) = follower(&pattern, Watch::new());
    let mut check = |what: &str, change: &dyn Fn(&Path)| {
        // What is watched only now may have changed before: it looks twice.
        for _ in 0..3 {
            follower.hear();
            follower.look(&mut outlet).unwrap();
        }
        follower.hear();
        assert!(!follower.names_changed, "before {what}");
        change(&directory.path().join("later"));
        follower.hear();
        assert!(follower.names_changed, "{what}");
    };
    check("a directory", &|later| fs::create_dir(later).unwrap());
    check("one in it", &|later| fs::create_dir(later.join("a")).unwrap());
    check("a file", &|later| append(&later.join("a/log"), "one"));
    check("another name", &|later| fs::rename(later.join("a"), later.join("b")).unwrap());
    check("no name", &|later| fs::remove_dir_all(later.join("b")).unwrap());
    check("no directory", &|later| fs::rename(later, later.with_extension("old")).unwrap());
}
