//! Three namespaces in a row: a client with several addresses, the host, and one behind the host.
#![allow(clippy::disallowed_methods, reason = "makes namespaces by their commands")]

use std::fs::File;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use gaoler::enforcer::cut::{Cut, News};
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// How long anything may take before a test fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Where something happens.
#[derive(Clone, Copy)]
pub(crate) enum Side {
    /// 192.0.2.7 to .9 and `2001:db8::7` to `::9`.
    Client,
    /// 192.0.2.1, `2001:db8::1` and, inwards, 198.51.100.1.
    Host,
    /// 198.51.100.2.
    Behind,
}

/// The namespaces; they end with it.
pub(crate) struct Rig {
    client: Child,
    host: Child,
    behind: Child,
}

impl Rig {
    pub(crate) fn new() -> Self {
        assert!(rustix::process::geteuid().is_root(), "a network namespace needs root: use sudo");
        let [client, host, behind] = [(); 3].map(|()| namespace());
        let rig = Self { client, host, behind };
        let (c, h, b) = (rig.client.id(), rig.host.id(), rig.behind.id());
        wire(h, ("out", "192.0.2.1/24"), c, ("eth", "192.0.2.7/24"));
        wire(h, ("in", "198.51.100.1/24"), b, ("eth", "198.51.100.2/24"));
        for host in 8..=9 {
            run(c, &format!("ip addr add 192.0.2.{host}/24 dev eth"));
        }
        for host in 7..=9 {
            run(c, &format!("ip addr add 2001:db8::{host}/64 dev eth nodad"));
        }
        run(h, "ip addr add 2001:db8::1/64 dev out nodad");
        run(c, "ip route add default via 192.0.2.1");
        run(b, "ip route add default via 198.51.100.1");
        rig
    }

    /// Does something in a thread of that side.
    pub(crate) fn inside<T: Send>(&self, side: Side, what: impl FnOnce() -> T + Send) -> T {
        let child = match side {
            Side::Client => &self.client,
            Side::Host => &self.host,
            Side::Behind => &self.behind,
        };
        let namespace = File::open(format!("/proc/{}/ns/net", child.id())).unwrap();
        std::thread::scope(|scope| {
            let inside = scope.spawn(|| {
                let network = Some(LinkNameSpaceType::Network);
                move_into_link_name_space(namespace.as_fd(), network).unwrap();
                what()
            });
            inside.join().unwrap()
        })
    }

    pub(crate) fn listen(&self, at: &str) -> TcpListener {
        self.inside(Side::Host, || TcpListener::bind(at).unwrap())
    }

    /// From one of the client's addresses.
    pub(crate) fn connect(&self, from: &str, (to, port): (&str, u16)) -> TcpStream {
        let from = SocketAddr::new(from.parse().unwrap(), 0);
        let to = SocketAddr::new(to.parse::<IpAddr>().unwrap(), port);
        self.inside(Side::Client, || {
            let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
            let end = socket(family, SocketType::STREAM, None).unwrap();
            bind(&end, &from).unwrap();
            connect(&end, &to).unwrap();
            TcpStream::from(end)
        })
    }

    /// Cuts at the host; what was told.
    pub(crate) fn cut(&self, bans: Vec<Cut>) -> Vec<News> {
        self.inside(Side::Host, || crate::cut_here(bans))
    }

    /// The same without any privilege.
    pub(crate) fn cut_as_nobody(&self, bans: Vec<Cut>) -> Vec<News> {
        self.inside(Side::Host, || {
            let nobody = rustix::process::Uid::from_raw(65_534);
            rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
            crate::cut_here(bans)
        })
    }

    /// Has the host forward, and track what it forwards.
    pub(crate) fn forward(&self) {
        let rules = "add table inet t
            add chain inet t f { type filter hook forward priority 0; }
            add rule inet t f ct state established,related accept";
        run(
            self.host.id(),
            &format!("echo 1 >/proc/sys/net/ipv4/ip_forward && echo '{rules}' | nft -f -"),
        );
    }

    /// Has the host refuse what an address begins from now on.
    pub(crate) fn refuse_new_ones_of(&self, address: &str) {
        run(
            self.host.id(),
            &format!(
                "nft add rule inet t f ip saddr {address} meta l4proto tcp reject with tcp reset"
            ),
        );
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        for child in [&mut self.client, &mut self.host, &mut self.behind] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Joins two namespaces.
fn wire(a: u32, (a_name, a_net): (&str, &str), b: u32, (b_name, b_net): (&str, &str)) {
    run(a, &format!("ip link add {a_name} type veth peer name {b_name} netns {b}"));
    for (pid, name, net) in [(a, a_name, a_net), (b, b_name, b_net)] {
        run(pid, &format!("ip addr add {net} dev {name} && ip link set {name} up"));
    }
}

/// A new network namespace with its loopback up.
fn namespace() -> Child {
    let child = Command::new("unshare").args(["--net", "sleep", "infinity"]).spawn().unwrap();
    let ours = std::fs::read_link("/proc/self/ns/net").unwrap();
    let deadline = Instant::now() + DEADLINE;
    while std::fs::read_link(format!("/proc/{}/ns/net", child.id()))
        .ok()
        .is_none_or(|its| its == ours)
    {
        assert!(Instant::now() < deadline, "no network namespace");
        std::thread::sleep(Duration::from_millis(5));
    }
    run(child.id(), "ip link set lo up");
    child
}

#[track_caller]
fn run(pid: u32, script: &str) {
    let pid = pid.to_string();
    let ran =
        Command::new("nsenter").args(["-n", "-t", &pid, "sh", "-ec", script]).output().unwrap();
    assert!(ran.status.success(), "{script}: {}", String::from_utf8_lossy(&ran.stderr));
}
