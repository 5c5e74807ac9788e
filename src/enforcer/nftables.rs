//! Bans by a table of our own in the kernel, over netlink; independent of firewalld.
//!
//! `table inet gaoler` has one chain at the prerouting hook, before connection tracking and the
//! translation of addresses: open connections and published ports are refused as well. Each jail
//! has hash sets of hosts and interval sets of networks, whose elements the kernel lets end by
//! itself, should nobody be there to release them. Nothing but this table is ever touched.
//!
//! [`plan`] decides and is pure, as are its parts: [`group`] is what belongs to a jail, [`desired`]
//! what should be, [`span`] how networks become intervals, [`ruleset`] what the table is made of,
//! [`statement`] the steps between. [`message`] and [`reply`] are the kernel's words for them,
//! [`socket`] says them; here are the waiting and the clock.
//!
//! That somebody else changed the rules shows in the generation of the rule set, one number, asked
//! for a few times a second. Multicast notifications would come with every element of every bulk
//! change, our own included, and get lost when there are many.

mod counters;
pub mod desired;
mod element;
mod expression;
pub mod group;
mod message;
mod object;
pub mod plan;
pub mod reply;
pub mod ruleset;
mod socket;
pub mod span;
pub mod statement;
#[cfg(test)]
mod testing;
pub mod trouble;

use std::pin::Pin;
use std::time::Duration;

use futures_util::future::OptionFuture;
use jiff::SignedDuration;
use tokio::sync::mpsc::{Sender, UnboundedReceiver};
use tokio::task::JoinHandle;

use self::plan::{Answer, Generations, Plan, Work};
use self::socket::Connection;
use self::trouble::Trouble;
use super::IPV6_PREFIX;
use super::order::{Inherited, Order, Outcome, Report};
use crate::config::checked::Nftables;
use crate::moment::{Boot, Clock};

/// Every word that a [`Report::Operation`] can have.
pub(super) const OPERATIONS: [&str; 4] =
    ["list_counters", "list_elements", "list_ruleset", "transaction"];

/// How long a stop waits for what was ordered before it.
const DRAIN: SignedDuration = SignedDuration::from_secs(3);

/// How often the generation is asked for.
const WATCH: Duration = Duration::from_millis(200);

/// How many orders are taken at once.
const ORDERS: usize = 16_384;

/// Starts the task. It ends at [`Order::Stop`], or when either channel is closed.
pub(super) fn spawn(
    settings: &Nftables,
    inherited: Inherited,
    clock: Clock,
    orders: UnboundedReceiver<Order>,
    reports: Sender<Report>,
) -> JoinHandle<()> {
    let plan = Plan::new(IPV6_PREFIX, inherited.bans, clock().boot);
    let plan = if inherited.spare { plan.spare() } else { plan };
    let table = settings.table.clone();
    let driver = Driver { plan, clock, orders, reports, stop_by: None };
    tokio::spawn(driver.run(Kernel { table, connection: None }))
}

/// Deletes our table, if it is there; blocks while the kernel does it.
///
/// # Errors
///
/// Fails if we may not, or the kernel refuses.
pub fn delete_table(table: &str) -> Result<(), Trouble> {
    // To delete what is not there is an error, and to add what is there is none.
    let statements = [statement::Statement::AddTable, statement::Statement::DeleteTable];
    Connection::open(table)?.commit(&statements)
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

/// Where work is done; opened when it is first needed, and again after trouble.
struct Kernel {
    table: String,
    connection: Option<Connection>,
}

/// What came of a piece of work.
struct Done {
    work: Work,
    began: Boot,
    generations: Option<Generations>,
    result: Result<Answer, Trouble>,
}

/// Work under way. It gives the kernel back.
type UnderWay = Pin<Box<dyn Future<Output = Option<(Kernel, Done)>> + Send>>;

impl Driver {
    async fn run(mut self, kernel: Kernel) {
        let _ = self.serve(kernel).await;
    }

    async fn serve(&mut self, kernel: Kernel) -> Result<(), Ended> {
        let mut idle = Some(kernel);
        let mut under_way: Option<UnderWay> = None;
        let mut orders = Vec::new();
        loop {
            if let Some(kernel) = idle.take() {
                match self.plan.next_work((self.clock)()) {
                    Some(work) => under_way = Some(self.begin(kernel, work)),
                    None => idle = Some(kernel),
                }
            }
            self.report().await?;
            if self.is_done(under_way.is_some()) {
                return Err(Ended);
            }
            let wait = self.wait();
            tokio::select! {
                count = self.orders.recv_many(&mut orders, ORDERS) => self.take(count, &mut orders),
                Some(done) = OptionFuture::from(under_way.as_mut()) => {
                    under_way = None;
                    let (kernel, done) = done.ok_or(Ended)?;
                    self.finish(done);
                    idle = Some(kernel);
                }
                () = tokio::time::sleep(wait) => self.watch(idle.as_mut()),
            }
        }
    }

    /// Begins a piece of work on a thread that may block: the kernel works in the caller's.
    fn begin(&self, mut kernel: Kernel, work: Work) -> UnderWay {
        let began = self.now();
        Box::pin(async move {
            let task = tokio::task::spawn_blocking(move || {
                let (generations, result) = kernel.carry_out(&work);
                (kernel, Done { work, began, generations, result })
            });
            task.await.ok()
        })
    }

    fn finish(&mut self, done: Done) {
        let now = (self.clock)();
        let Done { work, began, generations, result } = done;
        let took = now.boot.since(began);
        let operation = operation(&work);
        if let Err(trouble) = &result {
            tracing::debug!(operation, %trouble, "nftables");
        }
        let (outcome, bans) = (outcome(&result), self.plan.bans_under_way());
        self.plan.note(Report::Operation { operation, outcome, took, ended: now, bans });
        self.plan.finished(&work, generations, result, now);
    }

    fn take(&mut self, count: usize, orders: &mut Vec<Order>) {
        let now = (self.clock)();
        let mut stops = count == 0;
        for order in orders.drain(..) {
            stops |= matches!(order, Order::Stop);
            self.plan.order(order, now);
        }
        if stops {
            self.stop_by.get_or_insert(now.boot.after(DRAIN));
        }
    }

    /// Asks whether somebody changed something; the answer takes microseconds.
    fn watch(&mut self, kernel: Option<&mut Kernel>) {
        if let Some(connection) = kernel.and_then(|kernel| kernel.connection.as_mut())
            && let Ok(generation) = connection.generation()
        {
            let now = self.now();
            self.plan.generation_is(generation, now);
        }
    }

    async fn report(&mut self) -> Result<(), Ended> {
        for report in self.plan.take_reports() {
            self.reports.send(report).await.map_err(|_| Ended)?;
        }
        Ok(())
    }

    /// Whether to end: all is done, or time is up.
    fn is_done(&self, busy: bool) -> bool {
        let Some(by) = self.stop_by else { return false };
        !busy && (self.plan.is_done() || !self.plan.is_ready()) || self.now() >= by
    }

    /// How long nothing needs doing unless something happens.
    fn wait(&self) -> Duration {
        let watch = if self.plan.is_ready() { WATCH } else { Duration::from_mins(1) };
        let wakes = [self.plan.wake_at(), self.stop_by];
        let next = wakes.into_iter().flatten().min().map(|at| at.since(self.now()));
        let next = next.map(|wait| Duration::try_from(wait).unwrap_or_default());
        // Not at once, though something is due: it waits for what is under way.
        next.map_or(watch, |next| next.clamp(Duration::from_millis(1), watch))
    }

    fn now(&self) -> Boot {
        (self.clock)().boot
    }
}

impl Kernel {
    /// Does the work, between two questions for the generation.
    fn carry_out(&mut self, work: &Work) -> (Option<Generations>, Result<Answer, Trouble>) {
        let mut generations = None;
        let result = self.attempt(work, &mut generations);
        if result.is_err() {
            // Whatever is left of an answer goes with the socket.
            self.connection = None;
        }
        (generations, result)
    }

    fn attempt(
        &mut self,
        work: &Work,
        generations: &mut Option<Generations>,
    ) -> Result<Answer, Trouble> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            closed => closed.insert(Connection::open(&self.table)?),
        };
        let before = connection.generation()?;
        let answer = match work {
            Work::Commit(statements) => connection.commit(statements).map(|()| Answer::Committed),
            Work::Ruleset => connection.ruleset().map(Answer::Ruleset),
            Work::Elements(set, kind) => connection.elements(set, *kind).map(Answer::Elements),
            Work::Counters => connection.counters().map(Answer::Counters),
        }?;
        *generations = connection.generation().ok().map(|after| Generations { before, after });
        Ok(answer)
    }
}

fn operation(work: &Work) -> &'static str {
    match work {
        Work::Commit(_) => "transaction",
        Work::Ruleset => "list_ruleset",
        Work::Elements(..) => "list_elements",
        Work::Counters => "list_counters",
    }
}

fn outcome(result: &Result<Answer, Trouble>) -> Outcome {
    match result {
        Ok(_) => Outcome::Ok,
        Err(Trouble::Unknown(_)) => Outcome::Unknown,
        Err(_) => Outcome::Error,
    }
}
