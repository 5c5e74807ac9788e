//! The kernel's counters, which begin anew with each table, as counts that only grow.

use std::collections::HashMap;

use super::group::counter;
use super::reply::Count;
use crate::enforcer::order::Report;
use crate::jail::ban::JailName;

/// What each counter showed last.
#[derive(Debug, Default)]
pub(super) struct Counters {
    last: HashMap<String, (u64, u64)>,
    /// Whether there was a first look. What counters show then was counted before our time.
    begun: bool,
}

impl Counters {
    /// Takes what the counters show; gives what has come since, for the jails there are.
    pub(super) fn since<'a>(
        &mut self,
        counts: Vec<Count>,
        jails: impl Iterator<Item = &'a JailName>,
    ) -> Vec<Report> {
        let jails = jails.flat_map(|jail| [false, true].map(|v6| (counter(jail, v6), (jail, v6))));
        let jails: HashMap<String, (&JailName, bool)> = jails.collect();
        let mut reports = Vec::new();
        let mut last = HashMap::with_capacity(counts.len());
        for Count { name, packets, bytes } in counts {
            let before = self.last.get(&name).copied().unwrap_or_default();
            let is_new = self.begun.then(|| grown(before, (packets, bytes)));
            if let (Some((packets, bytes)), Some(&(jail, ipv6))) = (is_new, jails.get(&name))
                && packets > 0
            {
                reports.push(Report::Refused { jail: jail.clone(), ipv6, packets, bytes });
            }
            last.insert(name, (packets, bytes));
        }
        self.last = last;
        self.begun = true;
        reports
    }

    /// The counters begin anew: the table was replaced.
    pub(super) fn restart(&mut self) {
        self.last.clear();
        self.begun = true;
    }
}

/// What has come; all there is, if the counter began anew meanwhile.
fn grown(before: (u64, u64), now: (u64, u64)) -> (u64, u64) {
    if now.0 < before.0 || now.1 < before.1 {
        return now;
    }
    (now.0 - before.0, now.1 - before.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_came_since_our_start_counts_and_a_reset_loses_nothing_after_it() {
        let sshd = JailName::new("sshd");
        let mut counters = Counters::default();
        let mut check = |shown: &[(u64, u64)], expected: &[(u64, u64)]| {
            let count =
                |&(packets, bytes): &(u64, u64)| Count { name: "sshd-4".into(), packets, bytes };
            let counts = shown.iter().map(count).collect();
            let reports = counters.since(counts, std::iter::once(&sshd));
            let of = |report| match report {
                Report::Refused { packets, bytes, ipv6: false, .. } => (packets, bytes),
                other => panic!("{other:?}"),
            };
            assert_eq!(reports.into_iter().map(of).collect::<Vec<_>>(), expected);
        };
        check(&[(10, 600)], &[]);
        check(&[(12, 720)], &[(2, 120)]);
        check(&[(12, 720)], &[]);
        check(&[(1, 60)], &[(1, 60)]);
        check(&[], &[]);
        check(&[(3, 180)], &[(3, 180)]);
    }

    #[test]
    fn a_counter_that_comes_later_counts_from_its_first_packet() {
        let sshd = JailName::new("sshd");
        let mut counters = Counters::default();
        assert!(counters.since(Vec::new(), std::iter::once(&sshd)).is_empty());
        let count = |name: &str| Count { name: name.to_owned(), packets: 2, bytes: 80 };
        let counts = vec![count("sshd-6"), count("other-4")];
        assert_eq!(counters.since(counts, std::iter::once(&sshd)).len(), 1);
    }
}
