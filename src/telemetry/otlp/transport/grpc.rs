//! OTLP/gRPC.

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use tonic::codec::CompressionEncoding;
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue, MetadataMap};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::{Failure, Request, Taken, TargetError, bounded, tls};
use crate::telemetry::otlp::settings::Target;

/// A channel to one receiver.
#[derive(Debug)]
pub(in crate::telemetry::otlp) struct Grpc {
    channel: Channel,
    metadata: MetadataMap,
    gzip: bool,
}

impl Grpc {
    pub(super) fn new(target: &Target) -> Result<Self, TargetError> {
        let wrong = |_| TargetError::Url(target.url.clone());
        let endpoint = Endpoint::from_shared(target.url.clone()).map_err(wrong)?;
        if !matches!(endpoint.uri().scheme_str(), Some("http" | "https")) {
            return Err(TargetError::Url(target.url.clone()));
        }
        let mut endpoint = endpoint.timeout(target.timeout).connect_timeout(target.timeout);
        if endpoint.uri().scheme_str() == Some("https") {
            let tls = tls::of_channel(target)?;
            endpoint =
                endpoint.tls_config(tls).map_err(|error| TargetError::Tls(error.to_string()))?;
        }
        let metadata = metadata(&target.headers.0)?;
        Ok(Self { channel: endpoint.connect_lazy(), metadata, gzip: target.gzip })
    }

    pub(super) async fn send(&self, request: Request) -> Result<Taken, Failure> {
        let channel = self.channel.clone();
        // The clients are of three types, and each answer too.
        macro_rules! export {
            ($client:ident, $request:expr, $rejected:ident) => {{
                let mut client = $client::new(channel);
                if self.gzip {
                    client = client.send_compressed(CompressionEncoding::Gzip);
                }
                let answer = client.export(self.with_metadata($request)).await;
                let partial = answer.map_err(|status| failure(&status))?.into_inner();
                let partial = partial.partial_success.unwrap_or_default();
                Taken::of(partial.$rejected, &partial.error_message)
            }};
        }
        Ok(match request {
            Request::Traces(request) => export!(TraceServiceClient, request, rejected_spans),
            Request::Logs(request) => export!(LogsServiceClient, request, rejected_log_records),
            Request::Metrics(request) => {
                export!(MetricsServiceClient, request, rejected_data_points)
            }
        })
    }

    fn with_metadata<T>(&self, request: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(request);
        *request.metadata_mut() = self.metadata.clone();
        request
    }
}

fn metadata(headers: &[(String, String)]) -> Result<MetadataMap, TargetError> {
    let mut metadata = MetadataMap::new();
    for (name, value) in headers {
        let wrong = || TargetError::Header(name.clone());
        let key: AsciiMetadataKey = name.to_ascii_lowercase().parse().map_err(|_| wrong())?;
        let value: AsciiMetadataValue = value.parse().map_err(|_| wrong())?;
        metadata.insert(key, value);
    }
    Ok(metadata)
}

/// Which codes are worth another try is the OTLP specification's: "Failures", OTLP/gRPC.
fn failure(status: &Status) -> Failure {
    let why = format!("{}: {}", status.code(), bounded(status.message()));
    let after = status.get_details_retry_info().and_then(|info| info.retry_delay);
    match status.code() {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss
        // A connection that breaks says this.
        | Code::Unknown => Failure::Later { why, after },
        Code::ResourceExhausted if after.is_some() => Failure::Later { why, after },
        _ => Failure::Never(why),
    }
}
