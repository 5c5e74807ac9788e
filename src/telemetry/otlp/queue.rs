//! What waits to be sent: bounded, in batches, tried again where that may help, dropped and counted
//! where it does not.

use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;

use super::settings::{Settings, Signal, Target};
use super::transport::{Failure, Request, TargetError, Transport};
use crate::telemetry::metrics::otlp::SignalMetrics;

/// How long to wait after the first failure; doubled after each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// How long at most between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How often a batch is tried. Then it is dropped, so that newer things get their turn.
const TRIES: u32 = 6;

/// Makes a request of items; the resource and the scope are already in it.
pub(super) type Wrap<T> = Box<dyn Fn(Vec<T>) -> Request + Send + Sync>;

/// The end that things are handed to.
#[derive(Clone, Debug)]
pub struct Queue<T> {
    items: Sender<T>,
    metrics: SignalMetrics,
}

/// A queue's task.
#[derive(Debug)]
pub(super) struct Exporting(JoinHandle<()>);

/// The other end.
struct Exporter<T> {
    signal: Signal,
    transport: Transport,
    wrap: Wrap<T>,
    items: Receiver<T>,
    batch: usize,
    delay: Duration,
    metrics: SignalMetrics,
    /// Whether the last request was taken, as last logged.
    well: bool,
}

impl<T: Send + 'static> Queue<T> {
    /// Starts the task that empties it, on the current runtime.
    pub(super) fn start(
        signal: Signal,
        target: &Target,
        settings: &Settings,
        wrap: Wrap<T>,
        metrics: SignalMetrics,
    ) -> Result<(Self, Exporting), TargetError> {
        let transport = Transport::new(target)?;
        let (sender, items) = channel(settings.queue);
        let (batch, delay) = (settings.batch.min(settings.queue), settings.delay);
        let queue = Self { items: sender, metrics: metrics.clone() };
        let exporter =
            Exporter { signal, transport, wrap, items, batch, delay, metrics, well: true };
        Ok((queue, Exporting(tokio::spawn(exporter.run()))))
    }

    /// Hands something over, made only if there is room. If there is none it is dropped and counted.
    pub fn push(&self, item: impl FnOnce() -> T) {
        match self.items.try_reserve() {
            Ok(room) => room.send(item()),
            Err(TrySendError::Full(()) | TrySendError::Closed(())) => self.metrics.dropped(1),
        }
    }

    /// Hands over what belongs together: all of it or, if there is not room for all, nothing.
    pub fn push_all(&self, items: Vec<T>) {
        match self.items.try_reserve_many(items.len()) {
            Ok(room) => room.zip(items).for_each(|(room, item)| room.send(item)),
            Err(_) => self.metrics.dropped(items.len() as u64),
        }
    }

    /// Something could not even be handed over.
    pub(super) fn lost(&self) {
        self.metrics.dropped(1);
    }

    /// A queue that somebody empties by hand, for tests.
    #[cfg(test)]
    pub(super) fn kept(capacity: usize, metrics: SignalMetrics) -> (Self, Receiver<T>) {
        let (items, kept) = channel(capacity);
        (Self { items, metrics }, kept)
    }
}

impl Exporting {
    /// Waits until what was handed over is sent, at most for `patience`. The queue's other end must
    /// be gone by then.
    pub(super) async fn finish(mut self, patience: Duration) {
        if tokio::time::timeout(patience, &mut self.0).await.is_err() {
            self.0.abort();
        }
    }
}

impl<T> Exporter<T> {
    async fn run(mut self) {
        while let Some(items) = self.next_batch().await {
            let count = items.len() as u64;
            let request = (self.wrap)(items);
            self.deliver(&request, count).await;
        }
    }

    /// At least one item, and what comes within the delay; `None` when there is no more to come.
    async fn next_batch(&mut self) -> Option<Vec<T>> {
        let mut items = Vec::new();
        if self.items.recv_many(&mut items, self.batch).await == 0 {
            return None;
        }
        let fill = async {
            while items.len() < self.batch {
                let room = self.batch - items.len();
                if self.items.recv_many(&mut items, room).await == 0 {
                    break;
                }
            }
        };
        // What is late comes with the next batch.
        let _ = tokio::time::timeout(self.delay, fill).await;
        Some(items)
    }

    /// Sends a batch, again and again if that may help.
    async fn deliver(&mut self, request: &Request, count: u64) {
        let mut pause = FIRST_PAUSE;
        for attempt in 1..=TRIES {
            let result = self.transport.send(request).await;
            self.metrics.exported(result.is_ok());
            match result {
                Ok(taken) => {
                    self.metrics.dropped(taken.rejected);
                    let why = (taken.rejected > 0).then_some(taken.why);
                    return self.fares(why.as_deref());
                }
                Err(Failure::Later { after, .. }) if attempt < TRIES && !self.is_ending() => {
                    self.fares(Some("it does not answer, or asks for patience"));
                    tokio::time::sleep(after.unwrap_or(pause).min(LONGEST_PAUSE)).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Err(failure) => {
                    self.metrics.dropped(count);
                    return self.fares(Some(&failure.to_string()));
                }
            }
        }
    }

    /// Whether nobody will hand over any more: then there is no time to be patient.
    fn is_ending(&self) -> bool {
        self.items.is_closed()
    }

    /// Says so when it begins to fail, and when it works again.
    fn fares(&mut self, why: Option<&str>) {
        let signal = self.signal.label();
        match (self.well, why) {
            (true, Some(why)) => {
                tracing::warn!(signal, why, "the OTLP collector did not take {signal}: {why}");
            }
            (false, None) => tracing::info!(signal, "the OTLP collector takes {signal} again"),
            _ => {}
        }
        self.well = why.is_none();
    }
}
