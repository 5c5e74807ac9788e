//! The enforcer against the kernel's real nftables, each test in network namespaces of its own.
//! Needs root and nft.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail loudly too")]

mod enforcing;
mod loss;
mod measure;
mod packets;
mod rig;
mod seeded;
mod start;

use std::sync::Arc;

use gaoler::enforcer::order::{Order, Outcome, Report};

use enforcing::{Enforcing, ban, run_in, ssh};
use rig::Net;

#[test]
fn a_ban_is_in_the_kernel_when_it_is_reported_and_gone_when_released() {
    let net = Arc::new(Net::new());
    let within = net.clone();
    run_in(&net, async move || {
        let mut enforcing = Enforcing::ready().await;
        let bans = [
            (ssh("192.0.2.7"), "192.0.2.7 timeout"),
            (ssh("2001:db8:1::/64"), "2001:db8:1:: timeout"),
            (ssh("2001:db8:2::7"), "2001:db8:2::7 timeout"),
            (ban("httpd", "198.51.100.0/24", &[80, 443], None), "198.51.100.0/24 }"),
            (ban("httpd", "255.255.255.0/24", &[80, 443], Some(60)), "255.255.255.0/24 timeout"),
            (ban("all", "2001:db8::/32", &[], None), "2001:db8::/32 }"),
        ];
        for (ban, shown) in &bans {
            enforcing.ban_now(ban).await;
            let table = within.table();
            assert!(table.contains(shown), "{shown} in {table}");
        }
        for (ban, shown) in &bans {
            enforcing.release_now(&ban.key).await;
            let table = within.table();
            assert!(!table.contains(shown), "{shown} in {table}");
        }
        assert!(!within.table().contains("elements"), "{}", within.table());
    });
}

#[test]
fn a_ban_that_is_ordered_again_with_a_later_end_ends_later() {
    let net = Arc::new(Net::new());
    let within = net.clone();
    run_in(&net, async move || {
        let mut enforcing = Enforcing::ready().await;
        for (address, shown) in [("192.0.2.7", "192.0.2.7"), ("10.0.0.0/8", "10.0.0.0/8")] {
            enforcing.ban_now(&ban("sshd", address, &[22], Some(60))).await;
            enforcing.ban_now(&ban("sshd", address, &[22], Some(7200))).await;
            let table = within.table();
            assert!(table.contains(&format!("{shown} timeout 1h59m59s")), "{table}");
            enforcing.ban_now(&ban("sshd", address, &[22], None)).await;
            assert!(!within.table().contains(&format!("{shown} timeout")));
            assert!(within.table().contains(shown));
        }
    });
}

#[test]
fn a_ban_that_nobody_releases_ends_in_the_kernel_and_its_release_is_no_error() {
    let net = Arc::new(Net::new());
    let within = net.clone();
    run_in(&net, async move || {
        let mut enforcing = Enforcing::ready().await;
        let brief = ["192.0.2.7", "198.51.100.0/24"].map(|a| ban("sshd", a, &[22], Some(1)));
        for ban in &brief {
            enforcing.ban_now(ban).await;
        }
        rig::wait_until("both are gone", || !within.table().contains("expires"));
        enforcing.take_heard();
        // With others in the same transaction, which must not suffer.
        for ban in &brief {
            enforcing.order(Order::Release(ban.key.clone()));
        }
        enforcing.ban_now(&ssh("192.0.2.8")).await;
        let heard = enforcing.stop().await;
        let failed = |r: &&Report| match r {
            Report::Failed { .. } | Report::Lost { .. } => true,
            Report::Operation { outcome, .. } => *outcome != Outcome::Ok,
            _ => false,
        };
        assert_eq!(heard.iter().filter(failed).count(), 0, "{heard:?}");
        let released = |r: &&Report| matches!(r, Report::Released { .. });
        assert_eq!(heard.iter().filter(released).count(), 2, "{heard:?}");
    });
}

#[test]
fn a_wider_ban_leaves_the_narrower_ones_in_force_when_it_goes() {
    let net = Arc::new(Net::new());
    let within = net.clone();
    run_in(&net, async move || {
        let mut enforcing = Enforcing::ready().await;
        let narrow = ban("sshd", "10.1.0.0/16", &[22], None);
        let neighbour = ban("sshd", "10.2.0.0/16", &[22], Some(7200));
        let wide = ban("sshd", "10.0.0.0/8", &[22], Some(3600));
        for ban in [&narrow, &neighbour, &wide] {
            enforcing.ban_now(ban).await;
        }
        let table = within.table();
        for part in ["10.0.0.0/16 timeout", "10.1.0.0/16,", "10.2.0.0/16 timeout 1h5"] {
            assert!(table.contains(part), "{part} in {table}");
        }
        enforcing.release_now(&wide.key).await;
        let table = within.table();
        assert!(!table.contains("10.0.0.0"), "{table}");
        assert!(table.contains("10.1.0.0/16,") && table.contains("10.2.0.0/16 timeout"), "{table}");
    });
}

#[test]
fn ports_that_a_reload_changes_change_what_is_refused() {
    let net = Arc::new(Net::new());
    let within = net.clone();
    run_in(&net, async move || {
        let mut enforcing = Enforcing::ready().await;
        enforcing.ban_now(&ban("sshd", "192.0.2.7", &[22], None)).await;
        enforcing.ban_now(&ban("sshd", "192.0.2.8", &[22], None)).await;
        enforcing.ban_now(&ban("sshd", "192.0.2.7", &[2222], None)).await;
        let table = within.table();
        assert!(table.contains("dport 22 jump") && table.contains("dport 2222 jump"), "{table}");
        assert_eq!(table.matches("192.0.2.7").count(), 1, "{table}");
        enforcing.ban_now(&ban("sshd", "192.0.2.8", &[2222], None)).await;
        assert_eq!(within.table().matches("192.0.2.").count(), 2);
        // The old ports' chain has nothing left to refuse, and goes.
        let bans = [("sshd", 2222)].map(|(jail, port)| ban(jail, "192.0.2.7", &[port], None));
        let jails = bans.map(|ban| (ban.key.jail, ban.block.scope));
        enforcing.order(Order::Jails(jails.into()));
        assert_eq!(enforcing.until_reconciled("asked").await, (0, 0));
        let table = within.table();
        assert!(!table.contains("dport 22 ") && table.contains("dport 2222 "), "{table}");
        // The new one's stays, also without a ban, and goes with its jail.
        for address in ["192.0.2.7", "192.0.2.8"] {
            enforcing.release_now(&ban("sshd", address, &[], None).key).await;
        }
        enforcing.order(Order::Look);
        assert_eq!(enforcing.until_reconciled("asked").await, (0, 0));
        assert!(within.table().contains("dport 2222 "));
        enforcing.order(Order::Jails([].into()));
        assert_eq!(enforcing.until_reconciled("asked").await, (0, 0));
        assert!(!within.table().contains("sshd"), "{}", within.table());
    });
}

#[test]
fn without_the_capability_it_says_what_to_do() {
    let net = Net::new();
    run_in(&net, async || {
        let mut kept = rustix::thread::capabilities(None).unwrap();
        kept.effective.remove(rustix::thread::CapabilitySet::NET_ADMIN);
        rustix::thread::set_capabilities(None, kept).unwrap();
        let mut enforcing = Enforcing::start(Vec::new());
        let why = enforcing.until_broken().await;
        assert!(why.contains("CAP_NET_ADMIN") && why.contains("10-nftables.conf"), "{why}");
        // Orders wait, and a stop does not.
        enforcing.ban(&ssh("192.0.2.7"));
        let heard = enforcing.stop().await;
        assert!(!heard.iter().any(|r| matches!(r, Report::Enforced { .. })), "{heard:?}");
    });
}
