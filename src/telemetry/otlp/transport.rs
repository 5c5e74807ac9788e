//! One request to one receiver: over gRPC or HTTP, and what its answer means.

mod grpc;
mod http;
mod tls;

use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;

use self::grpc::Grpc;
use self::http::Http;
use super::settings::Target;
use crate::config::checked::OtlpProtocol as Protocol;
use crate::printable::excerpt;

/// What is sent.
#[derive(Clone, Debug)]
pub(super) enum Request {
    Traces(ExportTraceServiceRequest),
    Logs(ExportLogsServiceRequest),
    Metrics(ExportMetricsServiceRequest),
}

/// Taken, though perhaps not all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    /// How many items the receiver refused for good.
    pub(super) rejected: u64,
    /// Why, in its words.
    pub(super) why: String,
}

/// Not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    /// It may be taken another time.
    #[error("{why}")]
    Later {
        why: String,
        /// When the receiver wants to be asked again.
        after: Option<Duration>,
    },
    /// It never will be.
    #[error("{0}")]
    Never(String),
}

/// Why a receiver cannot even be tried. Operators read this text as it stands.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// It is no URL with a scheme and a host.
    #[error("the OTLP endpoint `{0}` is not a URL such as http://127.0.0.1:4317")]
    Url(String),
    /// A header cannot be sent.
    #[error("the OTLP header `{0}` has a name or a value that cannot be sent")]
    Header(String),
    /// A certificate or key cannot be read.
    #[error("{path}: {why}; see telemetry.otlp")]
    Pem {
        /// Which file.
        path: String,
        /// Why.
        why: String,
    },
    /// There is no thread to be had.
    #[error("cannot start a thread for OTLP: {0}")]
    Thread(std::io::Error),
    /// They do not fit together.
    #[error("TLS to the OTLP endpoint: {0}")]
    Tls(String),
}

/// A way to one receiver. Connects when it is first used, and again when it must.
#[derive(Debug)]
pub(super) enum Transport {
    Grpc(Box<Grpc>),
    Http(Box<Http>),
}

impl Transport {
    pub(super) fn new(target: &Target) -> Result<Self, TargetError> {
        Ok(match target.protocol {
            Protocol::Grpc => Self::Grpc(Box::new(Grpc::new(target)?)),
            Protocol::Http => Self::Http(Box::new(Http::new(target)?)),
        })
    }

    /// Sends it once.
    pub(super) async fn send(&self, request: &Request) -> Result<Taken, Failure> {
        match self {
            Self::Grpc(grpc) => grpc.send(request.clone()).await,
            Self::Http(http) => http.send(request).await,
        }
    }
}

impl Taken {
    /// From what a partial success says; the count is negative only in a broken answer.
    fn of(rejected: i64, why: &str) -> Self {
        Self { rejected: u64::try_from(rejected).unwrap_or_default(), why: bounded(why) }
    }
}

/// A receiver's words: bounded, and nothing that a terminal would obey.
fn bounded(text: &str) -> String {
    excerpt(text, 200)
}
