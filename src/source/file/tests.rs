//! The follower without inotify: everything must be found by looking.

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

fn follow_blind(pattern: &Path) -> (Arc<Bell>, Receiver<Message>) {
    let clock = || Moment { wall: Timestamp::UNIX_EPOCH, boot: Boot::default() };
    let (sender, messages) = channel(4);
    let bell = Arc::new(Bell::new().unwrap());
    let matching = Matching::new(Vec::new());
    let mut outlet = Outlet::new("test".into(), sender, Arc::clone(&bell), matching, clock);
    let origin = FilesOrigin { patterns: vec![pattern.to_str().unwrap().to_owned()] };
    std::thread::spawn(move || {
        let Err(Stopped) = Follower::new(&origin, Vec::new(), Watch::blind()).run(&mut outlet);
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
