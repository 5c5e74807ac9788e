//! The host's own ends: found by `sock_diag(7)`, and destroyed.

use std::collections::BTreeMap;
use std::io;

use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDP};
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, SocketId, StateFlags};
use netlink_packet_sock_diag::{SockDiagDestroy, SockDiagMessage};
use netlink_sys::protocols::NETLINK_SOCK_DIAG;

use super::Closed;
use super::targets::{OurEnd, Targets};
use crate::enforcer::netlink::Netlink;
use crate::jail::ban::JailName;
use crate::jail::scope::Protocol;

/// Destroys the sockets that a ban meets, and counts them. Goes on past one that cannot be, and
/// past a protocol that the kernel does not list.
///
/// # Errors
///
/// The first that occurred. That a socket has gone meanwhile is none.
pub(super) fn destroy(
    targets: &Targets,
    closed: &mut BTreeMap<JailName, Closed>,
) -> io::Result<()> {
    let netlink = Netlink::open(NETLINK_SOCK_DIAG)?;
    let mut first = Ok(());
    for (protocol, number) in [(Protocol::Tcp, IPPROTO_TCP), (Protocol::Udp, IPPROTO_UDP)] {
        for family in [AF_INET, AF_INET6] {
            let done = of_kind(&netlink, targets, (protocol, number, family), closed);
            // udp_diag is a module of its own, and family 6 may be switched off.
            let absent = protocol == Protocol::Udp || family == AF_INET6;
            let missing = |error: &io::Error| error.raw_os_error() == Some(libc::ENOENT);
            if !(absent && done.as_ref().is_err_and(missing)) {
                first = first.and(done);
            }
        }
    }
    first
}

/// Those of one protocol and family.
fn of_kind(
    netlink: &Netlink,
    targets: &Targets,
    (protocol, number, family): (Protocol, u8, u8),
    closed: &mut BTreeMap<JailName, Closed>,
) -> io::Result<()> {
    let mut met = Vec::new();
    netlink.dump(request(number, family, SocketId::new_v4()), |found| {
        let SockDiagMessage::InetResponse(found) = found else { return };
        let id = found.header.socket_id;
        let end = OurEnd { protocol: Some(protocol), port: id.source_port };
        if let Some(jail) = targets.meets(id.destination_address, &[end]) {
            met.push((jail.clone(), id));
        }
    })?;
    let mut first = Ok(());
    for (jail, id) in met {
        let question = SockDiagDestroy::new(request(number, family, id));
        match netlink.ask::<_, SockDiagMessage>(question) {
            Ok(()) => closed.entry(jail).or_default().sockets += 1,
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {}
            Err(error) => first = first.and(Err(error)),
        }
    }
    first
}

/// Names sockets: all that are connected, or, to be destroyed, the one of `id`.
fn request(protocol: u8, family: u8, id: SocketId) -> SockDiagMessage {
    let not_connected = StateFlags::LISTEN | StateFlags::CLOSE | StateFlags::TIME_WAIT;
    SockDiagMessage::InetRequest(InetRequest {
        family,
        protocol,
        extensions: ExtensionFlags::empty(),
        states: StateFlags::all().difference(not_connected),
        socket_id: id,
    })
}
