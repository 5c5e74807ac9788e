//! How much sooner a cold start is there when it passes over what is too old, measured:
//! `cargo test --release --test source cold -- --ignored --nocapture`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use gaoler::record::origin::{FilesOrigin, Origin};
use gaoler::source::Start;
use jiff::Timestamp;

use crate::watched::{Watched, fail};

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
