//! The host's own addresses, which `ignoreself` keeps from being banned, and the networks of its
//! links, in which hosts are banned one by one.

use std::net::IpAddr;

use ipnet::IpNet;
use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::sys::socket::SockaddrStorage;

/// Every address of every interface (`getifaddrs(3)`), sorted.
///
/// # Errors
///
/// As `getifaddrs(3)`; the unit must allow `AF_NETLINK`.
pub fn own() -> std::io::Result<Vec<IpAddr>> {
    let mut own: Vec<IpAddr> = getifaddrs()?
        .filter_map(|interface| interface.address)
        .filter_map(|address| ip(&address))
        .collect();
    own.sort_unstable();
    own.dedup();
    Ok(own)
}

/// The network of every interface's address, as its netmask says (`getifaddrs(3)`), sorted.
///
/// # Errors
///
/// As [`own`].
pub fn on_link() -> std::io::Result<Vec<IpNet>> {
    let network = |interface: InterfaceAddress| {
        let (address, mask) = (ip(&interface.address?)?, ip(&interface.netmask?)?);
        IpNet::with_netmask(address, mask).ok().map(|network| network.trunc())
    };
    let mut networks: Vec<IpNet> = getifaddrs()?.filter_map(network).collect();
    networks.sort_unstable();
    networks.dedup();
    Ok(networks)
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    let four = address.as_sockaddr_in().map(|four| IpAddr::from(four.ip()));
    four.or_else(|| address.as_sockaddr_in6().map(|six| IpAddr::from(six.ip())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_ours() {
        assert!(own().unwrap().contains(&"127.0.0.1".parse().unwrap()));
        assert!(on_link().unwrap().contains(&"127.0.0.0/8".parse().unwrap()));
    }
}
