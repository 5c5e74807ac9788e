//! All that leaves: a queue for traces, one for events, and a clock that pushes metrics.
//!
//! What empties them has a thread of its own: making messages, compressing them, TLS, and waiting for
//! a collector cost the daemon's loop nothing.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};
use tokio::runtime::{Handle, Runtime};
use tokio::task::JoinHandle;

use super::encode;
use super::metrics::{self, Since};
use super::queue::{Exporting, Queue, Wrap};
use super::resource;
use super::sampler::Sampler;
use super::settings::{Settings, Signal, Target};
use super::transport::{Request, TargetError, Transport};
use crate::moment::Clock;
use crate::telemetry::event::Event;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::trace::Span;
use crate::trace::TraceId;

/// Where the daemon hands telemetry to. Nothing here waits for a collector.
#[derive(Debug, Default)]
pub struct Exporters {
    traces: Option<Queue<Span>>,
    events: Option<Queue<Event>>,
    sampler: Sampler,
    tasks: Vec<Exporting>,
    pushing: Option<JoinHandle<()>>,
    thread: Own,
}

/// The runtime, and thread, that all of it runs on.
#[derive(Debug, Default)]
struct Own(Option<Runtime>);

impl Drop for Own {
    /// A runtime that is dropped waits for its threads; nobody waits for a collector.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Exporters {
    /// Starts what the settings ask for, on a thread of its own.
    ///
    /// # Errors
    ///
    /// Fails if a receiver cannot even be tried: a bad URL, header or certificate.
    pub fn start(
        settings: &Settings,
        metrics: &Arc<Metrics>,
        clock: Clock,
    ) -> Result<Self, TargetError> {
        let thread = Own(Some(runtime()?));
        let handle = thread.0.as_ref().map(|runtime| runtime.handle().clone());
        let _within = handle.as_ref().map(Handle::enter);
        Ok(Self { thread, ..Self::spawn(settings, metrics, clock)? })
    }

    /// Spawns on the current runtime what the settings ask for.
    fn spawn(
        settings: &Settings,
        metrics: &Arc<Metrics>,
        clock: Clock,
    ) -> Result<Self, TargetError> {
        let resource = resource::of_this_process(metrics.version(), &settings.resource);
        let mut exporters = Self { sampler: settings.sampler, ..Self::default() };
        let series = |signal: Signal| metrics.signal_appears(signal.label());
        if let Some(target) = &settings.traces {
            let wrap = spans(resource.clone(), metrics.version());
            let signal = Signal::Traces;
            let (queue, task) = Queue::start(signal, target, settings, wrap, series(signal))?;
            exporters.traces = Some(queue);
            exporters.tasks.push(task);
        }
        if let Some(target) = &settings.logs {
            let wrap = records(resource.clone(), metrics.version(), settings.sampler);
            let signal = Signal::Logs;
            let (queue, task) = Queue::start(signal, target, settings, wrap, series(signal))?;
            exporters.events = Some(queue);
            exporters.tasks.push(task);
        }
        if let Some(target) = &settings.metrics {
            let push = Push::new(target, settings.interval, resource, metrics, clock)?;
            exporters.pushing = Some(tokio::spawn(push.run()));
        }
        Ok(exporters)
    }

    /// Whether the trace of that name is to be sent.
    #[must_use]
    pub fn samples(&self, trace: TraceId) -> bool {
        self.traces.is_some() && self.sampler.takes(trace.to_bytes())
    }

    /// Whether anybody wants traces at all.
    #[must_use]
    pub fn wants_traces(&self) -> bool {
        self.traces.is_some()
    }

    /// Sends a trace whole, or drops it whole.
    pub fn trace(&self, spans: Vec<Span>) {
        if let Some(queue) = self.traces.as_ref().filter(|_| !spans.is_empty()) {
            queue.push_all(spans);
        }
    }

    /// A trace was to be sent that could not even be made.
    pub fn trace_lost(&self) {
        if let Some(queue) = &self.traces {
            queue.lost();
        }
    }

    /// Sends an event; it is made only if somebody wants it and there is room.
    pub fn event(&self, event: impl FnOnce() -> Event) {
        if let Some(queue) = &self.events {
            queue.push(event);
        }
    }

    /// Sends what is left, at most for `patience`, and ends.
    pub async fn close(self, patience: Duration) {
        let Self { traces, events, tasks, pushing, thread, .. } = self;
        drop((traces, events));
        if let Some(pushing) = pushing {
            pushing.abort();
        }
        let finish = tasks.into_iter().map(|task| task.finish(patience));
        futures_util::future::join_all(finish).await;
        drop(thread);
    }

    /// Exporters that send nothing: what they are handed can be looked at.
    #[cfg(test)]
    #[must_use]
    pub fn kept(metrics: &Metrics, sampler: Sampler) -> (Self, Kept) {
        let series = |signal: Signal| metrics.signal_appears(signal.label());
        let (traces, spans) = Queue::kept(1000, series(Signal::Traces));
        let (queue, events) = Queue::kept(1000, series(Signal::Logs));
        let exporters =
            Self { traces: Some(traces), events: Some(queue), sampler, ..Self::default() };
        (exporters, Kept { spans, events })
    }
}

/// What exporters were handed.
#[cfg(test)]
#[derive(Debug)]
pub struct Kept {
    /// The spans.
    pub spans: tokio::sync::mpsc::Receiver<Span>,
    /// The events.
    pub events: tokio::sync::mpsc::Receiver<Event>,
}

fn runtime() -> Result<Runtime, TargetError> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).max_blocking_threads(2).thread_name("otlp").enable_all();
    builder.build().map_err(TargetError::Thread)
}

fn spans(resource: Resource, version: &str) -> Wrap<Span> {
    let scope = Some(resource::scope(version));
    Box::new(move |spans| {
        let spans = spans.into_iter().map(encode::span).collect();
        let scope_spans = vec![ScopeSpans { scope: scope.clone(), spans, ..ScopeSpans::default() }];
        let resource = Some(resource.clone());
        let of = ResourceSpans { resource, scope_spans, ..ResourceSpans::default() };
        Request::Traces(ExportTraceServiceRequest { resource_spans: vec![of] })
    })
}

fn records(resource: Resource, version: &str, sampler: Sampler) -> Wrap<Event> {
    let scope = Some(resource::scope(version));
    Box::new(move |events| {
        let events = events.into_iter();
        let log_records = events.map(|event| encode::event(event, sampler)).collect();
        let scope_logs =
            vec![ScopeLogs { scope: scope.clone(), log_records, ..ScopeLogs::default() }];
        let resource = Some(resource.clone());
        let of = ResourceLogs { resource, scope_logs, ..ResourceLogs::default() };
        Request::Logs(ExportLogsServiceRequest { resource_logs: vec![of] })
    })
}

/// Pushes the registry from time to time.
struct Push {
    transport: Transport,
    interval: Duration,
    resource: Resource,
    metrics: Arc<Metrics>,
    clock: Clock,
    start: u64,
}

impl Push {
    fn new(
        target: &Target,
        interval: Duration,
        resource: Resource,
        metrics: &Arc<Metrics>,
        clock: Clock,
    ) -> Result<Self, TargetError> {
        let transport = Transport::new(target)?;
        let (metrics, start) = (Arc::clone(metrics), nanos(clock));
        Ok(Self { transport, interval, resource, metrics, clock, start })
    }

    /// A push that fails is not tried again: the next one says all that it said.
    async fn run(self) {
        let series = self.metrics.signal_appears(Signal::Metrics.label());
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            let request = self.request();
            let points = match &request {
                Request::Metrics(request) => count(request),
                _ => 0,
            };
            let result = self.transport.send(&request).await;
            series.exported(result.is_ok());
            match result {
                Ok(taken) => series.dropped(taken.rejected),
                Err(failure) => {
                    series.dropped(points);
                    tracing::debug!("the OTLP collector did not take metrics: {failure}");
                }
            }
        }
    }

    fn request(&self) -> Request {
        let since = Since { start: self.start, now: nanos(self.clock) };
        let scope_metrics = vec![ScopeMetrics {
            scope: Some(resource::scope(self.metrics.version())),
            metrics: metrics::metrics(&self.metrics.families(), since),
            ..ScopeMetrics::default()
        }];
        let of = ResourceMetrics {
            resource: Some(self.resource.clone()),
            scope_metrics,
            ..ResourceMetrics::default()
        };
        Request::Metrics(ExportMetricsServiceRequest { resource_metrics: vec![of] })
    }
}

/// How many samples it holds.
fn count(request: &ExportMetricsServiceRequest) -> u64 {
    let scopes = request.resource_metrics.iter().flat_map(|of| &of.scope_metrics);
    scopes.flat_map(|scope| &scope.metrics).map(metrics::points_of).sum()
}

/// Now, in nanoseconds since 1970.
fn nanos(clock: Clock) -> u64 {
    u64::try_from(clock().wall.as_nanosecond()).unwrap_or_default()
}
