//! gaoler is killed, or the machine loses power, between any two commits, and comes back after any
//! length of time: what it decides in the end is what it would have decided undisturbed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;
use crate::daemon::running::RunningSource;
use crate::record::origin::{FilesOrigin, Origin};
use crate::source::{self, Start};

const JAIL: &str = "
jails:
  sshd: {filter: sshd, logpath: [/nonexistent/secure], port: [22], maxretry: 5, findtime: 10m, bantime: permanent, max_new_bans: off}
";
const NAME: &str = "/nonexistent/secure";
const FINDTIME: i64 = 600;
const MAXRETRY: usize = 5;

/// What happens next.
#[derive(Clone, Debug)]
struct Step {
    /// So many seconds pass.
    pause: i64,
    /// Then these hosts fail, a line each.
    hosts: Vec<u8>,
    /// So many lines make a batch.
    chunk: usize,
    fate: Fate,
}

#[derive(Clone, Debug)]
enum Fate {
    /// All is read.
    Lives,
    /// So many batches are read, then it is killed: it finds the disk as it was so many commits ago
    /// (`kill -9`: none; a loss of power: some) and is started after so many steps more.
    Dies { batches: usize, commits: usize, steps: usize },
}

struct Play {
    /// Every line: when, and whose.
    log: Vec<(Timestamp, u8)>,
    now: Moment,
    stage: Option<Stage>,
    read: usize,
    late: bool,
    /// The disk as it was at each look.
    disks: Vec<PathBuf>,
    attic: tempfile::TempDir,
    copies: usize,
    down: usize,
}

impl Play {
    fn new() -> Self {
        let now = Moment {
            wall: Timestamp::from_second(1_800_000_000).unwrap(),
            boot: Boot(SignedDuration::from_secs(1000)),
        };
        let attic = tempfile::tempdir().unwrap();
        let (log, disks) = (Vec::new(), Vec::new());
        let mut play =
            Self { log, now, stage: None, read: 0, late: false, disks, attic, copies: 0, down: 0 };
        play.start(None);
        // It has been here before: a first start takes what is recent.
        play.take(0..0, true);
        play.pass(1);
        play.await_position();
        play.keep();
        play
    }

    /// Waits until the store has the first position: without one it would be a first start again.
    fn await_position(&self) {
        let path = self.stage.as_ref().unwrap().directory.path().join("state.db");
        let database = rusqlite::Connection::open(path).unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        let count = || database.query_row("SELECT count(*) FROM positions", [], |row| row.get(0));
        while count() != Ok(1) {
            assert!(std::time::Instant::now() < deadline, "the store has no position");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }

    /// Starts it with what is on this disk.
    fn start(&mut self, disk: Option<&Path>) {
        let directory = tempfile::tempdir().unwrap();
        if let Some(disk) = disk {
            std::fs::copy(disk, directory.path().join("state.db")).unwrap();
        }
        let mut stage = Stage::resumed_at(directory, JAIL, false, self.now);
        let position = stage.daemon.positions.get(NAME).cloned();
        self.late = position.is_some();
        self.read = match position {
            Some(Position::Journal { cursor }) => cursor.parse().unwrap(),
            _ => 0,
        };
        let source = self.source(&stage);
        stage.daemon.sources.insert(source.source.name(), source);
        stage.turn(Event::Deadline);
        self.stage = Some(stage);
    }

    /// A source that is known; the test speaks for it.
    fn source(&self, stage: &Stage) -> RunningSource {
        let origin = Origin::Files(FilesOrigin { patterns: vec![NAME.to_owned()] });
        let start = Start { from: None, not_before: self.now.wall };
        let deaf = mpsc::channel(1).0;
        let source = source::spawn(origin, Vec::new(), start, clock::now, deaf).unwrap();
        let metrics = stage.daemon.metrics.source_appears(NAME);
        let (last_record, trouble) = (None, None);
        let (up, caught_up, late) = (true, false, self.late);
        RunningSource { source, metrics, up, caught_up, late, last_record, trouble }
    }

    fn pass(&mut self, seconds: i64) {
        let span = SignedDuration::from_secs(seconds);
        self.now = Moment { wall: self.now.wall + span, boot: self.now.boot.after(span) };
        if let Some(stage) = &mut self.stage {
            stage.now = self.now;
            stage.turn(Event::Deadline);
        }
    }

    fn step(&mut self, step: &Step) {
        self.pass(step.pause);
        self.log.extend(step.hosts.iter().map(|&host| (self.now.wall, host)));
        if self.stage.is_none() {
            self.down -= 1;
            if self.down > 0 {
                return;
            }
            let disk = self.disks.last().cloned();
            self.start(disk.as_deref());
        }
        match step.fate {
            Fate::Lives => self.read(step.chunk, usize::MAX),
            Fate::Dies { batches, commits, steps } => {
                self.read(step.chunk, batches);
                self.die(commits);
                self.down = steps.max(1);
            }
        }
    }

    /// Reads what there is, a batch after the other, at most so many.
    fn read(&mut self, chunk: usize, batches: usize) {
        for _ in 0..batches {
            if self.read == self.log.len() {
                return;
            }
            let end = self.log.len().min(self.read + chunk);
            self.take(self.read..end, end == self.log.len());
            self.keep();
        }
    }

    /// The daemon gets a batch of these lines.
    fn take(&mut self, lines: std::ops::Range<usize>, caught_up: bool) {
        self.read = lines.end;
        let batch = self.batch(lines, caught_up);
        let stage = self.stage.as_mut().unwrap();
        let source = stage.daemon.sources[NAME].source.name();
        stage.turn(Event::Source(Message { source, body: Body::Batch(batch) }));
    }

    fn batch(&mut self, lines: std::ops::Range<usize>, caught_up: bool) -> Batch {
        let mut excerpts = Excerpts::default();
        let text = excerpts.text(b"Failed password");
        let finding = |&(time, host): &(Timestamp, u8)| {
            let address = std::net::Ipv4Addr::new(203, 0, 113, host).into();
            let failure = Failure { address, time };
            Finding { listener: 0, pattern: 0, failure, read: self.now, text, user: None }
        };
        let failures = self.log[lines.clone()].iter().map(finding).collect();
        let late = self.late;
        self.late &= !caught_up;
        Batch {
            listeners: [JailName::new("sshd")].into(),
            found: Findings { failures, excerpts }.into(),
            tally: Tally::default(),
            through: Position::Journal { cursor: lines.end.to_string() },
            caught_up,
            late,
            backlog_bytes: 0,
        }
    }

    /// Keeps a copy of the disk, as it is after some commit.
    fn keep(&mut self) {
        self.copies += 1;
        let copy = self.attic.path().join(self.copies.to_string());
        let stage = self.stage.as_ref().unwrap();
        let database = rusqlite::Connection::open(stage.directory.path().join("state.db")).unwrap();
        database.busy_timeout(std::time::Duration::from_secs(30)).unwrap();
        database.pragma_update(None, "synchronous", "OFF").unwrap();
        database.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
        self.disks.push(copy);
    }

    fn die(&mut self, commits: usize) {
        self.keep();
        // What still waits to be committed is lost; what the store was given, it may have written.
        drop(self.stage.take().unwrap().end());
        self.disks.truncate(self.disks.len().saturating_sub(commits).max(1));
    }

    /// Lets it come back and read everything, and says whom it has banned, and how many failures
    /// and bans it has counted.
    fn end(mut self) -> (BTreeSet<u8>, u64, u64) {
        if self.stage.is_none() {
            let disk = self.disks.last().cloned();
            self.start(disk.as_deref());
        }
        self.read(7, usize::MAX);
        self.pass(1);
        let stage = self.stage.take().unwrap();
        let directory = stage.end();
        let again = Stage::resumed_at(directory, JAIL, false, self.now);
        let jail = &again.daemon.jails[0];
        let hosts = jail.jail.ledger().list(self.now.boot).into_iter().map(|(ban, _)| {
            let std::net::IpAddr::V4(address) = ban.key.address.addr() else { panic!("{ban:?}") };
            address.octets()[3]
        });
        (hosts.collect(), jail.totals.failed, jail.totals.banned)
    }
}

/// Whom an undisturbed gaoler bans: who failed so often within so long.
fn guilty(log: &[(Timestamp, u8)]) -> BTreeSet<u8> {
    let mut times: BTreeMap<u8, Vec<Timestamp>> = BTreeMap::new();
    for &(time, host) in log {
        times.entry(host).or_default().push(time);
    }
    let findtime = SignedDuration::from_secs(FINDTIME);
    let met = |times: &Vec<Timestamp>| {
        times.windows(MAXRETRY).any(|some| some[MAXRETRY - 1].duration_since(some[0]) <= findtime)
    };
    times.iter().filter(|(_, times)| met(times)).map(|(&host, _)| host).collect()
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let fate = prop_oneof![
        3 => Just(Fate::Lives),
        2 => (0..4usize, 0..4usize, 0..4usize)
            .prop_map(|(batches, commits, steps)| Fate::Dies { batches, commits, steps }),
    ];
    let pause = prop_oneof![4 => 0..3i64, 2 => 60..300i64, 1 => 500..4000i64];
    let hosts = prop::collection::vec(0..12u8, 0..12);
    let step = (pause, hosts, 1..6usize, fate).prop_map(|(pause, hosts, chunk, fate)| Step {
        pause,
        hosts,
        chunk,
        fate,
    });
    prop::collection::vec(step, 1..16)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, failure_persistence: None, ..Default::default() })]

    #[test]
    fn every_line_counts_once_wherever_it_is_killed(steps in steps()) {
        let mut play = Play::new();
        for step in &steps {
            play.step(step);
        }
        let (guilty, lines) = (guilty(&play.log), play.log.len() as u64);
        let (banned, failed, bans) = play.end();
        prop_assert_eq!(&banned, &guilty);
        prop_assert_eq!((failed, bans), (lines, guilty.len() as u64));
    }
}

#[test]
fn what_a_reader_says_that_was_replaced_is_read_again_by_the_next() {
    let mut play = Play::new();
    play.log = vec![(play.now.wall, 1)];
    let batch = play.batch(0..1, true);
    let stage = play.stage.as_mut().unwrap();
    let replaced: SourceName = NAME.into();
    stage.turn(Event::Source(Message { source: replaced, body: Body::Batch(batch) }));
    assert_eq!(stage.numbers("sshd")[1], 0);
    assert_eq!(stage.daemon.positions[NAME], Position::Journal { cursor: "0".into() });
    play.read(1, 1);
    assert_eq!(play.stage.unwrap().numbers("sshd")[1], 1);
}
