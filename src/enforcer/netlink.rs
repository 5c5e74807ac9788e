//! Questions to the kernel over netlink(7), one at a time: for sockets and flows to be closed, and for
//! routes. Transactions of nftables have a socket of their own (`nftables::socket`).

use std::io;

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkDeserializable, NetlinkHeader, NetlinkMessage,
    NetlinkPayload, NetlinkSerializable,
};
use netlink_sys::{Socket, SocketAddr};

/// A socket of one netlink protocol. Its questions block until the kernel has answered.
#[derive(Debug)]
pub struct Netlink {
    socket: Socket,
}

impl Netlink {
    /// Opens one; `protocol` as in netlink(7).
    ///
    /// # Errors
    ///
    /// Fails if the process may not have such a socket; the unit must allow `AF_NETLINK`.
    pub fn open(protocol: isize) -> io::Result<Self> {
        let mut socket = Socket::new(protocol)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self { socket })
    }

    /// Asks for a list, and shows each of its items.
    ///
    /// # Errors
    ///
    /// Fails as the kernel says, or if its answer cannot be read.
    pub fn dump<Q, A>(&self, question: Q, mut each: impl FnMut(A)) -> io::Result<()>
    where
        Q: NetlinkSerializable + Into<NetlinkPayload<Q>>,
        A: NetlinkDeserializable,
    {
        self.send(question, NLM_F_REQUEST | NLM_F_DUMP)?;
        loop {
            let (datagram, _) = self.socket.recv_from_full()?;
            for message in messages(&datagram) {
                match message? {
                    NetlinkPayload::Done(done) if done.code < 0 => {
                        return Err(io::Error::from_raw_os_error(-done.code));
                    }
                    NetlinkPayload::Done(_) => return Ok(()),
                    NetlinkPayload::Error(error) => return result(error.raw_code()),
                    NetlinkPayload::InnerMessage(item) => each(item),
                    _ => {}
                }
            }
        }
    }

    /// Asks for something to be done, and waits until it is. `A` is the kind of message that this
    /// protocol answers in.
    ///
    /// # Errors
    ///
    /// As [`Self::dump`].
    pub fn ask<Q, A>(&self, question: Q) -> io::Result<()>
    where
        Q: NetlinkSerializable + Into<NetlinkPayload<Q>>,
        A: NetlinkDeserializable,
    {
        self.send(question, NLM_F_REQUEST | NLM_F_ACK)?;
        loop {
            let (datagram, _) = self.socket.recv_from_full()?;
            for message in messages::<A>(&datagram) {
                if let NetlinkPayload::Error(error) = message? {
                    return result(error.raw_code());
                }
            }
        }
    }

    fn send<Q>(&self, question: Q, flags: u16) -> io::Result<()>
    where
        Q: NetlinkSerializable + Into<NetlinkPayload<Q>>,
    {
        let mut header = NetlinkHeader::default();
        header.flags = flags;
        let mut message = NetlinkMessage::new(header, question.into());
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;
        Ok(())
    }
}

/// A code of 0 is an acknowledgement.
fn result(code: i32) -> io::Result<()> {
    if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(code.saturating_neg())) }
}

/// The messages of a datagram, in their order; one that cannot be read is the last.
pub(crate) fn messages<A>(datagram: &[u8]) -> impl Iterator<Item = io::Result<NetlinkPayload<A>>>
where
    A: NetlinkDeserializable,
{
    let mut rest = datagram;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let read = NetlinkMessage::<A>::deserialize(rest);
        // Each begins at a multiple of 4 (NLMSG_ALIGN); one that cannot be read is the last.
        let length = match &read {
            Ok(message) => (message.header.length as usize).next_multiple_of(4),
            Err(_) => rest.len(),
        };
        rest = rest.get(length.max(4)..).unwrap_or_default();
        Some(read.map(|message| message.payload).map_err(|error| {
            io::Error::new(io::ErrorKind::InvalidData, format!("the kernel's answer: {error}"))
        }))
    })
}

#[cfg(test)]
mod tests {
    use netlink_packet_netfilter::NetfilterMessage;
    use netlink_packet_sock_diag::SockDiagMessage;
    use proptest::prelude::*;

    use super::*;

    /// A datagram of one message of this kind and content.
    fn datagram(kind: u16, content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(16 + content.len()).expect("it is short");
        [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), &[0; 10], content].concat()
    }

    proptest! {
        /// Whatever comes instead of an answer is read to its end.
        #[test]
        fn any_datagram_is_read_without_harm(kind: u16, content: Vec<u8>, noise: Vec<u8>) {
            for bytes in [datagram(kind, &content), datagram(0x0100, &content), datagram(20, &content), noise] {
                let told = messages::<NetfilterMessage>(&bytes).count();
                prop_assert!(told <= bytes.len());
                prop_assert!(messages::<SockDiagMessage>(&bytes).count() <= bytes.len());
            }
        }
    }
}
