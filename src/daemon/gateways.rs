//! The default gateways of both families, which are never banned.
//!
//! They are read from the kernel's routing tables by netlink, all tables and next hops included:
//! `/proc/net/route` shows neither policy routing nor more than one next hop.
//!
//! Source: rtnetlink(7).

mod route;

use std::io;
use std::net::IpAddr;

use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteMessage, RouteType, RouteVia,
};
use netlink_sys::protocols::NETLINK_ROUTE;

use self::route::Routes;
use crate::enforcer::netlink::Netlink;

/// The longest prefix of a route that is as good as a default one: tunnels divide the Internet in
/// halves to go before the default route without replacing it.
const LONGEST: u8 = 1;

/// The default gateways, sorted. Blocks for as long as the kernel takes to list its routes.
///
/// # Errors
///
/// Fails if the kernel cannot be asked; the unit must allow `AF_NETLINK`.
pub(super) fn default() -> io::Result<Vec<IpAddr>> {
    let mut gateways = Vec::new();
    let all = Routes::Get(RouteMessage::default());
    Netlink::open(NETLINK_ROUTE)?.dump(all, |found| gateways_of(&found, &mut gateways))?;
    gateways.sort_unstable();
    gateways.dedup();
    Ok(gateways)
}

/// Adds the gateways of a route, if it is one and a default one.
fn gateways_of(found: &Routes, gateways: &mut Vec<IpAddr>) {
    let Routes::New(route) = found else { return };
    let header = &route.header;
    if header.destination_prefix_length > LONGEST || header.kind != RouteType::Unicast {
        return;
    }
    for attribute in &route.attributes {
        if let RouteAttribute::MultiPath(hops) = attribute {
            let attributes = hops.iter().flat_map(|hop| &hop.attributes);
            gateways.extend(attributes.filter_map(gateway));
        }
    }
    gateways.extend(route.attributes.iter().filter_map(gateway));
}

fn gateway(attribute: &RouteAttribute) -> Option<IpAddr> {
    match attribute {
        RouteAttribute::Gateway(RouteAddress::Inet(four))
        | RouteAttribute::Via(RouteVia::Inet(four)) => Some((*four).into()),
        RouteAttribute::Gateway(RouteAddress::Inet6(six))
        | RouteAttribute::Via(RouteVia::Inet6(six)) => Some((*six).into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use netlink_packet_core::{NetlinkHeader, NetlinkMessage, NetlinkPayload};
    use netlink_packet_route::AddressFamily;
    use netlink_packet_route::route::RouteNextHop;

    use super::*;
    use crate::enforcer::netlink::messages;

    fn via(address: &str) -> RouteAttribute {
        RouteAttribute::Gateway(match address.parse().unwrap() {
            IpAddr::V4(four) => RouteAddress::Inet(four),
            IpAddr::V6(six) => RouteAddress::Inet6(six),
        })
    }

    #[track_caller]
    fn check(prefix: u8, kind: RouteType, attributes: Vec<RouteAttribute>, expected: &[&str]) {
        let mut route = RouteMessage::default();
        route.header.address_family = AddressFamily::Inet;
        route.header.destination_prefix_length = prefix;
        route.header.kind = kind;
        route.attributes = attributes;
        let payload = NetlinkPayload::from(Routes::New(route));
        let mut message = NetlinkMessage::new(NetlinkHeader::default(), payload);
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        let mut gateways = Vec::new();
        for message in messages::<Routes>(&bytes) {
            match message.unwrap() {
                NetlinkPayload::InnerMessage(found) => gateways_of(&found, &mut gateways),
                other => panic!("more may come, but: {other:?}"),
            }
        }
        let shown: Vec<String> = gateways.iter().map(ToString::to_string).collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_default_route_has_a_gateway_and_others_do_not_matter() {
        check(0, RouteType::Unicast, vec![via("192.0.2.1")], &["192.0.2.1"]);
        check(1, RouteType::Unicast, vec![via("192.0.2.2")], &["192.0.2.2"]);
        check(8, RouteType::Unicast, vec![via("192.0.2.3")], &[]);
        check(0, RouteType::Unreachable, vec![via("192.0.2.4")], &[]);
        check(0, RouteType::Unicast, vec![RouteAttribute::Oif(2)], &[]);
    }

    #[test]
    fn every_next_hop_is_a_gateway() {
        let mut hops = vec![RouteNextHop::default(), RouteNextHop::default()];
        hops[0].attributes = vec![via("192.0.2.1")];
        hops[1].attributes = vec![via("192.0.2.2")];
        let route = vec![RouteAttribute::MultiPath(hops)];
        check(0, RouteType::Unicast, route, &["192.0.2.1", "192.0.2.2"]);
    }

    #[test]
    fn the_kernel_answers() {
        default().unwrap();
    }

    proptest! {
        /// Whatever is answered is read to its end, and what is no route has no gateway.
        #[test]
        fn any_answer_is_read_without_harm(bytes: Vec<u8>, route in prop::collection::vec(any::<u8>(), 12..60)) {
            let mut told = 0;
            for message in messages::<Routes>(&bytes) {
                if let Ok(NetlinkPayload::InnerMessage(found)) = message {
                    gateways_of(&found, &mut Vec::new());
                }
                told += 1;
            }
            prop_assert!(told <= bytes.len());
            // A message of the right length and kind (RTM_NEWROUTE), whose content is anything.
            let length = u32::try_from(16 + route.len()).unwrap().to_ne_bytes();
            let header = [&length[..], &24_u16.to_ne_bytes(), &[0; 10]].concat();
            for message in messages::<Routes>(&[header, route].concat()).flatten() {
                if let NetlinkPayload::InnerMessage(found) = message {
                    gateways_of(&found, &mut Vec::new());
                }
            }
        }
    }
}
