//! Bans from beginning to end, by gaoler's own lines.

use std::collections::BTreeMap;

use ipnet::IpNet;

use super::evidence::{Line, Micros, Said};

/// One ban.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Period {
    pub(crate) begun: Micros,
    /// `None`: it has not ended.
    pub(crate) ended: Option<Micros>,
}

/// By whom they are of, in the order of time.
pub(crate) type Periods = BTreeMap<IpNet, Vec<Period>>;

/// Puts lines together. A ban that is said again before it ended is the same one: gaoler was killed
/// before it could keep it, and found it anew. One that is restored without a beginning is taken for
/// one that began then, and will be found unfounded.
pub(crate) fn periods(lines: &[Line]) -> Periods {
    let mut periods = Periods::new();
    let mut lines: Vec<&Line> = lines.iter().collect();
    lines.sort_by_key(|line| line.at);
    for line in lines {
        let of_subject = periods.entry(line.subject).or_default();
        let open = of_subject.last_mut().filter(|period: &&mut Period| period.ended.is_none());
        match (line.said, open) {
            (Said::Unban, Some(open)) => open.ended = Some(line.at),
            // Killed between saying it and keeping it: said once more.
            (Said::Unban, None) | (Said::Ban | Said::Restore, Some(_)) => {}
            (Said::Restore, None) => revive(of_subject, line.at),
            (Said::Ban, None) => of_subject.push(Period { begun: line.at, ended: None }),
        }
    }
    periods
}

/// A ban whose end was said, but not kept before gaoler was killed, ends once more.
fn revive(of_subject: &mut Vec<Period>, at: Micros) {
    match of_subject.last_mut() {
        Some(last) => last.ended = None,
        None => of_subject.push(Period { begun: at, ended: None }),
    }
}
