//! What jails would have decided: their whole decision path over history, at the log's own time.
//!
//! The same jails decide as in the daemon. Time is what the failures say; nothing is enforced, and
//! nothing kept.

use std::collections::HashSet;
use std::net::IpAddr;

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};

use super::running::policy;
use crate::config::checked::JailSettings;
use crate::failure::Failure;
use crate::jail::ban::Ban;
use crate::jail::guards::Guards;
use crate::jail::history::{History, Offender};
use crate::jail::{Jail, Verdict};
use crate::moment::{Boot, Moment};
use crate::record::origin::Origin;

/// What one jail would have done.
#[derive(Debug, Default)]
pub struct Record {
    /// How many failures were found.
    pub failures: u64,
    /// Of how many addresses.
    pub addresses: usize,
    /// How many of them are of addresses that are never banned.
    pub ignored: u64,
    /// How many bans its breaker would have held back.
    pub withheld: u64,
    /// Whom it would have banned, in order.
    pub bans: Vec<Ban>,
}

/// So often, in failures, some windows that can no longer count are dropped.
const SWEEP: usize = 16_384;

/// Whom this host never bans besides its lists: its own addresses and gateways.
///
/// # Errors
///
/// They cannot be listed.
pub fn guards() -> std::io::Result<Guards> {
    super::guards::look()
}

/// Decides over all that was found, in the order of time. One record a jail.
#[must_use]
pub fn replay(settings: &[JailSettings], guards: &Guards, history: &mut History) -> Vec<Record> {
    history.sort();
    let mut court = Court::new(settings, guards, history);
    let mut since_sweep = 0;
    for (time, offenders) in history.iter() {
        let at_microsecond = time.as_microsecond();
        court.release(time, at_microsecond);
        since_sweep += offenders.len();
        if SWEEP <= since_sweep {
            court.sweep(at(time));
            since_sweep = 0;
        }
        for &offender in offenders {
            // Whom his jail bans already, it need not be asked about.
            let number = offender as usize;
            if court.banned[number] <= at_microsecond {
                court.judge(number, time);
            }
        }
    }
    court.records()
}

/// An instant as the log states it: its boot clock goes with it.
fn at(time: Timestamp) -> Moment {
    Moment { wall: time, boot: Boot(SignedDuration::from_micros(time.as_microsecond())) }
}

/// In which microsecond of the log a ban ends; `None`: never.
fn end(end: Option<Boot>) -> i64 {
    end.map_or(i64::MAX, |end| i64::try_from(end.0.as_micros()).unwrap_or(i64::MAX))
}

/// The jails, and what they have done so far.
struct Court<'a> {
    settings: &'a [JailSettings],
    history: &'a History,
    jails: Vec<Jail>,
    records: Vec<Record>,
    /// In which microsecond of the log the next ban of all ends, at the earliest.
    next_end: i64,
    /// By offenders' numbers in the history: up to which microsecond of the log an offender is known to be
    /// banned. Until then his failures change nothing, and the jail need not be asked what they mean.
    banned: Vec<i64>,
    /// Whom other jails banned, for each jail that counts bans.
    counted: Vec<HashSet<IpAddr>>,
}

impl<'a> Court<'a> {
    fn new(settings: &'a [JailSettings], guards: &Guards, history: &'a History) -> Self {
        let jail = |settings: &JailSettings| {
            let mut jail = Jail::new(settings.name.clone(), policy(settings));
            jail.set_guards(guards);
            jail
        };
        let none = |_: &JailSettings| Record::default();
        Self {
            settings,
            history,
            jails: settings.iter().map(jail).collect(),
            records: settings.iter().map(none).collect(),
            next_end: i64::MAX,
            banned: vec![i64::MIN; history.offenders().len()],
            counted: vec![HashSet::new(); settings.len()],
        }
    }

    /// Ends the bans that are over by now.
    fn release(&mut self, time: Timestamp, at_microsecond: i64) {
        if at_microsecond < self.next_end {
            return;
        }
        let now = at(time);
        for jail in &mut self.jails {
            let _ = jail.release_expired(now);
        }
        let ends = self.jails.iter().map(|jail| end(jail.ledger().next_end()));
        self.next_end = ends.min().unwrap_or(i64::MAX);
    }

    fn sweep(&mut self, now: Moment) {
        for jail in &mut self.jails {
            let _ = jail.sweep(now);
        }
    }

    fn judge(&mut self, number: usize, time: Timestamp) {
        let Offender { address, jail } = self.history.offenders()[number];
        let (now, index) = (at(time), jail as usize);
        let verdict = self.jails[index].on_failure(Failure { address, time }, now);
        let ban = match &verdict {
            Verdict::Banned(ban) => Some(ban),
            Verdict::AlreadyBanned { .. } => self.jails[index].ledger().covering(address),
            _ => None,
        };
        // Where bans are widened, one may take another's place.
        if let Some(ban) = ban.filter(|_| self.settings[index].widen.is_none()) {
            self.banned[number] = end(self.jails[index].ledger().end(&ban.key.address));
        }
        self.take(index, verdict, now);
    }

    fn take(&mut self, index: usize, verdict: Verdict, now: Moment) {
        match verdict {
            Verdict::Ignored(_) => self.records[index].ignored += 1,
            Verdict::Withheld { .. } => self.records[index].withheld += 1,
            Verdict::Banned(ban) => self.ban(index, &ban, now),
            Verdict::Stale | Verdict::Counted { .. } | Verdict::AlreadyBanned { .. } => {}
        }
    }

    /// A ban, and what follows: longer ones, wider ones, and those of jails that count bans.
    fn ban(&mut self, index: usize, ban: &Ban, now: Moment) {
        self.records[index].bans.push(ban.clone());
        self.next_end = self.next_end.min(end(self.jails[index].ledger().next_end()));
        if self.settings[index].dry_run {
            return;
        }
        let address = ban.key.address;
        let until = ban.until().unwrap_or(Timestamp::MAX);
        for (other, jail) in self.jails.iter_mut().enumerate() {
            let increment = self.settings[other].increment.as_ref();
            if increment.is_some_and(|it| other == index || it.overalljails) {
                jail.remember(&address, 1, until);
            }
        }
        if let Some(wide) = self.jails[index].widen(&address, now) {
            self.ban(index, &wide, now);
        }
        self.count(index, &address, now);
    }

    /// Counts a ban in the jails that count bans.
    fn count(&mut self, by: usize, address: &IpNet, now: Moment) {
        let name = self.settings[by].name.as_str();
        for index in 0..self.jails.len() {
            let counts =
                matches!(&self.settings[index].origin, Origin::Bans(of) if of.counts(name));
            if index != by && counts {
                self.records[index].failures += 1;
                self.counted[index].insert(address.addr());
                let verdict = self.jails[index].on_ban_elsewhere(address, now);
                self.take(index, verdict, now);
            }
        }
    }

    fn records(mut self) -> Vec<Record> {
        for offender in self.history.offenders() {
            self.records[offender.jail as usize].addresses += 1;
        }
        for (number, (record, counted)) in self.records.iter_mut().zip(&self.counted).enumerate() {
            record.failures += self.history.of_jail(number);
            record.addresses += counted.len();
        }
        self.records
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config;

    fn jails(yaml: &str) -> Vec<JailSettings> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("gaoler.yaml");
        std::fs::write(&file, yaml).unwrap();
        config::load(&file).unwrap().jails
    }

    /// Failures as (jail, address, second); who is banned, when and for how long.
    #[track_caller]
    fn check(yaml: &str, failures: &[(u32, &str, i64)], expected: &[&str]) {
        let mut history = History::default();
        for (jail, address, second) in failures {
            let address = address.parse().unwrap();
            let time = Timestamp::from_second(1_000_000 + second).unwrap();
            history.push(*jail, Failure { address, time });
        }
        let records = replay(&jails(yaml), &Guards::default(), &mut history);
        let bans = records.iter().flat_map(|record| &record.bans).map(|ban| {
            let bantime = ban.bantime.map_or(-1, |time| time.as_secs());
            format!("{} {} {bantime}", ban.key.address, ban.since.as_second() - 1_000_000)
        });
        assert_eq!(bans.collect::<Vec<_>>(), expected);
    }

    const SSHD: &str = "sshd: {maxretry: 2, findtime: 30s, bantime: 60s, ignoreip: 192.0.2.9";

    #[test]
    fn time_is_the_logs_own_and_order_does_not_matter() {
        let failures = [
            (0, "192.0.2.1", 100),
            (0, "192.0.2.1", 0),
            (0, "192.0.2.1", 20),
            (0, "192.0.2.1", 31),
            (0, "192.0.2.2", 60),
            (0, "192.0.2.2", 91),
            (0, "192.0.2.1", 129),
            (0, "192.0.2.9", 1),
            (0, "192.0.2.9", 2),
        ];
        check(
            &format!("jails: {{{SSHD}}}}}"),
            &failures,
            &["192.0.2.1/32 20 60", "192.0.2.1/32 129 60"],
        );
    }

    #[test]
    fn bans_grow_and_lead_to_others() {
        let yaml = format!(
            "jails: {{{SSHD}, bantime.increment: true}}, \
             recidive: {{maxretry: 2, findtime: 1h, bantime: permanent}}}}"
        );
        let failures: Vec<_> = [0, 1, 100, 101].map(|at| (1, "192.0.2.1", at)).into();
        let first = jails(&yaml).iter().position(|jail| jail.name.as_str() == "sshd").unwrap();
        let failures: Vec<_> = failures
            .into_iter()
            .map(|(_, who, at)| (u32::try_from(first).unwrap(), who, at))
            .collect();
        check(
            &yaml,
            &failures,
            &["192.0.2.1/32 1 60", "192.0.2.1/32 101 120", "192.0.2.1/32 101 -1"],
        );
    }

    proptest! {
        /// The oracle asks the jail about every failure.
        #[test]
        fn a_jail_need_not_be_asked_about_whom_it_bans(
            failures in prop::collection::vec((0..8u32, 0..400i64, 0..2i32), 0..200),
        ) {
            let settings = jails("jails: {sshd: {maxretry: 2, findtime: 30s, bantime: 60s}}");
            let mut history = History::default();
            let mut oracle: Vec<Failure> = Vec::new();
            for (host, second, nanosecond) in failures {
                // Two networks of IPv6 are of several hosts each.
                let ipv6 = u128::from(host % 2) << 64 | u128::from(host) | 0x2001_0db8 << 96;
                let ipv4 = std::net::Ipv4Addr::from(0xc633_6400 + host);
                let address = if host < 4 { IpAddr::from(ipv4) } else { ipv6.to_be_bytes().into() };
                let failure = Failure { address, time: Timestamp::new(second, nanosecond).unwrap() };
                history.push(0, failure);
                oracle.push(failure);
            }
            oracle.sort_by_key(|failure| failure.time);
            let mut jail = Jail::new(settings[0].name.clone(), policy(&settings[0]));
            let mut expected = Vec::new();
            for failure in oracle {
                let now = at(failure.time);
                let _ = jail.release_expired(now);
                if let Verdict::Banned(ban) = jail.on_failure(failure, now) {
                    expected.push((ban.key.address, ban.since, ban.failures));
                }
            }
            let records = replay(&settings, &Guards::default(), &mut history);
            let bans = records[0].bans.iter().map(|ban| (ban.key.address, ban.since, ban.failures));
            prop_assert_eq!(bans.collect::<Vec<_>>(), expected);
        }
    }
}
