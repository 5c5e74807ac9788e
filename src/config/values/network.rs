//! Networks as a file has them: an address, a prefix, a netmask.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

/// An address, a network, or a network with its netmask. Host bits are cleared; an IPv4-mapped
/// IPv6 address is the IPv4 one.
pub(in crate::config) fn network(text: &str) -> Result<IpNet, String> {
    let (address, mask) = match text.split_once('/') {
        Some((address, mask)) => (address, Some(mask)),
        None => (text, None),
    };
    let Ok(address) = address.parse::<IpAddr>() else {
        return Err(not_an_address(text));
    };
    let width = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match mask {
        None => width,
        Some(mask) => prefix_length(address, mask)?,
    };
    let network = IpNet::new(address, prefix)
        .map_err(|_| format!("is not a network: the prefix length is at most {width}"))?;
    Ok(unmapped(network).trunc())
}

fn prefix_length(address: IpAddr, mask: &str) -> Result<u8, String> {
    if let (IpAddr::V4(address), Ok(mask)) = (address, mask.parse()) {
        return Ipv4Net::with_netmask(address, mask)
            .map(|network| network.prefix_len())
            .map_err(|_| "is not a network: its netmask has a gap".to_owned());
    }
    mask.parse().map_err(|_| {
        "is not a network: after `/` comes a prefix length (192.0.2.0/24), or in IPv4 a netmask \
         (192.0.2.0/255.255.255.0)"
            .to_owned()
    })
}

fn not_an_address(text: &str) -> String {
    let looks_like_a_name =
        text.contains(|c: char| c.is_ascii_alphabetic()) && !text.contains([':', '/']);
    if looks_like_a_name {
        return "is a name; write its addresses: whoever answers for a name could lift bans, and \
                asking takes time"
            .to_owned();
    }
    "is not an address or network; write for example `192.0.2.1`, `192.0.2.0/24` or `2001:db8::/32`"
        .to_owned()
}

fn unmapped(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else { return network };
    match (v6.addr().to_ipv4_mapped(), v6.prefix_len().checked_sub(96)) {
        (Some(address), Some(prefix)) => Ipv4Net::new(address, prefix).map_or(network, IpNet::V4),
        _ => network,
    }
}

/// As [`network`], for the table.
pub(in crate::config) fn network_form(text: &str) -> Result<(), String> {
    network(text).map(|_| ())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_networks_in_every_form() {
        let check = |text, expected: &str| {
            assert_eq!(network(text).map(|n| n.to_string()), Ok(expected.to_owned()), "{text}");
        };
        check("192.0.2.7", "192.0.2.7/32");
        check("192.0.2.7/24", "192.0.2.0/24");
        check("192.0.2.0/255.255.255.0", "192.0.2.0/24");
        check("::1", "::1/128");
        check("2001:DB8::5/32", "2001:db8::/32");
        check("::ffff:192.0.2.7", "192.0.2.7/32");
        check("::ffff:192.0.2.7/120", "192.0.2.0/24");
        check("::/0", "::/0");
    }

    #[test]
    fn refuses_what_is_no_network() {
        let check = |text, expected: &str| {
            let error = network(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        };
        check("example.com", "is a name");
        check("192.0.2.256", "not an address");
        check("192.0.2.0/33", "at most 32");
        check("::/129", "at most 128");
        check("192.0.2.0/255.0.255.0", "gap");
        check("192.0.2.0/x", "prefix length");
        check("::/255.255.255.0", "prefix length");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}") {
            let _ = network(&text);
        }

        #[test]
        fn a_network_reads_as_it_is_shown(bits: u32, prefix in 0_u8..=32) {
            let shown = format!("{}/{prefix}", std::net::Ipv4Addr::from_bits(bits));
            let read = network(&shown).unwrap();
            prop_assert_eq!(read.prefix_len(), prefix);
            prop_assert!(read.contains(&IpAddr::from(std::net::Ipv4Addr::from_bits(bits))));
            prop_assert_eq!(network(&read.to_string()), Ok(read));
        }
    }
}
