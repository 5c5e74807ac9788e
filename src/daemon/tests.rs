//! The loop, one event at a time, at times of the test's own: everything real but the firewall.

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::oneshot;

mod explain;
mod killed;
mod policy;
mod rebuilding;
mod series;
mod stage;
mod telling;

use self::stage::{Stage, changed, key};
use super::frozen::Frozen;
use super::*;
use crate::config;
use crate::control::Call;
use crate::control::api::{Answer, BanRequest, Bantime, Changed, Refused, Request, UnbanRequest};
use crate::enforcer::order::{Demand, Report};
use crate::failure::Failure;
use crate::jail::ban::BanKey;
use crate::source::batch::{Batch, Body, Finding, Findings, Tally};
use crate::source::excerpt::Excerpts;
use crate::store::News;
use crate::telemetry::exposition::{self, Format};
use crate::telemetry::otlp::exporters::Kept;
use crate::telemetry::otlp::sampler::Sampler;

const JAILS: &str = "
defaults: {ignoreip: [198.51.100.0/24]}
jails:
  sshd: {filter: sshd, logpath: [/nonexistent/secure], port: [22], maxretry: 2, findtime: 30s, bantime: 60s}
  web: {filter: http-get-dos, logpath: [/nonexistent/access], port: [80], maxretry: 2, findtime: 10s, bantime: 60s}
";

#[tokio::test]
async fn nobody_is_woken_while_nothing_happens() {
    let mut stage = Stage::new(JAILS, false);
    stage.failures("web", "203.0.113.7", 1);
    assert!(stage.daemon.wakes < stage.now.boot.after(LONGEST_SLEEP), "it is to be kept");
    for _ in 0..3 {
        stage.after(1_000);
    }
    stage.kept().await;
    assert_eq!(stage.daemon.wakes, stage.now.boot.after(LONGEST_SLEEP));
}

#[tokio::test]
async fn a_ban_is_kept_then_ordered_then_confirmed() {
    let mut stage = Stage::new(JAILS, false);
    stage.failures("sshd", "203.0.113.7", 1);
    assert_eq!(stage.numbers("sshd"), [1, 1, 0, 0, 0]);
    stage.failures("sshd", "203.0.113.7", 1);
    assert_eq!(stage.numbers("sshd"), [0, 2, 1, 1, 0]);
    assert_eq!(stage.ordered(), [""; 0], "not before it is kept");
    stage.kept().await;
    assert_eq!(stage.ordered(), ["enforce sshd 203.0.113.7/32 22"]);
    stage.enforced("sshd", "203.0.113.7");
    assert_eq!(stage.numbers("sshd"), [0, 2, 1, 1, 1]);
    stage.failures("sshd", "203.0.113.7", 5).after(100);
    assert_eq!(stage.ordered(), [""; 0], "banned already");
}

#[tokio::test]
async fn a_store_that_dawdles_does_not_hold_up_a_ban() {
    let mut stage = Stage::new(JAILS, false);
    stage.failures("sshd", "203.0.113.7", 2).after(49);
    assert_eq!(stage.ordered(), [""; 0]);
    stage.after(1);
    assert_eq!(stage.ordered(), ["enforce sshd 203.0.113.7/32 22"]);
    stage.kept().await;
    assert_eq!(stage.ordered(), [""; 0], "ordered once");
}

#[tokio::test]
async fn a_ban_ends_by_itself_and_once() {
    let mut stage = Stage::new(JAILS, false);
    stage.failures("sshd", "203.0.113.7", 2).kept().await;
    stage.ordered();
    stage.after(59_999);
    assert_eq!(stage.numbers("sshd")[2], 1);
    stage.after(1).kept().await;
    assert_eq!(stage.ordered(), ["release sshd 203.0.113.7/32"]);
    assert_eq!(stage.numbers("sshd"), [0, 2, 0, 1, 0]);
    stage.after(60_000);
    assert_eq!(stage.ordered(), [""; 0]);
}

#[tokio::test]
async fn an_unban_is_answered_when_the_firewall_has_let_go() {
    let mut stage = Stage::new(JAILS, false);
    stage.failures("sshd", "203.0.113.7", 2).kept().await;
    stage.enforced("sshd", "203.0.113.7");
    let addresses = vec!["203.0.113.7/32".parse().unwrap()];
    let request = UnbanRequest { addresses, ..UnbanRequest::default() };
    let mut answered = stage.ask(Request::Unban(request));
    stage.kept().await;
    stage.enforced("sshd", "203.0.113.7"); // Said before the order came.
    assert!(answered.try_recv().is_err(), "not before the firewall has let go");
    stage.turn(Event::Firewall(Report::Released { key: key("sshd", "203.0.113.7") }));
    assert_eq!(changed(&mut answered), Changed { changed: 1, ..Changed::default() });
}

#[tokio::test]
async fn a_ban_by_hand_for_which_there_is_no_room_says_why() {
    let mut stage = Stage::new(JAILS, false);
    let addresses = vec!["203.0.113.8/32".parse().unwrap()];
    let request = BanRequest { jail: "sshd".into(), addresses, bantime: None };
    let mut answered = stage.ask(Request::Ban(request));
    stage.kept().await;
    let (key, why) = (key("sshd", "203.0.113.8"), "all are taken".to_owned());
    stage.turn(Event::Firewall(Report::Failed { key, why, gives_up: true }));
    // A problem is what makes the command fail.
    assert_eq!(changed(&mut answered).problems, ["203.0.113.8: all are taken"]);
}

#[tokio::test]
async fn a_ban_by_hand_says_so_when_the_firewall_does_not_answer() {
    let mut stage = Stage::new(JAILS, false);
    let request = |address: &str| {
        let addresses = vec![address.parse().unwrap()];
        Request::Ban(BanRequest { jail: "sshd".into(), addresses, bantime: None })
    };
    let mut answered = stage.ask(request("203.0.113.8/32"));
    stage.after(10_000);
    let told = changed(&mut answered);
    assert_eq!((told.changed, told.pending, told.problems.len()), (1, 1, 1));
    for refused in ["198.51.100.7/32", "192.0.2.16/32", "127.0.0.1/32", "0.0.0.0/0"] {
        let told = changed(&mut stage.ask(request(refused)));
        assert_eq!((told.changed, told.problems.len()), (0, 1), "{refused}");
    }
}

#[tokio::test]
async fn a_ban_by_hand_once_more_has_another_end_and_is_none_the_more() {
    let mut stage = Stage::new(JAILS, false);
    stage.failures("sshd", "203.0.113.7", 2).kept().await;
    let addresses = vec!["203.0.113.7/32".parse().unwrap()];
    let bantime = Some(Bantime::Seconds(600));
    drop(stage.ask(Request::Ban(BanRequest { jail: "sshd".into(), addresses, bantime })));
    stage.after(60_000);
    assert_eq!(stage.numbers("sshd")[2..4], [1, 1]);
    stage.after(540_000);
    assert_eq!(stage.numbers("sshd")[2..4], [0, 1]);
}

#[tokio::test]
async fn an_unban_of_a_part_of_a_banned_network_says_what_to_unban() {
    let mut stage = Stage::new(JAILS, false);
    let addresses = vec!["203.0.113.0/24".parse().unwrap()];
    drop(stage.ask(Request::Ban(BanRequest { jail: "sshd".into(), addresses, bantime: None })));
    let addresses = vec!["203.0.113.7/32".parse().unwrap()];
    let request = UnbanRequest { addresses, ..UnbanRequest::default() };
    let told = changed(&mut stage.ask(Request::Unban(request)));
    let expected = "203.0.113.7 is still banned in sshd, as part of 203.0.113.0/24: unban that";
    assert_eq!((told.changed, told.problems), (0, vec![expected.to_owned()]));
}

#[tokio::test]
async fn failures_before_a_restart_count_after_it() {
    let mut stage = Stage::new(JAILS, false);
    stage.failures("sshd", "203.0.113.7", 1).failures("web", "203.0.113.7", 1).after(500);
    let without_web = JAILS.split("  web:").next().unwrap();
    let mut stage = Stage::resumed(stage.end(), without_web, false);
    assert_eq!(stage.numbers("sshd"), [1, 1, 0, 0, 0]);
    stage.failures("sshd", "203.0.113.7", 1).kept().await;
    assert_eq!(stage.ordered(), ["enforce sshd 203.0.113.7/32 22"]);
    let mut stage = Stage::resumed(stage.end(), JAILS, false);
    assert_eq!(stage.numbers("sshd"), [0, 2, 1, 1, 0], "the ban goes on, its failures are spent");
    assert_eq!(stage.numbers("web")[..2], [0, 1], "a jail that was away has forgotten");
}

#[tokio::test]
async fn a_dry_run_orders_nothing_and_counts_on() {
    let mut stage = Stage::new(JAILS, true);
    stage.failures("sshd", "203.0.113.7", 2).after(100).after(60_000);
    assert_eq!(stage.ordered(), [""; 0]);
    assert_eq!(stage.numbers("sshd")[3], 0);
}

#[tokio::test]
async fn a_reload_keeps_bans_and_goes_by_the_new_settings() {
    let mut stage = Stage::new(JAILS, false);
    stage.failures("sshd", "203.0.113.7", 2).failures("sshd", "203.0.113.8", 1).kept().await;
    stage.ordered();
    // Its log has been read so far: without that it would be read, and counted, anew.
    let position = Position::Files(Vec::new());
    stage.daemon.positions.insert("/nonexistent/secure".into(), position);
    let stricter = JAILS.replace("port: [22]", "port: [2222]");
    stage.reload(&stricter).await.unwrap();
    assert_eq!(stage.ordered(), ["enforce sshd 203.0.113.7/32 2222"], "the new port");
    stage.failures("sshd", "203.0.113.8", 1).kept().await;
    assert_eq!(stage.ordered(), ["enforce sshd 203.0.113.8/32 2222"], "the window stayed");
}

#[tokio::test]
async fn a_log_of_another_name_is_read_anew_and_its_failures_count_once() {
    let mut stage = Stage::new(JAILS, false);
    stage.failures("sshd", "203.0.113.8", 1);
    stage.reload(&JAILS.replace("[/nonexistent/secure]", "[/nonexistent/s*]")).await.unwrap();
    stage.failures("sshd", "203.0.113.8", 1);
    assert_eq!(stage.numbers("sshd")[2], 0, "the same line, found again");
    stage.failures("sshd", "203.0.113.8", 1);
    assert_eq!(stage.numbers("sshd")[2], 1);
}

#[tokio::test]
async fn a_reload_lifts_bans_of_whom_it_now_ignores_and_of_jails_that_are_gone() {
    let mut stage = Stage::new(JAILS, false);
    stage.failures("sshd", "203.0.113.7", 2).failures("web", "203.0.113.9", 2).kept().await;
    stage.ordered();
    let ignoring = JAILS.replace("198.51.100.0/24", "203.0.113.7").replace("  web:", "  other:");
    stage.reload(&ignoring).await.unwrap();
    stage.kept().await;
    let mut ordered = stage.ordered();
    ordered.sort();
    assert_eq!(ordered, ["release sshd 203.0.113.7/32", "release web 203.0.113.9/32"]);
    stage.failures("web", "203.0.113.10", 2).after(100);
    assert_eq!(stage.ordered(), [""; 0], "findings of a jail that is gone");
}

#[tokio::test]
async fn a_configuration_with_a_mistake_changes_nothing() {
    let mut stage = Stage::new(JAILS, false);
    stage.failures("sshd", "203.0.113.7", 1);
    let refused = stage.reload(&JAILS.replace("maxretry: 2", "maxrety: 9")).await.unwrap_err();
    assert!(refused.to_string().contains("maxrety"), "{refused}");
    stage.failures("sshd", "203.0.113.7", 1).kept().await;
    assert_eq!(stage.ordered(), ["enforce sshd 203.0.113.7/32 22"]);
}

#[tokio::test]
async fn a_ban_that_the_firewall_lost_or_refuses_does_not_count_as_enforced() {
    let mut stage = Stage::new(JAILS, false);
    stage.failures("sshd", "203.0.113.7", 2).kept().await;
    stage.enforced("sshd", "203.0.113.7");
    stage.turn(Event::Firewall(Report::Lost { key: key("sshd", "203.0.113.7") }));
    assert_eq!(stage.numbers("sshd")[4], 0);
    let why = "no room".to_owned();
    let failed = Report::Failed { key: key("sshd", "203.0.113.7"), why, gives_up: true };
    stage.turn(Event::Firewall(failed));
    let bans = stage.daemon.banned(None, stage.now).unwrap().bans;
    assert_eq!(bans[0].state, "refused");
    stage.enforced("sshd", "203.0.113.7");
    assert_eq!(stage.numbers("sshd")[4], 1);
}

mod breaker;
mod dry_run;
mod guards;

#[tokio::test]
async fn only_new_bans_cut_and_only_once_confirmed() {
    let cutting = JAILS.replace("port: [22]", "port: [22], cut_established: true");
    let mut stage = Stage::new(&cutting, false);
    let due = |stage: &Stage, address| stage.daemon.cutting.is_due(&key("sshd", address));
    stage.failures("sshd", "203.0.113.7", 2).failures("sshd", "203.0.113.8", 2).kept().await;
    stage.failures("web", "203.0.113.9", 2).kept().await;
    assert!(due(&stage, "203.0.113.7"), "not before the firewall has it");
    assert!(!stage.daemon.cutting.is_due(&key("web", "203.0.113.9")), "who does not ask for it");
    stage.enforced("sshd", "203.0.113.7");
    assert!(!due(&stage, "203.0.113.7") && due(&stage, "203.0.113.8"));
    stage.after(60_000);
    assert!(!due(&stage, "203.0.113.8"), "a ban that ended before it was confirmed");

    stage.failures("sshd", "203.0.113.7", 2).kept().await;
    let mut stage = Stage::resumed(stage.end(), &cutting, false);
    assert_eq!(stage.numbers("sshd")[2], 1, "a ban of an earlier run");
    stage.enforced("sshd", "203.0.113.7");
    assert!(!due(&stage, "203.0.113.7"));
}
