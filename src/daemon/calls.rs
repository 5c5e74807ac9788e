//! What the commands ask, and when they are answered: a change once the firewall has it.

use std::collections::HashSet;

use ipnet::IpNet;
use jiff::SignedDuration;
use tokio::sync::oneshot;

use super::Daemon;
use crate::control::Call;
use crate::control::api::{
    Answer, BanRequest, Bantime, Changed, Refused, Request, ResumeRequest, UnbanRequest,
};
use crate::enforcer::order::Condition;
use crate::jail::Jail;
use crate::jail::ban::{Ban, BanKey, JailName, show};
use crate::moment::{Boot, Moment};
use crate::telemetry::metrics::reason::{Unbanned, Withheld};
use crate::telemetry::overview::words;

/// How long a command waits for the firewall before it is told that it must.
const PATIENCE: SignedDuration = SignedDuration::from_secs(10);

/// Where an answer goes.
pub(super) type Reply = oneshot::Sender<Result<Answer, Refused>>;

/// A command that waits for the firewall.
pub(super) struct Waiting {
    keys: HashSet<BanKey>,
    changed: Changed,
    pub(super) until: Boot,
    reply: Reply,
}

impl Daemon {
    /// A command asks.
    pub(super) fn on_call(&mut self, call: Call, now: Moment) {
        let Call { uid, request, reply } = call;
        let answer = match request {
            Request::Status => Ok(Answer::Status(self.status(now))),
            Request::Settings => Ok(Answer::Settings(self.settings())),
            Request::Banned { jail } => self.banned(jail.as_deref(), now).map(Answer::Banned),
            Request::Explain { address } => return self.explain(&address, reply, now),
            Request::Ban(request) => {
                tracing::info!(uid, jail = request.jail, addresses = ?request.addresses, "ban asked for by uid {uid}");
                match self.ban(&request, now) {
                    Ok((keys, changed)) => return self.wait(keys, changed, reply, now),
                    Err(refused) => Err(refused),
                }
            }
            Request::Unban(request) => {
                tracing::info!(uid, jail = request.jail, all = request.all, addresses = ?request.addresses, "unban asked for by uid {uid}");
                match self.unban(&request, now) {
                    Ok((keys, changed)) => return self.wait(keys, changed, reply, now),
                    Err(refused) => Err(refused),
                }
            }
            Request::Resume(ResumeRequest { jail }) => {
                tracing::info!(uid, jail, "resume asked for by uid {uid}");
                self.resume(&jail, now).map(Answer::Resumed)
            }
            Request::Reload => {
                tracing::info!(uid, "reload asked for by uid {uid}");
                return self.read_configuration(Some(reply));
            }
        };
        // The caller may have hung up; that is its business.
        let _ = reply.send(answer);
    }

    /// The firewall has a ban (`enforced`), or no longer. What contradicts the last word on the ban is
    /// of an order that was overtaken on its way, and answers nobody.
    pub(super) fn on_done(&mut self, key: &BanKey, enforced: bool) {
        if self.standings.state(key).is_some() == enforced {
            self.on_answer(key, None);
        }
    }

    /// The firewall has dealt with a ban or its end; `problem` if it will not.
    pub(super) fn on_answer(&mut self, key: &BanKey, problem: Option<&str>) {
        for waiting in &mut self.waiting {
            if waiting.keys.remove(key)
                && let Some(problem) = problem
            {
                waiting.changed.problems.push(format!("{}: {problem}", show(&key.address)));
            }
        }
        for done in self.waiting.extract_if(.., |waiting| waiting.keys.is_empty()) {
            let _ = done.reply.send(Ok(Answer::Changed(done.changed)));
        }
    }

    /// Answers the commands that have waited long enough.
    pub(super) fn give_up_waiting(&mut self, now: Moment) {
        if self.waiting.iter().all(|waiting| now.boot < waiting.until) {
            return;
        }
        let why = self.why_pending();
        for mut late in self.waiting.extract_if(.., |waiting| waiting.until <= now.boot) {
            late.changed.pending = late.keys.len() as u64;
            late.changed.problems.push(format!(
                "{} not yet confirmed by the firewall ({why}); gaoler goes on trying",
                late.keys.len()
            ));
            let _ = late.reply.send(Ok(Answer::Changed(late.changed)));
        }
    }

    fn wait(&mut self, keys: HashSet<BanKey>, changed: Changed, reply: Reply, now: Moment) {
        if keys.is_empty() {
            let _ = reply.send(Ok(Answer::Changed(changed)));
            return;
        }
        let until = now.boot.after(PATIENCE);
        self.waiting.push(Waiting { keys, changed, until, reply });
    }

    fn ban(
        &mut self,
        request: &BanRequest,
        now: Moment,
    ) -> Result<(HashSet<BanKey>, Changed), Refused> {
        if self.dry_run {
            return Err(Refused::Invalid("this is a dry run: nobody is banned".into()));
        }
        if request.addresses.is_empty() {
            return Err(Refused::Invalid("which addresses?".into()));
        }
        let index = self.find(&request.jail)?;
        if self.jails[index].settings.dry_run {
            return Err(Refused::Invalid(format!(
                "the jail `{jail}` is a dry run: it bans nobody; take `dry_run` from it and reload",
                jail = request.jail
            )));
        }
        let mut changed = Changed::default();
        let mut keys = HashSet::new();
        for address in &request.addresses {
            let bantime = request.bantime.map(Bantime::duration);
            match self.jails[index].jail.ban(*address, bantime, now) {
                Ok(ban) => {
                    keys.insert(ban.key.clone());
                    changed.changed += 1;
                    self.begin_ban(&ban, None, now);
                }
                Err(refusal) => {
                    self.jails[index]
                        .metrics
                        .withheld(refusal.reason().map_or(Withheld::Guard, Withheld::from));
                    changed.problems.push(refusal.to_string());
                }
            }
        }
        Ok((self.awaited(keys), changed))
    }

    fn unban(
        &mut self,
        request: &UnbanRequest,
        now: Moment,
    ) -> Result<(HashSet<BanKey>, Changed), Refused> {
        if request.all != request.addresses.is_empty() {
            return Err(Refused::Invalid("name addresses, or say --all, and not both".into()));
        }
        let jails: Vec<usize> = match &request.jail {
            Some(jail) => vec![self.find(jail)?],
            None => (0..self.jails.len()).collect(),
        };
        let mut lifted: Vec<Ban> = Vec::new();
        let mut changed = Changed::default();
        for &index in &jails {
            let addresses =
                if request.all { self.all_of(index, now) } else { request.addresses.clone() };
            for address in addresses {
                let jail = &mut self.jails[index].jail;
                while let Some(ban) = jail.unban(&address) {
                    changed.notes.extend(lifted_for(&address, &ban.key));
                    lifted.push(ban);
                }
            }
        }
        // Only now: one of the addresses may have been the network that holds another.
        for address in &request.addresses {
            for running in jails.iter().map(|&index| &self.jails[index]) {
                changed.problems.extend(wider(&running.jail, address));
            }
        }
        changed.changed = lifted.len() as u64;
        for ban in &lifted {
            self.forgive(&ban.key);
            self.end_ban(ban, Unbanned::Manual, now);
        }
        let keys = lifted.into_iter().map(|ban| ban.key).collect();
        Ok((self.awaited(keys), changed))
    }

    fn all_of(&self, index: usize, now: Moment) -> Vec<IpNet> {
        let bans = self.jails[index].jail.ledger().list(now.boot);
        bans.into_iter().map(|(ban, _)| ban.key.address).collect()
    }

    /// The changes that the firewall will confirm: none, where there is no firewall.
    fn awaited(&self, mut keys: HashSet<BanKey>) -> HashSet<BanKey> {
        keys.retain(|key| self.enforces() && !self.is_dry(&key.jail));
        keys
    }

    pub(super) fn find(&self, jail: &str) -> Result<usize, Refused> {
        self.index(&JailName::new(jail)).ok_or_else(|| Refused::NoSuchJail(jail.to_owned()))
    }

    fn why_pending(&self) -> String {
        match &self.condition {
            Condition::Ready => format!("{} is slow to answer", self.backend),
            condition => format!("{}: {}", self.backend, words(condition)),
        }
    }
}

/// That a wider ban was lifted for the address, if so.
fn lifted_for(address: &IpNet, key: &BanKey) -> Option<String> {
    let banned = &key.address;
    (*banned != address.trunc()).then(|| {
        let (address, network, jail) = (show(address), show(banned), &key.jail);
        format!("{address} was banned in {jail} as {network}: all of that is released")
    })
}

/// That a wider ban still covers the address, if so: the caller surely meant to let it in.
fn wider(jail: &Jail, address: &IpNet) -> Option<String> {
    let ban = jail.ledger().covering(*address)?;
    let (jail, network) = (jail.name(), show(&ban.key.address));
    Some(format!("{} is still banned in {jail}, as part of {network}: unban that", show(address)))
}
