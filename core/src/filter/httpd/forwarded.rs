//! Whose request it is, where a proxy may stand between.
//!
//! The peer is who connected: the kernel vouches for it. Whatever else names a client (httpd's `%a`
//! beside `%{c}a`, `X-Forwarded-For`) was written by the peer, and counts only if the peer is a
//! trusted proxy. `X-Forwarded-For` is walked from its right end, since each proxy appends whom it
//! was asked by: behind trusted proxies, the first address that is not one is the client. What
//! stands to the left of it is the client's own invention and is not looked at.

use std::net::IpAddr;

use ipnet::IpNet;

use super::Request;
use crate::filter::address as bare;

/// Whose request it is; `None`: that cannot be told, and so it is nobody's. A trusted proxy is
/// answered for what it asks itself.
pub(super) fn offender(request: &Request<'_>, proxies: &[IpNet]) -> Option<IpAddr> {
    let trusted = |address: IpAddr| proxies.iter().any(|network| network.contains(&address));
    let peer = request.peer()?;
    if !trusted(peer) {
        return Some(peer);
    }
    let client = if request.client.is_empty() { peer } else { bare::parse(request.client)? };
    if !trusted(client) {
        return Some(client);
    }
    match request.forwarded {
        b"" | b"-" => Some(client),
        forwarded => walk(forwarded, trusted),
    }
}

/// The right-most address that is not trusted, or else the left-most one; `None` if something that
/// is no address stands before it.
fn walk(forwarded: &[u8], trusted: impl Fn(IpAddr) -> bool) -> Option<IpAddr> {
    let mut last = None;
    for entry in forwarded.rsplit(|byte| *byte == b',') {
        let address = address(entry.trim_ascii())?;
        if !trusted(address) {
            return Some(address);
        }
        last = Some(address);
    }
    last
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:4711`.
fn address(entry: &[u8]) -> Option<IpAddr> {
    if let Some(rest) = entry.strip_prefix(b"[") {
        let close = memchr::memchr(b']', rest)?;
        let port = &rest[close + 1..];
        let in_brackets = bare::parse(&rest[..close])?;
        let six = memchr::memchr(b':', &rest[..close]).is_some();
        return (six && (port.is_empty() || is_port(port))).then_some(in_brackets);
    }
    bare::parse(entry).or_else(|| {
        let colon = memchr::memchr(b':', entry)?;
        is_port(&entry[colon..]).then(|| bare::parse(&entry[..colon]))?
    })
}

/// A colon and a number that a port may be.
fn is_port(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b":").unwrap_or_default();
    let number = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'));
    number.is_some_and(|digits| digits.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn proxies() -> Vec<IpNet> {
        ["10.0.0.0/8", "2001:db8:1::/48", "192.0.2.1/32"].map(|net| net.parse().unwrap()).to_vec()
    }

    /// Whose a request is of this peer, with this client field and this `X-Forwarded-For`.
    #[track_caller]
    fn check([peer, client, forwarded]: [&str; 3], expected: Option<&str>) {
        let request = Request {
            peer: peer.as_bytes(),
            client: client.as_bytes(),
            forwarded: forwarded.as_bytes(),
            ..Request::default()
        };
        let expected = expected.map(|address| address.parse().unwrap());
        let told = format!("{peer:?} {client:?} {forwarded:?}");
        assert_eq!(offender(&request, &proxies()), expected, "{told}");
    }

    #[test]
    fn a_peer_that_is_no_proxy_answers_for_itself() {
        check(["198.51.100.7", "", "203.0.113.9"], Some("198.51.100.7"));
        check(["198.51.100.7", "203.0.113.9", ""], Some("198.51.100.7"));
        check(["", "198.51.100.7", "203.0.113.9"], Some("198.51.100.7"));
        check(["host.example.org", "203.0.113.9", "203.0.113.9"], None);
    }

    #[test]
    fn a_proxys_word_counts() {
        check(["10.0.0.1", "203.0.113.9", "-"], Some("203.0.113.9"));
        check(["", "10.0.0.1", "203.0.113.9"], Some("203.0.113.9"));
        check(["10.0.0.1", "10.0.0.1", "203.0.113.9"], Some("203.0.113.9"));
        check(["::ffff:10.0.0.1", "", "203.0.113.9"], Some("203.0.113.9"));
        check(["10.0.0.1", "not-an-address", "203.0.113.9"], None);
    }

    #[test]
    fn a_proxy_that_names_nobody_asked_for_itself() {
        check(["10.0.0.1", "", "-"], Some("10.0.0.1"));
        check(["", "10.0.0.1", ""], Some("10.0.0.1"));
        check(["10.0.0.1", "", "10.0.0.3, 192.0.2.1"], Some("10.0.0.3"));
    }

    #[test]
    fn the_walk_begins_at_the_right_and_ends_at_the_first_stranger() {
        let walk = |forwarded, expected| check(["10.0.0.1", "", forwarded], expected);
        walk("198.51.100.7", Some("198.51.100.7"));
        walk("203.0.113.9, 198.51.100.7", Some("198.51.100.7"));
        walk("203.0.113.9,198.51.100.7,10.0.0.2 ,\t192.0.2.1", Some("198.51.100.7"));
        walk("garbage, 198.51.100.7", Some("198.51.100.7"));
        walk("203.0.113.9, 10.0.0.9, 198.51.100.7, 10.0.0.2", Some("198.51.100.7"));
    }

    #[test]
    fn garbage_that_the_walk_meets_makes_it_unattributed() {
        for forwarded in [
            "203.0.113.9, unknown",
            "203.0.113.9 198.51.100.7",
            "203.0.113.9,",
            ",",
            "203.0.113.9, 10.0.0.2, ",
            r"203.0.113.9, \x22198.51.100.7\x22",
            r#"203.0.113.9, \"198.51.100.7\""#,
            "203.0.113.9.example.org",
            "203.0.113.9:",
            "203.0.113.9:+80",
            "203.0.113.9:70000",
            "203.0.113.9:80:80",
            "[203.0.113.9]",
            "[2001:db8::7",
            "[2001:db8::7]80",
            "[2001:db8::7]:",
            "2001:db8::7]:80",
            "fe80::1%eth0",
            "0203.0.113.9",
            "203.0.113.9\0",
            "for=203.0.113.9",
        ] {
            check(["10.0.0.1", "", forwarded], None);
        }
    }

    #[test]
    fn addresses_have_ports_and_brackets() {
        let walk = |forwarded, expected| check(["10.0.0.1", "", forwarded], Some(expected));
        walk("198.51.100.7:4711", "198.51.100.7");
        walk("2001:db8::7", "2001:db8::7");
        walk("[2001:db8::7]", "2001:db8::7");
        walk("[2001:db8::7]:4711", "2001:db8::7");
        walk("::ffff:198.51.100.7", "198.51.100.7");
        walk("[::ffff:198.51.100.7]:80", "198.51.100.7");
        walk("198.51.100.7, [2001:db8:1::5]:443, [::ffff:10.0.0.1]:1", "198.51.100.7");
    }

    /// An entry, and what it is: an address, and whether that is a trusted proxy's.
    fn entry() -> impl Strategy<Value = (String, Option<(IpAddr, bool)>)> {
        let of = |text: String, plain: &str, trusted| {
            (text, Some((plain.parse::<IpAddr>().unwrap(), trusted)))
        };
        prop_oneof![
            3 => (0..9u8).prop_map(move |n| {
                let plain = format!("10.0.0.{n}");
                of(if n % 2 == 0 { plain.clone() } else { format!(" {plain}:{n}") }, &plain, true)
            }),
            1 => (0..9u8).prop_map(move |n| {
                let plain = format!("2001:db8:1::{n}");
                of(format!("[{plain}]:8{n} "), &plain, true)
            }),
            1 => (0..9u8).prop_map(move |n| {
                let plain = format!("198.51.100.{n}");
                of(format!("\t{plain} "), &plain, false)
            }),
            1 => (0..9u8).prop_map(move |n| {
                let plain = format!("2001:db8:2::{n}");
                of(plain.clone(), &plain, false)
            }),
            1 => "[a-z0-9:.\\[\\] ]{0,9}z".prop_map(|text| (text, None)),
        ]
    }

    proptest! {
        /// The oracle knows what each entry was made from, and needs to parse none.
        #[test]
        fn the_walk_agrees_with_a_naive_one(entries in prop::collection::vec(entry(), 1..8)) {
            let texts: Vec<&str> = entries.iter().map(|(text, _)| text.as_str()).collect();
            let mut expected = None;
            for (_, meant) in entries.iter().rev() {
                expected = meant.map(|(address, _)| address);
                if !matches!(meant, Some((_, true))) {
                    break;
                }
            }
            let forwarded = texts.join(",");
            let request =
                Request { peer: b"10.9.9.9", forwarded: forwarded.as_bytes(), ..Request::default() };
            prop_assert_eq!(offender(&request, &proxies()), expected);
        }

        /// Whatever a client writes, a proxy's own entry behind it decides.
        #[test]
        fn no_client_chooses_another(written in "[ -~]{0,60}") {
            let forwarded = format!("{written}, 198.51.100.7");
            let request =
                Request { peer: b"10.9.9.9", forwarded: forwarded.as_bytes(), ..Request::default() };
            let client = "198.51.100.7".parse::<IpAddr>().unwrap();
            prop_assert_eq!(offender(&request, &proxies()), Some(client));
        }
    }
}
