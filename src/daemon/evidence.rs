//! The records behind verdicts: the last few of each trace, for `gaoler explain`.
//!
//! Bounded, whoever attacks: in bytes in all, and in records a trace. Past the bound, the traces that
//! heard of no record for the longest go first. What a ban rests on is also in the store.

use std::collections::VecDeque;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::jail::ban::{Ban, show};
use crate::moment::Boot;
use crate::record::exhibit::Exhibit;
use crate::trace::TraceId;

/// How many records of a trace are kept.
const RECORDS: usize = 10;
/// How many bytes all of them may take.
const BYTES: usize = 8 << 20;
/// What a trace takes beside its records: its places in the map and the queue.
const CASE: usize = 160;

/// The records of all traces.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    // No keyed hash: the names are our own dice's, and attackers choose none.
    cases: FxHashMap<TraceId, Case>,
    /// The traces in the order in which they grew; a trace that grew again is in it again, and only
    /// the last of its places counts.
    by_age: VecDeque<(u64, TraceId)>,
    grown: u64,
    bytes: usize,
    forgotten: u64,
}

/// The records of one trace.
#[derive(Debug)]
struct Case {
    exhibits: VecDeque<Arc<Exhibit>>,
    grown: u64,
    /// Until when it is kept; `None`: until it is dropped.
    until: Option<Boot>,
}

impl Evidence {
    /// Adds a record, to be kept until then.
    pub(super) fn note(&mut self, trace: TraceId, exhibit: Exhibit, until: Boot) {
        self.grown += 1;
        let grown = self.grown;
        let case = self.cases.entry(trace).or_insert_with(|| {
            self.bytes += CASE;
            Case { exhibits: VecDeque::new(), grown, until: None }
        });
        self.by_age.push_back((grown, trace));
        self.bytes += exhibit.size();
        case.grown = grown;
        case.until = Some(until);
        case.exhibits.push_back(Arc::new(exhibit));
        if case.exhibits.len() > RECORDS {
            self.bytes -= case.exhibits.pop_front().map_or(0, |exhibit| exhibit.size());
        }
        while self.bytes > BYTES
            && let Some((grown, oldest)) = self.by_age.pop_front()
        {
            if self.cases.get(&oldest).is_some_and(|case| case.grown == grown) {
                self.drop(oldest);
                self.forgotten += 1;
            }
        }
        self.tidy();
    }

    /// Keeps a trace's records until then, since they led to a ban; `None`: until it is dropped.
    pub(super) fn keep(&mut self, trace: TraceId, until: Option<Boot>) {
        if let Some(case) = self.cases.get_mut(&trace) {
            case.until = until;
        }
    }

    /// The records of a trace, the oldest first.
    pub(super) fn of(&self, trace: TraceId) -> Vec<Arc<Exhibit>> {
        let exhibits = self.cases.get(&trace).map(|case| case.exhibits.iter().cloned().collect());
        exhibits.unwrap_or_default()
    }

    /// How many traces' records were dropped for want of room since the last time.
    pub(super) fn take_forgotten(&mut self) -> u64 {
        std::mem::take(&mut self.forgotten)
    }

    /// Forgets a trace.
    pub(super) fn drop(&mut self, trace: TraceId) {
        let Some(case) = self.cases.remove(&trace) else { return };
        self.bytes -= CASE + case.exhibits.iter().map(|exhibit| exhibit.size()).sum::<usize>();
    }

    /// Drops the places in the queue that do not count any more, once they are the most of it.
    fn tidy(&mut self) {
        if self.by_age.len() > 2 * self.cases.len() + 64 {
            let cases = &self.cases;
            let counts = |(grown, trace): &(u64, TraceId)| {
                cases.get(trace).is_some_and(|case| case.grown == *grown)
            };
            self.by_age.retain(counts);
        }
    }

    /// Forgets what was to be kept until now.
    pub(super) fn sweep(&mut self, now: Boot) {
        let over = |case: &Case| case.until.is_some_and(|until| until <= now);
        let over = self.cases.iter().filter(|(_, case)| over(case)).map(|(trace, _)| *trace);
        for trace in over.collect::<Vec<_>>() {
            self.drop(trace);
        }
    }
}

/// A ban as what another rests on: `recidive` counts bans, and `widen` sums them up.
pub(super) fn exhibit_of(ban: &Ban) -> Exhibit {
    let (jail, address) = (&ban.key.jail, show(&ban.key.address));
    Exhibit {
        time: ban.since,
        address: ban.key.address.addr(),
        source: "gaoler".into(),
        pattern: format!("bans of {jail}").into(),
        user: None,
        text: format!("[{jail}] Ban {address} trace_id={}", ban.trace).into_bytes().into(),
        cut: false,
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::*;

    fn at(second: i64) -> Boot {
        Boot(SignedDuration::from_secs(second))
    }

    fn exhibit(text: &[u8]) -> Exhibit {
        Exhibit {
            time: Timestamp::UNIX_EPOCH,
            address: "192.0.2.7".parse().unwrap(),
            source: "journal".into(),
            pattern: "x".into(),
            user: None,
            text: text.into(),
            cut: false,
        }
    }

    fn texts(evidence: &Evidence, trace: u128) -> Vec<Box<[u8]>> {
        evidence.of(TraceId::new(trace)).iter().map(|exhibit| exhibit.text.clone()).collect()
    }

    #[test]
    fn the_last_records_of_a_trace_are_kept_as_long_as_they_matter() {
        let mut evidence = Evidence::default();
        for number in 0..25u8 {
            evidence.note(TraceId::new(1), exhibit(&[number]), at(60));
        }
        evidence.note(TraceId::new(2), exhibit(b"b"), at(60));
        let expected: Vec<Box<[u8]>> = (15..25).map(|number| [number].into()).collect();
        assert_eq!(texts(&evidence, 1), expected);
        evidence.keep(TraceId::new(2), Some(at(90)));
        evidence.sweep(at(60));
        assert_eq!((texts(&evidence, 1).len(), texts(&evidence, 2).len()), (0, 1));
        evidence.keep(TraceId::new(2), None);
        evidence.sweep(at(1000));
        assert_eq!(texts(&evidence, 2).len(), 1);
        evidence.drop(TraceId::new(2));
        assert_eq!((evidence.bytes, evidence.cases.len()), (0, 0));
    }

    #[test]
    fn a_flood_takes_no_more_than_its_bytes_and_the_oldest_go() {
        let mut evidence = Evidence::default();
        let text = [b'x'; 512];
        for trace in 1..=40_000 {
            evidence.note(TraceId::new(trace), exhibit(&text), at(60));
            if trace % 1000 == 0 {
                evidence.note(TraceId::new(1), exhibit(b"still here"), at(60));
            }
            assert!(evidence.bytes <= BYTES);
        }
        assert_eq!(texts(&evidence, 2).len(), 0);
        assert_eq!((texts(&evidence, 40_000).len(), texts(&evidence, 1).len()), (1, RECORDS));
        assert!(evidence.by_age.len() <= 2 * evidence.cases.len() + 64);
    }
}
