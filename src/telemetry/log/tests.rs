//! What log lines look like.

use std::sync::{Arc, Mutex};

use super::*;
use crate::jail::ban::{Ban, BanKey, BanOrigin, JailName};
use crate::moment::Moment;
use crate::printable::is_unseen;
use crate::telemetry::lines;
use crate::trace::TraceId;

#[test]
fn one_level_is_gaolers_own() {
    let told = |level| filter(level).unwrap().to_string();
    assert_eq!(told("debug"), "gaoler=debug,warn");
    assert_eq!(told("zbus=trace,info"), "zbus=trace,info");
    let refusal = filter("gaoler=loud").unwrap_err().to_string();
    assert!(refusal.contains("`gaoler=loud` is no log level"), "{refusal}");
}

#[test]
fn only_the_very_stream_is_the_journals() {
    let file = tempfile::tempfile().unwrap();
    let stat = rustix::fs::fstat(&file).unwrap();
    let name = |device: u64, inode: u64| format!("{device}:{inode}");
    assert!(is_stream(&name(stat.st_dev, stat.st_ino), &file));
    assert!(!is_stream(&name(stat.st_dev, stat.st_ino + 1), &file));
    assert!(!is_stream(&name(stat.st_dev + 1, stat.st_ino), &file));
    assert!(!is_stream("", &file));
    assert!(!is_stream("8", &file));
}

/// What was written.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'kept> MakeWriter<'kept> for Kept {
    type Writer = Kept;

    fn make_writer(&'kept self) -> Kept {
        self.clone()
    }
}

impl Kept {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// What one event becomes as text.
fn text(event: impl FnOnce()) -> String {
    let kept = Kept::default();
    let layer = super::text(kept.clone(), false);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), event);
    // The time is first.
    kept.text().split_once("Z ").map_or("no time", |(_, rest)| rest.trim_start()).to_owned()
}

#[test]
fn a_line_says_nothing_twice_and_nothing_raw() {
    let ban = text(|| tracing::info!(jail = "sshd", address = "192.0.2.1", "[sshd] Ban 192.0.2.1"));
    assert_eq!(ban, "INFO [sshd] Ban 192.0.2.1\n");
    let other = text(|| tracing::info!(jail = "sshd", address = "192.0.2.1", "in [sshd]"));
    assert_eq!(other, "INFO in [sshd] address=192.0.2.1\n");
    let hostile = text(|| tracing::warn!(path = "/a\u{1b}[2J\nb", "cannot read\u{7}"));
    assert_eq!(hostile, "WARN cannot read\\u{7} path=/a\\u{1b}[2J\\nb\n");
}

/// Ten and 123,456 µs.
fn ten() -> Moment {
    let wall = "2026-11-22T10:00:00.123456Z".parse().unwrap();
    Moment { wall, boot: crate::moment::Boot::default() }
}

/// What is said in a life, as `layer` writes it.
fn life<L>(layer: impl FnOnce(Kept) -> L) -> String
where
    L: Layer<tracing_subscriber::Registry> + Send + Sync,
{
    let kept = Kept::default();
    let subscriber = tracing_subscriber::registry().with(layer(kept.clone()));
    tracing::subscriber::with_default(subscriber, || {
        let (jail, address) = (JailName::new("sshd"), "192.0.2.7".parse().unwrap());
        let trace = TraceId::new(0xab);
        lines::found(&jail, address, ten().wall, &TimeZone::UTC, Some(trace));
        lines::already_banned(&jail, address, trace);
        lines::ignored(&jail, address, "ignoreip");
        let (key, since) = (BanKey { jail, address: address.into() }, ten().wall);
        let (origin, bantime) = (BanOrigin::Detected, None);
        lines::banned(&Ban { key, origin, since, bantime, failures: 2, trace });
        tracing::warn!(path = "/a \"\u{1b}[2J\u{9b}\n=", count = 3, "cannot read\u{202e}");
    });
    kept.text()
}

#[test]
fn json_has_a_lines_fields_beside_its_message() {
    let told = life(|kept| json(kept, ten));
    assert!(!told.contains(|c| c != '\n' && is_unseen(c)), "{told}");
    let lines: Vec<serde_json::Value> =
        told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let expected = serde_json::json!({
        "timestamp": "2026-11-22T10:00:00.123456Z",
        "level": "INFO",
        "message": "[sshd] Ban 192.0.2.7",
        "jail": "sshd",
        "address": "192.0.2.7",
        "trace_id": "000000000000000000000000000000ab",
        "target": "gaoler::telemetry::lines",
    });
    assert_eq!(lines[3], expected);
    assert_eq!(lines[4]["path"], "/a \"\u{1b}[2J\u{9b}\n=");
}

#[test]
fn logfmt_quotes_what_is_no_plain_word() {
    let told = life(|kept| laid_out(kept, Logfmt(ten)));
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(
        lines[3],
        "ts=2026-11-22T10:00:00.123456Z level=info msg=\"[sshd] Ban 192.0.2.7\" jail=sshd \
         address=192.0.2.7 trace_id=000000000000000000000000000000ab"
    );
    assert_eq!(
        lines[4],
        "ts=2026-11-22T10:00:00.123456Z level=warn msg=\"cannot read\\u202e\" \
         path=\"/a \\\"\\u001b[2J\\u009b\\n=\" count=3"
    );
    assert_eq!(lines.len(), 5);
}

#[test]
fn what_reads_fail2bans_log_reads_ours() {
    let zone = TimeZone::fixed(jiff::tz::offset(1));
    let layout = Fail2ban { clock: ten, zone, pid: 42 };
    let told = life(|kept| laid_out(kept, layout));
    let expected = "\
2026-11-22 11:00:00,123 fail2ban.filter         [42]: INFO    [sshd] Found 192.0.2.7 - 2026-11-22 10:00:00
2026-11-22 11:00:00,123 fail2ban.actions        [42]: WARNING [sshd] 192.0.2.7 already banned
2026-11-22 11:00:00,123 fail2ban.filter         [42]: INFO    [sshd] Ignore 192.0.2.7 by ignoreip
2026-11-22 11:00:00,123 fail2ban.actions        [42]: NOTICE  [sshd] Ban 192.0.2.7
2026-11-22 11:00:00,123 gaoler                  [42]: WARNING cannot read\\u{202e}
";
    assert_eq!(told, expected);
}
