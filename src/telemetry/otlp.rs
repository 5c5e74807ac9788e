//! Telemetry sent to a collector: traces, events, metrics, over OTLP.
//!
//! [`exporters`] is where the daemon hands things to. A signal has a bounded [`queue`] and a task that
//! empties it; whoever hands something over never waits. A collector that is down, slow or wrong
//! costs what the queue holds, and a counter.
//!
//! [`settings`] is the file's word and the environment's; [`transport`] carries one request;
//! [`metrics`] says the registry in OTLP's words and is pure.
//!
//! The OpenTelemetry SDK is not used: its processors drop without counting, block a thread each, and
//! know neither spans that began before they were made nor exemplars. The messages are those of
//! `opentelemetry-proto`, which are generated from the specification.

mod encode;
pub mod exporters;
pub mod metrics;
pub mod queue;
pub mod resource;
pub mod sampler;
pub mod settings;
mod transport;
mod variables;

pub use transport::TargetError;

use self::settings::Settings;
use self::transport::Transport;

/// Why receivers cannot even be tried, if so. Reads certificates, and sends nothing.
///
/// # Panics
///
/// Panics outside a tokio runtime.
#[must_use]
pub fn try_out(settings: &Settings) -> Vec<TargetError> {
    settings.targets().filter_map(|(_, target)| Transport::new(target).err()).collect()
}
