//! What a filter recognised in a record.

use std::net::IpAddr;

use jiff::Timestamp;

/// One failure by one address.
///
/// Says nothing of jails or counting. Small and `Copy`, since a flood makes millions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Who: the peer's address, an IPv4-mapped IPv6 address already made IPv4.
    pub address: IpAddr,
    /// When, as the log states it (UTC); the time of reading where it states none.
    pub time: Timestamp,
}
