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
use crate::jail::{Jail, Verdict};
use crate::moment::{Boot, Moment};
use crate::record::origin::Origin;

/// A failure that a jail's filter found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Which jail, by its number.
    pub jail: u32,
    /// Whose, and when.
    pub failure: Failure,
}

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

/// So often, in failures, windows that can no longer count are dropped.
const SWEEP: usize = 4096;

/// Whom this host never bans besides its lists: its own addresses and gateways.
///
/// # Errors
///
/// They cannot be listed.
pub fn guards() -> std::io::Result<Guards> {
    super::guards::look()
}

/// Decides over all that was found; puts it into the order of time first. One record a jail.
#[must_use]
pub fn replay(settings: &[JailSettings], guards: &Guards, found: &mut [Found]) -> Vec<Record> {
    found.sort_by_key(|found| found.failure.time);
    let mut court = Court::new(settings, guards);
    for (number, found) in found.iter().enumerate() {
        let now = at(found.failure.time);
        court.begin(now, number % SWEEP == 0);
        court.judge(found, now);
    }
    court.records()
}

/// An instant as the log states it: its boot clock goes with it.
fn at(time: Timestamp) -> Moment {
    Moment { wall: time, boot: Boot(SignedDuration::from_micros(time.as_microsecond())) }
}

/// The jails, and what they have done so far.
struct Court<'a> {
    settings: &'a [JailSettings],
    jails: Vec<Jail>,
    records: Vec<Record>,
    seen: Vec<HashSet<IpAddr>>,
}

impl<'a> Court<'a> {
    fn new(settings: &'a [JailSettings], guards: &Guards) -> Self {
        let jail = |settings: &JailSettings| {
            let mut jail = Jail::new(settings.name.clone(), policy(settings));
            jail.set_guards(guards);
            jail
        };
        let none = |_: &JailSettings| Record::default();
        Self {
            settings,
            jails: settings.iter().map(jail).collect(),
            records: settings.iter().map(none).collect(),
            seen: vec![HashSet::new(); settings.len()],
        }
    }

    /// Time has come to `now`.
    fn begin(&mut self, now: Moment, sweeps: bool) {
        for jail in &mut self.jails {
            let _ = jail.release_expired(now);
            if sweeps {
                jail.sweep(now);
            }
        }
    }

    fn judge(&mut self, found: &Found, now: Moment) {
        let index = found.jail as usize;
        let Some(jail) = self.jails.get_mut(index) else { return };
        self.records[index].failures += 1;
        self.seen[index].insert(found.failure.address);
        let verdict = jail.on_failure(found.failure, now);
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
        if self.settings[index].dry_run {
            return;
        }
        let address = ban.key.address;
        let until = ban.until().unwrap_or(Timestamp::MAX);
        for (other, jail) in self.jails.iter_mut().enumerate() {
            let overall = &self.settings[other].increment;
            if other == index || overall.as_ref().is_some_and(|it| it.overalljails) {
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
                self.seen[index].insert(address.addr());
                let verdict = self.jails[index].on_ban_elsewhere(address, now);
                self.take(index, verdict, now);
            }
        }
    }

    fn records(mut self) -> Vec<Record> {
        for (record, seen) in self.records.iter_mut().zip(&self.seen) {
            record.addresses = seen.len();
        }
        self.records
    }
}

#[cfg(test)]
mod tests {
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
        let found = failures.iter().map(|(jail, address, second)| Found {
            jail: *jail,
            failure: Failure {
                address: address.parse().unwrap(),
                time: Timestamp::from_second(1_000_000 + second).unwrap(),
            },
        });
        let mut found: Vec<_> = found.collect();
        let records = replay(&jails(yaml), &Guards::default(), &mut found);
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
}
