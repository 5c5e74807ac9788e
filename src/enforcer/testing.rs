//! Short names for the tests of this module: hosts of 192.0.2.0/24, and ports.

use std::net::Ipv4Addr;

use ipnet::IpNet;

use super::firewalld::rule::Rule;
use super::order::{Block, Demand};
use crate::config::checked::Action;
use crate::jail::ban::{BanKey, JailName};
use crate::jail::scope::{PortRange, Protocol, Scope};

pub(super) fn key(jail: &str, host: u8) -> BanKey {
    BanKey { jail: JailName::new(jail), address: address(host) }
}

pub(super) fn block(host: u8, ports: &[u16]) -> Block {
    let ports = ports.iter().filter_map(|&port| PortRange::new(port, port)).collect();
    let scope = Scope { ports, protocols: [Protocol::Tcp].into() };
    Block { address: address(host), scope }
}

/// A ban from every port: of hosts and networks that overlap, of both families.
pub(super) fn net_block(index: u8) -> Block {
    const NETS: [&str; 12] = [
        "192.0.2.0/32",
        "192.0.2.1/32",
        "192.0.2.0/31",
        "192.0.2.0/24",
        "192.0.2.0/25",
        "192.0.0.0/16",
        "198.51.100.0/24",
        "2001:db8::/64",
        "2001:db8::1/128",
        "2001:db8::/80",
        "2001:db8::/48",
        "2001:db8::/32",
    ];
    let address = NETS[usize::from(index) % NETS.len()].parse().unwrap();
    Block { address, ..block(0, &[]) }
}

pub(super) fn demand(key: BanKey, block: Block) -> Demand {
    Demand { key, block, until: None }
}

pub(super) fn rule(host: u8, port: u16) -> Rule {
    Rule::all(&block(host, &[port]), Action::Reject).unwrap()[0]
}

fn address(host: u8) -> IpNet {
    IpNet::from(std::net::IpAddr::from(Ipv4Addr::new(192, 0, 2, host)))
}
