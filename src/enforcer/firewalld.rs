//! The task that drives firewalld: it makes the calls that the [`Plan`] asks for, one at a time,
//! and listens the while.
//!
//! All decisions are the plan's. Here are the connection, the waiting and the clock.

mod bus;
pub mod call;
pub mod desired;
pub mod element;
pub mod fault;
pub mod permanent;
pub mod plan;
pub mod provided;
pub mod provision;
mod proxy;
pub mod reconcile;
pub mod rule;

use std::pin::Pin;
use std::time::Duration;

use futures_util::future::OptionFuture;
use jiff::SignedDuration;
use tokio::sync::mpsc::{Sender, UnboundedReceiver};
use tokio::task::JoinHandle;

use self::bus::{Bus, Calls, News};
use self::call::{Answer, Call};
use self::fault::Fault;
use self::plan::Plan;
use super::order::{Inherited, Order, Outcome, Report};
use crate::config::checked::Firewalld;
use crate::moment::{Boot, Clock};

/// How long a stop waits for what was ordered before it.
const DRAIN: SignedDuration = SignedDuration::from_secs(3);

/// How many orders are taken at once, before anything else happens.
const BURST: usize = 4096;

/// How long until the bus is tried again.
const RECONNECT: Duration = Duration::from_secs(1);

/// Starts the task. It ends at [`Order::Stop`], or when either channel is closed.
pub(super) fn spawn(
    settings: &Firewalld,
    inherited: Inherited,
    clock: Clock,
    orders: UnboundedReceiver<Order>,
    reports: Sender<Report>,
) -> JoinHandle<()> {
    let plan = Plan::new(settings, inherited.bans);
    let plan = if inherited.spare { plan.spare() } else { plan };
    let driver = Driver { plan, clock, orders, reports, stop_by: None };
    tokio::spawn(driver.run(settings.bus.clone()))
}

struct Driver {
    plan: Plan,
    clock: Clock,
    orders: UnboundedReceiver<Order>,
    reports: Sender<Report>,
    /// When to end, though not all is done.
    stop_by: Option<Boot>,
}

/// That the task is to end.
struct Ended;

/// A call under way.
struct UnderWay {
    call: Call,
    began: Boot,
    answer: Pin<Box<dyn Future<Output = Result<Answer, Fault>> + Send>>,
}

impl Driver {
    async fn run(mut self, address: Option<String>) {
        while let Ok(bus) = self.connect(address.as_deref()).await {
            if self.serve(bus).await.is_err() {
                return;
            }
        }
    }

    /// Connects, however long it takes; orders are taken meanwhile.
    async fn connect(&mut self, address: Option<&str>) -> Result<Bus, Ended> {
        loop {
            let attempt = self.take_orders_until(Bus::connect(address)).await?;
            match attempt {
                Ok(bus) => return Ok(bus),
                Err(error) => self.plan.bus_lost(&unreachable_bus(address, &error)),
            }
            self.report().await?;
            self.take_orders_until(tokio::time::sleep(RECONNECT)).await?;
        }
    }

    /// Awaits something while no call can be made.
    async fn take_orders_until<T>(&mut self, awaited: impl Future<Output = T>) -> Result<T, Ended> {
        tokio::pin!(awaited);
        loop {
            tokio::select! {
                output = &mut awaited => return Ok(output),
                order = self.orders.recv() => self.take(order),
            }
            self.report().await?;
            if self.stop_by.is_some() {
                return Err(Ended);
            }
        }
    }

    /// Works until the bus is lost.
    async fn serve(&mut self, bus: Bus) -> Result<(), Ended> {
        let Bus { calls, mut news, owned } = bus;
        self.hear(if owned { News::Owned } else { News::Ownerless });
        let mut under_way: Option<UnderWay> = None;
        loop {
            if under_way.is_none() {
                under_way = self.next_call(&calls);
            }
            self.report().await?;
            if self.is_done(under_way.is_some()) {
                return Err(Ended);
            }
            let wait = self.wait();
            tokio::select! {
                // In the order in which the bus brings them: what a call answers is true after what
                // was said before it.
                biased;
                heard = news.next() => {
                    let Some(heard) = heard else {
                        self.plan.bus_lost("the connection to the D-Bus system bus was lost");
                        return self.report().await;
                    };
                    let another = matches!(heard, News::Owned | News::Ownerless);
                    self.hear(heard);
                    // Whoever was asked is gone, and may have taken the question along: zbus would
                    // wait for the answer until its time is up.
                    if let Some(lost) = under_way.take_if(|_| another) {
                        self.finish(lost, Err(Fault::Absent));
                    }
                }
                order = self.orders.recv() => self.take_all(order),
                Some(result) = OptionFuture::from(under_way.as_mut().map(|it| &mut it.answer)) => {
                    if let Some(call) = under_way.take() {
                        self.finish(call, result);
                    }
                }
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    fn next_call(&mut self, calls: &Calls) -> Option<UnderWay> {
        let call = self.plan.next_call((self.clock)())?;
        let (calls, began) = (calls.clone(), self.now());
        let asked = call.clone();
        let answer = Box::pin(async move { calls.make(&asked).await });
        Some(UnderWay { call, began, answer })
    }

    fn finish(&mut self, under_way: UnderWay, result: Result<Answer, Fault>) {
        let UnderWay { call, began, answer: _ } = under_way;
        let now = (self.clock)();
        let (operation, outcome) = (call.operation(), outcome(&result));
        let took = now.boot.since(began);
        tracing::trace!(?call, ?result, ?took, "firewalld answered");
        let bans = self.plan.bans_of_call(&call);
        self.plan.note(Report::Operation { operation, outcome, took, ended: now, bans });
        self.plan.finished(call, result, now);
    }

    fn take(&mut self, order: Option<Order>) {
        match order {
            None | Some(Order::Stop) => {
                let by = self.now().after(DRAIN);
                self.stop_by.get_or_insert(by);
            }
            Some(order) => self.plan.order(order, (self.clock)()),
        }
    }

    /// Takes what is ordered, and what else waits: what comes in one go can be done in few calls.
    fn take_all(&mut self, order: Option<Order>) {
        self.take(order);
        for _ in 0..BURST {
            let Ok(order) = self.orders.try_recv() else { return };
            self.take(Some(order));
        }
    }

    fn hear(&mut self, news: News) {
        let now = (self.clock)();
        tracing::debug!(?news, "firewalld");
        match news {
            News::Owned => self.plan.owner_gained(now),
            News::Ownerless => self.plan.owner_lost(),
            News::Signal(signal) => self.plan.heard(&signal, now),
        }
    }

    async fn report(&mut self) -> Result<(), Ended> {
        for report in self.plan.take_reports() {
            self.reports.send(report).await.map_err(|_| Ended)?;
        }
        Ok(())
    }

    /// Whether to end: nothing is left that could be done now, or time is up.
    fn is_done(&self, busy: bool) -> bool {
        let Some(by) = self.stop_by else { return false };
        !busy || self.now() >= by
    }

    /// How long nothing needs doing unless something happens.
    fn wait(&self) -> Duration {
        let wakes = [self.plan.wake_at(), self.stop_by];
        let next = wakes.into_iter().flatten().min();
        let wait = next.map_or(SignedDuration::from_secs(60), |at| at.since(self.now()));
        Duration::try_from(wait).unwrap_or_default()
    }

    fn now(&self) -> Boot {
        (self.clock)().boot
    }
}

fn outcome(result: &Result<Answer, Fault>) -> Outcome {
    match result {
        Ok(_) | Err(Fault::AlreadySo) => Outcome::Ok,
        Err(Fault::Unknown(_) | Fault::Silent) => Outcome::Unknown,
        Err(_) => Outcome::Error,
    }
}

fn unreachable_bus(address: Option<&str>, error: &zbus::Error) -> String {
    let bus = address.unwrap_or("the system bus");
    format!("cannot reach D-Bus at {bus}: {error}; is dbus running?")
}
