//! Measurements, printed: `cargo test --release --test firewalld -- --ignored --nocapture`.

use std::time::Instant;

use gaoler::enforcer::order::{Order, Report};
use jiff::SignedDuration;

use super::enforcing::{Enforcing, ssh};
use super::rig::Rig;
use super::sets::{self, provisioned};

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
    let calls = calls(&enforcing.take_heard(), "add_rich_rule");
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
    let calls = calls(&enforcing.take_heard(), "add_rich_rule");
    let bare: SignedDuration = calls.iter().fold(SignedDuration::ZERO, |sum, took| sum + *took);
    eprintln!("1,000 bans at once: {took:?}; their calls, bare: {bare:#}");
    print("one of those calls", &mut calls.clone());
    rig.cmd(&["--reload"]);
    let begun = Instant::now();
    let drift = enforcing.until_reconciled("reloaded").await;
    eprintln!("after a reload all are back in {:?}: {drift:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
#[ignore = "a measurement"]
async fn entries_at_once_one_more_at_ten_thousand_and_a_restart() {
    let rig = provisioned();
    let mut enforcing = sets::ready(&rig).await;
    let bans: Vec<_> = (0..10_000u32)
        .map(|n| sets::all(&std::net::Ipv4Addr::from_bits(0x0A00_0001 + n * 7).to_string()))
        .collect();
    let begun = Instant::now();
    for ban in &bans[..1000] {
        enforcing.ban(ban);
    }
    enforcing.until_all_enforced(&bans[..1000]).await;
    eprintln!("1,000 at once: {:?}", begun.elapsed());
    for operation in ["add_entry", "set_entries"] {
        print(operation, &mut calls(&enforcing.heard, operation));
    }
    enforcing.stop().await;
    rig.cmd(&["--reload"]);
    let begun = Instant::now();
    let mut enforcing = Enforcing::start(sets::auto(&rig), bans.clone());
    enforcing.until_all_enforced(&bans).await;
    eprintln!("10,000 into empty sets: {:?}", begun.elapsed());
    enforcing.until_reconciled("start").await;
    enforcing.take_heard();
    let (mut whole, before) = (Vec::new(), rig.processor_time());
    for host in 1..=50 {
        let begun = Instant::now();
        enforcing.ban_now(&sets::all(&format!("203.0.113.{host}"))).await;
        whole.push(SignedDuration::try_from(begun.elapsed()).unwrap());
    }
    let heard = enforcing.take_heard();
    let took = (rig.processor_time() - before) / 50;
    eprintln!("firewalld's processor time for one more at 10,000: {took} ms");
    print("one more at 10,000, ordered to confirmed", &mut whole);
    print("its one call, bare", &mut calls(&heard, "add_entry"));
    enforcing.stop().await;
    let begun = Instant::now();
    let mut enforcing = Enforcing::start(sets::auto(&rig), bans.clone());
    enforcing.until_all_enforced(&bans).await;
    eprintln!("restart with 10,000 active: all in force after {:?}", begun.elapsed());
    let heard = enforcing.take_heard();
    assert_eq!(calls(&heard, "add_entry").len() + calls(&heard, "set_entries").len(), 0);
    enforcing.until_reconciled("start").await;
    enforcing.take_heard();
    rig.cmd(&["--reload"]);
    let begun = Instant::now();
    let drift = enforcing.until_reconciled("reloaded").await;
    eprintln!("after a reload all are back in {:?}: {drift:?}", begun.elapsed());
    enforcing.take_heard();
    let begun = Instant::now();
    enforcing.order(Order::Look);
    enforcing.until_reconciled("asked").await;
    eprintln!("a look at 10,000: {:?}", begun.elapsed());
    let begun = Instant::now();
    for ban in &bans[..500] {
        enforcing.order(Order::Release(ban.0.clone()));
    }
    for _ in 0..500 {
        enforcing.until("released", |r| matches!(r, Report::Released { .. })).await;
    }
    eprintln!("500 of them released: {:?}", begun.elapsed());
}

fn calls(heard: &[Report], wanted: &str) -> Vec<SignedDuration> {
    let took = |report: &Report| match report {
        Report::Operation { operation, took, .. } if *operation == wanted => Some(*took),
        _ => None,
    };
    heard.iter().filter_map(took).collect()
}

fn print(what: &str, spans: &mut [SignedDuration]) {
    if spans.is_empty() {
        return eprintln!("{what}: none");
    }
    spans.sort();
    let at = |percent: usize| spans[(spans.len() * percent / 100).min(spans.len() - 1)];
    let count = spans.len();
    eprintln!("{what}: n {count}, median {:#}, p99 {:#}, max {:#}", at(50), at(99), at(100));
}
