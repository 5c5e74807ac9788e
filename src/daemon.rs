//! The one loop that owns the jails.
//!
//! Whatever happens arrives as an [`Event`]; [`Daemon::on_event`] decides, and never waits: what
//! takes time (the store, the firewall, reading the configuration) runs elsewhere and comes back
//! as another event. The clocks are read here and nowhere else ([`clock`]).

pub mod addresses;
mod bans;
mod breaking;
mod burden;
mod calls;
mod channels;
pub mod clock;
mod cutting;
mod event;
mod evidence;
mod explain;
mod frozen;
mod gateways;
mod guards;
mod judge;
mod keeping;
mod notify;
mod ration;
mod rebuilding;
mod recent;
mod recidive;
mod reload;
pub mod replay;
mod report;
mod restore;
mod running;
mod sessions;
mod settings;
mod standing;
pub mod start;
mod stop;
mod telling;
#[cfg(test)]
mod tests;
mod turn;
mod view;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use tokio::sync::{mpsc, watch};

use self::burden::Burden;
use self::calls::Waiting;
use self::cutting::Cutting;
use self::event::Event;
use self::evidence::Evidence;
use self::frozen::Frozen;
use self::keeping::Keeping;
use self::notify::Notify;
use self::ration::Ration;
use self::rebuilding::Rebuilding;
use self::running::{RunningJail, RunningSource};
use self::standing::Standings;
use self::telling::Telling;
use crate::config::Location;
use crate::config::checked::{Enforcement, OnStop};
use crate::enforcer;
use crate::enforcer::order::{Condition, Coverage, Order};
use crate::jail::ban::JailName;
use crate::jail::breaker::{Rate, Recent};
use crate::jail::guards::Guards;
use crate::moment::{Boot, Moment};
use crate::source::batch::{Message, Position, SourceName};
use crate::store::Store;
use crate::store::change::{Totals, Window};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::metrics::enforcement::BackendMetrics;
use crate::telemetry::metrics::reason::Forgotten;
use crate::telemetry::otlp::exporters::Exporters;
use crate::telemetry::overview::Overview;
use crate::telemetry::trace::ban::Kept;
use crate::telemetry::verdicts::RecentVerdicts;

/// The longest the loop sleeps: the runtime's timers stand still while the host is suspended, and
/// the boot clock does not. (The watchdog wakes it more often where there is one.)
const LONGEST_SLEEP: SignedDuration = SignedDuration::from_mins(1);
/// How often windows that can no longer count are dropped; nobody is woken for it.
const SWEEP_INTERVAL: SignedDuration = SignedDuration::from_secs(30);
/// A loop that wakes so long after it wanted to was held up: stopped, or the host suspended.
const HELD_UP: SignedDuration = SignedDuration::from_secs(5);
/// How often the pages learn the jails' numbers, while they change.
const OVERVIEW_INTERVAL: SignedDuration = SignedDuration::from_secs(1);

/// Everything the loop owns.
struct Daemon {
    location: Location,
    dry_run: bool,
    frozen: Frozen,
    /// By name, so that a finding finds its jail and lists are sorted.
    jails: Vec<RunningJail>,
    sources: BTreeMap<SourceName, RunningSource>,
    positions: BTreeMap<SourceName, Position>,
    /// Lifetime totals of jails that do not run now; a reload may bring them back.
    totals: BTreeMap<JailName, Totals>,
    /// Windows of jails that are gone, to be kept no longer.
    orphans: Vec<Window>,
    guards: Guards,
    /// New bans of all jails together; `None`: however many.
    new_bans: Option<Recent>,
    /// Seeds the jails' dice.
    random: fastrand::Rng,
    standings: Standings,
    recent: RecentVerdicts,
    evidence: Evidence,
    /// How many lines of bans are logged.
    ration: Ration,
    /// How many lines are logged of records that used up a regex's budget.
    overruns: Ration,
    burden: Burden,
    keeping: Keeping,
    cutting: Cutting,
    telling: Telling,
    waiting: Vec<Waiting>,
    condition: Condition,
    /// What a ban stops, once known.
    coverage: Option<Coverage>,
    backend: &'static str,
    stopping: bool,
    on_stop: OnStop,
    reloading: Vec<calls::Reply>,
    /// Bans that the firewall has lost since it was last found right.
    lost: u64,
    sweep_due: Boot,
    /// When it wanted to wake at the latest.
    wakes: Boot,
    overview_due: Option<Boot>,
    /// None in a dry run, which keeps nothing.
    store: Option<Store>,
    store_up: bool,
    rebuilding: Rebuilding,
    orders: mpsc::UnboundedSender<Order>,
    events: mpsc::Sender<Event>,
    /// What sources send to; gone once the daemon stops, so that the last source closes it.
    messages: Option<mpsc::Sender<Message>>,
    metrics: Arc<Metrics>,
    backend_metrics: BackendMetrics,
    overview: watch::Sender<Overview>,
    /// In which log lines show times.
    zone: TimeZone,
    notify: Notify,
}

/// What a daemon is made of.
struct Setting<'a> {
    location: Location,
    dry_run: bool,
    frozen: Frozen,
    on_stop: OnStop,
    enforcement: &'a Enforcement,
    guards: Guards,
    max_new_bans: Option<Rate>,
    seed: u64,
    store: Option<Store>,
    orders: mpsc::UnboundedSender<Order>,
    events: mpsc::Sender<Event>,
    messages: mpsc::Sender<Message>,
    metrics: Arc<Metrics>,
    exporters: Exporters,
    overview: watch::Sender<Overview>,
}

impl Daemon {
    /// A daemon without jails and sources yet.
    fn new(setting: Setting<'_>) -> Self {
        let backend = enforcer::backend(setting.enforcement);
        let operations = enforcer::operations(setting.enforcement);
        Self {
            location: setting.location,
            dry_run: setting.dry_run,
            frozen: setting.frozen,
            jails: Vec::new(),
            sources: BTreeMap::new(),
            positions: BTreeMap::new(),
            totals: BTreeMap::new(),
            orphans: Vec::new(),
            guards: setting.guards,
            new_bans: setting.max_new_bans.map(Recent::new),
            random: fastrand::Rng::with_seed(setting.seed),
            standings: Standings::default(),
            recent: RecentVerdicts::default(),
            evidence: Evidence::default(),
            ration: Ration::default(),
            overruns: Ration::of(judge::OVERRUNS),
            burden: Burden::default(),
            keeping: Keeping::default(),
            cutting: Cutting::new(setting.events.clone()),
            telling: Telling::new(setting.exporters, backend, setting.seed),
            waiting: Vec::new(),
            condition: Condition::Absent,
            coverage: None,
            backend,
            stopping: false,
            on_stop: setting.on_stop,
            reloading: Vec::new(),
            lost: 0,
            sweep_due: Boot::default(),
            wakes: Boot::default(),
            overview_due: None,
            store: setting.store,
            store_up: true,
            rebuilding: Rebuilding::default(),
            orders: setting.orders,
            events: setting.events,
            messages: Some(setting.messages),
            backend_metrics: setting.metrics.backend_appears(backend, operations),
            metrics: setting.metrics,
            overview: setting.overview,
            zone: TimeZone::system(),
            notify: Notify::from_environment(),
        }
    }

    /// One turn of the loop.
    fn on_event(&mut self, event: Event, now: Moment) {
        match event {
            Event::Source(message) => self.on_message(message, now),
            Event::Firewall(report) => self.on_report(report, now),
            Event::Stored(news) => self.on_store(news, now),
            Event::Call(call) => self.on_call(call, now),
            Event::Addresses(guards) => self.on_addresses(guards, now),
            Event::Sessions(sessions) => self.on_sessions(sessions, now),
            Event::Cut(news) => self.on_cut(news),
            Event::Reload => self.read_configuration(None),
            Event::Configuration(read) => self.on_configuration(read.map(|config| *config), now),
            Event::Deadline => {}
            Event::Stop => self.begin_stop(),
        }
        self.settle(now);
    }

    /// Does what is due, and hands on what the event left to hand on.
    fn settle(&mut self, now: Moment) {
        self.release_expired(now);
        if self.sweep_due <= now.boot {
            let _ = self.sweep(now);
        }
        if let Some((sequence, mut change)) = self.keeping.commit(now.boot, self.stopping) {
            change.windows = self.changed_windows();
            match &self.store {
                Some(store) => store.commit(sequence, change),
                None => drop(self.keeping.acknowledged(sequence, true)),
            }
        }
        let overdue = self.keeping.overdue(now.boot);
        self.telling.ordered(&overdue, Kept::Late, now);
        self.send(overdue);
        self.metrics.state.volatile(self.keeping.volatile());
        self.backend_metrics.pending(if self.enforces() {
            self.standings.pending_bans()
        } else {
            0
        });
        self.give_up_waiting(now);
        if self.overview_due.is_some_and(|due| due <= now.boot) {
            self.publish(now);
        }
        self.notify.alive(now.boot);
        self.wakes = now.boot.after(self.sleep(now.boot));
    }

    /// How long the loop may sleep.
    fn sleep(&self, now: Boot) -> SignedDuration {
        let ends = self.jails.iter().filter_map(|jail| jail.jail.ledger().next_end());
        let others = [
            self.keeping.due(),
            self.notify.due(),
            self.overview_due,
            self.waiting.iter().map(|waiting| waiting.until).min(),
        ];
        let next = ends.chain(others.into_iter().flatten()).min();
        let sleep = next.map_or(LONGEST_SLEEP, |next| next.since(now));
        sleep.clamp(SignedDuration::ZERO, LONGEST_SLEEP)
    }

    /// The windows that the lines before the positions in hand have changed.
    fn changed_windows(&mut self) -> Vec<Window> {
        let mut windows = std::mem::take(&mut self.orphans);
        for running in &mut self.jails {
            let jail = running.settings.name.clone();
            let changed = running.jail.take_changed_windows().into_iter();
            windows.extend(changed.map(|kept| Window { jail: jail.clone(), kept }));
        }
        windows
    }

    /// Drops what is over; of very many addresses, some. Returns whether that is all.
    fn sweep(&mut self, now: Moment) -> bool {
        // What is read late, and comes next, may count with failures that are old by now.
        let held_up = HELD_UP < now.boot.since(self.wakes);
        let late = held_up || self.sources.values().any(|running| running.late);
        let swept = self.jails.iter_mut().fold(true, |swept, running| {
            running.swept = running.swept || late || running.jail.sweep(now);
            swept && running.swept
        });
        if !swept {
            // The rest in the next turn: what has happened meanwhile goes first.
            self.sweep_due = now.boot;
            return false;
        }
        for running in &mut self.jails {
            running.swept = false;
            running.remind(now);
            running.track();
            let forgiven = running.jail.take_forgiven();
            self.metrics.forgotten(Forgotten::EarlierBans, forgiven);
        }
        self.metrics.forgotten(Forgotten::Records, self.evidence.take_forgotten());
        self.metrics.forgotten(Forgotten::Traces, self.telling.take_forgotten());
        self.telling.sweep(now);
        self.evidence.sweep(now.boot);
        self.sweep_due = now.boot.after(SWEEP_INTERVAL);
        true
    }

    /// The pages are to be told; soon, not at each of many changes.
    fn changed(&mut self, now: Moment) {
        self.overview_due.get_or_insert(now.boot.after(OVERVIEW_INTERVAL));
    }

    /// Sends orders to the enforcer, which outlives the loop.
    fn send(&self, orders: Vec<Order>) {
        for order in orders {
            if self.orders.send(order).is_err() {
                tracing::error!("the enforcer has ended; bans are not enforced any more");
                return;
            }
        }
    }
}
