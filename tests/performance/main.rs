//! What `make bench` runs is run here on little: its inputs are what they are said to be, and every
//! figure comes about. Nothing is said of how large a figure is.
#![allow(clippy::disallowed_methods, reason = "runs the programs that it measures")]

mod figures;
mod harness;
mod inputs;
mod policy;

use std::ffi::OsString;
use std::fs;

use anyhow::{Result, ensure};
use flate2::Crc;

use harness::groups;
use inputs::{Kind, write};

const LINES: u64 = 2000;

fn made(kind: Kind, lines: u64) -> String {
    let mut bytes = Vec::new();
    write(kind, lines, lines, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// Whoever changes a generator makes all earlier figures incomparable.
#[test]
fn inputs_are_the_same_everywhere() {
    for (kind, expected) in
        [(Kind::Auth, 0x14a0_e236), (Kind::Access, 0xb28a_cc1b), (Kind::Journal, 0xcc69_0daa)]
    {
        let text = made(kind, LINES);
        let mut sum = Crc::new();
        sum.update(text.as_bytes());
        assert_eq!(sum.sum(), expected, "{kind:?}: {:#010x}", sum.sum());
        assert_eq!(text, made(kind, LINES), "{kind:?}");
    }
}

/// A part of a log is its beginning.
#[test]
fn a_tenth_is_the_first_tenth() {
    for kind in [Kind::Auth, Kind::Access, Kind::Journal] {
        let mut tenth = Vec::new();
        write(kind, LINES, LINES / 10, &mut tenth).unwrap();
        assert!(made(kind, LINES).as_bytes().starts_with(&tenth), "{kind:?}");
    }
}

/// How many of a thousand lines hold one of these.
fn share(text: &str, any: &[&str]) -> usize {
    let lines = text.lines().filter(|line| any.iter().any(|word| line.contains(word)));
    lines.count() * 1000 / text.lines().count()
}

#[track_caller]
fn check(text: &str, any: &[&str], expected: std::ops::RangeInclusive<usize>) {
    let share = share(text, any);
    assert!(expected.contains(&share), "{any:?}: {share} of 1000 lines, not {expected:?}");
}

#[test]
fn the_mix_is_what_the_documentation_says() {
    let auth = made(Kind::Auth, 40_000);
    check(&auth, &[" sshd["], 290..=310);
    check(&auth, &[": Failed password for ", ": Invalid user "], 105..=135);
    check(&auth, &[" from 2001:db8:", " from 2a01:", " from 2600:", " from 2a02:"], 5..=40);
    let access = made(Kind::Access, 40_000);
    check(&access, &["\"GET ", "\"HEAD "], 850..=870);
    let ipv6 = access.lines().filter(|line| line.split(' ').next().unwrap().contains(':'));
    let ipv6 = ipv6.count() * 1000 / 40_000;
    assert!((150..=350).contains(&ipv6), "{ipv6} of 1000 visitors by IPv6");
    let journal = made(Kind::Journal, 1000);
    assert_eq!(journal.matches("\n_SYSTEMD_UNIT=sshd.service\n").count(), 1000);
}

/// All of `make bench` but the peers, on a five-hundredth.
#[test]
fn every_group_is_measured_and_told() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let (json, document) = (directory.path().join("r.json"), directory.path().join("d.md"));
    let room = |name| format!("<!-- measured: {name} -->\n<!-- end -->\n");
    let names = || groups::ALL.iter().map(|group| group.name);
    fs::write(&document, names().chain(["machine"]).map(room).collect::<String>())?;
    let arguments = ["bench", "1", "--alone", "--lines", "2000", "--rest", "0.2", "--directory"];
    let mut arguments: Vec<OsString> = arguments.map(OsString::from).into();
    arguments.push(directory.path().join("inputs").into());
    arguments.extend(["--json".into(), (&json).into(), "--update".into(), (&document).into()]);
    let mut told = Vec::new();
    harness::run(arguments, &mut told)?;
    let report: serde_json::Value = serde_json::from_slice(&fs::read(&json)?)?;
    let tables = report["tables"].as_array().expect("tables");
    ensure!(tables.iter().map(|table| &table["group"]).eq(names()), "{report:#}");
    for table in tables {
        let rows = table["rows"].as_array().expect("rows");
        ensure!(2 <= rows.len() || table["group"] == "size", "{table:#}");
        for row in rows {
            let values = row["values"].as_array().expect("values");
            ensure!(
                !values.is_empty() && values.iter().all(serde_json::Value::is_number),
                "{row:#}"
            );
        }
    }
    let (told, document) = (String::from_utf8(told)?, fs::read_to_string(document)?);
    for text in [&told, &document] {
        for part in ["gaoler replay, twenty jails", "20 bans in force", "CRC-32 ", "stripped"] {
            ensure!(text.contains(part), "no {part} in {text}");
        }
    }
    Ok(())
}

#[test]
fn what_cannot_be_measured_is_said() {
    for (word, expected) in [("auht", "there is no group `auht`"), ("0", "no round")] {
        let arguments = ["bench", word].map(OsString::from);
        let error = harness::run(arguments, &mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
