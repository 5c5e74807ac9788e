//! The store cannot tell of earlier bans, or has lost what it was given.

use super::*;
use crate::store::{Loss, News};

/// A stage whose state database is so.
fn with_state(bytes: &[u8]) -> Stage {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("state.db"), bytes).unwrap();
    Stage::resumed(directory, JAILS, false)
}

fn found(stage: &mut Stage, address: &str, jails: &[&str], left: Option<i64>) {
    let jails = jails.iter().map(|name| JailName::new(name)).collect();
    let left = left.map(SignedDuration::from_secs);
    let address = address.parse().unwrap();
    stage.turn(Event::Firewall(Report::Found { address, jails, left }));
}

fn left(stage: &Stage, jail: &str) -> Vec<(String, i64)> {
    let jail = &stage.daemon.jails[stage.daemon.index(&JailName::new(jail)).unwrap()].jail;
    let bans = jail.ledger().list(stage.now.boot).into_iter();
    bans.map(|(ban, left)| (ban.key.address.to_string(), left.unwrap().as_secs())).collect()
}

#[tokio::test]
async fn bans_of_a_damaged_store_are_taken_up_from_the_firewall() {
    let mut stage = with_state(&[b'x'; 5000]);
    found(&mut stage, "203.0.113.7/32", &["sshd"], None);
    found(&mut stage, "203.0.113.8/32", &["sshd", "web"], Some(20));
    // One of the host's own, and one that is in ignoreip: the rules were a mistake.
    found(&mut stage, "192.0.2.16/32", &["sshd"], None);
    let expected = [
        "enforce sshd 203.0.113.7/32 22",
        "enforce web 203.0.113.8/32 80",
        "enforce sshd 192.0.2.16/32 22",
        "release sshd 192.0.2.16/32",
    ];
    assert_eq!(stage.ordered(), expected);
    stage.turn(Event::Firewall(Report::FoundAll));
    assert_eq!(stage.ordered(), ["Clear"]);
    found(&mut stage, "203.0.113.9/32", &["sshd"], None);
    assert_eq!(stage.ordered(), [""; 0], "that was all");
    assert_eq!(left(&stage, "sshd"), [("203.0.113.7/32".to_owned(), 60)]);
    assert_eq!(left(&stage, "web"), [("203.0.113.8/32".to_owned(), 20)]);
    assert!(stage.openmetrics().contains("gaoler_state_damaged 1"));
    assert!(stage.openmetrics().contains("gaoler_bans_adopted 2"));
    stage.after(1000).kept().await;
    let mut restarted = Stage::resumed(stage.end(), JAILS, false);
    assert_eq!(left(&restarted, "sshd").len(), 1, "the new file keeps them");
    found(&mut restarted, "203.0.113.10/32", &["sshd"], None);
    assert_eq!(restarted.ordered(), [""; 0], "and it is whole");
}

#[tokio::test]
async fn a_store_that_is_read_late_knows_better_than_the_firewall() {
    let mut first = Stage::new(JAILS, false);
    first.failures("sshd", "203.0.113.7", 2).failures("sshd", "203.0.113.8", 2);
    first.after(30_000).failures("sshd", "203.0.113.9", 2).kept().await;
    let directory = first.end();
    let file = directory.path().join("state.db");
    let other = rusqlite::Connection::open(&file).unwrap();
    other.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE").unwrap();
    let mut stage = Stage::resumed(directory, JAILS, false);
    // The same clock as at the first start: the bans are as they began.
    found(&mut stage, "203.0.113.7/32", &["sshd"], None);
    stage.turn(Event::Firewall(Report::FoundAll));
    assert_eq!(stage.ordered(), ["enforce sshd 203.0.113.7/32 22"], "nothing is cleared yet");
    stage.after(39_999);
    // Lifted while nobody could write that down.
    stage.unban("203.0.113.7/32");
    found(&mut stage, "203.0.113.7/32", &["sshd"], None);
    stage.ordered();
    drop(other);
    while !matches!(stage.store_says().await, News::Read(..)) {}
    let ordered = stage.ordered();
    let expected = ["enforce sshd 203.0.113.8/32 22", "enforce sshd 203.0.113.9/32 22", "Clear"];
    assert_eq!(ordered, expected);
    let expected = [("203.0.113.8/32".to_owned(), 20), ("203.0.113.9/32".to_owned(), 50)];
    assert_eq!(left(&stage, "sshd"), expected, "as the store has it");
}

#[tokio::test]
async fn a_store_that_gets_a_place_before_the_firewall_is_looked_at_knows_nothing_yet() {
    let directory = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("none/state.db", directory.path().join("state.db")).unwrap();
    let mut stage = Stage::resumed(directory, JAILS, false);
    std::fs::create_dir(stage.directory.path().join("none")).unwrap();
    while !matches!(stage.store_says().await, News::Read(..)) {}
    found(&mut stage, "203.0.113.7/32", &["sshd"], None);
    stage.turn(Event::Firewall(Report::FoundAll));
    assert_eq!(stage.ordered(), ["enforce sshd 203.0.113.7/32 22", "Clear"]);
}

#[tokio::test]
async fn what_a_store_loses_while_it_runs_is_handed_over_again() {
    let mut stage = Stage::new(JAILS, false);
    stage.failures("sshd", "203.0.113.7", 2).failures("sshd", "203.0.113.8", 1);
    stage.after(1000).kept().await;
    let file = stage.directory.path().join("state.db");
    std::fs::remove_file(file).unwrap();
    stage.failures("web", "203.0.113.9", 2);
    while !matches!(stage.store_says().await, News::Anew(Loss { aside: None, .. })) {}
    stage.after(1000).kept().await;
    let mut restarted = Stage::resumed(stage.end(), JAILS, false);
    assert_eq!((left(&restarted, "sshd").len(), left(&restarted, "web").len()), (1, 1));
    assert_eq!(restarted.numbers("sshd")[1], 3, "lifetime totals are as they were");
    restarted.failures("sshd", "203.0.113.8", 1);
    assert_eq!(left(&restarted, "sshd").len(), 2, "one failure before and one after make two");
}
