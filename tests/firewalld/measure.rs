//! Measurements, printed: `cargo test --release --test firewalld -- --ignored --nocapture`.

use std::time::Instant;

use gaoler::enforcer::order::Report;
use jiff::SignedDuration;

use super::enforcing::{Enforcing, ssh};
use super::rig::Rig;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
#[ignore = "a measurement"]
async fn one_ban_at_a_time() {
    let rig = Rig::started();
    let mut enforcing = Enforcing::ready(&rig).await;
    let mut whole = Vec::new();
    for host in 1..=50 {
        let begun = Instant::now();
        enforcing.ban_now(&ssh(&format!("198.51.100.{host}"))).await;
        whole.push(SignedDuration::try_from(begun.elapsed()).unwrap());
    }
    let calls = calls(&enforcing.take_heard());
    print("one ban, ordered to confirmed", &mut whole);
    print("its one call, bare", &mut calls.clone());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
#[ignore = "a measurement"]
async fn a_thousand_bans_at_once_and_a_reload_with_them() {
    let rig = Rig::started();
    let mut enforcing = Enforcing::ready(&rig).await;
    let bans: Vec<_> =
        (0..1000).map(|n| ssh(&format!("198.51.{}.{}", n / 250, n % 250 + 1))).collect();
    let begun = Instant::now();
    for ban in &bans {
        enforcing.ban(ban);
    }
    enforcing.until_enforced(&bans[999].0).await;
    let took = begun.elapsed();
    let calls = calls(&enforcing.take_heard());
    let bare: SignedDuration = calls.iter().fold(SignedDuration::ZERO, |sum, took| sum + *took);
    eprintln!("1,000 bans at once: {took:?}; their calls, bare: {bare:#}");
    print("one of those calls", &mut calls.clone());
    rig.cmd(&["--reload"]);
    let begun = Instant::now();
    let drift = enforcing.until_reconciled("reloaded").await;
    eprintln!("after a reload all are back in {:?}: {drift:?}", begun.elapsed());
}

fn calls(heard: &[Report]) -> Vec<SignedDuration> {
    let took = |report: &Report| match report {
        Report::Operation { operation: "add_rich_rule", took, .. } => Some(*took),
        _ => None,
    };
    heard.iter().filter_map(took).collect()
}

fn print(what: &str, spans: &mut [SignedDuration]) {
    spans.sort();
    let at = |percent: usize| spans[(spans.len() * percent / 100).min(spans.len() - 1)];
    let count = spans.len();
    eprintln!("{what}: n {count}, median {:#}, p99 {:#}, max {:#}", at(50), at(99), at(100));
}
