//! One hour of a host, as the daemon would tell it; all times are fixed.

use std::path::PathBuf;

use gaoler::enforcer::order::{Condition, Outcome};
use gaoler::failure::Failure;
use gaoler::jail::Verdict;
use gaoler::jail::ban::{BanOrigin, JailName};
use gaoler::jail::ignore::IgnoreReason;
use gaoler::moment::{Boot, Moment};
use gaoler::source::batch::{
    Batch, Finding, Findings, Notice, Overruns, Position, Rotation, Tally, Trouble,
};
use gaoler::source::excerpt::Excerpt;
use gaoler::telemetry::metrics::Metrics;
use gaoler::telemetry::metrics::enforcement::BackendMetrics;
use gaoler::telemetry::metrics::jail::{Heard, JailMetrics, PerFamily, Settings};
use gaoler::telemetry::metrics::reason::{Unbanned, Withheld};
use gaoler::telemetry::metrics::source::SourceMetrics;
use gaoler::telemetry::metrics::traced::Traced;
use gaoler::telemetry::otlp::settings::Signal;
use gaoler::trace::TraceId;
use jiff::{SignedDuration, Timestamp};

/// The calls of the backend in the script.
pub const OPERATIONS: [&str; 2] = ["add_rich_rule", "remove_rich_rule"];

/// All that the script counts with.
pub struct Host {
    pub metrics: Metrics,
    sshd: JailMetrics,
    get_dos: JailMetrics,
    journal: SourceMetrics,
    access_log: SourceMetrics,
    firewalld: BackendMetrics,
}

/// `2026-11-22 10:00:00Z` and so many milliseconds; the host booted an hour before.
pub fn at(milliseconds: i64) -> Moment {
    let ten: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
    let after = SignedDuration::from_millis(milliseconds);
    Moment { wall: ten + after, boot: Boot(SignedDuration::from_hours(1) + after) }
}

fn milliseconds(count: i64) -> SignedDuration {
    SignedDuration::from_millis(count)
}

/// The trace of the script's one detected ban, so many milliseconds after ten.
fn traced(after: i64) -> Traced {
    let trace = TraceId::new(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
    Traced { trace, at: at(after).wall }
}

/// A stand-in for `/proc/self`.
fn proc() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/metrics/proc"))
}

/// The settings of the sshd jail, with so many patterns.
pub fn sshd_settings(patterns: u16) -> Settings {
    Settings {
        patterns,
        findtime: SignedDuration::from_secs(30),
        maxretry: 2,
        bantime: Some(SignedDuration::from_secs(60)),
        backend: "firewalld".into(),
    }
}

/// The host as it starts: everything is there, nothing has happened.
pub fn started() -> Host {
    let metrics = Metrics::new("0.1.0", "0123abc", at(0), proc());
    let sshd = metrics.jail_appears(&JailName::new("sshd"), &sshd_settings(3));
    let get_dos = Settings {
        patterns: 1,
        findtime: SignedDuration::from_secs(10),
        bantime: None,
        // So that what only nftables counts is on the page.
        backend: "nftables".into(),
        ..sshd_settings(1)
    };
    for signal in Signal::ALL {
        let _ = metrics.signal_appears(signal.label());
    }
    Host {
        sshd,
        get_dos: metrics.jail_appears(&JailName::new("http-get-dos"), &get_dos),
        journal: metrics.source_appears("journal:_SYSTEMD_UNIT=sshd.service _UID=0"),
        access_log: metrics.source_appears("/var/log/httpd/\"a\\c\"*_log"),
        firewalld: metrics.backend_appears("firewalld", &OPERATIONS),
        metrics,
    }
}

/// The host after its hour.
pub fn played() -> Host {
    let host = started();
    host.sources_play();
    host.jails_play();
    host.firewall_plays();
    host.metrics.state.stored(milliseconds(2), true);
    host.metrics.state.stored(milliseconds(61_000), false);
    host.metrics.state.volatile(1);
    host.metrics.reload.ended(true, at(60_000));
    host.metrics.reload.ended(false, at(70_000));
    host
}

impl Host {
    fn sources_play(&self) {
        self.journal.observe_notice(&Notice::Up);
        self.journal.observe_batch(&batch(vec![finding(0, 250), finding(2, 0)], true));
        self.access_log.observe_notice(&Notice::Up);
        self.access_log.expect_every(Some(SignedDuration::from_mins(5)));
        self.access_log.observe_batch(&batch(Vec::new(), false));
        let trouble = |reason| Trouble { reason, detail: "the story".into() };
        for notice in [
            Notice::Down(trouble("permission")),
            Notice::Error(trouble("cosmic rays")),
            Notice::Rotated(Rotation::Renamed),
            Notice::Rotated(Rotation::Truncated),
            Notice::Restarted(trouble("corrupt")),
        ] {
            self.access_log.observe_notice(&notice);
        }
    }

    fn jails_play(&self) {
        let jail = &self.sshd;
        let came = batch(vec![finding(0, 250), finding(2, 0)], true);
        jail.observe_tally(&came.tally, 0);
        let counted = Verdict::Counted { failures: 1, trace: TraceId::new(1) };
        let mut heard = Heard::default();
        for finding in &came.found.failures {
            jail.detected(finding, true);
            heard.note(finding.pattern, &counted);
        }
        jail.detected(&finding(2, 250), false);
        heard.note(2, &Verdict::Stale);
        // The filter has no pattern of that number.
        heard.note(9, &Verdict::Ignored(IgnoreReason::IgnoreIp));
        jail.heard(&heard);
        jail.tracking(1, 0);
        jail.banned(BanOrigin::Detected, Some(traced(2_000)));
        jail.banned(BanOrigin::Manual, None);
        jail.restored();
        jail.withheld(Withheld::Capacity);
        jail.set_bans(PerFamily { ipv4: 2, ipv6: 1 }, PerFamily { ipv4: 1, ipv6: 1 });
        jail.enforced_after(milliseconds(12), Some(traced(2_012)));
        jail.unbanned(Unbanned::Expired);
        let mut heard = Heard::default();
        heard.note(9, &Verdict::Ignored(IgnoreReason::IgnoreSelf));
        self.get_dos.heard(&heard);
        self.get_dos.dropped(false, 3, 180);
    }

    fn firewall_plays(&self) {
        let firewall = &self.firewalld;
        firewall.condition(&Condition::Absent);
        firewall.condition(&Condition::Ready);
        firewall.operation("add_rich_rule", Outcome::Ok, milliseconds(7));
        firewall.operation("add_rich_rule", Outcome::Unknown, milliseconds(25_000));
        firewall.operation("query_weather", Outcome::Error, milliseconds(1));
        firewall.pending(1);
        firewall.capacity(50, 200);
        firewall.reconciled(1, 2, at(3_000));
    }
}

/// A finding whose record stated `10:00:00` and so many milliseconds, read at `10:00:01`.
fn finding(pattern: u16, stated: i64) -> Finding {
    let failure = Failure { address: "192.0.2.1".parse().unwrap(), time: at(stated).wall };
    let text = Excerpt::default();
    Finding { listener: 0, pattern, failure, read: at(1_000), text, user: None }
}

fn batch(failures: Vec<Finding>, caught_up: bool) -> Batch {
    let tally = Tally {
        records: 10,
        bytes: 1_000,
        ignored: vec![4],
        unattributed: vec![2],
        date_errors: vec![1],
        overruns: Some(Box::new(Overruns { counts: vec![[0, 2, 0, 0]], first: Vec::new() })),
        oversized: 3,
        suppressed: 7,
        last_record: Some(at(900).wall),
    };
    Batch {
        listeners: [JailName::new("sshd")].into(),
        found: Findings { failures, ..Findings::default() }.into(),
        tally,
        through: Position::Files(Vec::new()),
        caught_up,
        late: false,
        backlog_bytes: if caught_up { 0 } else { 512 },
    }
}
