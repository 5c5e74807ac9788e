//! How figures are made of runs, and tables of figures.

use std::time::Duration;

use anyhow::{Result, bail};

use crate::harness::cost::Cost;
use crate::harness::groups::Bench;
use crate::harness::race::{Contender, Race};
use crate::harness::table::{Table, median};

fn costs(seconds: &[u64]) -> impl FnMut() -> Result<Cost> {
    let mut seconds: Vec<u64> = seconds.iter().rev().copied().collect();
    move || {
        let cpu = Duration::from_secs(seconds.pop().expect("no round more than that"));
        Ok(Cost { cpu, wall: cpu, counted: 7 })
    }
}

fn run(contenders: Vec<Contender<'_>>, rounds: u32) -> Result<Table> {
    let race = Race { group: "g", title: "t".to_owned(), lines: 3_000_000, bytes: 0, contenders };
    let (directory, rest) = ("/nonexistent".into(), Duration::ZERO);
    race.run(&Bench { directory, lines: 1, rounds, alone: false, rest })
}

#[test]
fn a_ratio_is_the_median_of_the_rounds_own() -> Result<()> {
    // The machine is slow in the second round: for both of them.
    let table = run(
        vec![
            Contender::new("one", costs(&[1, 10, 2])),
            Contender::new("other", costs(&[3, 30, 8])).at_most(2.5, "one"),
        ],
        3,
    )?;
    let other: Vec<&str> = table.rows[1].cells.iter().map(|cell| cell.text.as_str()).collect();
    assert_eq!(other, ["8.000", "375 k", "0", "3.00", "2.5 × one: 3.00 ✗", "7"]);
    assert_eq!(table.rows[1].cells[4].met, Some(false));
    assert_eq!(table.rows[0].values, [1.0, 10.0, 2.0]);
    Ok(())
}

#[test]
fn a_tenth_counts_for_all_and_three_times_at_most() -> Result<()> {
    let slow = Contender::foreign("slow", costs(&[1, 1, 1])).tenth();
    let table = run(vec![Contender::new("one", costs(&[2; 5])), slow], 5)?;
    assert_eq!(table.rows[1].values, [10.0; 3]);
    assert_eq!(table.rows[1].cells[0].text, "10.000 *");
    assert_eq!(table.rows[1].cells[3].text, "5.00");
    Ok(())
}

#[test]
fn a_peer_may_be_missing_and_ours_may_not() -> Result<()> {
    let missing = || Contender::foreign("peer", || bail!("not installed"));
    let table = run(vec![missing(), Contender::new("ours", costs(&[1, 1]))], 2)?;
    let names: Vec<&str> = table.rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["ours"]);
    let error = run(vec![Contender::new("ours", || bail!("broken"))], 1).unwrap_err();
    assert_eq!(format!("{error:#}"), "ours: broken");
    Ok(())
}

#[test]
fn the_median_is_the_middle() {
    for (values, expected) in
        [(&[3.0][..], 3.0), (&[9.0, 1.0, 2.0], 2.0), (&[4.0, 1.0, 2.0, 9.0], 3.0)]
    {
        assert!((median(values) - expected).abs() < 1e-9, "{values:?}");
    }
}

#[test]
fn a_table_is_one_for_people_and_for_the_document() {
    let mut table = Table::of_figures("g", "What");
    table.figure("start", vec![40.0, 41.5, 60.0], "ms", Some(50.0));
    table.figure("more", vec![1.0], "", None);
    let expected =
        "\nWhat\n          median  at most\n  start  41.5 ms  50 ms ✓\n  more      1.00\n";
    assert_eq!(table.for_people(), expected);
    let expected = "What\n\n|  | median | at most |\n|---|---:|---:|\n\
                    | start | 41.5 ms | 50 ms ✓ |\n| more | 1.00 |  |\n";
    assert_eq!(table.markdown(), expected);
}
