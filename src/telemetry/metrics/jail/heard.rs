//! What the findings of one batch come to for one jail: counted here, and added to the series once.

use super::JailMetrics;
use crate::jail::Verdict;
use crate::jail::ignore::IgnoreReason;
use crate::telemetry::metrics::reason::{Ignored, Withheld};

/// How many findings there were, and how they were judged.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// By the number of the failregex.
    matches: Vec<u64>,
    failed: u64,
    stale: u64,
    withheld: u64,
    /// In the order of [`IgnoreReason::ALL`].
    ignored: [u64; IgnoreReason::ALL.len()],
}

impl Heard {
    /// A failregex matched, and this is what the jail says of it. Returns whether the failure is the
    /// address's fault: whether it counts in `Total failed`.
    pub fn note(&mut self, pattern: u16, verdict: &Verdict) -> bool {
        let pattern = usize::from(pattern);
        if self.matches.len() <= pattern {
            self.matches.resize(pattern + 1, 0);
        }
        self.matches[pattern] += 1;
        match verdict {
            Verdict::Ignored(reason) => {
                let all = IgnoreReason::ALL.iter().zip(&mut self.ignored);
                for (_, count) in all.filter(|(other, _)| *other == reason) {
                    *count += 1;
                }
                return false;
            }
            Verdict::Stale => {
                self.stale += 1;
                return false;
            }
            Verdict::Withheld { .. } => self.withheld += 1,
            Verdict::Counted { .. } | Verdict::AlreadyBanned { .. } | Verdict::Banned(_) => {}
        }
        self.failed += 1;
        true
    }

    /// How many failures were their addresses' fault.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed
    }
}

impl JailMetrics {
    /// Adds what a batch came to.
    pub fn heard(&self, heard: &Heard) {
        for (matches, count) in self.matches.iter().zip(&heard.matches) {
            matches.inc_by(*count);
        }
        self.failures.inc_by(heard.failed);
        self.stale.inc_by(heard.stale);
        if heard.withheld > 0 {
            self.withheld.add(Withheld::Breaker.word(), heard.withheld);
        }
        for (reason, count) in IgnoreReason::ALL.into_iter().zip(heard.ignored) {
            if count > 0 {
                self.ignored.add(Ignored::from(reason).word(), count);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::TraceId;

    #[test]
    fn who_is_never_banned_and_what_is_too_old_is_nobodys_fault() {
        let mut heard = Heard::default();
        let trace = TraceId::new(1);
        assert!(!heard.note(0, &Verdict::Ignored(IgnoreReason::Session)));
        assert!(!heard.note(2, &Verdict::Stale));
        assert!(heard.note(2, &Verdict::Counted { failures: 1, trace }));
        assert!(heard.note(2, &Verdict::AlreadyBanned { trace }));
        assert!(heard.note(1, &Verdict::Withheld { tripped: true, failures: 5, trace }));
        assert_eq!((heard.failed(), heard.stale, heard.withheld), (3, 1, 1));
        assert_eq!((heard.matches, heard.ignored), (vec![1, 1, 3], [0, 0, 0, 0, 0, 1]));
    }
}
