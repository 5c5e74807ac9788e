//! A log searched by the chunk for all who read it, as a source does: each of them is told what it would be
//! told by a matcher of its own that is given line by line. The first line's bytes say which of the shipped
//! filters read it, and in what pieces it comes.

#![no_main]

use std::path::Path;
use std::sync::Arc;

use gaoler::config::{builtin, filter_file};
use gaoler::filter::matchers::{Matchers, Told};
use gaoler::filter::{Filter, Matcher, Outcome};
use gaoler::record::Record;
use gaoler::source::lines::{Line, Lines, Passed, Reader};
use gaoler_fuzz::{NOW, head};
use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;

thread_local! {
    static FILTERS: Vec<Arc<Filter>> = filters();
}

/// Every filter, in every mode that it has.
fn filters() -> Vec<Arc<Filter>> {
    let mut filters = Vec::new();
    for name in builtin::names() {
        let yaml = builtin::yaml(name).expect("it is listed");
        let definition = filter_file::parse(name, Path::new(name), yaml.as_bytes())
            .expect("what is shipped is right");
        let modes = definition.mode_names();
        // `recidive` reads no records.
        filters.extend(modes.filter_map(|mode| Filter::compile(&definition, mode).ok()));
    }
    filters.into_iter().map(Arc::new).collect()
}

/// What readers were told: of the how manieth line, who, and what. That it is nobody's is not told.
type Heard = Vec<(u64, usize, String)>;

fn note(heard: &mut Heard, line: u64, who: usize, outcome: &Outcome<'_>) {
    let what = match outcome {
        Outcome::Missed => return,
        Outcome::Failure(found) | Outcome::NoFail(Some(found)) => {
            let named = matches!(outcome, Outcome::Failure(_));
            format!("{named} {} {} {:?} {:?}", found.pattern, found.address, found.time, found.user)
        }
        Outcome::Unattributed(name) => format!("unattributed, named: {}", name.is_some()),
        other => format!("{other:?}"),
    };
    heard.push((line, who, what));
}

/// All who read, searching the chunk.
struct Together {
    matchers: Matchers,
    lines: u64,
    /// Of the chunk in hand.
    shown: u64,
    heard: Heard,
}

impl Reader for Together {
    fn next(&mut self, chunk: &[u8], from: usize) -> Option<usize> {
        self.matchers.next(chunk, from)
    }

    fn line(&mut self, line: Line<'_>) {
        let (number, heard) = (self.lines, &mut self.heard);
        self.lines += 1;
        self.shown += 1;
        let tell = |told: Told<'_, '_>| {
            for who in told.readers {
                note(heard, number, *who, told.outcome);
            }
        };
        match line {
            Line::Text(text) => self.matchers.read(Record { time: None, text }, true, NOW, tell),
            Line::Oversized(head) => self.matchers.read_head(head, NOW, tell),
        }
    }

    fn passed(&mut self, passed: Passed) {
        self.lines += passed.lines;
    }
}

/// Gives a log in pieces; what was not consumed comes again, with more behind it.
fn feed(log: &[u8], piece: usize, mut chunk: impl FnMut(&[u8]) -> usize) {
    let (mut from, mut to) = (0, 0);
    while to < log.len() {
        to = log.len().min(to + piece);
        from += chunk(&log[from..to]);
    }
}

fn together(filters: &[Arc<Filter>], log: &[u8], piece: usize) -> (u64, Heard) {
    let readers = filters.iter().map(|filter| (Arc::clone(filter), TimeZone::UTC));
    let matchers = Matchers::new(readers);
    let mut all = Together { matchers, lines: 0, shown: 0, heard: Heard::new() };
    let mut lines = Lines::default();
    feed(log, piece, |chunk| {
        let before = all.lines;
        all.shown = 0;
        let cut = lines.scan(chunk, &mut all);
        all.matchers.looked_through(all.shown, all.lines - before - all.shown);
        cut.consumed
    });
    // Filters that read alike are told of together.
    all.heard.sort();
    (all.lines, all.heard)
}

fn each_alone(filters: &[Arc<Filter>], log: &[u8], piece: usize) -> (u64, Heard) {
    let (mut count, mut heard) = (0, Heard::new());
    for (who, filter) in filters.iter().enumerate() {
        let mut matcher = Matcher::new(Arc::clone(filter), TimeZone::UTC);
        let mut lines = Lines::default();
        count = 0;
        feed(log, piece, |chunk| {
            let cut = lines.cut(chunk, |line| {
                let number = count;
                count += 1;
                let outcome = match line {
                    Line::Text(text) => matcher.read(Record { time: None, text }, NOW),
                    Line::Oversized(head) => matcher.read_head(head, NOW),
                };
                note(&mut heard, number, who, &outcome);
            });
            cut.consumed
        });
    }
    heard.sort();
    (count, heard)
}

fuzz_target!(|data: &[u8]| {
    let (choice, log) = head(data);
    let byte = |at: usize| choice.get(at).map_or(0, |byte| usize::from(*byte));
    FILTERS.with(|filters| {
        let first = byte(0) % filters.len();
        let readers = &filters[first..filters.len().min(first + 1 + byte(1) % 4)];
        let piece = 1 + byte(2) * 8;
        assert_eq!(together(readers, log, piece), each_alone(readers, log, piece));
    });
});
