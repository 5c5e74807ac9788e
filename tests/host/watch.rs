//! Who watches: Debian's Prometheus and Alertmanager in the box, with the rules and routes that gaoler
//! ships, and a webhook that is told. Only durations are shortened: minutes become seconds.

use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};
use regex::{Captures, Regex};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::Value;

use crate::host::{EVENTUALLY, Host, SOON};

const RULES: &str = include_str!("../../alerts/gaoler.rules.yaml");
const ROUTES: &str = include_str!("../../alerts/alertmanager.example.yaml");
const TEMPLATES: &str = include_str!("../../alerts/gaoler.tmpl");

/// Where the webhook listens in the box, as the example has it.
const WEBHOOK: &str = "127.0.0.1:8080";
const PROMETHEUS: &str = "http://127.0.0.1:9090/api/v1";

const SCRAPES: &str = "
global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
rule_files: [/run/watch/rules.yaml]
alerting: {alertmanagers: [{static_configs: [{targets: ['127.0.0.1:9093']}]}]}
scrape_configs:
  - job_name: gaoler
    static_configs: [{targets: ['127.0.0.1:9642']}]
";

/// A box that is watched. Nobody watches any more once it is dropped.
pub(crate) struct Watch<'a> {
    host: &'a Host,
    webhook: Webhook,
}

impl<'a> Watch<'a> {
    /// Starts all three, and waits until Prometheus has scraped gaoler.
    pub(crate) fn over(host: &'a Host) -> Result<Self> {
        let watch = Self { host, webhook: Webhook::in_box(host)? };
        host.sh("mkdir -p /run/watch")?;
        host.feed("cat >/run/watch/prometheus.yaml", SCRAPES.as_bytes())?;
        host.feed("cat >/run/watch/rules.yaml", faster(RULES)?.as_bytes())?;
        host.feed("cat >/run/watch/alertmanager.yaml", routes()?.as_bytes())?;
        host.feed("cat >/run/watch/gaoler.tmpl", TEMPLATES.as_bytes())?;
        host.sh("promtool check rules /run/watch/rules.yaml")?;
        host.sh(
            "run() { systemd-run -q --collect --unit=watch-$1 --property=WorkingDirectory=/run/watch \"$@\"; }
             run prometheus --config.file=prometheus.yaml --storage.tsdb.path=data \
                 --web.listen-address=127.0.0.1:9090 --enable-feature=exemplar-storage
             run prometheus-alertmanager --config.file=alertmanager.yaml --storage.path=silences \
                 --web.listen-address=127.0.0.1:9093 --cluster.listen-address=",
        )?;
        watch.until_answered("query", "query=up{job='gaoler'} == 1")?;
        host.until("Alertmanager is ready", SOON, || {
            Ok(host.sh("curl -sSf http://127.0.0.1:9093/-/ready").ok())
        })?;
        Ok(watch)
    }

    /// Waits until Prometheus answers a query with something; what, in `data` or its `result`.
    pub(crate) fn until_answered(&self, path: &str, query: &str) -> Result<Vec<Value>> {
        let arguments: Vec<_> =
            query.split('&').map(|part| format!("--data-urlencode \"{part}\"")).collect();
        self.until_sent_and_answered(path, &arguments.join(" "))
    }

    /// Likewise, for a query that a file in the box has.
    pub(crate) fn until_answered_file(&self, file: &str) -> Result<Vec<Value>> {
        self.until_sent_and_answered("query", &format!("--data-urlencode query@{file}"))
    }

    fn until_sent_and_answered(&self, path: &str, arguments: &str) -> Result<Vec<Value>> {
        self.host.until(&format!("Prometheus answers {arguments}"), SOON, || {
            let answer = self.host.sh(&format!("curl -sS -G {arguments} {PROMETHEUS}/{path}"));
            // While it starts it answers nothing, or in plain words.
            let answer = answer.ok().and_then(|text| serde_json::from_str::<Value>(&text).ok());
            let Some(mut answer) = answer else { return Ok(None) };
            let data = answer["data"].take();
            let list = data.as_array().or_else(|| data["result"].as_array()).cloned();
            Ok(list.filter(|list| !list.is_empty()))
        })
    }

    /// Waits until the webhook was told of an alert at this path with this status: its labels.
    pub(crate) fn until_told(&self, path: &str, status: &str, alert: &str) -> Result<Value> {
        let what = format!("the webhook is told at {path}: {alert} {status}");
        let found = self.host.until(&what, EVENTUALLY, || {
            let told = self.webhook.told.lock().unwrap_or_else(PoisonError::into_inner);
            let found = told.iter().find(|(at, one)| {
                at == path && one["status"] == status && one["labels"]["alertname"] == alert
            });
            Ok(found.map(|(_, alert)| alert["labels"].clone()))
        });
        found.with_context(|| format!("it was told {:?}", self.webhook.told))
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        let stop =
            "systemctl stop watch-prometheus watch-prometheus-alertmanager; rm -rf /run/watch";
        if let Err(error) = self.host.sh(stop) {
            eprintln!("{error:#}");
        }
    }
}

/// Minutes become seconds, hours minutes, and a day 24 minutes: wherever a rule waits or looks back.
fn faster(rules: &str) -> Result<String> {
    let durations = Regex::new(r"(for: |keep_firing_for: |\[|offset )(\d+)([mhd])\b")?;
    let shorter = |found: &Captures<'_>| {
        let (before, count) = (&found[1], &found[2]);
        match &found[3] {
            "m" => format!("{before}{count}s"),
            "h" => format!("{before}{count}m"),
            _ => format!("{before}{}m", 24 * count.parse::<u32>().unwrap_or(1)),
        }
    };
    Ok(durations.replace_all(rules, shorter).into_owned())
}

/// The example's routes and inhibitions, at once; whoever is not a webhook becomes one.
fn routes() -> Result<String> {
    let (routes, receivers) =
        ROUTES.split_once("  - name: gaoler-mail").context("a receiver gaoler-mail")?;
    anyhow::ensure!(receivers.contains("  - name: gaoler-chat"), "a receiver gaoler-chat");
    let wait = Regex::new(r"group_wait: \w+")?.replace_all(routes, "group_wait: 0s");
    let both = Regex::new(r"group_interval: \w+")?.replace_all(&wait, "group_interval: 1s");
    let webhook = |name: &str| {
        format!(
            "  - name: gaoler-{name}\n    webhook_configs: [{{url: 'http://{WEBHOOK}/{name}', \
             send_resolved: true}}]\n"
        )
    };
    Ok(format!("{both}{}{}", webhook("mail"), webhook("chat")))
}

/// Listens in the box's network, and keeps what it is told.
struct Webhook {
    told: Arc<Mutex<Vec<(String, Value)>>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Webhook {
    fn in_box(host: &Host) -> Result<Self> {
        // `box.sh` names the namespace after the box, whose root is in a directory of that name.
        let root = host.path("/");
        let name = root.parent().and_then(Path::file_name).context("the box's name")?;
        let network = File::open(format!("/run/netns/{}-srv", name.display()))?;
        let bind = move || -> Result<TcpListener> {
            move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))?;
            let listener = TcpListener::bind(WEBHOOK)?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        };
        // A socket stays in the network where it was made; the thread that went there ends.
        let listener = thread::spawn(bind).join().ok().context("the webhook's thread")??;
        let (told, ended) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let thread = thread::spawn({
            let (told, ended) = (Arc::clone(&told), Arc::clone(&ended));
            move || listen(&listener, &told, &ended)
        });
        Ok(Self { told, ended, thread: Some(thread) })
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            _ = thread.join();
        }
    }
}

fn listen(listener: &TcpListener, told: &Mutex<Vec<(String, Value)>>, ended: &AtomicBool) {
    while !ended.load(Ordering::Relaxed) {
        match listener.accept() {
            Ok((stream, _)) => match hear(stream) {
                Ok(alerts) => {
                    told.lock().unwrap_or_else(PoisonError::into_inner).extend(alerts);
                }
                Err(error) => eprintln!("the webhook: {error:#}"),
            },
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_millis(20));
            }
            Err(error) => return eprintln!("the webhook: {error}"),
        }
    }
}

/// One message: its path and its alerts.
fn hear(stream: TcpStream) -> Result<Vec<(String, Value)>> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(SOON))?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).context("a path")?.to_owned();
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    reader
        .get_mut()
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    let mut message: Value = serde_json::from_slice(&body)?;
    let alerts = message["alerts"].as_array_mut().context("alerts")?;
    Ok(alerts.drain(..).map(|alert| (path.clone(), alert)).collect())
}
