//! Receivers in this process, on loopback: what came is kept, and the next answer can be chosen.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{
    LogsService, LogsServiceServer,
};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_rustls::TlsAcceptor;
use tonic::codec::CompressionEncoding;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// What came, with the value of its header `x-token`.
#[derive(Clone, Debug)]
pub enum Came {
    Traces(ExportTraceServiceRequest, Option<String>),
    Logs(ExportLogsServiceRequest),
    Metrics(ExportMetricsServiceRequest),
}

/// What to answer.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    /// Taken, but for so many.
    Take(i64),
    /// Come back after so long.
    Later(Duration),
    /// Never.
    Refuse,
    /// Nothing at all.
    Silence,
}

/// A receiver, and what it got.
pub struct Receiver {
    pub url: String,
    came: UnboundedReceiver<Came>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
}

#[derive(Clone)]
struct Desk {
    came: UnboundedSender<Came>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
}

impl Receiver {
    /// Over gRPC; with a certificate and its key, over TLS.
    pub async fn grpc(tls: Option<(&str, &str)>) -> Self {
        let (listener, receiver, desk) = Self::listen("http").await;
        let mut server = Server::builder();
        let mut url = receiver.url.clone();
        if let Some((certificate, key)) = tls {
            let identity = Identity::from_pem(certificate, key);
            server = server.tls_config(ServerTlsConfig::new().identity(identity)).unwrap();
            url = url.replace("http://127.0.0.1", "https://localhost");
        }
        let gzip = CompressionEncoding::Gzip;
        let router = server
            .add_service(TraceServiceServer::new(desk.clone()).accept_compressed(gzip))
            .add_service(LogsServiceServer::new(desk.clone()).accept_compressed(gzip))
            .add_service(MetricsServiceServer::new(desk).accept_compressed(gzip));
        tokio::spawn(router.serve_with_incoming(TcpIncoming::from(listener)));
        Self { url, ..receiver }
    }

    /// Over HTTP.
    pub async fn http() -> Self {
        Self::http_at(0).await
    }

    /// Over HTTP, at that port; 0: any.
    pub async fn http_at(port: u16) -> Self {
        let (listener, receiver, desk) = Self::listen_at("http", port).await;
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(desk.clone().serve(stream));
            }
        });
        receiver
    }

    /// Over HTTP with TLS, for whoever has a certificate that `client` signed.
    pub async fn https(certificate: &str, key: &str, client: &str) -> Self {
        let (listener, receiver, desk) = Self::listen("https").await;
        let acceptor = TlsAcceptor::from(Arc::new(server(certificate, key, client)));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, desk) = (acceptor.clone(), desk.clone());
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        desk.serve(stream).await;
                    }
                });
            }
        });
        let url = receiver.url.replace("127.0.0.1", "localhost");
        Self { url, ..receiver }
    }

    async fn listen(scheme: &str) -> (TcpListener, Self, Desk) {
        Self::listen_at(scheme, 0).await
    }

    async fn listen_at(scheme: &str, port: u16) -> (TcpListener, Self, Desk) {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let url = format!("{scheme}://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let (sender, came) = unbounded_channel();
        let answers = Arc::new(Mutex::new(VecDeque::new()));
        let desk = Desk { came: sender, answers: Arc::clone(&answers) };
        (listener, Self { url, came, answers }, desk)
    }

    /// Answers the next requests so, and those after them well.
    pub fn answer(&self, answers: &[Answer]) {
        self.answers.lock().unwrap().extend(answers);
    }

    /// The next that comes.
    pub async fn next(&mut self) -> Came {
        let next = tokio::time::timeout(Duration::from_secs(30), self.came.recv());
        next.await.expect("something comes").expect("the receiver lives")
    }
}

fn server(certificate: &str, key: &str, client: &str) -> ServerConfig {
    let der = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(der(client)).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![der(certificate)], key)
        .unwrap()
}

impl Desk {
    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let serve = service_fn(move |request| {
            let desk = self.clone();
            async move { Ok::<_, Infallible>(desk.post(request).await) }
        });
        let connection = hyper::server::conn::http1::Builder::new();
        let _ = connection.serve_connection(TokioIo::new(stream), serve).await;
    }

    async fn take<T>(&self, came: Came, taken: impl FnOnce(i64) -> T) -> Result<T, Answer> {
        let answer = self.answers.lock().unwrap().pop_front().unwrap_or(Answer::Take(0));
        self.came.send(came).unwrap();
        match answer {
            Answer::Take(rejected) => Ok(taken(rejected)),
            Answer::Silence => std::future::pending().await,
            other => Err(other),
        }
    }

    async fn post(&self, request: hyper::Request<Incoming>) -> hyper::Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        let gzip = request.headers().get("content-encoding").is_some_and(|coding| coding == "gzip");
        let token = request.headers().get("x-token").map(|v| v.to_str().unwrap().to_owned());
        assert_eq!(request.headers()["content-type"], "application/x-protobuf");
        let mut body = request.into_body().collect().await.unwrap().to_bytes().to_vec();
        if gzip {
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut plain).unwrap();
            body = plain;
        }
        let came = match path.as_str() {
            "/v1/traces" => {
                Came::Traces(ExportTraceServiceRequest::decode(&body[..]).unwrap(), token)
            }
            "/v1/logs" => Came::Logs(ExportLogsServiceRequest::decode(&body[..]).unwrap()),
            "/v1/metrics" => Came::Metrics(ExportMetricsServiceRequest::decode(&body[..]).unwrap()),
            other => panic!("{other} is no path of OTLP's"),
        };
        let answer = self.take(came, |rejected| traces(rejected).encode_to_vec()).await;
        let response = hyper::Response::builder();
        match answer {
            Ok(body) => response.body(body.into()),
            Err(Answer::Later(after)) => {
                response.status(503).header("retry-after", after.as_secs()).body("not now".into())
            }
            Err(_) => response.status(400).body("\u{1b}[31mno\n".into()),
        }
        .unwrap()
    }
}

fn traces(rejected: i64) -> ExportTraceServiceResponse {
    let partial =
        ExportTracePartialSuccess { rejected_spans: rejected, error_message: "too old".into() };
    ExportTraceServiceResponse { partial_success: (rejected > 0).then_some(partial) }
}

fn status(answer: Answer) -> Status {
    match answer {
        Answer::Later(after) => Status::with_error_details(
            tonic::Code::Unavailable,
            "not now",
            ErrorDetails::with_retry_info(Some(after)),
        ),
        _ => Status::invalid_argument("no"),
    }
}

#[tonic::async_trait]
impl TraceService for Desk {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let token = request.metadata().get("x-token").map(|v| v.to_str().unwrap().to_owned());
        let came = Came::Traces(request.into_inner(), token);
        self.take(came, traces).await.map(Response::new).map_err(status)
    }
}

#[tonic::async_trait]
impl LogsService for Desk {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let taken =
            self.take(Came::Logs(request.into_inner()), |_| ExportLogsServiceResponse::default());
        taken.await.map(Response::new).map_err(status)
    }
}

#[tonic::async_trait]
impl MetricsService for Desk {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let taken = self
            .take(Came::Metrics(request.into_inner()), |_| ExportMetricsServiceResponse::default());
        taken.await.map(Response::new).map_err(status)
    }
}
