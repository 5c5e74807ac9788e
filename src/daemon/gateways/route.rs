//! The messages of rtnetlink(7) that are about routes, and no others.
//!
//! `RouteNetlinkMessage` reads all of them, links and queueing disciplines as well, which is half a
//! megabyte of code that nobody calls.

use netlink_packet_core::{
    DecodeError, Emitable, NetlinkDeserializable, NetlinkHeader, NetlinkPayload,
    NetlinkSerializable, Parseable,
};
use netlink_packet_route::route::RouteMessage;

/// `RTM_NEWROUTE`: here is a route.
const NEW_ROUTE: u16 = 24;

/// `RTM_GETROUTE`: which routes are there?
const GET_ROUTE: u16 = 26;

/// A question for routes, or what the kernel answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Routes {
    /// Which are there?
    Get(RouteMessage),
    /// This one is.
    New(RouteMessage),
    /// Something else, of this kind.
    Other(u16),
}

impl Routes {
    fn message(&self) -> Option<&RouteMessage> {
        match self {
            Self::Get(route) | Self::New(route) => Some(route),
            Self::Other(_) => None,
        }
    }
}

impl NetlinkSerializable for Routes {
    fn message_type(&self) -> u16 {
        match self {
            Self::Get(_) => GET_ROUTE,
            Self::New(_) => NEW_ROUTE,
            Self::Other(kind) => *kind,
        }
    }

    fn buffer_len(&self) -> usize {
        self.message().map_or(0, Emitable::buffer_len)
    }

    fn serialize(&self, buffer: &mut [u8]) {
        if let Some(route) = self.message() {
            route.emit(buffer);
        }
    }
}

impl NetlinkDeserializable for Routes {
    type Error = DecodeError;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        match header.message_type {
            NEW_ROUTE => RouteMessage::parse(payload).map(Self::New),
            GET_ROUTE => RouteMessage::parse(payload).map(Self::Get),
            other => Ok(Self::Other(other)),
        }
    }
}

impl From<Routes> for NetlinkPayload<Routes> {
    fn from(message: Routes) -> Self {
        Self::InnerMessage(message)
    }
}
