//! `gaoler explain`: what is known of an address, put together.
//!
//! What the daemon knows it says at once; what the store remembers is asked for, and the answer put
//! together elsewhere: the loop does not wait for it.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::Daemon;
use super::calls::Reply;
use super::running::RunningJail;
use super::standing::State;
use crate::control::api::Answer;
use crate::control::explanation::{
    BanView, Counting, EarlierBan, Explanation, JailView, RecordView,
};
use crate::jail::ban::{Ban, show};
use crate::jail::recent::{RecentVerdict, Word};
use crate::jail::windows::Count;
use crate::moment::Moment;
use crate::record::exhibit::Exhibit;
use crate::store::look::{Dossier, Earlier, Look};
use crate::trace::TraceId;

/// How many bans of parts of a network are told of, a jail.
const MOST_BANS: usize = 20;
/// How long the store may take.
const PATIENCE: Duration = Duration::from_secs(5);

impl Daemon {
    /// Answers once the store has told what it remembers.
    pub(super) fn explain(&mut self, address: &IpNet, reply: Reply, now: Moment) {
        while !self.sweep(now) {}
        let mut told = self.known_of(&address.trunc(), now);
        let look = Look { address: address.trunc(), traces: wanted(&told) };
        let Some(remembered) = self.store.as_ref().map(|store| store.look(look)) else {
            told.trouble = Some("this is a dry run: no earlier bans are kept".to_owned());
            let _ = reply.send(Ok(Answer::Explanation(Box::new(told))));
            return;
        };
        tokio::spawn(async move {
            match tokio::time::timeout(PATIENCE, remembered).await {
                Ok(Ok(Ok(dossier))) => add(&mut told, &dossier),
                Ok(Ok(Err(trouble))) => told.trouble = Some(trouble),
                Ok(Err(_)) | Err(_) => {
                    told.trouble = Some("the state database does not answer".to_owned());
                }
            }
            // The caller may have hung up; that is its business.
            let _ = reply.send(Ok(Answer::Explanation(Box::new(told))));
        });
    }

    /// What the daemon knows by itself.
    fn known_of(&self, address: &IpNet, now: Moment) -> Explanation {
        let concerns = |verdict: &&RecentVerdict| {
            verdict.address.contains(address) || address.contains(&verdict.address)
        };
        let verdicts: Vec<_> = self.recent.newest_first().filter(concerns).cloned().collect();
        let jails = self.jails.iter().map(|running| self.view_of(running, address, &verdicts, now));
        let jails = jails.collect();
        let (address, earlier) = (show(address), Vec::new());
        Explanation { address, jails, earlier, verdicts, trouble: None }
    }

    fn view_of(
        &self,
        running: &RunningJail,
        address: &IpNet,
        verdicts: &[RecentVerdict],
        now: Moment,
    ) -> JailView {
        let (jail, settings) = (&running.jail, &running.settings);
        let threshold = settings.threshold;
        let bans = jail.ledger().holding(address).chain(jail.ledger().parts(address));
        let of_jail = |verdict: &&RecentVerdict| verdict.jail == settings.name;
        let last = verdicts.iter().filter(of_jail).find(|verdict| verdict.verdict != Word::Ignored);
        let breaker = |verdict: &&RecentVerdict| {
            verdict.verdict == Word::Withheld && verdict.reason.as_deref() == Some("breaker")
        };
        JailView {
            jail: settings.name.to_string(),
            filter: settings.filter.name().to_owned(),
            maxretry: threshold.maxretry() as u64,
            findtime_seconds: threshold.findtime().as_secs(),
            dry_run: settings.dry_run,
            ignored: jail.ignores(address).map(|reason| reason.as_str().to_owned()),
            bans: bans.take(MOST_BANS).map(|ban| self.ban_view(running, ban, now)).collect(),
            counting: jail.counting(address).map(|Count { trace, failures, .. }| {
                let said =
                    verdicts.iter().filter(of_jail).find(|said| said.trace_id == Some(trace));
                self.counting(failures, said, Some(trace))
            }),
            withheld: last
                .filter(breaker)
                .map(|verdict| self.counting(verdict.failures, Some(verdict), verdict.trace_id)),
            breaker_open: jail.breaker().open().is_some(),
        }
    }

    fn counting(
        &self,
        failures: u32,
        said: Option<&RecentVerdict>,
        trace: Option<TraceId>,
    ) -> Counting {
        let records = trace.map(|trace| self.records(trace)).unwrap_or_default();
        Counting { failures, time: said.map(|said| said.time), trace_id: trace, records }
    }

    fn ban_view(&self, running: &RunningJail, ban: &Ban, now: Moment) -> BanView {
        let refused = match self.standings.state(&ban.key) {
            Some(State::Refused(why)) => Some(why.clone()),
            _ => None,
        };
        let left = running.jail.ledger().end(&ban.key.address).map(|ends| ends.since(now.boot));
        BanView { ban: self.ban_status(ban, left, now), refused, records: self.records(ban.trace) }
    }

    fn records(&self, trace: TraceId) -> Vec<RecordView> {
        views(&self.evidence.of(trace))
    }
}

/// The traces of bans whose records the daemon does not know itself.
fn wanted(told: &Explanation) -> Vec<TraceId> {
    let bans = told.jails.iter().flat_map(|jail| &jail.bans);
    let wanted = bans.filter(|ban| ban.records.is_empty());
    wanted.filter_map(|ban| ban.ban.trace_id).collect()
}

/// Adds what the store remembers.
fn add(told: &mut Explanation, dossier: &Dossier) {
    for ban in told.jails.iter_mut().flat_map(|jail| &mut jail.bans) {
        if ban.records.is_empty()
            && let Some(trace) = ban.ban.trace_id
        {
            ban.records = views(dossier.records(trace));
        }
    }
    told.earlier = dossier.earlier.iter().map(|ban| earlier(ban, dossier)).collect();
}

fn earlier(ban: &Earlier, dossier: &Dossier) -> EarlierBan {
    EarlierBan {
        address: show(&ban.key.address),
        jail: ban.key.jail.to_string(),
        origin: ban.origin,
        since: ban.since,
        ended: ban.ended,
        reason: ban.reason.clone(),
        failures: ban.failures,
        trace_id: ban.trace,
        records: ban.trace.map(|trace| views(dossier.records(trace))).unwrap_or_default(),
    }
}

fn views(exhibits: &[Arc<Exhibit>]) -> Vec<RecordView> {
    exhibits.iter().map(|exhibit| exhibit.as_ref().into()).collect()
}
