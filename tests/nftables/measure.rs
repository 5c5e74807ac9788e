//! Measurements, printed: `cargo test --release --test nftables -- --ignored --nocapture`.

use std::time::Instant;

use gaoler::enforcer::order::Demand;

use super::enforcing::{Enforcing, host, run_in, ssh};
use super::rig::Net;

#[test]
#[ignore = "a measurement"]
fn many_bans_at_once_and_one_more_and_a_restart_and_a_flush() {
    for count in [1_000, 10_000, 100_000] {
        let net = std::sync::Arc::new(Net::new());
        let within = net.clone();
        run_in(&net, async move || {
            let all: Vec<Demand> = (0..count).map(|n| ssh(&host(n))).collect();
            let mut first = Enforcing::ready().await;
            let began = Instant::now();
            for ban in &all {
                first.ban(ban);
            }
            first.until_all_enforced(all.len()).await;
            eprintln!("{count} bans at once: {:?}", began.elapsed());
            first.take_heard();
            let mut one = Vec::new();
            for n in 0..200 {
                let began = Instant::now();
                first.ban_now(&ssh(&host(1_000_000 + n))).await;
                one.push(began.elapsed());
            }
            one.sort();
            eprintln!("  one more: p50 {:?}, p99 {:?}", one[100], one[198]);
            let began = Instant::now();
            within.run(&["nft", "flush", "ruleset"]);
            first.until_all_enforced(all.len() + 200).await;
            eprintln!("  all back after a flush: {:?}", began.elapsed());
            first.stop().await;
            let began = Instant::now();
            let mut second = Enforcing::start(all);
            let drift = second.until_reconciled("start").await;
            eprintln!("  restart: {:?}, {drift:?}", began.elapsed());
        });
    }
}
