//! An address, read from the bytes of a log.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Reads an address; an IPv4-mapped one becomes IPv4.
pub(super) fn parse(text: &[u8]) -> Option<IpAddr> {
    if let Some(address) = ipv4(text) {
        return Some(address.into());
    }
    if let Some(address) = ipv6(text) {
        return Some(IpAddr::from(address).to_canonical());
    }
    // Of an address, every byte is ASCII; this fails on all that is not.
    let address: IpAddr = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(address.to_canonical())
}

/// Reads most addresses there are: four numbers, as std's parser has them, at twice its speed. `None`:
/// ask that.
fn ipv4(text: &[u8]) -> Option<Ipv4Addr> {
    let (mut octets, mut dots) = ([0; 4], 0);
    let (mut value, mut digits) = (0_u16, 0);
    for &byte in text {
        if byte == b'.' {
            *octets.get_mut(dots)? = u8::try_from(value).ok().filter(|_| digits > 0)?;
            (dots, value, digits) = (dots + 1, 0, 0);
            continue;
        }
        // A zero in front would mean octal to some.
        let leads_with_zero = digits > 0 && value == 0;
        if !byte.is_ascii_digit() || digits == 3 || leads_with_zero {
            return None;
        }
        value = value * 10 + u16::from(byte - b'0');
        digits += 1;
    }
    octets[3] = u8::try_from(value).ok().filter(|_| digits > 0 && dots == 3)?;
    Some(octets.into())
}

/// Reads the others, as std's parser has them, but for those that end as IPv4's. `None`: ask that.
fn ipv6(text: &[u8]) -> Option<Ipv6Addr> {
    let (mut groups, mut count) = ([0; 8], 0);
    let mut rest = text.strip_prefix(b"::");
    let mut gap = rest.map(|_| 0);
    let rest = rest.get_or_insert(text);
    while !rest.is_empty() {
        let (value, digits) = group(rest)?;
        *groups.get_mut(count)? = value;
        (count, *rest) = (count + 1, &rest[digits..]);
        match *rest {
            [] => {}
            [b':', b':', after @ ..] if gap.is_none() => (gap, *rest) = (Some(count), after),
            [b':', after @ ..] if !after.is_empty() => *rest = after,
            _ => return None,
        }
    }
    match gap {
        // It stands for one group of zeros at least.
        Some(gap) if count < 8 => groups[gap..].rotate_right(8 - count),
        None if count == 8 => {}
        _ => return None,
    }
    Some(groups.into())
}

/// One to four hexadecimal digits that come first, and how many; none may follow.
fn group(text: &[u8]) -> Option<(u16, usize)> {
    let (mut value, mut digits) = (0, 0);
    for byte in text {
        let Some(digit) = char::from(*byte).to_digit(16) else { break };
        digits += 1;
        if digits > 4 {
            return None;
        }
        value = value << 4 | digit;
    }
    u16::try_from(value).ok().filter(|_| digits > 0).map(|value| (value, digits))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// std's parser is the oracle, of what is nearly one, too.
        #[test]
        fn ipv4_addresses_are_read_as_std_reads_them(
            text in prop_oneof![
                any::<u32>().prop_map(|bits| Ipv4Addr::from(bits).to_string()),
                "[0-9]{1,4}(\\.[0-9]{0,4}){2,4}",
                "(0|1|01|00|10|99|199|249|255|256|300)(\\.(0|1|01|00|10|99|199|249|255|256|300)){3}",
                "[0-9.:f]{0,16}",
            ],
        ) {
            prop_assert_eq!(ipv4(text.as_bytes()), text.parse().ok());
        }

        /// As std reads them, but those that end as IPv4's.
        #[test]
        fn ipv6_addresses_are_read_as_std_reads_them(
            text in prop_oneof![
                any::<u128>().prop_map(|bits| Ipv6Addr::from(bits).to_string()),
                prop::collection::vec(prop::sample::select(vec![0u16, 0, 1, 0xfff, 0xffff]), 8).prop_map(|groups| {
                    let groups: [u16; 8] = groups.try_into().expect("there are eight");
                    Ipv6Addr::from(groups).to_string()
                }),
                "(:|::|[0-9A-Fa-f]{1,5}|:0){0,17}",
                "([0-9A-Fa-f]{1,4}:){0,8}:?([0-9A-Fa-f]{1,4}:){0,8}[0-9a-g]{0,2}",
                "[0-9.:f%]{0,16}",
            ],
        ) {
            let expected: Option<Ipv6Addr> = text.parse().ok();
            prop_assert_eq!(ipv6(text.as_bytes()), expected.filter(|_| !text.contains('.')), "{}", text);
            prop_assert_eq!(parse(text.as_bytes()), text.parse().ok().map(|it: IpAddr| it.to_canonical()));
        }
    }
}
