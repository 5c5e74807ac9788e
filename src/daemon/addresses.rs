//! The host's own addresses, which `ignoreself` keeps from being banned.

use std::net::IpAddr;

use nix::ifaddrs::getifaddrs;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_ours() {
        assert!(own().unwrap().contains(&"127.0.0.1".parse().unwrap()));
    }
}
