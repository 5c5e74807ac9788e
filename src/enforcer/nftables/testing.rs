//! Short names for the tests of this module.

use jiff::SignedDuration;

use crate::enforcer::order::{Block, Demand};
use crate::jail::ban::{BanKey, JailName};
use crate::jail::scope::{PortRange, Protocol, Scope};
use crate::moment::Boot;

/// TCP to some ports, or all there is.
pub(super) fn ports(ports: &[u16]) -> Scope {
    let ports = ports.iter().filter_map(|&port| PortRange::new(port, port)).collect();
    Scope { ports, protocols: [Protocol::Tcp].into() }
}

/// A ban that ends so many seconds after the boot, or never.
pub(super) fn demand(jail: &str, net: &str, scope: &Scope, until: Option<i64>) -> Demand {
    let address = net.parse().unwrap();
    let key = BanKey { jail: JailName::new(jail), address };
    let until = until.map(|second| Boot(SignedDuration::from_secs(second)));
    Demand { key, block: Block { address, scope: scope.clone() }, until }
}
