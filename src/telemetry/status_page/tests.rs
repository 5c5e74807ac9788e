//! The page, as text.

use super::health::Mark;
use super::*;
use crate::control::api::{
    ActionsStatus, BanStatus, BreakerStatus, EnforcementStatus, FilterStatus, JailStatus,
    OriginStatus, SourceStatus, Status,
};
use crate::enforcer::order::Condition;
use crate::jail::ban::{BanOrigin, JailName};
use crate::telemetry::verdicts::{RecentVerdict, Word};

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

fn jail(name: &str) -> JailStatus {
    JailStatus {
        name: name.to_owned(),
        filter: FilterStatus {
            currently_failed: 1,
            total_failed: 4,
            origin: OriginStatus::JournalMatches("_SYSTEMD_UNIT=sshd.service".to_owned()),
        },
        actions: ActionsStatus {
            currently_banned: 2,
            total_banned: 5,
            enforced: 3,
            pending: 0,
            banned: Vec::new(),
            would_ban: Vec::new(),
        },
        dry_run: false,
        breaker: None,
    }
}

fn source(name: &str, up: bool) -> SourceStatus {
    let trouble = (!up).then(|| "Permission denied".to_owned());
    SourceStatus { name: name.to_owned(), up, caught_up: up, last_record: None, trouble }
}

fn overview() -> Overview {
    let verdict = RecentVerdict {
        time: now(),
        jail: JailName::new("sshd"),
        address: "203.0.113.7/32".parse().unwrap(),
        verdict: Word::Counted,
        reason: None,
        failures: 1,
        maxretry: 5,
        times: 3,
        trace_id: None,
    };
    Overview {
        started: true,
        firewall: Some(Condition::Ready),
        state_ok: true,
        status: Status {
            version: "0.1.0".to_owned(),
            enforcement: EnforcementStatus {
                backend: "firewalld".to_owned(),
                up: true,
                condition: "ready".to_owned(),
                coverage: None,
            },
            sources: vec![source("/var/log/secure", true)],
            jails: vec![jail("sshd")],
        },
        verdicts: vec![verdict],
    }
}

fn ban(address: &str, since: &str) -> BanStatus {
    BanStatus {
        address: address.to_owned(),
        jail: "sshd".to_owned(),
        origin: BanOrigin::Detected,
        since: since.parse().unwrap(),
        until: None,
        failures: 5,
        state: "enforced".to_owned(),
        trace_id: None,
    }
}

fn page(overview: &Overview, bans: &Bans) -> String {
    status_page(Facts { host: "web1", overview, bans, now: now() })
}

#[test]
fn names_stay_text() {
    let hostile = "<script>alert('&\"')</script>";
    let mut overview = overview();
    overview.firewall = Some(Condition::Broken(hostile.to_owned()));
    overview.verdicts[0].jail = JailName::new(hostile);
    overview.verdicts[0].verdict = Word::Ignored;
    overview.verdicts[0].reason = Some(hostile.to_owned());
    let status = &mut overview.status;
    status.version = hostile.to_owned();
    status.enforcement.condition = hostile.to_owned();
    status.enforcement.backend = hostile.to_owned();
    status.sources = vec![source(hostile, false)];
    status.sources[0].trouble = Some(hostile.to_owned());
    status.jails[0].name = hostile.to_owned();
    status.jails[0].breaker = Some(BreakerStatus { since: now(), withheld: 1 });
    status.jails[0].filter.origin = OriginStatus::FileList(vec![hostile.to_owned()]);
    let mut hostile_ban = ban(hostile, "2026-11-22T09:00:00Z");
    hostile_ban.jail = hostile.to_owned();
    hostile_ban.state = hostile.to_owned();
    let bans = Bans::Listed([hostile_ban].into());
    let page = status_page(Facts { host: hostile, overview: &overview, bans: &bans, now: now() });
    assert!(!page.contains("<script"), "{page}");
    assert!(page.matches("&lt;script&gt;alert(&#39;&amp;&quot;&#39;)&lt;/script&gt;").count() > 12);
}

#[test]
fn shows_each_jail_with_its_numbers() {
    let page = page(&overview(), &Bans::Hidden("Hidden."));
    let row = page.split("scope=\"row\">sshd").nth(1).unwrap().split("</tr>").next().unwrap();
    let numbers: Vec<_> = row.split("<div>").skip(1).map(|cell| &cell[..1]).collect();
    assert_eq!(numbers, ["1", "2", "3", "4", "5"], "{row}");
    assert!(row.contains("<small>journal: _SYSTEMD_UNIT=sshd.service</small>"), "{row}");
}

#[test]
fn addresses_are_on_it_only_where_they_are_shown() {
    let bans = Bans::Listed([ban("203.0.113.9", "2026-11-22T09:57:00Z")].into());
    let open = page(&overview(), &bans);
    assert!(open.contains("<code>203.0.113.9</code>") && open.contains("<code>203.0.113.7</code>"));
    assert!(open.contains(">3 min ago</time>") && open.contains("<div>never</div>"), "{open}");
    let closed = page(&overview(), &Bans::Hidden("Hidden."));
    assert!(!closed.contains("203.0.113."), "{closed}");
    assert!(closed.contains("In force or about to be: 2. Hidden."), "{closed}");
    assert!(page(&overview(), &Bans::Unavailable).contains("did not say in time"));
    assert!(page(&overview(), &Bans::Listed([].into())).contains("<p>Nobody.</p>"));
}

#[test]
fn the_newest_bans_are_shown_and_the_rest_is_counted() {
    let many = (0..150).map(|n| {
        ban(&format!("198.51.100.{n}"), &format!("2026-11-21T{:02}:{:02}:00Z", n / 60, n % 60))
    });
    let page = page(&overview(), &Bans::Listed(many.collect()));
    assert!(page.contains("The newest 100; there are 50 more"), "{page}");
    assert!(page.contains("198.51.100.149<") && page.contains("198.51.100.50<"));
    assert!(!page.contains("198.51.100.49<"));
}

#[test]
fn a_verdict_says_why() {
    #[track_caller]
    fn check(verdict: Word, reason: Option<&str>, failures: u32, times: u32, expected: &str) {
        let mut overview = overview();
        let said = &mut overview.verdicts[0];
        (said.verdict, said.reason) = (verdict, reason.map(str::to_owned));
        (said.failures, said.times) = (failures, times);
        let page = page(&overview, &Bans::Hidden(""));
        assert!(page.contains(&format!("<div>{expected}</div>")), "{expected}\n{page}");
    }
    check(Word::Counted, None, 2, 3, "counted: 2 of 5 failures (3 times)");
    check(Word::Banned, Some("detected"), 5, 1, "<strong>banned</strong>: 5 of 5 failures");
    check(Word::Banned, Some("manual"), 0, 1, "<strong>banned</strong>: manual");
    check(Word::Withheld, Some("dry_run"), 5, 1, "<strong>not banned</strong>: dry run");
    check(Word::Ignored, Some("ignoreip"), 0, 1, "never banned: ignoreip");
    check(Word::Stale, None, 0, 1, "too old to count");
    check(Word::AlreadyBanned, None, 0, 1, "failed while banned");
    check(Word::Unbanned, Some("expired"), 5, 1, "unbanned: expired");
}

#[test]
fn health_says_what_is_wrong_and_what_to_do() {
    #[track_caller]
    fn check(change: fn(&mut Overview), mark: Mark, sentence: &str, said: &[&str]) {
        let mut overview = overview();
        change(&mut overview);
        let (worst, summary) = summary(&checks(&overview), &overview);
        assert_eq!((worst, summary.as_str()), (mark, sentence));
        let page = page(&overview, &Bans::Hidden(""));
        for said in said {
            assert!(page.contains(said), "{said} is not in:\n{page}");
        }
    }
    check(|_| {}, Mark::Ok, "All is well; all 2 bans are in force.", &["firewall (firewalld)"]);
    let one = "One thing needs attention; all 2 bans are in force.";
    let absent = |overview: &mut Overview| overview.firewall = Some(Condition::Absent);
    let start = "systemctl status firewalld";
    check(absent, Mark::Bad, one, &[start, "runbooks/GaolerFirewallUnavailable.md"]);
    let panic = |overview: &mut Overview| overview.firewall = Some(Condition::Panic);
    check(panic, Mark::Bad, one, &["<code>firewall-cmd --panic-off</code>"]);
    let state = |overview: &mut Overview| overview.state_ok = false;
    check(state, Mark::Bad, one, &["takes no writes", "runbooks/GaolerStateStoreFailing.md"]);
    let source = |overview: &mut Overview| {
        overview.status.sources = vec![super::tests::source("/var/log/secure", false)];
    };
    check(source, Mark::Bad, one, &["cannot be read: Permission denied"]);
    let breaker = |overview: &mut Overview| {
        overview.status.jails[0].breaker = Some(BreakerStatus { since: now(), withheld: 7 });
    };
    check(breaker, Mark::Bad, one, &["<code>gaoler resume sshd</code>", "held back 7"]);
    let dry = |overview: &mut Overview| overview.status.jails[0].dry_run = true;
    check(dry, Mark::Warn, one, &["whom it would ban"]);
    let pending = |overview: &mut Overview| overview.status.jails[0].actions.pending = 1;
    let sentence = "One thing needs attention; 1 of 2 bans are in force.";
    check(pending, Mark::Warn, sentence, &["does not have yet: 1"]);
    let both = |overview: &mut Overview| {
        overview.state_ok = false;
        overview.firewall = None;
    };
    let sentence = "2 things need attention; all 2 bans are in force.";
    check(both, Mark::Bad, sentence, &["watching"]);
}

/// Every runbook that the page names is there.
#[test]
fn runbooks_exist() {
    let source = include_str!("health.rs");
    let names = source.split('"').filter(|text| text.starts_with("Gaoler"));
    let names: Vec<_> = names.collect();
    assert!(names.len() >= 6, "{names:?}");
    for name in names {
        let path = format!("{}/docs/runbooks/{name}.md", env!("CARGO_MANIFEST_DIR"));
        assert!(std::path::Path::new(&path).exists(), "{path}");
    }
}
