//! The enforcer against the real firewalld, each test in a network namespace, on a bus and with a
//! configuration of its own. Needs root, firewalld, dbus-daemon and nft.

mod enforcing;
mod rig;

use gaoler::config::checked::{Action, Firewalld};
use gaoler::enforcer::order::{Condition, Order, Report};
use gaoler::jail::scope::Protocol::{Tcp, Udp};

use enforcing::{Enforcing, ban, settings, ssh, ssh_rule};
use rig::{Rig, wait_until};

#[tokio::test]
async fn a_ban_is_in_the_kernel_when_it_is_reported_and_gone_when_released() {
    let rig = Rig::started();
    let mut enforcing = Enforcing::ready(&rig).await;
    let attacker = ssh("192.0.2.7");
    enforcing.ban_now(&attacker).await;
    let rule = "ip saddr 192.0.2.7 tcp dport 22 reject with icmp 3";
    assert_eq!(rig.kernel("public", "192.0.2.7"), [rule]);
    assert_eq!(rig.rules("public"), [ssh_rule("192.0.2.7")]);
    enforcing.release_now(&attacker.0).await;
    assert_eq!(rig.kernel("public", "192.0.2.7"), [""; 0]);
    assert_eq!(rig.rules("public"), [""; 0]);
}
