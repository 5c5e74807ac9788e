//! The pages over a real socket.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use flate2::read::GzDecoder;
use gaoler::config::checked::Web;
use gaoler::control::Call;
use gaoler::control::api::{Answer as Told, Banned, Request};
use gaoler::enforcer::order::Condition;
use gaoler::telemetry::asking::Asking;
use gaoler::telemetry::door::Door;
use gaoler::telemetry::metrics::MetricFamily;
use gaoler::telemetry::overview::Overview;
use gaoler::telemetry::server::{CONNECTIONS, Site, bind, serve};
use prost::Message as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::golden::{openmetrics, text};
use crate::host;
use crate::script::{at, played};

/// A server of the scripted hour.
pub struct Served {
    pub address: SocketAddr,
    pub overview: watch::Sender<Overview>,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

impl Served {
    pub fn start() -> Self {
        Self::guarded(Web::default())
    }

    /// A server to which not everybody has access.
    pub fn guarded(web: Web) -> Self {
        let (overview, watched) = watch::channel(Overview::default());
        let (stop, stopped) = oneshot::channel();
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let (calls, called) = mpsc::channel(1);
        tokio::spawn(answer_calls(called));
        let site = Site {
            metrics: Arc::new(played().metrics),
            overview: watched,
            asking: Asking::new(calls),
            door: Door::open(web, || at(3_600_000)).unwrap(),
            host: "web1".into(),
            clock: || at(3_600_000),
        };
        let ended = serve(listener, site, async { _ = stopped.await }).unwrap();
        Self { address, overview, stop, ended }
    }
}

/// The daemon's part: says who is banned.
async fn answer_calls(mut calls: mpsc::Receiver<Call>) {
    while let Some(call) = calls.recv().await {
        assert_eq!(call.request, Request::Banned { jail: None });
        _ = call.reply.send(Ok(Told::Banned(Banned { bans: host::bans() })));
    }
}

pub struct Answer {
    pub status: u16,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// One request with these headers (each line ended by `\r\n`); the answer until the server closes.
pub async fn ask(address: SocketAddr, method: &str, path: &str, headers: &str) -> Answer {
    let stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{method} {path} HTTP/1.1\r\nHost: gaoler\r\n{headers}\r\n");
    exchange(stream, &request).await.expect("an answer")
}

/// A plain GET over a connection that is there; `None` if that is closed instead.
pub async fn ask_over(stream: impl AsyncRead + AsyncWrite + Unpin, path: &str) -> Option<Answer> {
    exchange(stream, &format!("GET {path} HTTP/1.1\r\nHost: gaoler\r\n\r\n")).await
}

async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &str,
) -> Option<Answer> {
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.ok()?;
    let blank = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let body = bytes.split_off(blank + 4);
    let head = String::from_utf8(bytes).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Some(Answer { status, headers, body })
}

#[tokio::test]
async fn metrics_come_as_asked() {
    let server = Served::start();
    let accept = "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n";
    let open = ask(server.address, "GET", "/metrics", accept).await;
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!((open.status, open.header("content-type")), (200, content_type));
    assert_eq!(open.text(), openmetrics(&played().metrics));

    let plain = ask(server.address, "GET", "/metrics?x=1", "").await;
    let content_type = "text/plain; version=0.0.4; charset=utf-8";
    assert_eq!((plain.status, plain.header("content-type")), (200, content_type));
    assert_eq!(plain.text(), text(&played().metrics));
    assert_eq!(plain.header("connection"), "close");
    assert_eq!(plain.header("x-content-type-options"), "nosniff");
    assert!(plain.header("content-security-policy").starts_with("default-src 'none';"));
}

#[tokio::test]
async fn protobuf_has_native_histograms_and_the_rest() {
    let server = Served::start();
    let accept = "Accept: application/vnd.google.protobuf;\
                  proto=io.prometheus.client.MetricFamily;encoding=delimited\r\n";
    let answer = ask(server.address, "GET", "/metrics", accept).await;
    let content_type = "application/vnd.google.protobuf; \
                        proto=io.prometheus.client.MetricFamily; encoding=delimited";
    assert_eq!((answer.status, answer.header("content-type")), (200, content_type));
    let mut rest = answer.body.as_slice();
    let mut families = Vec::new();
    while !rest.is_empty() {
        families.push(MetricFamily::decode_length_delimited(&mut rest).unwrap());
    }
    let names = |families: &[MetricFamily]| {
        families.iter().map(|family| family.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&families), names(&played().metrics.families()));
    let histograms = families.iter().flat_map(|family| &family.metric);
    let histograms: Vec<_> = histograms.filter_map(|metric| metric.histogram.as_ref()).collect();
    assert!(!histograms.is_empty());
    // An empty one is told from a classic one by its zero bucket or a span.
    for histogram in histograms {
        let native = histogram.zero_threshold > 0.0 || !histogram.positive_span.is_empty();
        assert!(native && !histogram.bucket.is_empty(), "{histogram:?}");
    }
}

#[tokio::test]
async fn gzip_for_who_takes_it() {
    let server = Served::start();
    let packed = ask(server.address, "GET", "/metrics", "Accept-Encoding: gzip\r\n").await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    let mut page = String::new();
    GzDecoder::new(packed.body.as_slice()).read_to_string(&mut page).unwrap();
    assert_eq!(page, text(&played().metrics));
    assert!(packed.body.len() < page.len() / 4, "{} of {}", packed.body.len(), page.len());
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let server = Served::start();
    for path in
        ["/", "/metrics", "/style.css", "/api/v1/status", "/-/healthy", "/-/ready", "/nowhere"]
    {
        let get = ask(server.address, "GET", path, "").await;
        let mut head = ask(server.address, "HEAD", path, "").await;
        assert_eq!(head.body, b"", "{path}");
        assert_eq!(head.status, get.status, "{path}");
        head.headers.insert("date".into(), get.header("date").into());
        assert_eq!(head.headers, get.headers, "{path}");
        assert_eq!(get.header("content-length"), get.body.len().to_string());
    }
}

#[tokio::test]
async fn refuses_what_there_is_not() {
    let server = Served::start();
    assert_eq!(ask(server.address, "GET", "/metrics/", "").await.status, 404);
    assert_eq!(ask(server.address, "POST", "/nowhere", "").await.status, 404);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "BREW"] {
        let refusal = ask(server.address, method, "/metrics", "Content-Length: 0\r\n").await;
        assert_eq!((refusal.status, refusal.header("allow")), (405, "GET, HEAD"), "{method}");
    }
    let huge = format!("X: {}\r\n", "x".repeat(100_000));
    assert_eq!(ask(server.address, "GET", "/", &huge).await.status, 431);
}

#[tokio::test]
async fn ready_says_what_is_missing() {
    let server = Served::start();
    let early = ask(server.address, "GET", "/-/ready", "").await;
    assert_eq!(early.status, 503);
    assert!(early.text().contains("the configuration is not applied yet"), "{}", early.text());
    assert_eq!(ask(server.address, "GET", "/-/healthy", "").await.status, 200);

    server.overview.send_replace(host::overview());
    let on = ask(server.address, "GET", "/-/ready", "").await;
    assert_eq!((on.status, on.text()), (200, "gaoler is ready\n"));
    let page = ask(server.address, "GET", "/", "").await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.text().contains("gaoler on web1") && page.text().contains(">sshd<"));

    server.overview.send_modify(|now| now.firewall = Some(Condition::Absent));
    let off = ask(server.address, "GET", "/-/ready", "").await;
    let why = "gaoler is not ready\nthe firewall is not ready: firewalld is not on the bus\n";
    assert_eq!((off.status, off.text()), (503, why));
}

/// Time is the runtime's own here: it jumps to the next deadline when all wait.
#[tokio::test(start_paused = true)]
async fn idlers_hold_their_place_for_a_while_only() {
    let server = Served::start();
    let mut idlers = Vec::new();
    for nth in 0..CONNECTIONS {
        let mut idler = TcpStream::connect(server.address).await.unwrap();
        let part: &[u8] = if nth % 2 == 0 { b"" } else { b"GET / HTTP/1.1\r\nHost: " };
        idler.write_all(part).await.unwrap();
        idlers.push(idler);
    }
    let hour = Duration::from_hours(1);
    let answer = timeout(hour, ask(server.address, "GET", "/-/healthy", "")).await.unwrap();
    assert_eq!(answer.status, 200);
    for mut idler in idlers {
        let mut rest = Vec::new();
        timeout(hour, idler.read_to_end(&mut rest)).await.expect("closed").unwrap();
    }
}

#[tokio::test]
async fn stops_when_told() {
    let server = Served::start();
    assert_eq!(ask(server.address, "GET", "/-/healthy", "").await.status, 200);
    server.stop.send(()).unwrap();
    timeout(Duration::from_mins(1), server.ended).await.expect("it ends").unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}
