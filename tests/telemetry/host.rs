//! How things stand on a host that has been attacked, as the daemon would tell the pages.

use gaoler::control::api::{
    ActionsStatus, BanStatus, CoverageStatus, EnforcementStatus, FilterStatus, JailStatus,
    OriginStatus, SourceStatus, Status,
};
use gaoler::enforcer::order::Condition;
use gaoler::jail::ban::{BanOrigin, JailName};
use gaoler::telemetry::overview::Overview;
use gaoler::telemetry::verdicts::{RecentVerdict, Word};
use gaoler::trace::TraceId;

use crate::script::at;

/// Minutes before eleven, which it is on the page.
fn before(minutes: i64) -> jiff::Timestamp {
    at((60 - minutes) * 60_000).wall
}

fn jail(name: &str, origin: OriginStatus, [failing, failed, banned, all]: [u64; 4]) -> JailStatus {
    JailStatus {
        name: name.into(),
        filter: FilterStatus { currently_failed: failing, total_failed: failed, origin },
        actions: ActionsStatus {
            currently_banned: banned,
            total_banned: all,
            enforced: banned,
            pending: 0,
            banned: Vec::new(),
            would_ban: Vec::new(),
        },
        dry_run: false,
        breaker: None,
    }
}

fn source(name: &str, minutes: i64) -> SourceStatus {
    let last_record = Some(before(minutes));
    SourceStatus { name: name.into(), up: true, caught_up: true, last_record, trouble: None }
}

/// All is well.
pub fn overview() -> Overview {
    let journal = OriginStatus::JournalMatches("_SYSTEMD_UNIT=sshd.service _UID=0".into());
    let files = OriginStatus::FileList(vec!["/var/log/httpd/*access_log".into()]);
    let coverage = CoverageStatus {
        mode: "ipset".into(),
        established: false,
        forwarded: true,
        published: false,
        unprovisioned: Vec::new(),
        summary: "ipset: stops new connections, forwarded packets; not connections that are open \
                  already, published (DNAT) ports"
            .into(),
    };
    Overview {
        started: true,
        firewall: Some(Condition::Ready),
        state_ok: true,
        status: Status {
            version: "0.1.0".into(),
            enforcement: EnforcementStatus {
                backend: "firewalld".into(),
                up: true,
                condition: "ready".into(),
                coverage: Some(coverage),
            },
            sources: vec![
                source("/var/log/httpd/*access_log", 0),
                source("journal:_SYSTEMD_UNIT=sshd.service _UID=0", 3),
            ],
            jails: vec![
                jail("http-get-dos", files, [4, 20_931, 2, 377]),
                jail("recidive", OriginStatus::Bans("all jails".into()), [11, 1_322, 1, 19]),
                jail("sshd", journal, [17, 184_220, 3, 12_804]),
            ],
        },
        verdicts: verdicts(),
    }
}

/// The same host on a bad day.
pub fn troubled() -> Overview {
    let mut overview = overview();
    overview.firewall = Some(Condition::Absent);
    overview.state_ok = false;
    let status = &mut overview.status;
    status.enforcement.up = false;
    status.enforcement.condition = "firewalld is not on the bus".into();
    status.sources[0].up = false;
    status.sources[0].trouble =
        Some("/var/log/httpd: Permission denied; give the user gaoler the right to read it".into());
    status.jails[2].actions.enforced = 1;
    status.jails[2].actions.pending = 2;
    overview
}

/// Who is banned on it.
pub fn bans() -> Vec<BanStatus> {
    let ban =
        |address: &str, jail: &str, since, until: Option<i64>, failures, state: &str| BanStatus {
            address: address.into(),
            jail: jail.into(),
            origin: if failures == 0 { BanOrigin::Manual } else { BanOrigin::Detected },
            since: before(since),
            until: until.map(|minutes| before(-minutes)),
            failures,
            state: state.into(),
            trace_id: Some(TraceId::new(0x0a0b_0c0d_0e0f)),
        };
    vec![
        ban("198.51.100.23", "http-get-dos", 2, Some(8), 200, "enforced"),
        ban("2001:db8:1234:5678::/64", "http-get-dos", 5, Some(5), 214, "enforced"),
        ban("203.0.113.0/24", "recidive", 2_000, None, 0, "enforced"),
        ban("192.0.2.81", "sshd", 1, Some(59), 5, "enforced"),
        ban("203.0.113.7", "sshd", 9, Some(51), 5, "enforced"),
        ban("2001:db8:ffff:ffff:ffff:ffff:ffff:fffe", "sshd", 0, Some(60), 5, "enforced"),
    ]
}

fn verdicts() -> Vec<RecentVerdict> {
    let said =
        |minutes, jail: &str, address: &str, verdict, reason: Option<&str>, failures, times| {
            RecentVerdict {
                time: before(minutes),
                jail: JailName::new(jail),
                address: address.parse().unwrap(),
                verdict,
                reason: reason.map(str::to_owned),
                failures,
                maxretry: 5,
                times,
                trace_id: (failures > 0)
                    .then(|| TraceId::new(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736)),
            }
        };
    vec![
        said(
            0,
            "sshd",
            "2001:db8:ffff:ffff:ffff:ffff:ffff:fffe/128",
            Word::Banned,
            Some("detected"),
            5,
            1,
        ),
        said(0, "sshd", "198.51.100.200/32", Word::Counted, None, 3, 2),
        said(1, "sshd", "192.0.2.81/32", Word::AlreadyBanned, None, 0, 14),
        said(1, "sshd", "192.0.2.81/32", Word::Banned, Some("detected"), 5, 1),
        said(4, "sshd", "192.0.2.4/32", Word::Ignored, Some("ignoreip"), 0, 3),
        said(6, "http-get-dos", "198.51.100.77/32", Word::Withheld, Some("breaker"), 200, 1),
        said(12, "sshd", "203.0.113.99/32", Word::Unbanned, Some("expired"), 5, 1),
        said(30, "sshd", "203.0.113.50/32", Word::Stale, None, 0, 1),
    ]
}
