//! An enforcer under test, and what it has reported.

use std::collections::BTreeSet;
use std::fmt::Write;

use gaoler::config::checked::{Action, Enforcement, Firewalld, Mode};
use gaoler::enforcer::order::{Block, Condition, Demand, Inherited, Order, Report};
use gaoler::enforcer::spawn;
use gaoler::jail::ban::{BanKey, JailName};
use gaoler::jail::scope::{PortRange, Protocol, Scope};
use gaoler::moment::{Boot, Moment};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc::{Receiver, UnboundedSender, channel, unbounded_channel};
use tokio::task::JoinHandle;

use super::rig::{DEADLINE, Rig};

/// The enforcer's task, and both ends of its channels.
pub(crate) struct Enforcing {
    orders: UnboundedSender<Order>,
    reports: Receiver<Report>,
    task: JoinHandle<()>,
    pub(crate) heard: Vec<Report>,
}

/// Which ban, and what it blocks.
pub(crate) type Ban = (BanKey, Block);

/// Settings that tests vary.
pub(crate) fn settings(rig: &Rig) -> Firewalld {
    Firewalld {
        mode: Mode::RichRule,
        zones: None,
        action: Action::Reject,
        bus: Some(rig.address()),
    }
}

/// Which ban, and what it blocks.
pub(crate) fn ban(
    jail: &str,
    address: &str,
    ports: &[(u16, u16)],
    protocols: &[Protocol],
) -> (BanKey, Block) {
    let address = address
        .parse()
        .unwrap_or_else(|_| address.parse::<std::net::IpAddr>().expect("an address").into());
    let ports = ports.iter().map(|&(a, b)| PortRange::new(a, b).unwrap()).collect();
    let scope = Scope { ports, protocols: protocols.iter().copied().collect::<BTreeSet<_>>() };
    (BanKey { jail: JailName::new(jail), address }, Block { address, scope })
}

/// The ban, with no end of its own.
pub(crate) fn demand(key: BanKey, block: Block) -> Demand {
    Demand { key, block, until: None }
}

/// A ban of sshd's: port 22, TCP.
pub(crate) fn ssh(address: &str) -> (BanKey, Block) {
    ban("sshd", address, &[(22, 22)], &[Protocol::Tcp])
}

/// The rule text of a ban of [`ssh`] on an IPv4 address.
pub(crate) fn ssh_rule(address: &str) -> String {
    format!(
        r#"rule priority="-31007" family="ipv4" source address="{address}" port port="22" protocol="tcp" reject type="icmp-port-unreachable""#
    )
}

impl Enforcing {
    /// Starts it over bans of an earlier run.
    pub(crate) fn start(settings: Firewalld, restored: Vec<(BanKey, Block)>) -> Self {
        Self::begin(settings, restored, false)
    }

    /// Starts it over bans of an earlier run, of which some may be unknown.
    pub(crate) fn sparing(settings: Firewalld, restored: Vec<(BanKey, Block)>) -> Self {
        Self::begin(settings, restored, true)
    }

    fn begin(settings: Firewalld, restored: Vec<(BanKey, Block)>, spare: bool) -> Self {
        let (orders, taken) = unbounded_channel();
        let (given, reports) = channel(10_000);
        let enforcement = Enforcement::Firewalld(settings);
        let restored = restored.into_iter().map(|(key, block)| demand(key, block)).collect();
        let inherited = Inherited { bans: restored, spare };
        let task = spawn(&enforcement, inherited, clock, taken, given);
        Self { orders, reports, task, heard: Vec::new() }
    }

    /// Starts it and waits until it is ready and has looked.
    pub(crate) async fn ready(rig: &Rig) -> Self {
        let mut enforcing = Self::start(settings(rig), Vec::new());
        enforcing.until("reconciled", |r| matches!(r, Report::Reconciled { .. })).await;
        enforcing
    }

    /// Orders something.
    pub(crate) fn order(&self, order: Order) {
        self.orders.send(order).unwrap();
    }

    /// Orders a ban.
    pub(crate) fn ban(&self, (key, block): &(BanKey, Block)) {
        self.order(Order::Enforce(demand(key.clone(), block.clone())));
    }

    /// Bans, and waits until it is in force.
    pub(crate) async fn ban_now(&mut self, ban: &(BanKey, Block)) {
        self.ban(ban);
        self.until_enforced(&ban.0).await;
    }

    /// Releases, and waits until it is done.
    pub(crate) async fn release_now(&mut self, wanted: &BanKey) {
        self.order(Order::Release(wanted.clone()));
        self.until("released", |r| matches!(r, Report::Released { key } if key == wanted)).await;
    }

    pub(crate) async fn until_enforced(&mut self, wanted: &BanKey) {
        self.until("enforced", |r| matches!(r, Report::Enforced { key, .. } if key == wanted))
            .await;
    }

    /// Waits until each of these has been said to be in force.
    pub(crate) async fn until_all_enforced(&mut self, bans: &[Ban]) {
        let mut waiting: BTreeSet<BanKey> = bans.iter().map(|ban| ban.0.clone()).collect();
        while !waiting.is_empty() {
            let enforced = |r: &Report| matches!(r, Report::Enforced { .. });
            if let Report::Enforced { key, .. } = self.until("enforced", enforced).await {
                waiting.remove(&key);
            }
        }
    }

    pub(crate) async fn until_lost(&mut self, wanted: &BanKey) {
        self.until("lost", |r| matches!(r, Report::Lost { key } if key == wanted)).await;
    }

    pub(crate) async fn until_condition(&mut self, wanted: &Condition) {
        self.until("condition", |r| matches!(r, Report::Condition(c) if c == wanted)).await;
    }

    /// Waits until it says that firewalld does not work; gives why.
    pub(crate) async fn until_broken(&mut self) -> String {
        let broken = |r: &Report| matches!(r, Report::Condition(Condition::Broken(_)));
        match self.until("broken", broken).await {
            Report::Condition(Condition::Broken(why)) => why,
            _ => unreachable!("it was one"),
        }
    }

    /// Waits for a comparison that ended well; gives what was missing and unexpected.
    pub(crate) async fn until_reconciled(&mut self, wanted: &str) -> (u64, u64) {
        let is_wanted =
            |r: &Report| matches!(r, Report::Reconciled { trigger, .. } if *trigger == wanted);
        match self.until(wanted, is_wanted).await {
            Report::Reconciled { missing, unexpected, .. } => (missing, unexpected),
            _ => unreachable!("it was one"),
        }
    }

    /// Waits for a report; those before it are taken and remembered.
    pub(crate) async fn until(&mut self, what: &str, wanted: impl Fn(&Report) -> bool) -> Report {
        let end = tokio::time::Instant::now() + DEADLINE + DEADLINE;
        loop {
            match tokio::time::timeout_at(end, self.reports.recv()).await {
                Ok(Some(report)) => {
                    self.heard.push(report.clone());
                    if wanted(&report) {
                        return report;
                    }
                }
                Ok(None) => panic!("the enforcer ended before: {what}{}", self.story()),
                Err(elapsed) => panic!("in vain: {what}: {elapsed}{}", self.story()),
            }
        }
    }

    /// What was heard since the last time.
    pub(crate) fn take_heard(&mut self) -> Vec<Report> {
        std::mem::take(&mut self.heard)
    }

    /// Stops it, and waits for its end.
    pub(crate) async fn stop(mut self) -> Vec<Report> {
        self.order(Order::Stop);
        while let Some(report) = self.reports.recv().await {
            self.heard.push(report);
        }
        self.task.await.unwrap();
        self.heard
    }

    fn story(&self) -> String {
        self.heard.iter().fold(String::new(), |mut story, report| {
            let _ = write!(story, "\n  {report:?}");
            story
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "the real clock, as the daemon passes it")]
fn clock() -> Moment {
    let boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let boot = SignedDuration::new(boot.tv_sec, i32::try_from(boot.tv_nsec).unwrap());
    Moment { wall: Timestamp::now(), boot: Boot(boot) }
}
