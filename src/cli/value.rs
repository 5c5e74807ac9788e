//! What can be typed after a verb, beyond words: wrong values are wrong usage.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::config::duration::{self, Length};
use crate::control::api::Bantime;

/// An address or a network. An IPv4-mapped address is IPv4; host bits are dropped.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    let host = text.parse().map(|host: IpAddr| IpNet::from(host.to_canonical()));
    host.or_else(|_| text.parse::<IpNet>().map(|network| network.trunc())).map_err(|_| {
        "neither an address (192.0.2.7, 2001:db8::7) nor a network (192.0.2.0/24)".to_owned()
    })
}

/// The length of a ban.
pub(super) fn bantime(text: &str) -> Result<Bantime, String> {
    match duration::parse(text).map_err(|error| error.to_string())? {
        Length::Permanent => Ok(Bantime::Permanent),
        Length::Of(duration) => Ok(Bantime::Seconds(duration.as_secs().max(1))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_and_networks_are_told_apart_and_brought_into_one_form() {
        let check = |text, expected: Option<&str>| {
            assert_eq!(network(text).ok().map(|network| network.to_string()).as_deref(), expected);
        };
        check("192.0.2.7", Some("192.0.2.7/32"));
        check("192.0.2.7/24", Some("192.0.2.0/24"));
        check("2001:DB8::7", Some("2001:db8::7/128"));
        check("::ffff:192.0.2.7", Some("192.0.2.7/32"));
        check("192.0.2", None);
        check("example.org", None);
        check("192.0.2.7/33", None);
    }

    #[test]
    fn the_length_of_a_ban_is_written_as_in_the_configuration() {
        assert_eq!(bantime("1h30m"), Ok(Bantime::Seconds(5400)));
        assert_eq!(bantime("permanent"), Ok(Bantime::Permanent));
        assert!(bantime("-1").is_err());
        assert!(bantime("0").is_err());
    }

    proptest! {
        #[test]
        fn a_network_is_read_back_and_has_no_host_bits(address: std::net::IpAddr, prefix in 0_u8..=128, any in ".{0,40}") {
            let address = address.to_canonical();
            let prefix = if address.is_ipv4() { prefix % 33 } else { prefix };
            let read = network(&format!("{address}/{prefix}")).unwrap();
            prop_assert_eq!(read, IpNet::new(address, prefix).unwrap().trunc());
            prop_assert_eq!(network(&read.to_string()), Ok(read));
            prop_assert_eq!(network(&address.to_string()), Ok(IpNet::from(address)));
            let _ = (network(&any), bantime(&any));
        }
    }
}
