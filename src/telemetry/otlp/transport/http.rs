//! OTLP/HTTP with binary protobuf.

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{
    CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use hyper::{Method, StatusCode, Uri};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;

use super::{Failure, Request, Taken, TargetError, bounded, tls};
use crate::telemetry::otlp::settings::Target;

/// More than that no receiver has to say.
const MOST_ANSWER: usize = 64 * 1024;

/// A pool of connections to one receiver.
#[derive(Debug)]
pub(in crate::telemetry::otlp) struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    url: Uri,
    headers: HeaderMap,
    timeout: Duration,
    gzip: bool,
}

impl Http {
    pub(super) fn new(target: &Target) -> Result<Self, TargetError> {
        let url: Uri = target.url.parse().map_err(|_| TargetError::Url(target.url.clone()))?;
        if url.host().is_none() || !matches!(url.scheme_str(), Some("http" | "https")) {
            return Err(TargetError::Url(target.url.clone()));
        }
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls::of_client(target)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        let headers = headers(target)?;
        Ok(Self { client, url, headers, timeout: target.timeout, gzip: target.gzip })
    }

    pub(super) async fn send(&self, request: &Request) -> Result<Taken, Failure> {
        let body = encode(request);
        let body = if self.gzip { compress(&body) } else { body };
        let answer = tokio::time::timeout(self.timeout, self.post(body)).await;
        let (status, headers, body) = answer.map_err(|_| Failure::Later {
            why: format!("no answer within {:?}", self.timeout),
            after: None,
        })??;
        if status.is_success() {
            return Ok(partial(request, &body));
        }
        let why = format!("{status}: {}", bounded(&String::from_utf8_lossy(&body)));
        Err(match status {
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Failure::Later { why, after: retry_after(&headers) },
            _ => Failure::Never(why),
        })
    }

    async fn post(&self, body: Vec<u8>) -> Result<(StatusCode, HeaderMap, Bytes), Failure> {
        let mut request = hyper::Request::new(Full::from(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = self.headers.clone();
        let later = |why: String| Failure::Later { why: bounded(&why), after: None };
        let answer =
            self.client.request(request).await.map_err(|error| later(with_cause(&error)))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, MOST_ANSWER).collect().await;
        // What a receiver says beyond its status is only of use if it can be read.
        let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        Ok((head.status, head.headers, body))
    }
}

fn headers(target: &Target) -> Result<HeaderMap, TargetError> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
    if target.gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    for (name, value) in &target.headers.0 {
        let wrong = || TargetError::Header(name.clone());
        let key: HeaderName = name.parse().map_err(|_| wrong())?;
        headers.insert(key, value.parse().map_err(|_| wrong())?);
    }
    Ok(headers)
}

fn encode(request: &Request) -> Vec<u8> {
    match request {
        Request::Traces(request) => request.encode_to_vec(),
        Request::Logs(request) => request.encode_to_vec(),
        Request::Metrics(request) => request.encode_to_vec(),
    }
}

fn compress(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let written = encoder.write_all(body).and_then(|()| encoder.finish());
    written.expect("a Vec takes any bytes")
}

/// What a success says was refused all the same; nothing, if it cannot be read.
fn partial(request: &Request, body: &[u8]) -> Taken {
    macro_rules! read {
        ($answer:ty, $rejected:ident) => {{
            let partial = <$answer>::decode(body).ok().and_then(|answer| answer.partial_success);
            let partial = partial.unwrap_or_default();
            Taken::of(partial.$rejected, &partial.error_message)
        }};
    }
    match request {
        Request::Traces(_) => read!(ExportTraceServiceResponse, rejected_spans),
        Request::Logs(_) => read!(ExportLogsServiceResponse, rejected_log_records),
        Request::Metrics(_) => read!(ExportMetricsServiceResponse, rejected_data_points),
    }
}

/// Seconds only: the form as a date is rare, and backing off serves as well.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// hyper's errors keep what matters to themselves.
fn with_cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
