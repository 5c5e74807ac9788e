//! The pages are golden: `UPDATE=1 cargo test --lib cli::explain` writes them anew.

use super::*;
use crate::control::api::BanStatus;
use crate::control::explanation::RecordView;
use crate::printable::is_unseen;
use crate::telemetry::verdicts::Word;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

#[track_caller]
fn check(name: &str, told: &Explanation) {
    let page = human(told, &TimeZone::UTC);
    let hostile = |c| c != '\n' && is_unseen(c);
    assert!(!page.contains(hostile), "{page:?}");
    let file = format!("{}/tests/golden/explain/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    assert_eq!(page, std::fs::read_to_string(&file).unwrap(), "{file}");
}

fn at(text: &str) -> jiff::Timestamp {
    format!("2026-11-22T{text}Z").parse().unwrap()
}

fn trace() -> TraceId {
    TRACE.parse().unwrap()
}

fn record(second: &str, text: &str, user: Option<&str>) -> RecordView {
    RecordView {
        time: at(second),
        address: "203.0.113.7".into(),
        source: "journal: _SYSTEMD_UNIT=sshd.service".into(),
        pattern: r"^Failed \S+ for (?:invalid user )?<F-USER>.*</F-USER> from <ADDR>".into(),
        user: user.map(str::to_owned),
        text: text.to_owned(),
        cut: false,
    }
}

fn records() -> Vec<RecordView> {
    let hostile = "\u{1b}[2J\u{202e}root";
    let text = format!("box sshd[9]: Failed password for invalid user {hostile} from 203.0.113.7");
    let cut = RecordView { cut: true, ..record("10:00:01", &text, Some(hostile)) };
    vec![record("10:00:00", "box sshd[8]: Failed none for root from 203.0.113.7", Some("")), cut]
}

fn ban(address: &str, state: &str) -> BanView {
    let ban = BanStatus {
        address: address.into(),
        jail: "sshd".into(),
        origin: BanOrigin::Detected,
        since: at("10:00:01"),
        until: Some(at("10:01:01")),
        failures: 2,
        state: state.into(),
        trace_id: Some(trace()),
    };
    BanView { ban, refused: None, records: records() }
}

fn jail(name: &str) -> JailView {
    JailView {
        jail: name.into(),
        filter: "sshd".into(),
        maxretry: 2,
        findtime_seconds: 30,
        dry_run: false,
        ignored: None,
        bans: Vec::new(),
        counting: None,
        withheld: None,
        breaker_open: false,
    }
}

fn told(address: &str, jails: Vec<JailView>) -> Explanation {
    let (earlier, verdicts) = (Vec::new(), Vec::new());
    Explanation { address: address.into(), jails, earlier, verdicts, trouble: None }
}

fn counting() -> Counting {
    let records = vec![records().remove(1)];
    Counting { failures: 1, time: Some(at("10:00:01")), trace_id: Some(trace()), records }
}

fn earlier() -> EarlierBan {
    EarlierBan {
        address: "203.0.113.7".into(),
        jail: "sshd".into(),
        origin: BanOrigin::Detected,
        since: at("09:00:00"),
        ended: at("09:01:00"),
        reason: "expired".into(),
        failures: 2,
        trace_id: Some(trace()),
        records: records(),
    }
}

fn verdict(verdict: Word, reason: Option<&str>, times: u32) -> RecentVerdict {
    RecentVerdict {
        time: at("10:00:01"),
        jail: crate::jail::ban::JailName::new("sshd"),
        address: "203.0.113.7/32".parse().unwrap(),
        verdict,
        reason: reason.map(str::to_owned),
        failures: if verdict == Word::AlreadyBanned { 0 } else { 2 },
        maxretry: 2,
        times,
        trace_id: Some(trace()),
    }
}

#[test]
fn who_is_banned_is_told_why() {
    let sshd = JailView { bans: vec![ban("203.0.113.7", "enforced")], ..jail("sshd") };
    let mut told = told("203.0.113.7", vec![sshd, jail("web")]);
    told.earlier = vec![earlier()];
    told.verdicts =
        vec![verdict(Word::AlreadyBanned, None, 3), verdict(Word::Banned, Some("detected"), 1)];
    check("banned", &told);
}

#[test]
fn who_is_banned_as_a_part_of_more_and_by_hand_is_told_so() {
    let mut wide = ban("203.0.113.0/24", "pending");
    (wide.ban.until, wide.ban.origin, wide.records) = (None, BanOrigin::Manual, Vec::new());
    let mut refused = ban("203.0.113.7", "refused");
    refused.refused = Some("the set is full".into());
    let web = JailView { bans: vec![refused], ..jail("web") };
    let sshd = JailView { bans: vec![wide], ..jail("sshd") };
    check("part", &told("203.0.113.7", vec![sshd, web.clone()]));
    let dry = JailView { dry_run: true, bans: vec![ban("203.0.113.7", "dry_run")], ..web };
    check("network", &told("203.0.113.0/25", vec![dry]));
}

#[test]
fn who_is_not_banned_is_told_why_not() {
    let sshd = JailView { counting: Some(counting()), ..jail("sshd") };
    let open = JailView { withheld: Some(counting()), breaker_open: true, ..jail("web") };
    let closed = JailView { withheld: Some(counting()), ..jail("mail") };
    check("not-yet", &told("203.0.113.7", vec![closed, sshd, open]));
    let sshd = JailView { ignored: Some("session".into()), ..jail("sshd") };
    check("ignored", &told("198.51.100.7", vec![sshd]));
}

#[test]
fn of_whom_nothing_is_known_little_is_told_but_the_past() {
    let mut told = told("203.0.113.7", vec![jail("sshd"), jail("web")]);
    check("unknown", &told);
    let by_hand = EarlierBan { origin: BanOrigin::Manual, trace_id: None, ..earlier() };
    told.earlier = vec![earlier(), EarlierBan { records: Vec::new(), ..by_hand }];
    check("past", &told);
}
