//! A real Prometheus scrapes both formats, and answers queries about them.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::http::Served;

/// Ends with the test, however that ends.
struct Prometheus {
    child: Child,
    address: SocketAddr,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

impl Prometheus {
    fn start(directory: &Path, targets: [(&str, SocketAddr); 2]) -> Self {
        let address = free_address();
        let job = |(name, target)| {
            format!("- job_name: {name}\n  static_configs: [{{targets: ['{target}']}}]\n")
        };
        let jobs = targets.map(job).concat();
        let config = directory.join("prometheus.yml");
        let global = "global: {scrape_interval: 200ms, scrape_timeout: 200ms}\n";
        fs::write(&config, format!("{global}scrape_configs:\n{jobs}")).unwrap();
        let log = fs::File::create(directory.join("log")).unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", directory.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("prometheus runs: it is in Debian's package prometheus");
        Self { child, address }
    }

    /// The samples of an instant query, as job, labels and value; `None` while there is no answer.
    async fn query(&self, query: &str) -> Option<Vec<Value>> {
        let stream = TcpStream::connect(self.address).await.ok()?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(connection);
        let query: Vec<_> = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let request = hyper::Request::get(format!("/api/v1/query?query={}", query.concat()))
            .header("Host", self.address.to_string())
            .body(Empty::<Bytes>::new())
            .unwrap();
        let body = sender.send_request(request).await.ok()?.collect().await.ok()?.to_bytes();
        let answer: Value = serde_json::from_slice(&body).ok()?;
        answer["data"]["result"].as_array().cloned()
    }

    /// Asks until there is a sample for each of the two jobs.
    async fn both(&self, query: &str) -> Vec<(String, String)> {
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            let samples = self.query(query).await.unwrap_or_default();
            let told = |sample: &Value| {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                (text(&sample["metric"]["job"]), text(&sample["value"][1]))
            };
            let mut told: Vec<_> = samples.iter().map(told).collect();
            told.sort();
            if told.len() == 2 {
                return told;
            }
            assert!(Instant::now() < deadline, "no two answers to {query}: {told:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Passes each scrape on without its `Accept`: this Prometheus asks for OpenMetrics always.
async fn without_accept(server: SocketAddr) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut scraper, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _head = scraper.read(&mut request).await;
            let mut page = Vec::new();
            let mut stream = TcpStream::connect(server).await.unwrap();
            stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: gaoler\r\n\r\n").await.unwrap();
            stream.read_to_end(&mut page).await.unwrap();
            _ = scraper.write_all(&page).await;
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_reads_both_formats() {
    let server = Served::start();
    let directory = tempfile::tempdir().unwrap();
    let text = without_accept(server.address).await;
    let targets = [("openmetrics", server.address), ("text", text)];
    let prometheus = Prometheus::start(directory.path(), targets);
    let same = |value: &str| {
        ["openmetrics", "text"].map(|job| (job.to_owned(), value.to_owned())).to_vec()
    };
    let check = async |query: &str, value: &str| {
        assert_eq!(prometheus.both(query).await, same(value), "{query}");
    };
    check("gaoler_bans_total{jail='sshd',origin='manual'}", "1").await;
    check("up", "1").await;
    check("gaoler_build_info{version='0.1.0'}", "1").await;
    check("gaoler_jail_bantime_seconds{jail='http-get-dos'}", "+Inf").await;
    check("gaoler_ban_enforcement_duration_seconds_count{jail='sshd'}", "1").await;
    check("process_cpu_seconds_total", "3").await;
    // A backslash and a quote in a label come through both.
    let source = r#"gaoler_source_records_total{source="/var/log/httpd/\"a\\c\"*_log"}"#;
    check(source, "10").await;
    let counts = prometheus.both("scrape_samples_scraped").await;
    assert_eq!(counts[0].1, counts[1].1, "{counts:?}");
}
