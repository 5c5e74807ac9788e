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

/// Reads most addresses there are: four numbers, as std's parser has them, and sooner. `None`:
/// ask that.
///
/// It asks no byte what it is: of a number and the dot behind it, four bytes at most, it is found at once
/// where the dot is and what the digits are worth. A processor that guesses what comes next guesses wrong
/// where lengths vary, and those of numbers in addresses do.
fn ipv4(text: &[u8]) -> Option<Ipv4Addr> {
    const LONGEST: usize = "255.255.255.255".len();
    // A dot behind the last number, too.
    let mut bytes = [b'.'; LONGEST + 1];
    bytes.get_mut(..text.len()).filter(|_| text.len() <= LONGEST)?.copy_from_slice(text);
    let (mut octets, mut at) = ([0; 4], 0);
    for octet in &mut octets {
        let word = u32::from_le_bytes(*bytes[at..].first_chunk()?);
        let length = dot(word);
        *octet = number(word, length)?;
        at += length as usize + 1;
    }
    (at == text.len() + 1).then(|| octets.into())
}

/// Which of four bytes is the first that is a dot, the lowest being number 0; 4: none.
fn dot(word: u32) -> u32 {
    let zero_if_dot = word ^ u32::from_ne_bytes([b'.'; 4]);
    // The highest bit of each byte that is zero, and no other.
    let dots = !(((zero_if_dot & 0x7f7f_7f7f) + 0x7f7f_7f7f) | zero_if_dot | 0x7f7f_7f7f);
    dots.trailing_zeros() / 8
}

/// The number that the first `length` of these bytes write, the first byte being the lowest.
fn number(digits: u32, length: u32) -> Option<u8> {
    if !(1..=3).contains(&length) {
        return None;
    }
    // The last digit is the highest byte; where there are fewer than three, zeros come first.
    let values = (digits ^ 0x3030_3030) << (32 - 8 * length);
    let above_nine = ((values & 0x7f7f_7f7f) + 0x7676_7676) | values;
    let [_, hundreds, tens, ones] = values.to_le_bytes().map(u32::from);
    let value = 100 * hundreds + 10 * tens + ones;
    // A zero in front would mean octal to some.
    let shortest = [0, 0, 10, 100][length as usize];
    let is_number = above_nine & 0x8080_8080 == 0 && shortest <= value;
    u8::try_from(value).ok().filter(|_| is_number)
}

/// Reads the others, as std's parser has them, but for those that end as IPv4's. `None`: ask that.
fn ipv6(text: &[u8]) -> Option<Ipv6Addr> {
    let mut groups = Groups::default();
    let mut rest = text;
    if let Some(after) = text.strip_prefix(b"::") {
        (groups.gap, rest) = (Some(0), after);
    }
    let (mut value, mut digits, mut after_colon) = (0, 0, false);
    for &byte in rest {
        let digit = HEXADECIMAL[usize::from(byte)];
        if digit != NONE {
            // Of more than four digits, what is lost does not matter.
            (value, digits) = (value << 4 | digit, digits + 1);
            continue;
        }
        if byte != b':' {
            return None;
        }
        if digits > 0 {
            groups.add(value, digits)?;
            (value, digits, after_colon) = (0, 0, true);
        } else if after_colon && groups.gap.is_none() {
            (groups.gap, after_colon) = (Some(groups.count), false);
        } else {
            return None;
        }
    }
    if digits > 0 {
        groups.add(value, digits)?;
    } else if after_colon {
        return None;
    }
    groups.address()
}

/// The groups of an address in IPv6, as far as it has been read.
#[derive(Default)]
struct Groups {
    all: [u16; 8],
    count: usize,
    /// How many come before `::`.
    gap: Option<usize>,
}

impl Groups {
    fn add(&mut self, value: u16, digits: usize) -> Option<()> {
        *self.all.get_mut(self.count)? = value;
        self.count += 1;
        (digits <= 4).then_some(())
    }

    fn address(mut self) -> Option<Ipv6Addr> {
        match self.gap {
            // It stands for one group of zeros at least.
            Some(gap) if self.count < 8 => self.all[gap..].rotate_right(8 - self.count),
            None if self.count == 8 => {}
            _ => return None,
        }
        Some(self.all.into())
    }
}

/// No hexadecimal digit's value.
const NONE: u16 = u16::MAX;

/// What each byte is worth as a hexadecimal digit.
const HEXADECIMAL: [u16; 256] = {
    let mut values = [NONE; 256];
    let mut value: u8 = 0;
    while value < 16 {
        let digit = b"0123456789abcdef"[value as usize];
        values[digit as usize] = value as u16;
        values[digit.to_ascii_uppercase() as usize] = value as u16;
        value += 1;
    }
    values
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is an address but for one character, put in or in the place of another.
    fn nearly(address: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
        (address, any::<prop::sample::Index>(), "[/0-9:;.@A-Fa-g`Gé]?", any::<bool>()).prop_map(
            |(mut text, at, by, replaces)| {
                let at = at.index(text.len());
                text.replace_range(at..at + usize::from(replaces), &by);
                text
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

        /// std's parser is the oracle, of what is nearly one, too.
        #[test]
        fn ipv4_addresses_are_read_as_std_reads_them(
            text in prop_oneof![
                any::<u32>().prop_map(|bits| Ipv4Addr::from(bits).to_string()),
                nearly(any::<u32>().prop_map(|bits| Ipv4Addr::from(bits).to_string())),
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
                nearly(any::<u128>().prop_map(|bits| Ipv6Addr::from(bits).to_string())),
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
