//! How one address stands, where a verb is given an address instead of a jail.

use std::fmt::Write;

use ipnet::IpNet;

use super::ask::until;
use super::value;
use crate::control::api::BanStatus;
use crate::jail::ban::show;

/// The address or network that an argument names, rather than a jail.
#[must_use]
pub(super) fn named(argument: &str) -> Option<IpNet> {
    value::network(argument).ok()
}

/// Whether a ban holds the address, or a part of the network.
#[must_use]
pub(super) fn concerns(ban: &BanStatus, address: &IpNet) -> bool {
    value::network(&ban.address)
        .is_ok_and(|banned| banned.contains(address) || address.contains(&banned))
}

/// `gaoler status ADDRESS`: a sentence for each ban that concerns it.
#[must_use]
pub(super) fn standing(address: &IpNet, bans: &[BanStatus]) -> String {
    let shown = show(address);
    if bans.is_empty() {
        return format!("{shown} is not banned\n");
    }
    let mut out = String::new();
    for ban in bans {
        let whole = value::network(&ban.address).is_ok_and(|banned| banned.contains(address));
        let what = match whole {
            _ if ban.address == shown => format!("{shown} is banned by {}", ban.jail),
            true => format!("{shown} is banned by {}, as part of {}", ban.jail, ban.address),
            false => format!("{} of {shown} is banned by {}", ban.address, ban.jail),
        };
        writeln!(out, "{what}, until {}, {}", until(ban), ban.state).expect("a String takes all");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jail::ban::BanOrigin;

    fn ban(address: &str) -> BanStatus {
        BanStatus {
            address: address.to_owned(),
            jail: "sshd".to_owned(),
            origin: BanOrigin::Detected,
            since: jiff::Timestamp::UNIX_EPOCH,
            until: None,
            failures: 5,
            state: "enforced".to_owned(),
            trace_id: None,
        }
    }

    #[track_caller]
    fn check(argument: &str, expected: &str) {
        let address = named(argument).unwrap();
        let mut bans = vec![ban("2001:db8::/64"), ban("192.0.2.7")];
        bans.retain(|ban| concerns(ban, &address));
        assert_eq!(standing(&address, &bans), expected);
    }

    #[test]
    fn an_address_stands_as_what_holds_it_does() {
        check("192.0.2.7", "192.0.2.7 is banned by sshd, until never, enforced\n");
        let part =
            "2001:db8::5 is banned by sshd, as part of 2001:db8::/64, until never, enforced\n";
        check("2001:db8::5", part);
        check(
            "192.0.2.0/24",
            "192.0.2.7 of 192.0.2.0/24 is banned by sshd, until never, enforced\n",
        );
        check("192.0.2.8", "192.0.2.8 is not banned\n");
        assert_eq!(named("sshd"), None);
    }
}
