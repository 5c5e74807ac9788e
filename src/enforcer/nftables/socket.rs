//! The socket to the kernel's nftables.
//!
//! The kernel works on a transaction while `send` is under way, in the caller's thread: all there
//! is to hear of it waits to be read when `send` returns. So this is used on threads that may
//! block.

use std::io;
use std::time::Duration;

use netlink_packet_core::{NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};
use rustix::net::sockopt;

use super::group::Kind;
use super::message::{self, Query};
use super::reply::{self, Count, Left};
use super::ruleset::Seen;
use super::statement::Statement;
use super::trouble::Trouble;

/// An open socket.
pub(super) struct Connection {
    socket: Socket,
    table: String,
    sequence: u32,
    /// How many bytes the kernel takes at once.
    room: usize,
    buffer: Vec<u8>,
}

/// How long an answer may take that the kernel works on while we wait.
const PATIENCE: Duration = Duration::from_secs(10);

/// Room for what the kernel tells of one transaction: a message for each statement that fails.
const ANSWERS: usize = 1 << 20;

/// As much as the kernel puts into one answer, and more.
const DATAGRAM: usize = 1 << 16;

/// How often a list is asked for again that changed while it was read.
const ATTEMPTS: usize = 5;

impl Connection {
    /// Opens one; `table` is ours.
    pub(super) fn open(table: &str) -> Result<Self, Trouble> {
        let unsupported = |error: io::Error| Trouble::Unsupported(error.to_string());
        let mut socket =
            Socket::new(NETLINK_NETFILTER).map_err(|error| match error.raw_os_error() {
                Some(libc::EPERM | libc::EACCES | libc::EAFNOSUPPORT) => Trouble::Forbidden,
                _ => unsupported(error),
            })?;
        socket.bind_auto().map_err(unsupported)?;
        socket.connect(&SocketAddr::new(0, 0)).map_err(unsupported)?;
        let _ = socket.set_cap_ack(true);
        let _ = sockopt::set_socket_recv_buffer_size_force(&socket, ANSWERS);
        let patience = sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(PATIENCE));
        patience.map_err(|error| unsupported(error.into()))?;
        let buffer = Vec::with_capacity(DATAGRAM);
        Ok(Self { socket, table: table.to_owned(), sequence: 1, room: 0, buffer })
    }

    /// The generation of the rule set: it grows by one with each transaction of anybody's.
    pub(super) fn generation(&mut self) -> Result<u32, Trouble> {
        let mut generation = None;
        let found = self.ask(Query::Generation, |attributes| {
            generation = reply::generation(attributes);
        });
        match found {
            Err(Trouble::Refused { why, .. }) => Err(Trouble::Unsupported(why)),
            Err(trouble) => Err(trouble),
            Ok(()) => {
                generation.ok_or_else(|| Trouble::Unsupported("it tells no generation".to_owned()))
            }
        }
    }

    /// Does all the statements, or none.
    pub(super) fn commit(&mut self, statements: &[Statement]) -> Result<(), Trouble> {
        self.discard();
        let first = self.sequence;
        let (bytes, last) = message::transaction(&self.table, statements, first);
        self.sequence = last.wrapping_add(2);
        self.make_room(bytes.len());
        self.send(&bytes)?;
        self.acknowledged(first, last)
    }

    /// Our table, without elements.
    pub(super) fn ruleset(&mut self) -> Result<Seen, Trouble> {
        let table = self.table.clone();
        self.consistent(|connection| {
            let mut seen = Seen::default();
            match connection.ask(Query::Table, |attributes| reply::table(attributes, &mut seen)) {
                Err(Trouble::Refused { .. }) => return Ok(Some(Seen::default())),
                other => other?,
            }
            let read = [
                (Query::Chains, reply::chain as fn(&[u8], &str, &mut Seen)),
                (Query::Rules, reply::rule),
                (Query::Sets, reply::set),
            ];
            for (query, read) in read {
                if !connection.list(query, |attributes| read(attributes, &table, &mut seen))? {
                    return Ok(None);
                }
            }
            let counters = connection.list(Query::Counters, |attributes| {
                seen.counters.extend(reply::counter(attributes, &table).map(|count| count.name));
            })?;
            Ok(counters.then_some(seen))
        })
    }

    /// What a set holds.
    pub(super) fn elements(&mut self, set: &str, kind: Kind) -> Result<Vec<Left>, Trouble> {
        self.consistent(|connection| {
            let mut listed = Vec::new();
            let query = Query::Elements(set);
            let whole = connection.list(query, |a| reply::elements(a, &mut listed))?;
            Ok(whole.then(|| reply::spans(listed, kind)))
        })
    }

    /// The counters of our table.
    pub(super) fn counters(&mut self) -> Result<Vec<Count>, Trouble> {
        let table = self.table.clone();
        self.consistent(|connection| {
            let mut counts = Vec::new();
            let whole =
                connection.list(Query::Counters, |a| counts.extend(reply::counter(a, &table)))?;
            Ok(whole.then_some(counts))
        })
    }

    /// Tries until nothing changed in between.
    fn consistent<T>(
        &mut self,
        mut attempt: impl FnMut(&mut Self) -> Result<Option<T>, Trouble>,
    ) -> Result<T, Trouble> {
        for _ in 0..ATTEMPTS {
            if let Some(whole) = attempt(self)? {
                return Ok(whole);
            }
        }
        Err(Trouble::Unknown("the rules change faster than they can be read".to_owned()))
    }

    /// Asks for one thing.
    fn ask(&mut self, query: Query, read: impl FnMut(&[u8])) -> Result<(), Trouble> {
        self.question(query, false, read).map(drop)
    }

    /// Asks for a list; gives whether it did not change while it was read.
    fn list(&mut self, query: Query, read: impl FnMut(&[u8])) -> Result<bool, Trouble> {
        self.question(query, true, read)
    }

    fn question(
        &mut self,
        query: Query,
        is_list: bool,
        mut read: impl FnMut(&[u8]),
    ) -> Result<bool, Trouble> {
        self.discard();
        self.sequence = self.sequence.wrapping_add(1);
        let bytes = message::query(&self.table, query, self.sequence);
        self.send(&bytes)?;
        let mut whole = true;
        loop {
            let received = self.receive(0);
            received.map_err(|error| Trouble::Unknown(error.to_string()))?;
            for answer in Answers(&self.buffer) {
                if answer.sequence != self.sequence {
                    continue;
                }
                whole &= answer.flags & NLM_F_DUMP_INTR == 0;
                match answer.kind {
                    NLMSG_DONE | NLMSG_ERROR => return self.judge(answer.code()).map(|()| whole),
                    _ => read(answer.payload.get(4..).unwrap_or_default()),
                }
                if !is_list {
                    return Ok(true);
                }
            }
        }
    }

    /// Reads what the kernel says of a transaction: an error for each statement that failed, and
    /// the answer to the last one.
    fn acknowledged(&mut self, first: u32, last: u32) -> Result<(), Trouble> {
        let mut result = None;
        loop {
            match self.receive(libc::MSG_DONTWAIT) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => {
                    result.get_or_insert(Err(Trouble::Unknown(error.to_string())));
                    break;
                }
            }
            for answer in Answers(&self.buffer) {
                let of_it = answer.sequence.wrapping_sub(first) <= last.wrapping_sub(first);
                if !of_it || answer.kind != NLMSG_ERROR {
                    continue;
                }
                let judged = self.judge(answer.code());
                if judged.is_err() && !matches!(result, Some(Err(_))) {
                    result = Some(judged);
                } else if answer.sequence == last {
                    result.get_or_insert(Ok(()));
                }
            }
        }
        result.unwrap_or_else(|| Err(Trouble::Unknown("there was none".to_owned())))
    }

    fn judge(&self, code: i32) -> Result<(), Trouble> {
        match -code {
            0 => Ok(()),
            libc::EPERM => Err(Trouble::Forbidden),
            libc::EOPNOTSUPP | libc::EPROTONOSUPPORT => {
                Err(Trouble::Unsupported(io::Error::from_raw_os_error(-code).to_string()))
            }
            errno => Err(Trouble::Refused {
                table: self.table.clone(),
                why: io::Error::from_raw_os_error(errno).to_string(),
            }),
        }
    }

    /// A transaction is one datagram. With `CAP_NET_ADMIN` it may be of any length.
    fn make_room(&mut self, bytes: usize) {
        let room = bytes + (1 << 16);
        if room > self.room {
            let forced = sockopt::set_socket_send_buffer_size_force(&self.socket, room);
            if forced.is_ok() {
                self.room = room;
            }
        }
    }

    fn send(&self, bytes: &[u8]) -> Result<(), Trouble> {
        match self.socket.send(bytes, 0) {
            Ok(_) => Ok(()),
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => Err(Trouble::Forbidden),
            Err(error) => {
                Err(Trouble::Refused { table: self.table.clone(), why: error.to_string() })
            }
        }
    }

    fn receive(&mut self, flags: i32) -> io::Result<()> {
        self.buffer.clear();
        loop {
            match self.socket.recv(&mut self.buffer, flags) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other.map(drop),
            }
        }
    }

    /// Drops what is left of an answer that was given up on.
    fn discard(&mut self) {
        while self.receive(libc::MSG_DONTWAIT).is_ok() {}
    }
}

/// The messages of a datagram.
struct Answers<'a>(&'a [u8]);

struct Answer<'a> {
    kind: u16,
    flags: u16,
    sequence: u32,
    payload: &'a [u8],
}

impl Answer<'_> {
    /// What an error says: 0 is none.
    fn code(&self) -> i32 {
        let code = self.payload.first_chunk().copied().unwrap_or_default();
        i32::from_ne_bytes(code)
    }
}

impl<'a> Iterator for Answers<'a> {
    type Item = Answer<'a>;

    fn next(&mut self) -> Option<Answer<'a>> {
        let [l0, l1, l2, l3, k0, k1, f0, f1, s0, s1, s2, s3, ..] = *self.0 else { return None };
        let length = usize::try_from(u32::from_ne_bytes([l0, l1, l2, l3])).ok()?;
        let payload = self.0.get(16..length)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Answer {
            kind: u16::from_ne_bytes([k0, k1]),
            flags: u16::from_ne_bytes([f0, f1]),
            sequence: u32::from_ne_bytes([s0, s1, s2, s3]),
            payload,
        })
    }
}
