//! Live connections of a banned address, closed by the kernel itself: real sockets in network
//! namespaces of the test's own. Needs root.

mod rig;

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};

use gaoler::enforcer::cut::{Cut, Cutter, News, Reason};
use gaoler::jail::ban::JailName;
use gaoler::jail::scope::{PortRange, Protocol, Scope};

use self::rig::{DEADLINE, Rig, Side};

/// A connection with its two ends.
struct Pair {
    server: TcpStream,
    client: TcpStream,
}

impl Pair {
    /// From `from` at the client to `listener` at `to`.
    #[track_caller]
    fn open(rig: &Rig, listener: &TcpListener, from: &str, to: &str) -> Self {
        let port = listener.local_addr().unwrap().port();
        let client = rig.connect(from, (to, port));
        let (server, _) = listener.accept().unwrap();
        for end in [&server, &client] {
            end.set_read_timeout(Some(DEADLINE)).unwrap();
        }
        let mut pair = Self { server, client };
        pair.lives();
        pair
    }

    /// A byte passes each way.
    #[track_caller]
    fn lives(&mut self) {
        let mut byte = [0];
        self.client.write_all(b"a").unwrap();
        self.server.read_exact(&mut byte).unwrap();
        self.server.write_all(b"b").unwrap();
        self.client.read_exact(&mut byte).unwrap();
    }

    /// Our side was told that the connection is aborted, the peer's that it is reset.
    #[track_caller]
    fn is_dead(&mut self) {
        let mut byte = [0];
        let ours = self.server.read(&mut byte).unwrap_err();
        assert_eq!(ours.kind(), ErrorKind::ConnectionAborted);
        let theirs = self.client.read(&mut byte).unwrap_err();
        assert_eq!(theirs.kind(), ErrorKind::ConnectionReset);
    }
}

/// A ban of these ports; all of them if there are none.
fn ban(address: &str, ports: &[u16], protocols: &[Protocol]) -> Cut {
    let ports = ports.iter().map(|&port| PortRange::new(port, port).unwrap()).collect();
    let scope = Scope { ports, protocols: protocols.iter().copied().collect() };
    Cut { jail: JailName::new("sshd"), address: address.parse().unwrap(), scope }
}

fn closed(sockets: u64, flows: u64) -> News {
    News::Closed { jail: JailName::new("sshd"), sockets, flows }
}

const TCP: &[Protocol] = &[Protocol::Tcp];

#[test]
fn the_banned_peer_is_cut_at_the_jails_port_and_nobody_else() {
    let rig = Rig::new();
    let ssh = rig.listen("0.0.0.0:22");
    let web = rig.listen("0.0.0.0:80");
    let mut banned = [(); 2].map(|()| Pair::open(&rig, &ssh, "192.0.2.7", "192.0.2.1"));
    let mut other_port = Pair::open(&rig, &web, "192.0.2.7", "192.0.2.1");
    let mut other_peer = Pair::open(&rig, &ssh, "192.0.2.8", "192.0.2.1");

    assert_eq!(rig.cut(vec![ban("192.0.2.7/32", &[22], TCP)]), [closed(2, 0)]);
    banned.iter_mut().for_each(Pair::is_dead);
    other_port.lives();
    other_peer.lives();
    assert!(ssh.accept_is_alive(&rig), "who listens goes on listening");

    assert_eq!(rig.cut(vec![ban("192.0.2.0/28", &[], TCP)]), [closed(2, 0)]);
    other_port.is_dead();
    other_peer.is_dead();
}

#[test]
fn ipv6_and_ipv4_in_ipv6_sockets_too() {
    let rig = Rig::new();
    let both = rig.listen("[::]:22");
    let mut six = Pair::open(&rig, &both, "2001:db8::7", "2001:db8::1");
    let mut mapped = Pair::open(&rig, &both, "192.0.2.7", "192.0.2.1");
    let mut other = Pair::open(&rig, &both, "2001:db8::8", "2001:db8::1");

    assert_eq!(rig.cut(vec![ban("2001:db8::7/128", &[22], TCP)]), [closed(1, 0)]);
    six.is_dead();
    mapped.lives();
    assert_eq!(rig.cut(vec![ban("192.0.2.7/32", &[22], TCP)]), [closed(1, 0)]);
    mapped.is_dead();
    other.lives();
    assert_eq!(rig.cut(vec![ban("2001:db8::/64", &[22], TCP)]), [closed(1, 0)]);
    other.is_dead();
}

#[test]
fn a_connected_udp_socket_is_closed() {
    let rig = Rig::new();
    let [socket, other] = rig.inside(Side::Host, || {
        ["192.0.2.7:4711", "192.0.2.8:4711"].map(|peer| {
            let socket = UdpSocket::bind("192.0.2.1:0").unwrap();
            socket.connect(peer).unwrap();
            socket
        })
    });
    let bans = vec![ban("192.0.2.7/32", &[], &[Protocol::Tcp, Protocol::Udp])];
    assert_eq!(rig.cut(bans), [closed(1, 0)]);
    let error = socket.recv(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
    assert!(socket.peer_addr().is_err() && other.peer_addr().is_ok());
}

/// The rule that a ban makes stops new connections only; a flow forgotten is a new one.
#[test]
fn a_forwarded_connection_meets_the_rules_anew() {
    let rig = Rig::new();
    rig.forward();
    let behind = rig.inside(Side::Behind, || TcpListener::bind("198.51.100.2:80").unwrap());
    let mut banned = Pair::open(&rig, &behind, "192.0.2.7", "198.51.100.2");
    let mut other = Pair::open(&rig, &behind, "192.0.2.8", "198.51.100.2");
    rig.refuse_new_ones_of("192.0.2.7");
    banned.lives();

    assert_eq!(rig.cut(vec![ban("192.0.2.7/32", &[22], TCP)]), [], "another port");
    banned.lives();
    assert_eq!(rig.cut(vec![ban("192.0.2.7/32", &[80], TCP)]), [closed(0, 1)]);
    banned.client.write_all(b"a").unwrap();
    let error = banned.client.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    other.lives();
}

#[test]
fn many_bans_at_once_are_all_served() {
    let rig = Rig::new();
    let ssh = rig.listen("0.0.0.0:22");
    let mut banned = Pair::open(&rig, &ssh, "192.0.2.7", "192.0.2.1");
    let mut other = Pair::open(&rig, &ssh, "192.0.2.8", "192.0.2.1");
    let flood =
        (0..2_000u32).map(|n| ban(&format!("203.0.{}.{}/32", n / 250, n % 250), &[22], TCP));
    let bans = flood.chain([ban("192.0.2.7/32", &[22], TCP)]).collect();
    assert_eq!(rig.cut(bans), [closed(1, 0)]);
    banned.is_dead();
    other.lives();
}

#[test]
fn without_the_capability_it_says_so() {
    let rig = Rig::new();
    let ssh = rig.listen("0.0.0.0:22");
    let mut pair = Pair::open(&rig, &ssh, "192.0.2.7", "192.0.2.1");
    let news = rig.cut_as_nobody(vec![ban("192.0.2.7/32", &[22], TCP)]);
    assert!(!news.is_empty());
    for news in news {
        assert!(matches!(news, News::Failed { reason: Reason::Permission, .. }), "{news:?}");
    }
    pair.lives();
}

/// Whether a listener still takes connections.
trait Accepts {
    fn accept_is_alive(&self, rig: &Rig) -> bool;
}

impl Accepts for TcpListener {
    fn accept_is_alive(&self, rig: &Rig) -> bool {
        Pair::open(rig, self, "192.0.2.9", "192.0.2.1").client.peer_addr().is_ok()
    }
}

/// Used by the rig: a cutter of the calling thread's namespace, and what it told.
fn cut_here(bans: Vec<Cut>) -> Vec<News> {
    let (tell, told) = std::sync::mpsc::channel();
    let cutter = Cutter::spawn(move |news| drop(tell.send(news))).unwrap();
    for ban in bans {
        assert!(cutter.cut(ban), "there is room");
    }
    drop(cutter);
    // The thread ends, and its sender with it, once every ban was served.
    told.iter().collect()
}
