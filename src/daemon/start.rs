//! From a configuration to a running daemon.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::frozen::Frozen;
use super::{Daemon, Setting, channels, clock, guards, notify, sessions};
use crate::config::Location;
use crate::config::checked::{Config, Enforcement};
use crate::control::access::{ADMIN_GROUP, Access};
use crate::control::server;
use crate::enforcer;
use crate::enforcer::order::Inherited;
use crate::moment::Moment;
use crate::store::heritage::Heritage;
use crate::store::{self, Store};
use crate::telemetry;
use crate::telemetry::asking::Asking;
use crate::telemetry::door::{Door, DoorError};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::otlp::exporters::Exporters;
use crate::telemetry::otlp::settings::Settings;
use crate::telemetry::overview::Overview;
use crate::telemetry::server::Site;

/// How a daemon is started.
#[derive(Debug)]
pub struct Options {
    /// Where the configuration is, for reloads.
    pub location: Location,
    /// Whether nothing is banned and nothing kept.
    pub dry_run: bool,
    /// The commit the binary was built from.
    pub revision: &'static str,
}

/// Why the daemon did not start. Once it runs, nothing ends it but a signal.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The control socket.
    #[error(transparent)]
    Socket(#[from] server::SocketError),
    /// The metrics' address.
    #[error(transparent)]
    Listen(#[from] telemetry::server::BindError),
    /// The web configuration.
    #[error(transparent)]
    Web(#[from] DoorError),
    /// The host's addresses and gateways: without them it might ban itself.
    #[error("cannot list the host's own addresses and gateways, which are never banned: {0}")]
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

/// Runs until a signal ends it.
///
/// # Errors
///
/// Fails only at the start, with the reason and the remedy.
pub async fn run(config: Config, options: Options) -> Result<(), StartError> {
    let now = clock::now();
    let (senders, channels) = channels::open().map_err(StartError::Signals)?;
    let (store, mut heritage) = open_store(&config, &options, senders.stored);
    let socket = server::bind(&config.socket).await?;
    let pages = config.listen.map(telemetry::server::bind).transpose()?;
    let door = Door::open(config.web.clone(), clock::now)?;
    if let Err(error) = door.certificate_holds() {
        tracing::error!("the pages are served with it, and no client will take them: {error}");
    }
    let access = Access::of_this_process().map_err(StartError::Groups)?;
    let enforcement = if options.dry_run { Enforcement::None } else { config.enforcement.clone() };
    let (version, revision) = (env!("CARGO_PKG_VERSION"), options.revision);
    let metrics = Arc::new(Metrics::new(version, revision, now, "/proc/self".into()));
    metrics.state.opened(store.is_some());
    let (orders, ordered) = mpsc::unbounded_channel();
    let (overview, shown) = watch::channel(Overview::default());

    let exporters = exporters(&config, &metrics);
    let mut guards = guards::look().map_err(StartError::Addresses)?;
    let heeded = config.jails.iter().any(|jail| jail.ignoresessions);
    guards.sessions = sessions::watch(senders.events.clone(), heeded).await;
    let mut daemon = Daemon::new(Setting {
        frozen: Frozen::of(&config),
        location: options.location,
        dry_run: options.dry_run,
        on_stop: config.on_stop,
        enforcement: &enforcement,
        guards,
        max_new_bans: config.max_new_bans,
        seed: fastrand::u64(..),
        store,
        orders,
        events: senders.events.clone(),
        messages: senders.messages,
        metrics: Arc::clone(&metrics),
        exporters,
        overview,
    });
    daemon.inherit(&heritage);
    let saved = std::mem::take(&mut heritage.saved);
    let restored =
        Inherited { bans: daemon.take_up(&config, saved, now), spare: daemon.rebuilding.spares() };
    let enforcer = enforcer::spawn(&enforcement, restored, clock::now, ordered, senders.reports);
    tokio::spawn(server::serve(socket, access, senders.calls.clone()));
    if let Some(pages) = pages {
        let asking = Asking::new(senders.calls);
        let (host, clock) = (host_name(), clock::now);
        let site = Site { metrics, overview: shown, asking, door, host, clock };
        let stop = std::future::pending();
        telemetry::server::serve(pages, site, stop).map_err(StartError::Serve)?;
    }
    guards::watch(senders.events);
    daemon.begin(&config, now);
    daemon.turn(channels, enforcer).await;
    Ok(())
}

impl Daemon {
    /// Follows the sources, and says so.
    fn begin(&mut self, config: &Config, now: Moment) {
        self.follow(&config.jails, now);
        self.tell_jails();
        self.cutting.announce(&config.jails);
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        self.publish(now);
        notify::ready(&self.summary());
        tracing::info!("gaoler {} follows {}", env!("CARGO_PKG_VERSION"), self.summary());
    }
}

/// Where telemetry is pushed to. What is wrong with that keeps no host unguarded.
fn exporters(config: &Config, metrics: &Arc<Metrics>) -> Exporters {
    let environment = |name: &str| std::env::var(name).ok();
    let (settings, warnings) = Settings::resolve(config.otlp.as_ref(), &environment);
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let Some(settings) = settings else { return Exporters::default() };
    Exporters::start(&settings, metrics, clock::now).unwrap_or_else(|error| {
        tracing::error!("nothing is pushed to a collector: {error}");
        Exporters::default()
    })
}

/// What the host calls itself.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "this host".to_owned(),
        name => name.to_owned(),
    }
}

/// The store and what an earlier run left in it; a dry run has none.
fn open_store(
    config: &Config,
    options: &Options,
    news: mpsc::UnboundedSender<store::News>,
) -> (Option<Store>, Heritage) {
    if options.dry_run {
        return (None, Heritage::default());
    }
    let (store, heritage) = Store::open(&config.state, config.history, clock::now, news);
    (Some(store), heritage)
}
