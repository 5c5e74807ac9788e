//! Any order of bans, releases, ends and damage, drawn from a seed, ends with what is wanted and
//! nothing else in the kernel.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gaoler::enforcer::order::{Demand, Order, Report};
use gaoler::jail::ban::BanKey;

use super::enforcing::{Enforcing, ban, run_in};
use super::rig::Net;

/// A small generator of its own (splitmix64), so that a seed means the same for ever.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }
}

const ADDRESSES: [&str; 12] = [
    "192.0.2.1",
    "192.0.2.2",
    "192.0.2.3",
    "192.0.2.0/24",
    "192.0.0.0/16",
    "192.0.2.128/25",
    "255.255.255.0/24",
    "2001:db8::/64",
    "2001:db8:0:1::/64",
    "2001:db8::/32",
    "2001:db8::1",
    "ffff::/16",
];

const DAMAGE: [&[&str]; 6] = [
    &["nft", "flush", "ruleset"],
    &["nft", "delete", "table", "inet", "gaoler"],
    &["nft", "flush", "table", "inet", "gaoler"],
    &["nft", "flush", "chain", "inet", "gaoler", "prerouting"],
    &["nft", "insert", "rule", "inet", "gaoler", "prerouting", "accept"],
    &["nft", "add", "table", "inet", "other"],
];

#[test]
fn whatever_happens_the_kernel_ends_with_what_is_wanted() {
    let seeds = std::env::var("SEEDS").map_or(8, |seeds| seeds.parse().unwrap());
    for seed in 0..seeds {
        let net = Arc::new(Net::new());
        let within = net.clone();
        run_in(&net, async move || play(seed, &within).await);
    }
}

async fn play(seed: u64, net: &Net) {
    let mut dice = Dice(seed);
    let mut enforcing = Enforcing::start(Vec::new());
    let mut wanted: BTreeMap<BanKey, Demand> = BTreeMap::new();
    for _ in 0..60 {
        match dice.below(10) {
            0..5 => {
                let seconds = dice.pick(&[None, Some(1), Some(600), Some(3600)]);
                let ports = dice.pick(&[&[22][..], &[80, 443], &[]]);
                let demand = ban(dice.pick(&["a", "b"]), dice.pick(&ADDRESSES), ports, seconds);
                enforcing.ban(&demand);
                wanted.insert(demand.key.clone(), demand);
            }
            5..8 => {
                let count = wanted.len() as u64;
                if let Some(key) = (count > 0)
                    .then(|| usize::try_from(dice.below(count)).unwrap())
                    .and_then(|at| wanted.keys().nth(at).cloned())
                {
                    wanted.remove(&key);
                    enforcing.order(Order::Release(key));
                }
            }
            8 => {
                let _ = net.attempt(dice.pick(&DAMAGE));
            }
            _ => drop(enforcing.listen(Duration::from_millis(dice.below(150))).await),
        }
    }
    // As the daemon does: what has ended is released.
    let brief = |_: &BanKey, demand: &mut Demand| {
        let left = demand.until.map(|at| at.since(super::enforcing::clock().boot));
        left.is_some_and(|left| left.as_secs() < 60)
    };
    for (key, _) in wanted.extract_if(.., brief) {
        enforcing.order(Order::Release(key));
    }
    enforcing.listen(Duration::from_millis(1100)).await;
    enforcing.order(Order::Look);
    enforcing.until_reconciled("asked").await;
    let heard = enforcing.stop().await;
    let gave_up = |r: &&Report| matches!(r, Report::Failed { gives_up: true, .. });
    assert_eq!(heard.iter().filter(gave_up).count(), 0, "seed {seed}: {heard:?}");

    // A fresh one that wants the same finds nothing to do: it looks with its own eyes.
    let mut judge = Enforcing::start(wanted.into_values().collect());
    let drift = judge.until_reconciled("start").await;
    assert_eq!(drift, (0, 0), "seed {seed}: {}", net.table());
    let table = net.table();
    assert_eq!(table.matches("chain prerouting").count(), 1, "seed {seed}: {table}");
    assert!(!table.contains("accept;\n\t\taccept"), "seed {seed}: {table}");
    judge.stop().await;
}
