//! From a configuration to a running daemon, and the loop itself.

use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::addresses;
use super::clock;
use super::event::Event;
use super::frozen::Frozen;
use super::notify;
use super::{Daemon, Setting};
use crate::config::checked::{Config, Enforcement};
use crate::control::access::{ADMIN_GROUP, Access};
use crate::control::{Call, server};
use crate::enforcer;
use crate::enforcer::order::{Block, Order, Report};
use crate::jail::ban::BanKey;
use crate::moment::Moment;
use crate::source::batch::Message;
use crate::store::change::{Ended, Saved, Window};
use crate::store::{Ack, Store, StoreError};
use crate::telemetry;
use crate::telemetry::lines;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::overview::Overview;

/// Batches that may wait for the loop; then the sources wait.
const BATCHES: usize = 16;
/// Reports, calls and other events that may wait.
const EVENTS: usize = 256;
/// How often the host's own addresses are looked up again.
const ADDRESSES_INTERVAL: Duration = Duration::from_mins(1);
/// How long the end may take before what is left is left.
const DRAIN: Duration = Duration::from_secs(8);

/// How a daemon is started.
#[derive(Debug)]
pub struct Options {
    /// The configuration's file, for reloads.
    pub config_path: PathBuf,
    /// Whether nothing is banned and nothing kept.
    pub dry_run: bool,
    /// The commit the binary was built from.
    pub revision: &'static str,
}

/// Why the daemon did not start. Once it runs, nothing ends it but a signal.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The state database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The control socket.
    #[error(transparent)]
    Socket(#[from] server::SocketError),
    /// The metrics' address.
    #[error(transparent)]
    Listen(#[from] telemetry::server::BindError),
    /// The host's addresses: `ignoreself` cannot be kept without them.
    #[error("cannot list the host's own addresses, which ignoreself needs: {0}")]
    Addresses(std::io::Error),
    /// The pages.
    #[error("cannot serve the metrics: {0}")]
    Serve(std::io::Error),
    /// The groups, which say who may use the control socket.
    #[error("cannot look up the group {ADMIN_GROUP}: {0}")]
    Groups(std::io::Error),
    /// The signals.
    #[error("cannot hear signals: {0}")]
    Signals(std::io::Error),
}

/// What the loop listens to.
struct Channels {
    messages: mpsc::Receiver<Message>,
    reports: mpsc::Receiver<Report>,
    acks: mpsc::UnboundedReceiver<Ack>,
    calls: mpsc::Receiver<Call>,
    events: mpsc::Receiver<Event>,
    signals: Signals,
}

/// The signals it obeys.
struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

/// The other ends of what the loop listens to.
struct Senders {
    messages: mpsc::Sender<Message>,
    reports: mpsc::Sender<Report>,
    acks: mpsc::UnboundedSender<Ack>,
    calls: mpsc::Sender<Call>,
    events: mpsc::Sender<Event>,
}

/// Runs until a signal ends it.
///
/// # Errors
///
/// Fails only at the start, with the reason and the remedy.
pub async fn run(config: Config, options: Options) -> Result<(), StartError> {
    let now = clock::now();
    let (senders, channels) = channels()?;
    let (store, saved) = open_store(&config, &options, senders.acks)?;
    let socket = server::bind(&config.socket).await?;
    let pages = config.listen.map(telemetry::server::bind).transpose()?;
    let access = Access::of_this_process().map_err(StartError::Groups)?;
    let enforcement = if options.dry_run { Enforcement::None } else { config.enforcement.clone() };
    let (version, revision) = (env!("CARGO_PKG_VERSION"), options.revision);
    let metrics = Arc::new(Metrics::new(version, revision, now, "/proc/self".into()));
    metrics.state.opened(store.is_some());
    let (orders, ordered) = mpsc::unbounded_channel();
    let (overview, shown) = watch::channel(Overview::default());

    let mut daemon = Daemon::new(Setting {
        frozen: Frozen::of(&config),
        config_path: options.config_path,
        dry_run: options.dry_run,
        enforcement: &enforcement,
        own_addresses: addresses::own().map_err(StartError::Addresses)?,
        store,
        orders,
        events: senders.events.clone(),
        messages: senders.messages,
        metrics: Arc::clone(&metrics),
        overview,
    });
    let restored = daemon.take_up(&config, saved, now);
    let enforcer = enforcer::spawn(&enforcement, restored, clock::now, ordered, senders.reports);
    tokio::spawn(server::serve(socket, access, senders.calls));
    if let Some(pages) = pages {
        telemetry::server::serve(pages, metrics, shown, std::future::pending())
            .map_err(StartError::Serve)?;
    }
    watch_addresses(senders.events);
    daemon.begin(&config, now);
    daemon.turn(channels, enforcer).await;
    Ok(())
}

fn channels() -> Result<(Senders, Channels), StartError> {
    let (messages_in, messages) = mpsc::channel(BATCHES);
    let (reports_in, reports) = mpsc::channel(EVENTS);
    let (acks_in, acks) = mpsc::unbounded_channel();
    let (calls_in, calls) = mpsc::channel(EVENTS);
    let (events_in, events) = mpsc::channel(EVENTS);
    let signals = Signals::hear()?;
    Ok((
        Senders {
            messages: messages_in,
            reports: reports_in,
            acks: acks_in,
            calls: calls_in,
            events: events_in,
        },
        Channels { messages, reports, acks, calls, events, signals },
    ))
}

impl Signals {
    fn hear() -> Result<Self, StartError> {
        let hear = |kind| signal(kind).map_err(StartError::Signals);
        Ok(Self {
            hangup: hear(SignalKind::hangup())?,
            terminate: hear(SignalKind::terminate())?,
            interrupt: hear(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Event {
        tokio::select! {
            _ = self.hangup.recv() => Event::Reload,
            _ = self.terminate.recv() => Event::Stop,
            _ = self.interrupt.recv() => Event::Stop,
        }
    }
}

impl Daemon {
    /// Makes the jails, and puts into them what an earlier run left. Returns the bans that
    /// should still be in force, for the enforcer.
    pub(super) fn take_up(
        &mut self,
        config: &Config,
        saved: Saved,
        now: Moment,
    ) -> Vec<(BanKey, Block)> {
        self.positions = saved.positions.into_iter().collect();
        self.totals = saved.totals.into_iter().collect();
        for settings in &config.jails {
            self.add_jail(settings.clone());
        }
        self.take_up_windows(saved.windows);
        let mut desired = Vec::new();
        for ban in saved.bans {
            let key = ban.key.clone();
            let Some(index) = self.index(&key.jail) else {
                self.forget(key, "jail_removed", now);
                continue;
            };
            let running = &mut self.jails[index];
            if !running.jail.restore(ban, now) {
                let ignored = running.jail.ignores(&key.address).is_some();
                self.forget(key, if ignored { "allowlist" } else { "expired" }, now);
                continue;
            }
            running.metrics.restored();
            lines::restored(&key.jail, &key.address);
            desired.push((key.clone(), running.block(&key)));
            self.standings.want(key.clone(), None);
            self.show_bans(&key);
        }
        desired
    }

    /// Takes up the failures counted so far.
    fn take_up_windows(&mut self, windows: Vec<Window>) {
        for Window { jail, address, times } in windows {
            match self.index(&jail) {
                Some(index) => self.jails[index].jail.restore_window(address, &times),
                None => self.orphans.push(Window { jail, address, times: Vec::new() }),
            }
        }
    }

    /// Ends a ban that ran out, or was forbidden, while nobody watched. Its rules go when the
    /// enforcer compares what is with what should be.
    fn forget(&mut self, key: BanKey, reason: &'static str, now: Moment) {
        lines::unbanned(&key.jail, &key.address);
        self.keeping.ended(Ended { key, at: now.wall, reason }, None);
    }

    /// Follows the sources, and says so.
    fn begin(&mut self, config: &Config, now: Moment) {
        self.follow(&config.jails, now);
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        self.publish(now);
        notify::ready(&self.summary());
        tracing::info!("gaoler {} follows {}", env!("CARGO_PKG_VERSION"), self.summary());
    }

    /// Turns until a signal has ended it and what was left has been done.
    async fn turn(mut self, mut channels: Channels, enforcer: JoinHandle<()>) {
        let mut drain = pin!(None::<tokio::time::Sleep>);
        let mut drained = false;
        self.settle(clock::now());
        while !(drained && self.is_drained()) {
            let sleep = self.sleep(clock::now().boot);
            let event = tokio::select! {
                message = channels.messages.recv(), if !drained => if let Some(message) = message { Event::Source(message) } else { drained = true; Event::Deadline },
                Some(report) = channels.reports.recv() => Event::Firewall(report),
                Some(ack) = channels.acks.recv() => Event::Stored(ack),
                Some(call) = channels.calls.recv() => Event::Call(call),
                Some(event) = channels.events.recv() => event,
                event = channels.signals.next() => event,
                () = tokio::time::sleep(sleep) => Event::Deadline,
                () = wait(drain.as_mut().as_pin_mut()) => break,
            };
            let stop = matches!(event, Event::Stop) && !self.stopping;
            self.on_event(event, clock::now());
            if stop {
                drain.set(Some(tokio::time::sleep(DRAIN)));
            }
        }
        self.end(channels, enforcer).await;
    }

    /// Lets the enforcer finish, closes the store, and leaves no socket behind.
    async fn end(mut self, mut channels: Channels, enforcer: JoinHandle<()>) {
        let _ = self.orders.send(Order::Stop);
        let finish = tokio::time::timeout(DRAIN, async {
            while let Some(report) = channels.reports.recv().await {
                self.on_event(Event::Firewall(report), clock::now());
            }
            enforcer.await
        });
        if finish.await.is_err() {
            tracing::warn!(
                "the firewall took too long; what it was not told, a start will tell it"
            );
        }
        let socket = self.frozen.socket().to_owned();
        if let Some(store) = self.store {
            match tokio::task::spawn_blocking(move || store.close()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!("{error}; what it did not keep is lost"),
                Err(error) => tracing::error!("the store's thread ended: {error}"),
            }
        }
        if let Err(error) = std::fs::remove_file(&socket) {
            tracing::debug!(%error, "{}: cannot remove the control socket", socket.display());
        }
        tracing::info!("stopped");
    }
}

async fn wait(sleep: Option<impl Future<Output = ()>>) {
    match sleep {
        Some(sleep) => sleep.await,
        None => std::future::pending().await,
    }
}

/// The store and what an earlier run left in it; a dry run has none.
fn open_store(
    config: &Config,
    options: &Options,
    acks: mpsc::UnboundedSender<Ack>,
) -> Result<(Option<Store>, Saved), StoreError> {
    if options.dry_run {
        return Ok((None, Saved::default()));
    }
    let (store, saved) = Store::open(&config.state, clock::now, acks)?;
    Ok((Some(store), saved))
}

/// Looks the host's addresses up again and again; an address may come with a link.
fn watch_addresses(events: mpsc::Sender<Event>) {
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(ADDRESSES_INTERVAL).await;
            match tokio::task::spawn_blocking(addresses::own).await {
                Ok(Ok(own)) => {
                    if events.send(Event::OwnAddresses(own)).await.is_err() {
                        return;
                    }
                }
                Ok(Err(error)) => tracing::warn!(%error, "cannot list the host's own addresses"),
                Err(error) => tracing::error!(%error, "looking up the host's own addresses ended"),
            }
        }
    });
}
