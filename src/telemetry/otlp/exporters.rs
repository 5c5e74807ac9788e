//! All that leaves: a queue for traces, one for events, and a clock that pushes metrics.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use tokio::task::JoinHandle;

use super::metrics::{self, Since};
use super::queue::{Exporting, Queue, Wrap};
use super::resource;
use super::sampler::Sampler;
use super::settings::{Settings, Signal, Target};
use super::transport::{Request, TargetError, Transport};
use crate::moment::Clock;
use crate::telemetry::metrics::Metrics;

/// Where the daemon hands telemetry to. Nothing here waits for a collector.
#[derive(Debug, Default)]
pub struct Exporters {
    traces: Option<Queue<Span>>,
    events: Option<Queue<LogRecord>>,
    sampler: Sampler,
    tasks: Vec<Exporting>,
    pushing: Option<JoinHandle<()>>,
}

impl Exporters {
    /// Starts what the settings ask for, on the current runtime.
    ///
    /// # Errors
    ///
    /// Fails if a receiver cannot even be tried: a bad URL, header or certificate.
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime.
    pub fn start(
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
            let wrap = records(resource.clone(), metrics.version());
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

    /// Whether the trace with this id is to be sent.
    #[must_use]
    pub fn samples(&self, trace_id: [u8; 16]) -> bool {
        self.traces.is_some() && self.sampler.takes(trace_id)
    }

    /// Whether anybody wants events.
    #[must_use]
    pub fn wants_events(&self) -> bool {
        self.events.is_some()
    }

    /// Sends a trace, or a part of one.
    pub fn trace(&self, spans: Vec<Span>) {
        for span in spans {
            if let Some(queue) = &self.traces {
                queue.push(span);
            }
        }
    }

    /// Sends an event.
    pub fn event(&self, event: LogRecord) {
        if let Some(queue) = &self.events {
            queue.push(event);
        }
    }

    /// Sends what is left, at most for `patience`, and ends.
    pub async fn close(self, patience: Duration) {
        let Self { traces, events, tasks, pushing, .. } = self;
        drop((traces, events));
        if let Some(pushing) = pushing {
            pushing.abort();
        }
        let finish = tasks.into_iter().map(|task| task.finish(patience));
        futures_util::future::join_all(finish).await;
    }
}

fn spans(resource: Resource, version: &str) -> Wrap<Span> {
    let scope = resource::scope(version);
    Box::new(move |spans| {
        let scope_spans =
            vec![ScopeSpans { scope: Some(scope.clone()), spans, ..ScopeSpans::default() }];
        let of = ResourceSpans {
            resource: Some(resource.clone()),
            scope_spans,
            ..ResourceSpans::default()
        };
        Request::Traces(ExportTraceServiceRequest { resource_spans: vec![of] })
    })
}

fn records(resource: Resource, version: &str) -> Wrap<LogRecord> {
    let scope = resource::scope(version);
    Box::new(move |log_records| {
        let scope_logs =
            vec![ScopeLogs { scope: Some(scope.clone()), log_records, ..ScopeLogs::default() }];
        let of = ResourceLogs {
            resource: Some(resource.clone()),
            scope_logs,
            ..ResourceLogs::default()
        };
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

fn count(request: &ExportMetricsServiceRequest) -> u64 {
    let metrics = request.resource_metrics.iter().flat_map(|of| &of.scope_metrics);
    metrics.map(|scope| scope.metrics.len() as u64).sum()
}

/// Now, in nanoseconds since 1970.
fn nanos(clock: Clock) -> u64 {
    u64::try_from(clock().wall.as_nanosecond()).unwrap_or_default()
}
