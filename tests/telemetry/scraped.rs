//! A real Prometheus scrapes every format, and answers queries about them.

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
pub struct Prometheus {
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
    /// One with these jobs to scrape.
    pub fn start(directory: &Path, jobs: &str) -> Self {
        let address = free_address();
        let config = directory.join("prometheus.yml");
        let global = "global: {scrape_interval: 200ms, scrape_timeout: 200ms}\n";
        fs::write(&config, format!("{global}scrape_configs:\n{jobs}")).unwrap();
        let log = fs::File::create(directory.join("log")).unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", directory.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--enable-feature=exemplar-storage,native-histograms")
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("prometheus runs: it is in Debian's package prometheus");
        Self { child, address }
    }

    /// What a GET of the API answers, in `data`; `None` while there is no answer.
    async fn get(&self, path: &str, query: &str) -> Option<Value> {
        let stream = TcpStream::connect(self.address).await.ok()?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(connection);
        let query: Vec<_> = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let request = hyper::Request::get(format!("/api/v1/{path}query={}", query.concat()))
            .header("Host", self.address.to_string())
            .body(Empty::<Bytes>::new())
            .unwrap();
        let body = sender.send_request(request).await.ok()?.collect().await.ok()?.to_bytes();
        let mut answer: Value = serde_json::from_slice(&body).ok()?;
        Some(answer["data"].take())
    }

    /// Asks until the answer is a list that long.
    async fn list(&self, path: &str, within: &str, query: &str, length: usize) -> Vec<Value> {
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            let data = self.get(path, query).await.unwrap_or_default();
            let data = data.pointer(within).and_then(Value::as_array).cloned().unwrap_or_default();
            if data.len() == length {
                return data;
            }
            assert!(Instant::now() < deadline, "no {length} answers to {query}: {data:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// A sample each of so many jobs: job and value.
    pub async fn samples(&self, query: &str, jobs: usize) -> Vec<(String, String)> {
        let samples = self.list("query?", "/result", query, jobs).await;
        let told = |sample: &Value| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            (text(&sample["metric"]["job"]), text(&sample["value"][1]))
        };
        let mut told: Vec<_> = samples.iter().map(told).collect();
        told.sort();
        told
    }

    /// The exemplars of a series, of so many jobs: job, trace and value.
    async fn exemplars(&self, query: &str, jobs: usize) -> Vec<(String, String, String)> {
        let day = "query_exemplars?start=2026-11-22T00:00:00Z&end=2026-11-23T00:00:00Z&";
        let series = self.list(day, "", query, jobs).await;
        let told = |series: &Value| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let exemplar = &series["exemplars"][0];
            let labels = &exemplar["labels"];
            assert_eq!(labels["span_id"], labels["trace_id"].as_str().unwrap()[16..]);
            let job = text(&series["seriesLabels"]["job"]);
            (job, text(&labels["trace_id"]), text(&exemplar["value"]))
        };
        let mut told: Vec<_> = series.iter().map(told).collect();
        told.sort();
        told
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Passes each scrape on with another `Accept`: this Prometheus asks for protobuf always.
async fn asking(server: SocketAddr, accept: &'static str) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut scraper, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _head = scraper.read(&mut request).await;
            let mut page = Vec::new();
            let mut stream = TcpStream::connect(server).await.unwrap();
            let request =
                format!("GET /metrics HTTP/1.1\r\nHost: gaoler\r\nAccept: {accept}\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            stream.read_to_end(&mut page).await.unwrap();
            _ = scraper.write_all(&page).await;
        }
    });
    address
}

const JOBS: [&str; 3] = ["openmetrics", "protobuf", "text"];

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_reads_every_format() {
    let server = Served::start();
    let directory = tempfile::tempdir().unwrap();
    let open = asking(server.address, "application/openmetrics-text;version=1.0.0").await;
    let text = asking(server.address, "text/plain;version=0.0.4").await;
    let targets = [(JOBS[0], open), (JOBS[1], server.address), (JOBS[2], text)];
    let job = |(name, target)| {
        format!("- job_name: {name}\n  static_configs: [{{targets: ['{target}']}}]\n")
    };
    let prometheus = Prometheus::start(directory.path(), &targets.map(job).concat());
    let check = async |query: &str, jobs: &[&str], value: &str| {
        let expected: Vec<_> =
            jobs.iter().map(|job| ((*job).to_owned(), value.to_owned())).collect();
        assert_eq!(prometheus.samples(query, jobs.len()).await, expected, "{query}");
    };
    check("gaoler_bans_total{jail='sshd',origin='manual'}", &JOBS, "1").await;
    check("up", &JOBS, "1").await;
    check("gaoler_build_info{version='0.1.0'}", &JOBS, "1").await;
    check("gaoler_jail_bantime_seconds{jail='http-get-dos'}", &JOBS, "+Inf").await;
    check("process_cpu_seconds_total", &JOBS, "3").await;
    // A backslash and a quote in a label come through all.
    let source = r#"gaoler_source_records_total{source="/var/log/httpd/\"a\\c\"*_log"}"#;
    check(source, &JOBS, "10").await;

    // Classic buckets come in text alone; where there are native ones, Prometheus takes those.
    let took = "gaoler_ban_enforcement_duration_seconds";
    check(&format!("{took}_count{{jail='sshd'}}"), &["openmetrics", "text"], "1").await;
    check(&format!("histogram_count({took}{{jail='sshd'}})"), &["protobuf"], "1").await;
    // The one ban took 12 ms; native buckets near that are less than a millisecond wide.
    let median = format!("histogram_quantile(0.5, {took}{{jail='sshd'}})");
    let answers = prometheus.samples(&median, 1).await;
    let seconds: f64 = answers[0].1.parse().unwrap();
    assert!((0.011..0.013).contains(&seconds), "{answers:?}");

    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let expected = |jobs: &[&str], value: &str| -> Vec<_> {
        jobs.iter().map(|job| ((*job).into(), trace.into(), value.into())).collect()
    };
    let bans = "gaoler_bans_total{origin='detected'}";
    assert_eq!(prometheus.exemplars(bans, 2).await, expected(&JOBS[..2], "1"));
    let classic = format!("{took}_bucket");
    assert_eq!(prometheus.exemplars(&classic, 1).await, expected(&JOBS[..1], "0.012"));
    assert_eq!(prometheus.exemplars(took, 1).await, expected(&JOBS[1..2], "0.012"));
}
