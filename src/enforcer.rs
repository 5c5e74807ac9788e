//! Makes the firewall refuse what the ledger says, and says what it saw.
//!
//! One task drives one firewall, one call at a time. The daemon sends it [`order::Order`]s and
//! hears [`order::Report`]s; it never waits for it.
//!
//! [`firewalld`] has bans enforced by firewalld, over D-Bus; [`nftables`] by a table of our own in
//! the kernel; [`watch`] stands in where nothing is enforced. [`flush`] undoes it all. [`order`] is what all of them are
//! asked and answer.

pub mod cut;
pub mod firewalld;
pub mod flush;
pub mod netlink;
pub mod nftables;
pub mod order;
mod setbacks;
pub mod shard;
#[cfg(test)]
mod testing;
mod watch;

use tokio::sync::mpsc::{Sender, UnboundedReceiver};
use tokio::task::JoinHandle;

use self::order::{Inherited, Order, Report};
use crate::config::checked::Enforcement;
use crate::moment::Clock;

/// The length that bans of IPv6 have by default (`ipv6_prefix`). Sets are made for it; others go to
/// sets of networks.
const IPV6_PREFIX: u8 = 64;

/// The backend's name, in metrics and in `gaoler status`.
#[must_use]
pub fn backend(enforcement: &Enforcement) -> &'static str {
    match enforcement {
        Enforcement::None => "none",
        Enforcement::Firewalld(_) => "firewalld",
        Enforcement::Nftables(_) => "nftables",
    }
}

/// Every word that a [`Report::Operation`] of this backend can have.
#[must_use]
pub fn operations(enforcement: &Enforcement) -> &'static [&'static str] {
    match enforcement {
        Enforcement::Firewalld(_) => &firewalld::call::OPERATIONS,
        Enforcement::None => &[],
        Enforcement::Nftables(_) => &nftables::OPERATIONS,
    }
}

/// Starts the task that enforces, on the current runtime.
///
/// What was `inherited` is known before the firewall is looked at, so what of it is still in force
/// stays so; what is in force without being among it goes, or is spared. The task ends after [`Order::Stop`] or when either channel is closed; bans stay.
///
/// # Panics
///
/// Panics outside a tokio runtime.
pub fn spawn(
    enforcement: &Enforcement,
    inherited: Inherited,
    clock: Clock,
    orders: UnboundedReceiver<Order>,
    reports: Sender<Report>,
) -> JoinHandle<()> {
    match enforcement {
        Enforcement::None => watch::spawn(orders, reports),
        Enforcement::Nftables(settings) => {
            nftables::spawn(settings, inherited, clock, orders, reports)
        }
        Enforcement::Firewalld(settings) => {
            firewalld::spawn(settings, inherited, clock, orders, reports)
        }
    }
}
