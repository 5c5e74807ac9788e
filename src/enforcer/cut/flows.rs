//! The flows that the host forwards: found in the connection tracker, and forgotten there.
//!
//! Source: the kernel's `nf_conntrack_netlink`.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;

use netlink_packet_netfilter::conntrack::{
    ConntrackAttribute, ConntrackMessage, IPTuple, ProtoInfo, ProtoInfoTCP, ProtoTuple,
    Protocol as IpProtocol, Tuple,
};
use netlink_packet_netfilter::{
    NetfilterHeader, NetfilterMessage, NetfilterMessageInner, NetfilterProtoFamily,
};
use netlink_sys::protocols::NETLINK_NETFILTER;

use super::Closed;
use super::targets::{OurEnd, Targets};
use crate::enforcer::netlink::Netlink;
use crate::jail::ban::JailName;
use crate::jail::scope::Protocol;

/// `CTA_ID`: tells a flow from a later one with the same ends.
const CTA_ID: u16 = 12;
/// `CTA_ZONE`: which of several trackers.
const CTA_ZONE: u16 = 18;
/// `TCP_CONNTRACK_TIME_WAIT` and `TCP_CONNTRACK_CLOSE`: from here on a connection is over.
const OVER: std::ops::RangeInclusive<u8> = 7..=8;

/// One direction of a flow.
#[derive(Clone, Copy, Debug, Default)]
struct Direction {
    source: Option<IpAddr>,
    protocol: Option<Protocol>,
    source_port: u16,
    destination_port: u16,
}

/// Forgets the flows that a banned address began, and counts them. What is over is left to itself.
///
/// # Errors
///
/// The first that occurred. That a flow has gone meanwhile, or that nothing is tracked, is none.
pub(super) fn forget(targets: &Targets, closed: &mut BTreeMap<JailName, Closed>) -> io::Result<()> {
    let netlink = Netlink::open(NETLINK_NETFILTER)?;
    let mut met = Vec::new();
    let all = message(NetfilterProtoFamily::Unspec, ConntrackMessage::Get(Vec::new()));
    let listed = netlink.dump(all, |found: NetfilterMessage| {
        let family = found.header.family;
        if let NetfilterMessageInner::Conntrack(ConntrackMessage::New(flow)) = found.inner
            && let Some(jail) = meets(targets, &flow)
        {
            met.push((jail.clone(), message(family, ConntrackMessage::Delete(identity(flow)))));
        }
    });
    match listed {
        // No such subsystem: nothing is tracked here.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => return Ok(()),
        listed => listed?,
    }
    let mut first = Ok(());
    for (jail, question) in met {
        match netlink.ask::<_, NetfilterMessage>(question) {
            Ok(()) => closed.entry(jail).or_default().flows += 1,
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {}
            Err(error) => first = first.and(Err(error)),
        }
    }
    first
}

/// The jail whose ban ends a flow, if it is not over.
fn meets<'t>(targets: &'t Targets, flow: &[ConntrackAttribute]) -> Option<&'t JailName> {
    let (mut original, mut reply, mut state) = (Direction::default(), Direction::default(), 0);
    for attribute in flow {
        match attribute {
            ConntrackAttribute::CtaTupleOrig(tuple) => original = direction(tuple),
            ConntrackAttribute::CtaTupleReply(tuple) => reply = direction(tuple),
            ConntrackAttribute::CtaProtoInfo(info) => state = tcp_state(info).unwrap_or(0),
            _ => {}
        }
    }
    if OVER.contains(&state) {
        return None;
    }
    // What the client asked for, and what was made of it if the port is forwarded.
    let end = |port| OurEnd { protocol: original.protocol, port };
    targets.meets(original.source?, &[end(original.destination_port), end(reply.source_port)])
}

fn direction(tuple: &[Tuple]) -> Direction {
    let mut direction = Direction::default();
    for part in tuple {
        match part {
            Tuple::Ip(addresses) => {
                direction.source = addresses.iter().find_map(|address| match address {
                    IPTuple::SourceAddress(source) => Some(*source),
                    _ => None,
                });
            }
            Tuple::Proto(parts) => parts.iter().for_each(|part| match part {
                ProtoTuple::Protocol(IpProtocol::Tcp) => direction.protocol = Some(Protocol::Tcp),
                ProtoTuple::Protocol(IpProtocol::Udp) => direction.protocol = Some(Protocol::Udp),
                ProtoTuple::SourcePort(port) => direction.source_port = *port,
                ProtoTuple::DestinationPort(port) => direction.destination_port = *port,
                _ => {}
            }),
            _ => {}
        }
    }
    direction
}

fn tcp_state(info: &[ProtoInfo]) -> Option<u8> {
    info.iter().find_map(|info| match info {
        ProtoInfo::TCP(parts) => parts.iter().find_map(|part| match part {
            ProtoInfoTCP::State(state) => Some(*state),
            _ => None,
        }),
        _ => None,
    })
}

/// What names a flow, so that it and no other is forgotten.
fn identity(flow: Vec<ConntrackAttribute>) -> Vec<ConntrackAttribute> {
    use netlink_packet_core::Nla;
    let names = |attribute: &ConntrackAttribute| match attribute {
        ConntrackAttribute::CtaTupleOrig(_) => true,
        ConntrackAttribute::Other(other) => matches!(other.kind(), CTA_ID | CTA_ZONE),
        _ => false,
    };
    flow.into_iter().filter(names).collect()
}

fn message(family: NetfilterProtoFamily, message: ConntrackMessage) -> NetfilterMessage {
    NetfilterMessage::new(NetfilterHeader::new(family, 0, 0), message)
}
