//! An enforcer under test, and what it has reported.

use std::fmt::Write;
use std::time::Duration;

use gaoler::config::checked::{Enforcement, Nftables};
use gaoler::enforcer::order::{Block, Condition, Demand, Inherited, Order, Report};
use gaoler::enforcer::spawn;
use gaoler::jail::ban::{BanKey, JailName};
use gaoler::jail::scope::{PortRange, Protocol, Scope};
use gaoler::moment::{Boot, Moment};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc::{Receiver, UnboundedSender, channel, unbounded_channel};
use tokio::task::JoinHandle;

use super::rig::{DEADLINE, Net};

/// The enforcer's task, and both ends of its channels.
pub(crate) struct Enforcing {
    orders: UnboundedSender<Order>,
    reports: Receiver<Report>,
    task: JoinHandle<()>,
    heard: Vec<Report>,
}

/// Runs a test's body on a runtime whose threads live in the network.
#[track_caller]
pub(crate) fn run_in<T: Send + 'static, F: Future<Output = T>>(
    net: &Net,
    body: impl FnOnce() -> F + Send + 'static,
) -> T {
    // Threads that it starts, to block in, are born where it lives.
    net.within(|| {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build().unwrap().block_on(body())
    })
}

/// A ban on TCP to some ports, or on all there is, for so many seconds or for ever.
pub(crate) fn ban(jail: &str, address: &str, ports: &[u16], seconds: Option<i64>) -> Demand {
    let address = address
        .parse()
        .unwrap_or_else(|_| address.parse::<std::net::IpAddr>().expect("an address").into());
    let ports = ports.iter().map(|&port| PortRange::new(port, port).unwrap()).collect();
    let scope = Scope { ports, protocols: [Protocol::Tcp].into() };
    let until = seconds.map(|seconds| clock().boot.after(SignedDuration::from_secs(seconds)));
    let key = BanKey { jail: JailName::new(jail), address };
    Demand { key, block: Block { address, scope }, until }
}

/// A ban of sshd's for an hour.
pub(crate) fn ssh(address: &str) -> Demand {
    ban("sshd", address, &[22], Some(3600))
}

/// The nth of many hosts.
pub(crate) fn host(n: u32) -> String {
    std::net::Ipv4Addr::from(0x0a00_0000 + n).to_string()
}

impl Enforcing {
    /// Starts it over bans of an earlier run.
    pub(crate) fn start(restored: Vec<Demand>) -> Self {
        Self::begin(restored, false)
    }

    /// Starts it over bans of an earlier run, of which some may be unknown.
    pub(crate) fn sparing(restored: Vec<Demand>) -> Self {
        Self::begin(restored, true)
    }

    fn begin(restored: Vec<Demand>, spare: bool) -> Self {
        let (orders, taken) = unbounded_channel();
        let (given, reports) = channel(10_000);
        let enforcement = Enforcement::Nftables(Nftables { table: "gaoler".to_owned() });
        let inherited = Inherited { bans: restored, spare };
        let task = spawn(&enforcement, inherited, clock, taken, given);
        Self { orders, reports, task, heard: Vec::new() }
    }

    /// Starts it and waits until it is ready and has looked.
    pub(crate) async fn ready() -> Self {
        let mut enforcing = Self::start(Vec::new());
        enforcing.until_reconciled("start").await;
        enforcing
    }

    /// Orders something.
    pub(crate) fn order(&self, order: Order) {
        self.orders.send(order).unwrap();
    }

    /// Orders a ban.
    pub(crate) fn ban(&self, demand: &Demand) {
        self.order(Order::Enforce(demand.clone()));
    }

    /// Bans, and waits until it is in force.
    pub(crate) async fn ban_now(&mut self, demand: &Demand) {
        self.ban(demand);
        self.until_enforced(&demand.key).await;
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

    /// Waits until so many bans were reported to be in force.
    pub(crate) async fn until_all_enforced(&mut self, mut count: usize) {
        while count > 0 {
            self.until("enforced", |r| matches!(r, Report::Enforced { .. })).await;
            count -= 1;
        }
    }

    /// Waits until it says that nftables does not work; gives why.
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

    /// As [`until`](Self::until), unless it was heard since the last [`take_heard`](Self::take_heard).
    pub(crate) async fn until_heard(&mut self, what: &str, wanted: impl Fn(&Report) -> bool) {
        if !self.heard.iter().any(&wanted) {
            self.until(what, wanted).await;
        }
    }

    /// What was heard since the last time.
    pub(crate) fn take_heard(&mut self) -> Vec<Report> {
        std::mem::take(&mut self.heard)
    }

    /// Takes what is reported for a while, in which nothing is waited for.
    pub(crate) async fn listen(&mut self, span: Duration) -> Vec<Report> {
        let end = tokio::time::Instant::now() + span;
        while let Ok(Some(report)) = tokio::time::timeout_at(end, self.reports.recv()).await {
            self.heard.push(report);
        }
        self.take_heard()
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
        let last = self.heard.len().saturating_sub(40);
        self.heard[last..].iter().fold(String::new(), |mut story, report| {
            let _ = write!(story, "\n  {report:?}");
            story
        })
    }
}

/// How often a transaction was made.
pub(crate) fn transactions(heard: &[Report]) -> usize {
    let is_one = |r: &&Report| matches!(r, Report::Operation { operation: "transaction", .. });
    heard.iter().filter(is_one).count()
}

#[expect(clippy::disallowed_methods, reason = "the real clock, as the daemon passes it")]
pub(crate) fn clock() -> Moment {
    let boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let boot = SignedDuration::new(boot.tv_sec, i32::try_from(boot.tv_nsec).unwrap());
    Moment { wall: Timestamp::now(), boot: Boot(boot) }
}
