//! A first start begins where the window does, and passes over what is too old.
//!
//! How much sooner it is there is measured by `cargo test --release --test source cold -- --ignored --nocapture`.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use gaoler::record::origin::{FilesOrigin, Origin};
use gaoler::source::Start;
use jiff::Timestamp;

use crate::files::Logs;
use crate::watched::{Watched, fail};

/// When the test's logs end.
const END: i64 = 1_800_000_000;

/// A line of a failure of host number `host`, so many seconds before the [`END`].
fn dated(host: u32, before_end: i64) -> String {
    let time = Timestamp::from_second(END - before_end).unwrap();
    format!("{time} {:>80} {}\n", "", fail(host))
}

/// Follows a log for what is at most `seconds` older than its end.
fn follow_for(origin: Origin, seconds: i64) -> Watched {
    let not_before = Timestamp::from_second(END - seconds).unwrap();
    Watched::start(origin, Start { from: None, not_before })
}

#[test]
fn a_cold_start_passes_over_what_is_too_old() {
    let logs = Logs::new();
    // A line each ten seconds, for eleven days.
    let text: String = (0..100_000_u32).map(|n| dated(n, i64::from(99_999 - n) * 10)).collect();
    logs.append("log", &text);
    let mut watched = follow_for(logs.origin(&["log"]), 600);
    watched.until("the last line is read", |w| w.has_failed(99_999));
    logs.append("log", dated(100_000, 0));
    watched.until("the next line is read", |w| w.has_failed(100_000));
    let read = watched.tally.bytes;
    assert!(read < text.len() as u64 / 4, "{read} of {} bytes were read", text.len());
    let first = (0..100_000).find(|&host| watched.has_failed(host)).unwrap();
    assert!(first < 99_999 - 60, "the window's lines, and two hours' more");
    watched.finish().assert_once(first..=100_000);
}

#[test]
fn a_cold_start_reads_what_bears_no_date() {
    let logs = Logs::new();
    logs.append_fails("log", 0..60_000);
    let mut watched = follow_for(logs.origin(&["log"]), 600);
    watched.until_failures(60_000);
    watched.finish().assert_once(0..60_000);
}

#[test]
fn a_cold_start_reads_a_log_and_its_copy_once() {
    let logs = Logs::new();
    let text: String = (0..60_000_u32).map(|n| dated(n, i64::from(59_999 - n) * 10)).collect();
    logs.append("log", &text);
    fs::copy(logs.path("log"), logs.path("log.copy")).unwrap();
    let mut watched = follow_for(logs.origin(&["log*"]), 600);
    watched.until("the last line is read", |w| w.has_failed(59_999));
    for marker in 60_000..60_003 {
        logs.append("log", dated(marker, 0));
        watched.until("the marker is read", |w| w.has_failed(marker));
    }
    let first = (0..60_000).find(|&host| watched.has_failed(host)).unwrap();
    assert!(30_000 < first);
    watched.finish().assert_once(first..60_003);
}

/// How long the log is, in lines of 150 bytes each.
const LINES: u32 = 2_200_000;

/// Of a week, in seconds.
const SPAN: i64 = 7 * 24 * 3600;

fn write(path: &Path, end: i64) {
    let mut log = BufWriter::new(File::create(path).unwrap());
    for n in 0..LINES {
        let time = end - SPAN + SPAN * i64::from(n) / i64::from(LINES);
        let time = Timestamp::from_second(time).unwrap();
        let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101";
        // One line in a thousand is a failure.
        let what = if n % 1000 == 999 { fail(n) } else { format!("served {n:>9}") };
        writeln!(log, "{time} web nginx: {agent} \"GET /index.html HTTP/1.1\" 200 {what}").unwrap();
    }
    log.flush().unwrap();
}

/// Follows the log for what is since `not_before`, until all of it is read; how long that takes,
/// and how many bytes were read.
fn time(path: &Path, not_before: i64) -> (Duration, u64) {
    let origin = Origin::Files(FilesOrigin { patterns: vec![path.to_str().unwrap().to_owned()] });
    let not_before = Timestamp::from_second(not_before).unwrap();
    let begun = Instant::now();
    let mut watched = Watched::start(origin, Start { from: None, not_before });
    watched.until("all is read", |w| w.caught_up);
    assert!(watched.has_failed(LINES - 1));
    (begun.elapsed(), watched.tally.bytes)
}

#[test]
#[expect(clippy::print_stdout, reason = "says what it measured")]
#[ignore = "writes 300 MB, to be measured"]
fn cold_start_of_a_long_log() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let end = 1_800_000_000;
    write(&path, end);
    let size = std::fs::metadata(&path).unwrap().len();
    // Once to have it in memory: the disk is not what is measured.
    std::io::copy(&mut File::open(&path).unwrap(), &mut std::io::sink()).unwrap();
    let (whole, all) = time(&path, 0);
    let (window, read) = time(&path, end - 600);
    let ratio = whole.as_secs_f64() / window.as_secs_f64();
    println!(
        "{} MB: read whole ({} MB) in {whole:?}; the last ten minutes and their margin ({} MB) in \
         {window:?}: {ratio:.0} times sooner",
        size / 1_000_000,
        all / 1_000_000,
        read / 1_000_000
    );
    assert!(read < all / 10);
}
