//! What becomes of packets: a client in one network, gaoler in another, a server behind it in a
//! third.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use gaoler::enforcer::order::Report;

use super::enforcing::{Enforcing, ban, run_in};
use super::rig::Net;

/// How long a packet that is dropped is waited for.
const SILENCE: Duration = Duration::from_millis(400);

struct World {
    client: Arc<Net>,
    host: Arc<Net>,
    server: Arc<Net>,
}

impl World {
    /// The client is `192.0.2.7` and `2001:db8::7`, the host .1 towards it; the server is behind.
    fn new() -> Self {
        let [client, host, server] = [Net::new(), Net::new(), Net::new()].map(Arc::new);
        let outer: [&[&str]; 2] =
            [&["192.0.2.1/24", "2001:db8::1/64"], &["192.0.2.7/24", "2001:db8::7/64"]];
        host.join(("outer", outer[0]), &client, ("eth0", outer[1]));
        host.join(("inner", &["198.51.100.1/24"]), &server, ("eth0", &["198.51.100.2/24"]));
        client.run(&["ip", "route", "add", "198.51.100.0/24", "via", "192.0.2.1"]);
        server.run(&["ip", "route", "add", "192.0.2.0/24", "via", "198.51.100.1"]);
        host.run(&["sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"]);
        Self { client, host, server }
    }

    fn connects(&self, to: &str) -> bool {
        let to: SocketAddr = to.parse().unwrap();
        self.client.within(move || TcpStream::connect_timeout(&to, SILENCE).is_ok())
    }
}

fn listen(net: &Net, at: &'static str) -> TcpListener {
    net.within(move || TcpListener::bind(at).unwrap())
}

#[test]
fn a_banned_client_reaches_no_banned_port_and_all_others() {
    let world = World::new();
    let v4 = ["192.0.2.1:22", "192.0.2.1:80"];
    let v6 = ["[2001:db8::1]:22", "[2001:db8::1]:80"];
    let listening = [v4, v6].concat();
    let _servers: Vec<TcpListener> = listening.iter().map(|at| listen(&world.host, at)).collect();
    for at in &listening {
        assert!(world.connects(at), "{at}");
    }
    let host = world.host.clone();
    run_in(&host, async move || {
        let mut enforcing = Enforcing::ready().await;
        let bans = ["192.0.2.7", "2001:db8::/64"].map(|a| ban("sshd", a, &[22], None));
        for (ban, at) in bans.iter().zip([v4, v6]) {
            enforcing.ban_now(ban).await;
            assert!(!world.connects(at[0]), "{at:?}");
            assert!(world.connects(at[1]), "{at:?}");
        }
        // The refused packets are counted and told.
        for v6 in [false, true] {
            let told = |r: &Report| {
                matches!(r, Report::Refused { ipv6, packets, bytes, .. }
                if *ipv6 == v6 && *packets >= 1 && *bytes >= 40 * packets)
            };
            let already = enforcing.take_heard().iter().any(told);
            if !already {
                enforcing.until("refused packets", told).await;
            }
        }
        for (ban, at) in bans.iter().zip([v4, v6]) {
            enforcing.release_now(&ban.key).await;
            assert!(world.connects(at[0]), "{at:?}");
        }
        // As one address of another width, and as every port.
        for (address, at) in [("192.0.2.0/25", v4), ("2001:db8::7", v6)] {
            let all = ban("all", address, &[], Some(60));
            enforcing.ban_now(&all).await;
            assert!(!world.connects(at[0]) && !world.connects(at[1]), "{address}");
            enforcing.release_now(&all.key).await;
            assert!(world.connects(at[0]), "{address}");
        }
    });
}

#[test]
fn an_open_connection_is_cut() {
    let world = World::new();
    let server = listen(&world.host, "192.0.2.1:22");
    let to: SocketAddr = "192.0.2.1:22".parse().unwrap();
    let mut client = world.client.within(move || TcpStream::connect(to).unwrap());
    let (mut accepted, _) = server.accept().unwrap();
    let mut passes = move || {
        accepted.set_read_timeout(Some(SILENCE)).unwrap();
        client.write_all(b"x").unwrap();
        match accepted.read(&mut [0; 64]) {
            Ok(count) => count > 0,
            Err(error) if error.kind() == ErrorKind::WouldBlock => false,
            Err(error) => panic!("{error}"),
        }
    };
    assert!(passes());
    run_in(&world.host, async move || {
        let mut enforcing = Enforcing::ready().await;
        enforcing.ban_now(&ban("sshd", "192.0.2.7", &[22], None)).await;
        assert!(!passes());
    });
}

#[test]
fn forwarded_and_published_ports_are_refused() {
    let world = World::new();
    let _server = listen(&world.server, "198.51.100.2:80");
    world.host.nft(
        "table ip nat { chain c { type nat hook prerouting priority -100;
            ip daddr 192.0.2.1 tcp dport 8080 dnat to 198.51.100.2:80; }; }",
    );
    let ways = ["198.51.100.2:80", "192.0.2.1:8080"];
    for at in ways {
        assert!(world.connects(at), "{at}");
    }
    let host = world.host.clone();
    run_in(&host, async move || {
        let mut enforcing = Enforcing::ready().await;
        for (port, at) in [80, 8080].into_iter().zip(ways) {
            let one = ban("web", "192.0.2.7", &[port], None);
            enforcing.ban_now(&one).await;
            assert!(!world.connects(at), "{at}");
            enforcing.release_now(&one.key).await;
            assert!(world.connects(at), "{at}");
        }
    });
}

#[test]
fn udp_and_ranges_of_ports_are_refused_and_their_neighbours_are_not() {
    let world = World::new();
    let ports = [5059u16, 5060, 5070, 5071];
    let bind = |port: u16| {
        world.host.within(move || {
            let socket = UdpSocket::bind(("192.0.2.1", port)).unwrap();
            socket.set_read_timeout(Some(SILENCE)).unwrap();
            socket
        })
    };
    let sockets = ports.map(bind);
    let client = world.client.within(|| UdpSocket::bind("192.0.2.7:0").unwrap());
    let arrives = move || {
        for port in ports {
            client.send_to(b"x", ("192.0.2.1", port)).unwrap();
        }
        sockets.each_ref().map(|socket| socket.recv(&mut [0; 8]).is_ok())
    };
    assert_eq!(arrives(), [true; 4]);
    run_in(&world.host, async move || {
        use gaoler::jail::scope::{PortRange, Protocol};
        let mut enforcing = Enforcing::ready().await;
        let mut sip = ban("sip", "192.0.2.7", &[], None);
        sip.block.scope.ports = [PortRange::new(5060, 5070).unwrap()].into();
        sip.block.scope.protocols = [Protocol::Tcp, Protocol::Udp].into();
        enforcing.ban_now(&sip).await;
        assert_eq!(arrives(), [true, false, false, true]);
    });
}
