//! The store on real files, through its public face.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail loudly too")]

mod opened;
mod power;
mod trouble;

use std::collections::BTreeMap;
use std::sync::Arc;

use gaoler::jail::ban::{Ban, BanKey, BanOrigin, JailName};
use gaoler::jail::windows::Kept;
use gaoler::record::exhibit::Exhibit;
use gaoler::source::batch::{FilePosition, Position, SourceName};
use gaoler::store::change::{Change, Ended, Past, Saved, Totals, Window};
use gaoler::store::look::{Dossier, Earlier, Look};
use gaoler::trace::TraceId;
use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use opened::{Opened, ban, key};

/// What a store should hold, kept the plain way.
#[derive(Debug, Default)]
struct Oracle {
    bans: BTreeMap<BanKey, Ban>,
    positions: BTreeMap<SourceName, Position>,
    totals: BTreeMap<JailName, Totals>,
    windows: BTreeMap<(JailName, IpNet), Kept>,
    breakers: BTreeMap<JailName, Timestamp>,
}

impl Oracle {
    fn apply(&mut self, change: Change) {
        for ended in &change.ended {
            self.bans.remove(&ended.key);
        }
        self.bans.extend(change.began.into_iter().map(|ban| (ban.key.clone(), ban)));
        self.positions.extend(change.positions);
        for Window { jail, kept } in change.windows {
            self.windows.insert((jail, kept.address), kept);
        }
        self.windows.retain(|_, kept| !kept.times.is_empty());
        for (jail, open) in change.breakers {
            match open {
                Some(since) => drop(self.breakers.insert(jail, since)),
                None => drop(self.breakers.remove(&jail)),
            }
        }
        for (jail, added) in change.totals {
            let totals = self.totals.entry(jail).or_default();
            totals.failed += added.failed;
            totals.banned += added.banned;
        }
    }

    #[track_caller]
    fn check(&self, saved: Saved) {
        let oldest_first = saved.bans.is_sorted_by_key(|ban| ban.since);
        assert!(oldest_first, "{:?}", saved.bans);
        let bans: BTreeMap<_, _> = saved.bans.into_iter().map(|b| (b.key.clone(), b)).collect();
        assert_eq!(bans, self.bans);
        assert_eq!(saved.positions.into_iter().collect::<BTreeMap<_, _>>(), self.positions);
        let windows = saved.windows.into_iter().map(|w| ((w.jail, w.kept.address), w.kept));
        assert_eq!(windows.collect::<BTreeMap<_, _>>(), self.windows);
        assert_eq!(saved.breakers.into_iter().collect::<BTreeMap<_, _>>(), self.breakers);
        assert_eq!(saved.totals.into_iter().collect::<BTreeMap<_, _>>(), self.totals);
    }
}

fn any_ban() -> impl Strategy<Value = Ban> {
    let span = proptest::option::of((0i64..i64::MAX).prop_map(SignedDuration::from_micros));
    let since = (-1_000_000_000_000_000i64..4_000_000_000_000_000)
        .prop_map(|at| Timestamp::from_microsecond(at).unwrap());
    let origin = prop_oneof![Just(BanOrigin::Detected), Just(BanOrigin::Manual)];
    let counted = (any::<u32>(), any::<u128>().prop_map(TraceId::new));
    (any_key(), origin, since, span, counted).prop_map(
        |(key, origin, since, bantime, (failures, trace))| Ban {
            key,
            origin,
            since,
            bantime,
            failures,
            trace,
        },
    )
}

fn any_key() -> impl Strategy<Value = BanKey> {
    let jail = prop_oneof![Just("sshd"), Just("it's \"odd\" ; --")];
    let address = prop_oneof![
        Just("192.0.2.7/32"),
        Just("192.0.2.0/24"),
        Just("2001:db8::/64"),
        Just("2001:db8::7/128"),
    ];
    (jail, address).prop_map(|(jail, address)| BanKey {
        jail: JailName::new(jail),
        address: address.parse().unwrap(),
    })
}

fn any_position() -> impl Strategy<Value = Position> {
    let file = ("/[a-z]{1,8}", any::<[u64; 4]>(), any::<u32>()).prop_map(
        |(path, [device, inode, offset, fingerprint], fingerprint_len)| FilePosition {
            path: path.into(),
            device,
            inode,
            offset,
            fingerprint,
            fingerprint_len,
        },
    );
    prop_oneof![
        "[ -~]{0,40}".prop_map(|cursor| Position::Journal { cursor }),
        proptest::collection::vec(file, 0..3).prop_map(Position::Files),
    ]
}

fn any_change() -> impl Strategy<Value = Change> {
    use proptest::collection::vec;
    let ended = any_key().prop_map(|key| Ended {
        key,
        at: Timestamp::from_second(1_800_000_000).unwrap(),
        reason: "expired",
    });
    let positions = ("[a-c]", any_position()).prop_map(|(name, at)| (SourceName::from(name), at));
    let totals = ("[a-c]", 0u64..9, 0u64..9)
        .prop_map(|(jail, failed, banned)| (JailName::new(&jail), Totals { failed, banned }));
    let bans = (vec(any_ban(), 0..3), vec(ended, 0..3));
    let read = (vec(positions, 0..3), vec(any_window(), 0..3));
    let since = proptest::option::of(0i64..4_000_000_000_000_000);
    let since = since.prop_map(|at| Some(Timestamp::from_microsecond(at?).unwrap()));
    let breakers = ("[a-c]", since).prop_map(|(jail, open)| (JailName::new(&jail), open));
    (bans, read, vec(totals, 0..3), vec(breakers, 0..3)).prop_map(
        |((began, ended), (positions, windows), totals, breakers)| Change {
            began,
            evidence: Vec::new(),
            ended,
            positions,
            windows,
            totals,
            breakers,
        },
    )
}

fn any_window() -> impl Strategy<Value = Window> {
    let address = prop_oneof![Just("192.0.2.7/32"), Just("2001:db8::7/128"), Just("2001:db8::/64")];
    let times = proptest::collection::vec(0i64..4_000_000_000_000_000, 0..4);
    ("[a-c]", address, times, any::<u128>()).prop_map(|(jail, address, mut times, trace)| {
        times.sort_unstable();
        let times = times.iter().map(|&time| Timestamp::from_microsecond(time).unwrap());
        let (jail, address) = (JailName::new(&jail), address.parse().unwrap());
        let (times, trace) = (times.collect(), Some(TraceId::new(trace)));
        Window { jail, kept: Kept { address, times, trace } }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_committed_is_there_after_reopening(
        runs in proptest::collection::vec(proptest::collection::vec(any_change(), 0..12), 1..4),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.db");
        let mut oracle = Oracle::default();
        for changes in runs {
            let mut opened = Opened::at(&path);
            for change in changes {
                oracle.apply(change.clone());
                opened.commit(change);
            }
            opened.close();
            let reopened = Opened::at(&path);
            oracle.check(reopened.saved.clone());
            reopened.close();
        }
    }
}

/// A file as the first version left it: a ban, one that ended, and a window.
const VERSION_1: &str = "
    PRAGMA application_id = 0x67616f6c;
    PRAGMA user_version = 1;
    INSERT INTO bans VALUES ('sshd', '192.0.2.1/32', 'detected', 1700000000000000, 600000000, 5);
    INSERT INTO history (jail, address, origin, since, bantime, failures, ended, reason)
    VALUES ('sshd', '192.0.2.1/32', 'detected', 1, 600000000, 5, 2, 'expired');
    INSERT INTO windows VALUES ('sshd', '192.0.2.7/32', '[1700000000000000]');";

#[test]
fn a_file_of_the_first_version_is_taken_up_and_its_bans_get_traces() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    opened::execute(&path, include_str!("../../src/store/schema.sql"));
    opened::execute(&path, VERSION_1);
    let opened = Opened::at(&path);
    let saved = opened.saved.clone();
    opened.close();
    let (taken_up, window) = (&saved.bans[0], &saved.windows[0].kept);
    assert_eq!(*taken_up, Ban { trace: taken_up.trace, ..ban(1) });
    assert_ne!(Some(taken_up.trace), window.trace);
    assert_eq!(window.times, [ban(1).since]);
    let reopened = Opened::at(&path);
    assert_eq!(reopened.saved.bans, saved.bans, "it keeps its trace");
    reopened.close();
    let traces = opened::query(&path, "SELECT trace FROM history");
    assert!(traces[0].parse::<TraceId>().is_ok(), "{traces:?}");
}

/// A file as the second version left it: the same with traces, and a breaker that is open.
const VERSION_2: &str = "
    PRAGMA application_id = 0x67616f6c;
    PRAGMA user_version = 2;
    INSERT INTO bans VALUES ('sshd', '192.0.2.1/32', 'detected', 1700000000000000, 600000000, 5,
        '00000000000000000000000000000001');
    INSERT INTO history (jail, address, origin, since, bantime, failures, ended, reason, trace)
    VALUES ('sshd', '192.0.2.1/32', 'detected', 1, 600000000, 5, 2, 'expired',
        '00000000000000000000000000000007');
    INSERT INTO breakers VALUES ('sshd', 1700000000000000);
    INSERT INTO totals VALUES ('sshd', 7, 2);";

#[test]
fn a_file_of_the_second_version_is_taken_up_and_learns_to_shrink() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    for schema in
        [include_str!("../../src/store/schema.sql"), include_str!("../../src/store/schema-2.sql")]
    {
        opened::execute(&path, schema);
    }
    opened::execute(&path, VERSION_2);
    let mut opened = Opened::at(&path);
    let Saved { bans, breakers, totals, past, .. } = opened.saved.clone();
    let sshd = || JailName::new("sshd");
    assert_eq!((bans, breakers), (vec![ban(1)], vec![(sshd(), ban(1).since)]));
    assert_eq!(totals, [(sshd(), Totals { failed: 7, banned: 2 })]);
    assert_eq!(past[0].trace, Some(TraceId::new(7)));
    let evidence = vec![(ban(2).trace, vec![exhibit(1)])];
    opened.commit(Change { began: vec![ban(2)], evidence, ..Change::default() });
    opened.kept();
    assert_eq!(look(&opened, "192.0.2.2/32", &[2]).records(ban(2).trace), [exhibit(1)]);
    opened.close();
    let mode = "SELECT CAST(auto_vacuum AS TEXT) FROM pragma_auto_vacuum";
    assert_eq!(opened::query(&path, mode), ["2"]);
}

#[test]
fn what_is_forgotten_goes_back_to_the_disk() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    Opened::at(&path).close();
    opened::execute(
        &path,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)
         INSERT INTO history SELECT i, 'j', '10.0.' || (i / 256) || '.' || (i % 256) || '/32',
             'manual', 0, NULL, 0, 0, 'expired', NULL FROM n",
    );
    let size = || std::fs::metadata(&path).unwrap().len();
    let before = size();
    assert!(before > 2 << 20, "{before}");
    let mut opened = Opened::at(&path);
    let at = Timestamp::from_second(1_800_000_000).unwrap();
    opened.commit(Change { began: vec![ban(1)], ..Change::default() });
    opened.kept();
    let mut host = 1;
    let begun = std::time::Instant::now();
    while size() > before / 2 {
        assert!(begun.elapsed() < opened::DEADLINE, "{} of {before} are left", size());
        // It does so bit by bit, after each transaction.
        opened.commit(Change {
            ended: vec![Ended { key: key(1), at, reason: "expired" }],
            ..Change::default()
        });
        opened.commit(Change { began: vec![ban(host)], ..Change::default() });
        opened.kept();
        host = host % 200 + 1;
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    opened.close();
}

#[test]
fn a_flood_is_written_in_few_transactions_and_all_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let mut opened = Opened::at(&path);
    let other = rusqlite::Connection::open(&path).unwrap();
    // Nothing can be written for a moment, as on a disk that hangs.
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    for number in 0..5_000u32 {
        let address = std::net::IpAddr::from(std::net::Ipv4Addr::from(0x0b00_0000 + number)).into();
        let (times, trace) = (vec![ban(1).since], Some(TraceId::new(1)));
        let windows =
            vec![Window { jail: JailName::new("sshd"), kept: Kept { address, times, trace } }];
        let totals = vec![(JailName::new("sshd"), Totals { failed: 1, banned: 0 })];
        opened.commit(Change { windows, totals, ..Change::default() });
    }
    other.execute_batch("ROLLBACK").unwrap();
    let mut transactions = 0;
    loop {
        let ack = opened.next_ack();
        transactions += u32::from(!ack.took.is_zero());
        if ack.seq == 5_000 && ack.result.is_ok() {
            break;
        }
    }
    assert!(transactions <= 20, "{transactions}");
    opened.close();
    let saved = Opened::at(&path).saved;
    assert_eq!((saved.windows.len(), saved.totals[0].1.failed), (5_000, 5_000));
}

#[test]
fn every_commit_is_acknowledged_and_those_that_wait_share_a_transaction() {
    let directory = tempfile::tempdir().unwrap();
    let mut opened = Opened::at(&directory.path().join("state.db"));
    for host in 1..=50 {
        opened.commit(Change { began: vec![ban(host)], ..Change::default() });
    }
    let mut last = 0;
    while last < 50 {
        let ack = opened.next_ack();
        assert!(ack.seq > last && ack.result == Ok(()), "{ack:?} after {last}");
        last = ack.seq;
    }
}

#[test]
fn a_ban_that_ended_is_history() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let mut opened = Opened::at(&path);
    let at = Timestamp::from_second(1_800_000_000).unwrap();
    let ended = Ended { key: key(1), at, reason: "manual" };
    opened.commit(Change { began: vec![ban(1)], ..Change::default() });
    opened.next_ack();
    opened.commit(Change { ended: vec![ended.clone()], ..Change::default() });
    // Together in one transaction or not, and whether or not it was ever in force on disk.
    opened.commit(Change { began: vec![ban(1)], ..Change::default() });
    opened.commit(Change { ended: vec![ended], ..Change::default() });
    opened.close();
    let rows = opened::query(&path, "SELECT address || ' ' || reason || ' ' || ended FROM history");
    assert_eq!(rows, ["192.0.2.1/32 manual 1800000000000000"; 2]);
    assert_eq!(opened::query(&path, "SELECT address FROM bans"), [""; 0]);
}

#[test]
fn the_history_does_not_grow_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    Opened::at(&path).close();
    opened::execute(
        &path,
        "INSERT INTO history (id, jail, address, origin, since, failures, ended, reason)
         VALUES (1, 'too old', '192.0.2.7/32', 'manual', 0, 0, 0, 'expired'),
                (2, 'surplus', '192.0.2.7/32', 'manual', 0, 0, 1799999999000000, 'expired'),
                (100001, 'recent', '192.0.2.7/32', 'manual', 0, 0, 1799999999000000, 'expired')",
    );
    let mut opened = Opened::at(&path);
    let at = Timestamp::from_second(1_800_000_000).unwrap();
    opened.commit(Change { began: vec![ban(1)], ..Change::default() });
    opened.next_ack();
    let ended = vec![Ended { key: key(1), at, reason: "expired" }];
    opened.commit(Change { ended, ..Change::default() });
    opened.close();
    let rows = opened::query(&path, "SELECT jail FROM history ORDER BY id");
    assert_eq!(rows, ["recent", "sshd"]);
}

#[test]
fn how_often_who_was_banned_is_told_and_an_unban_forgives() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let mut opened = Opened::at(&path);
    let mut end = |host, second: u32, reason| {
        let at = Timestamp::from_second(second.into()).unwrap();
        let began = Ban { trace: TraceId::new(1000 + u128::from(second)), ..ban(host) };
        opened.commit(Change { began: vec![began], ..Change::default() });
        opened.next_ack();
        let ended = vec![Ended { key: key(host), at, reason }];
        opened.commit(Change { ended, ..Change::default() });
        opened.next_ack();
    };
    end(1, 100, "expired");
    end(1, 300, "expired");
    end(1, 200, "jail_removed");
    end(2, 100, "expired");
    end(2, 200, "manual");
    end(3, 100, "manual");
    end(3, 200, "expired");
    opened.close();
    let past = |host, bans, until: i32| Past {
        key: key(host),
        bans,
        until: Timestamp::from_second(i64::from(until)).unwrap(),
        trace: Some(TraceId::new(1000 + u128::from(until.unsigned_abs()))),
    };
    let saved = Opened::at(&path).saved;
    assert_eq!(saved.past, [past(1, 3, 300), past(3, 1, 200)]);
}

fn exhibit(number: u8) -> Arc<Exhibit> {
    Arc::new(Exhibit {
        time: Timestamp::from_second(i64::from(number)).unwrap(),
        address: "192.0.2.1".parse().unwrap(),
        source: "journal".into(),
        pattern: "^Failed".into(),
        user: (number > 1).then(|| b"\x1b\xff".as_slice().into()),
        text: [b'x', number, 0, 0xff, b'\''].into(),
        cut: number > 1,
    })
}

/// What the store remembers of an address, once it has all it was given.
#[track_caller]
fn look(opened: &Opened, address: &str, traces: &[u128]) -> Dossier {
    let traces = traces.iter().map(|&trace| TraceId::new(trace)).collect();
    opened.look(Look { address: address.parse().unwrap(), traces })
}

#[test]
fn what_a_ban_rests_on_is_kept_with_it_and_forgotten_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let mut opened = Opened::at(&path);
    let records = vec![exhibit(1), exhibit(2)];
    let evidence = vec![(ban(1).trace, records.clone()), (ban(2).trace, vec![exhibit(9)])];
    opened.commit(Change { began: vec![ban(1), ban(2)], evidence, ..Change::default() });
    opened.next_ack();
    let dossier = look(&opened, "192.0.2.1/32", &[1]);
    assert_eq!((dossier.earlier.len(), dossier.records(ban(1).trace)), (0, &records[..]));
    let at = Timestamp::from_second(1_800_000_000).unwrap();
    let end = |host, at| Ended { key: key(host), at, reason: "expired" };
    opened.commit(Change { ended: vec![end(1, at)], ..Change::default() });
    opened.next_ack();
    let dossier = look(&opened, "192.0.2.1/32", &[]);
    let expected = Earlier {
        key: key(1),
        origin: BanOrigin::Detected,
        since: ban(1).since,
        ended: at,
        reason: "expired".into(),
        failures: 5,
        trace: Some(ban(1).trace),
    };
    assert_eq!(dossier.earlier, [expected]);
    assert_eq!(dossier.records(ban(1).trace), records);
    let much_later = at + SignedDuration::from_hours(24 * 400);
    opened.commit(Change { ended: vec![end(2, much_later)], ..Change::default() });
    opened.close();
    let left = opened::query(&path, "SELECT trace FROM evidence");
    assert_eq!(left, [ban(2).trace.to_string()]);
}

#[test]
fn the_records_of_bans_do_not_grow_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    Opened::at(&path).close();
    let insert = "INSERT INTO evidence VALUES
        (1, 'old', 0, '', '', '', NULL, x'', 0), (50002, 'new', 0, '', '', '', NULL, x'', 0)";
    opened::execute(&path, insert);
    let mut opened = Opened::at(&path);
    let evidence = vec![(ban(1).trace, vec![exhibit(1)])];
    opened.commit(Change { began: vec![ban(1)], evidence, ..Change::default() });
    opened.close();
    let left = opened::query(&path, "SELECT trace FROM evidence ORDER BY id");
    assert_eq!(left, ["new".to_owned(), ban(1).trace.to_string()]);
}

#[test]
fn ended_bans_are_found_by_what_they_hold_and_what_holds_them() {
    let directory = tempfile::tempdir().unwrap();
    let mut opened = Opened::at(&directory.path().join("state.db"));
    let addresses = ["192.0.2.7/32", "192.0.2.0/24", "192.0.0.0/16", "2001:db8::/64"];
    for (second, address) in (100..).zip(addresses) {
        let key = BanKey { jail: JailName::new("sshd"), address: address.parse().unwrap() };
        let began = vec![Ban { key: key.clone(), ..ban(1) }];
        opened.commit(Change { began, ..Change::default() });
        opened.next_ack();
        let at = Timestamp::from_second(second).unwrap();
        let ended = vec![Ended { key, at, reason: "expired" }];
        opened.commit(Change { ended, ..Change::default() });
        opened.next_ack();
    }
    let check = |address, expected: &[&str]| {
        let earlier = look(&opened, address, &[]).earlier;
        let found: Vec<_> = earlier.iter().map(|ban| ban.key.address.to_string()).collect();
        assert_eq!(found, expected, "{address}");
    };
    check("192.0.2.7/32", &["192.0.0.0/16", "192.0.2.0/24", "192.0.2.7/32"]);
    check("192.0.2.8/32", &["192.0.0.0/16", "192.0.2.0/24"]);
    check("192.0.2.0/24", &["192.0.0.0/16", "192.0.2.0/24", "192.0.2.7/32"]);
    check("2001:db8::7/128", &["2001:db8::/64"]);
    check("203.0.113.7/32", &[]);
}
