//! The example for Alertmanager: who is told, in which words, and what is not told twice.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::rules::alerts;
use crate::tool::{path, read, run};

const EXAMPLE: &str = "alerts/alertmanager.example.yaml";
const TEMPLATES: &str = "alerts/gaoler.tmpl";

#[test]
fn alertmanager_accepts_it() {
    let (ok, said) = run("amtool", &["check-config", EXAMPLE]);
    assert!(ok && said.contains("SUCCESS"), "{said}");
}

#[test]
fn it_names_alerts_that_exist() {
    let names: BTreeSet<String> = alerts().into_iter().map(|(name, _)| name).collect();
    let text = read(EXAMPLE);
    let words = text.split(|c: char| !c.is_ascii_alphabetic());
    let mentioned: BTreeSet<&str> =
        words.filter(|word| word.starts_with("Gaoler") && *word != "Gaoler").collect();
    assert!(mentioned.len() > 10, "{mentioned:?}");
    for name in mentioned {
        assert!(names.contains(name), "there is no {name}");
    }
}

#[track_caller]
fn receiver(labels: &[&str], expected: &str) {
    let head = ["config", "routes", "test", "--config.file", EXAMPLE];
    let (ok, said) = run("amtool", &[&head, labels].concat());
    let receivers = said.lines().next().unwrap_or_default();
    assert!(ok && receivers == expected, "{labels:?}: {said}");
}

#[test]
fn every_alert_reaches_who_it_should() {
    for (name, rule) in alerts() {
        let severity = &rule.labels["severity"];
        let expected = match (severity.as_str(), name.as_str()) {
            ("critical", _) => "gaoler-pager",
            ("info", _) | (_, "GaolerDistributedAttack") => "gaoler-chat",
            _ => "gaoler-mail",
        };
        let labels = [format!("alertname={name}"), format!("severity={severity}")];
        receiver(&[&labels[0], &labels[1], "job=gaoler", "instance=a"], expected);
    }
    receiver(&["alertname=NodeDown", "severity=critical"], "everything-else");
}

#[track_caller]
fn renders(template: &str, data: &Value, expected: &str) {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), data.to_string()).unwrap();
    let text = format!("--template.text={{{{ template \"{template}\" . }}}}");
    let data = format!("--template.data={}", file.path().display());
    let glob = format!("--template.glob={TEMPLATES}");
    let (ok, said) = run("amtool", &["template", "render", &glob, &data, &text]);
    assert!(ok, "{said}");
    assert_eq!(said.trim_end(), expected);
}

/// What Alertmanager hands to a receiver: two alerts of one host, one of them over.
fn told() -> Value {
    let alert = |source: &str, status: &str| {
        json!({
            "status": status,
            "labels": {"source": source},
            "annotations": {"description": format!("{source} on a is unreadable.")},
            "startsAt": "2026-11-22T10:00:00Z",
            "endsAt": "2026-11-22T10:07:00Z",
        })
    };
    json!({
        "status": "firing",
        "groupLabels": {"alertname": "GaolerSourceDown", "instance": "a"},
        "commonLabels": {"severity": "critical", "instance": "a"},
        "commonAnnotations": {"summary": "A log cannot be read.", "runbook_url": "https://x/y.md"},
        "alerts": [alert("/var/log/secure", "firing"), alert("/var/log/x", "resolved")],
    })
}

#[test]
fn words_say_what_where_and_what_to_do() {
    let firing = told();
    renders("gaoler.title", &firing, "[critical] GaolerSourceDown on a");
    renders("gaoler.colour", &firing, "danger");
    renders("gaoler.runbook", &firing, "https://x/y.md");
    let text = "\
A log cannot be read.

- /var/log/secure on a is unreadable. Since 2026-11-22 10:00:00 UTC.
- over since 2026-11-22 10:07:00 UTC: /var/log/x on a is unreadable.

What to do: https://x/y.md";
    renders("gaoler.text", &firing, text);

    let mut over = firing.clone();
    over["status"] = json!("resolved");
    renders("gaoler.title", &over, "[resolved] GaolerSourceDown on a");
    renders("gaoler.colour", &over, "good");

    let mut fleet = firing;
    fleet["groupLabels"] = json!({"alertname": "GaolerBanSurge"});
    fleet["commonLabels"] = json!({"severity": "info"});
    renders("gaoler.title", &fleet, "[info] GaolerBanSurge on 2 hosts");
    renders("gaoler.colour", &fleet, "warning");
}

#[test]
fn every_template_is_used_and_there() {
    let named = |text: &str, before: &str| -> BTreeSet<String> {
        let parts = text.split(before).skip(1);
        parts.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
    };
    assert_eq!(named(&read(EXAMPLE), "template \""), named(&read(TEMPLATES), "define \""));
}

/// A real Alertmanager with the example's routes and inhibitions, whose receivers reach nobody.
struct Alertmanager {
    child: Child,
    url: String,
    _directory: tempfile::TempDir,
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

impl Alertmanager {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (rules, receivers) = (read(EXAMPLE), "receivers:\n");
        let (rules, described) = rules.split_once(receivers).unwrap();
        let names = described.lines().filter(|line| line.starts_with("  - name: "));
        let names: Vec<_> = names.collect();
        let config = directory.path().join("alertmanager.yaml");
        fs::write(&config, format!("{rules}{receivers}{}\n", names.join("\n"))).unwrap();
        fs::copy(path(TEMPLATES), directory.path().join("gaoler.tmpl")).unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = Command::new("prometheus-alertmanager")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", directory.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--cluster.listen-address=")
            .stdout(Stdio::null())
            .stderr(fs::File::create(directory.path().join("log")).unwrap())
            .spawn()
            .expect("Alertmanager runs: it is in Debian's package prometheus-alertmanager");
        Self { child, url: format!("--alertmanager.url=http://{address}"), _directory: directory }
    }

    /// Hands it an alert; insists until it is up.
    fn fires(&self, labels: &[&str]) {
        let deadline = Instant::now() + Duration::from_mins(1);
        let head = ["alert", "add", &self.url];
        loop {
            let (ok, said) = run("amtool", &[&head, labels].concat());
            if ok {
                return;
            }
            assert!(Instant::now() < deadline, "{said}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The alerts that it tells of, and those that it keeps to itself.
    fn told(&self) -> [Vec<String>; 2] {
        ["--active", "--inhibited"].map(|which| {
            let head = ["alert", "query", &self.url, "--output=json", which];
            let (ok, said) = run("amtool", &head);
            assert!(ok, "{said}");
            let alerts: Vec<Value> = serde_json::from_str(&said).unwrap();
            let inhibited =
                |alert: &Value| !alert["status"]["inhibitedBy"].as_array().unwrap().is_empty();
            let wanted = alerts.iter().filter(|alert| inhibited(alert) == (which == "--inhibited"));
            let mut names: Vec<_> = wanted
                .map(|alert| {
                    let label =
                        |name: &str| alert["labels"][name].as_str().unwrap_or("-").to_owned();
                    format!("{}@{}", label("alertname"), label("instance"))
                })
                .collect();
            names.sort();
            names
        })
    }
}

#[test]
fn what_follows_from_something_worse_is_not_told_as_well() {
    let alertmanager = Alertmanager::start();
    let fires = |name: &str, instance: &str, more: &[&str]| {
        let head = [&format!("alertname={name}"), "job=gaoler", &format!("instance={instance}")];
        alertmanager.fires(&[&head, more].concat());
    };
    fires("GaolerDown", "a", &["severity=critical"]);
    fires("GaolerSourceDown", "a", &["severity=critical"]);
    fires("GaolerFirewallUnavailable", "b", &["severity=critical"]);
    fires("GaolerNothingEnforced", "b", &["severity=critical"]);
    fires("GaolerBansNotEnforced", "b", &["severity=warning"]);
    fires("GaolerSourceDown", "b", &["severity=critical", "source=x"]);
    fires("GaolerSourceErrors", "b", &["severity=warning", "source=x"]);
    fires("GaolerSourceStalled", "b", &["severity=warning", "source=y"]);
    fires("GaolerBansNotEnforced", "c", &["severity=warning"]);
    let [told, kept] = alertmanager.told();
    assert_eq!(
        told,
        [
            "GaolerBansNotEnforced@c",
            "GaolerDown@a",
            "GaolerFirewallUnavailable@b",
            "GaolerSourceDown@b",
            "GaolerSourceStalled@b",
        ]
    );
    let expected = [
        "GaolerBansNotEnforced@b",
        "GaolerNothingEnforced@b",
        "GaolerSourceDown@a",
        "GaolerSourceErrors@b",
    ];
    assert_eq!(kept, expected);
}
