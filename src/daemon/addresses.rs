//! The host's own addresses, which `ignoreself` keeps from being banned.

use std::net::IpAddr;
use std::time::Duration;

use nix::ifaddrs::getifaddrs;
use tokio::sync::mpsc;

use super::event::Event;

/// How often they are looked up again.
const INTERVAL: Duration = Duration::from_mins(1);

/// Every address of every interface (`getifaddrs(3)`), sorted.
///
/// # Errors
///
/// As `getifaddrs(3)`; the unit must allow `AF_NETLINK`.
pub fn own() -> std::io::Result<Vec<IpAddr>> {
    let mut own: Vec<IpAddr> = getifaddrs()?
        .filter_map(|interface| interface.address)
        .filter_map(|address| {
            let four = address.as_sockaddr_in().map(|four| IpAddr::from(four.ip()));
            four.or_else(|| address.as_sockaddr_in6().map(|six| IpAddr::from(six.ip())))
        })
        .collect();
    own.sort_unstable();
    own.dedup();
    Ok(own)
}

/// Looks the host's addresses up again and again; an address may come with a link.
pub(super) fn watch(events: mpsc::Sender<Event>) {
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(INTERVAL).await;
            match tokio::task::spawn_blocking(own).await {
                Ok(Ok(own)) => {
                    if events.send(Event::OwnAddresses(own)).await.is_err() {
                        return;
                    }
                }
                Ok(Err(error)) => tracing::warn!(%error, "cannot list the host's own addresses"),
                Err(error) => tracing::error!(%error, "looking up the host's own addresses ended"),
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_ours() {
        assert!(own().unwrap().contains(&"127.0.0.1".parse().unwrap()));
    }
}
