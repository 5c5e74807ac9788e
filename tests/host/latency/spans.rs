//! What the bans' traces say of where the time goes: a collector in the box, which prints each span's
//! name and length, and who reads that.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

use crate::host::{Host, Side};
use crate::{AGAIN, at};

/// Longer than traces are held back to be sent together.
const PATIENCE: Duration = Duration::from_secs(30);

type Lengths = BTreeMap<String, Vec<Duration>>;

/// The spans that came, by name.
pub(crate) struct Spans {
    collector: Child,
    lengths: Arc<Mutex<Lengths>>,
}

impl Spans {
    /// Starts the collector.
    pub(crate) fn collect(host: &Host) -> Result<Self> {
        let mut command = host.command(Side::Server, &[AGAIN, "in-box-spans"]);
        let mut collector = command.stdout(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(collector.stdout.take().context("a pipe")?).lines();
        ensure!(lines.next().is_some(), "the collector does not listen");
        let lengths = Arc::new(Mutex::new(Lengths::new()));
        let seen = Arc::clone(&lengths);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let Some((name, nanos)) = line.rsplit_once(' ') else { continue };
                let length = Duration::from_nanos(nanos.parse().unwrap_or_default());
                let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                seen.entry(name.to_owned()).or_default().push(length);
            }
        });
        Ok(Self { collector, lengths })
    }

    /// Forgets what came so far.
    pub(crate) fn forget(&self) {
        self.lengths.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The median of each span, once so many bans' traces have come.
    pub(crate) fn medians(&self, bans: usize) -> Result<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut lengths = self.lengths.lock().unwrap_or_else(PoisonError::into_inner);
            if lengths.get("ban").is_some_and(|spans| bans <= spans.len()) {
                let median = |(name, spans): (&String, &mut Vec<Duration>)| {
                    format!("{name} {:.2}", at(spans, 50))
                };
                return Ok(lengths.iter_mut().map(median).collect::<Vec<_>>().join(", "));
            }
            drop(lengths);
            ensure!(Instant::now() < deadline, "the traces do not come");
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Spans {
    fn drop(&mut self) {
        let _ = self.collector.kill();
        let _ = self.collector.wait();
    }
}

/// In the box: takes what is pushed, and prints a line for each span.
pub(crate) fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:4318")?;
    println!("listening");
    for stream in listener.incoming() {
        let stream = stream?;
        thread::spawn(move || converse(&stream));
    }
    Ok(())
}

/// Answers one request after the other (HTTP/1.1 with a length, which is all that gaoler sends).
fn converse(stream: &TcpStream) -> Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut path, mut length) = (String::new(), 0);
        ensure!(reader.read_line(&mut path)? > 0, "the peer has gone");
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            if header.trim().is_empty() {
                break;
            }
            let header = header.to_ascii_lowercase();
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        if path.contains("/v1/traces") {
            tell(&ExportTraceServiceRequest::decode(&body[..])?);
        }
        let answer =
            "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
        (&mut &*stream).write_all(answer.as_bytes())?;
    }
}

fn tell(request: &ExportTraceServiceRequest) {
    let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    for span in scopes.flat_map(|scope| &scope.spans) {
        let nanos = span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano);
        println!("{} {nanos}", span.name);
    }
}
