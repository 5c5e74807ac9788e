//! Packets, not listings: whether somebody who is banned gets through, by every way there is.

use std::process::{Child, Stdio};
use std::thread;

use anyhow::{Context, Result};

use crate::backend::Backend;
use crate::client::{Client, Outcome};
use crate::host::{Host, SOON, Side};
use crate::observe::{ban, unban};

/// The host behind the box.
const FAR: [&str; 2] = ["http://203.0.113.9/", "http://[2001:db8:5::9]/"];
/// What the box publishes of it.
const PUBLISHED: [&str; 2] = ["http://192.0.2.16:8080/", "http://[2001:db8::16]:8080/"];
/// What the box serves itself.
const OWN: [&str; 2] = ["http://192.0.2.16/", "http://[2001:db8::16]/"];

/// In whichever zone a packet is because of its source or its interface, over both protocols.
pub(crate) fn every_zone(host: &Host, backend: Backend) -> Result<()> {
    host.settle()?;
    // Sources before interfaces, and the first letter decides among them in firewalld 1.
    host.sh("for address in 192.0.2.150 2001:db8::150; do
                 firewall-cmd -q --zone=trusted --add-source=$address
             done
             for address in 192.0.2.151 2001:db8::151; do
                 firewall-cmd -q --zone=lab --add-source=$address
             done")?;
    let bound = ["192.0.2.150", "2001:db8::150", "192.0.2.151", "2001:db8::151"];
    let plain = ["192.0.2.152", "2001:db8::152"];
    let all: Vec<Way> = bound.iter().chain(&plain).map(|from| Way::to(&OWN, from)).collect();
    let other: Vec<Way> = plain.iter().map(|from| Way::to(&OWN, from)).collect();
    stopped(host, &all, true).context("trusted and lab by source, public by default")?;

    host.sh("firewall-cmd -q --zone=trusted --change-interface=eth0")?;
    stopped(host, &other, true).context("trusted by interface")?;
    host.sh("firewall-cmd -q --zone=lab --change-interface=eth0")?;
    stopped(host, &other, true).context("lab by interface")?;

    host.sh("firewall-cmd -q --zone=lab --remove-interface=eth0
             for address in 192.0.2.150 2001:db8::150; do
                 firewall-cmd -q --zone=trusted --remove-source=$address
             done
             for address in 192.0.2.151 2001:db8::151; do
                 firewall-cmd -q --zone=lab --remove-source=$address
             done")?;
    backend.assert_exact(host, "public", &crate::backend::desired(host)?)
}

/// Through the box to the host behind it.
pub(crate) fn forwarded(host: &Host, backend: Backend) -> Result<()> {
    host.settle()?;
    let _far = Far::serving(host)?;
    let ways = ["192.0.2.154", "2001:db8::154"].map(|from| Way::to(&FAR, from));
    stopped(host, &ways, backend.stops_forwarded())
}

/// To a port of the box that is the far host's, as a container engine publishes one.
pub(crate) fn published(host: &Host, backend: Backend) -> Result<()> {
    host.settle()?;
    let _far = Far::serving(host)?;
    host.sh("nft -f - <<'END'
        table inet published {
            chain arriving {
                type nat hook prerouting priority dstnat; policy accept;
                meta nfproto ipv4 iifname eth0 tcp dport 8080 dnat ip to 203.0.113.9:80
                meta nfproto ipv6 iifname eth0 tcp dport 8080 dnat ip6 to [2001:db8:5::9]:80
            }
        }\nEND")?;
    let ways = ["192.0.2.155", "2001:db8::155"].map(|from| Way::to(&PUBLISHED, from));
    let result = stopped(host, &ways, backend.stops_published());
    host.sh("nft delete table inet published")?;
    result
}

/// Who asks for what.
#[derive(Clone, Copy)]
struct Way {
    from: &'static str,
    url: &'static str,
}

impl Way {
    /// To the one of `urls` that has the family of `from`.
    fn to(urls: &[&'static str; 2], from: &'static str) -> Self {
        Self { from, url: urls[usize::from(from.contains(':'))] }
    }
}

/// Asserts that a ban by `web` stops these, or does not, and that its end lets them in again.
fn stopped(host: &Host, ways: &[Way], stops: bool) -> Result<()> {
    let who: Vec<&str> = ways.iter().map(|way| way.from).collect();
    served(host, ways).context("before")?;
    ban(host, "web", &who)?;
    if stops {
        for (way, outcome) in ways.iter().zip(all_try(host, ways)?) {
            let stopped = [Outcome::Refused, Outcome::Silent].contains(&outcome);
            assert!(stopped, "{} gets {} though banned: {outcome:?}", way.from, way.url);
        }
    } else {
        // A known gap, which the coverage report tells; were it closed, the report would be wrong.
        served(host, ways).context("banned, where bans do not reach")?;
    }
    unban(host, &who)?;
    served(host, ways).context("after")
}

/// Waits until all of them are served: machines are slow at times, and a hasty client gives up.
fn served(host: &Host, ways: &[Way]) -> Result<()> {
    let mut were = Vec::new();
    let served = host.until("all are served", SOON, || {
        were = all_try(host, ways)?;
        Ok(were.iter().all(|outcome| *outcome == Outcome::Served).then_some(()))
    });
    served.with_context(|| format!("{were:?}"))
}

/// All at once: where packets are dropped, each waits out its patience.
fn all_try(host: &Host, ways: &[Way]) -> Result<Vec<Outcome>> {
    thread::scope(|scope| {
        let tries = ways
            .iter()
            .map(|way| scope.spawn(|| Client::at(host, way.from).hasty().fetch(way.url, &[])));
        let tries: Vec<_> = tries.collect();
        tries.into_iter().map(|one| one.join().ok().context("a client panicked")?).collect()
    })
}

/// A web server on the host behind the box.
struct Far(Child);

impl Far {
    fn serving(host: &Host) -> Result<Self> {
        let mut command =
            host.command(Side::Far, &["python3", "-m", "http.server", "80", "--bind", "::", "-d"]);
        let pages = host.path("/var/www/html");
        let far = Self(command.arg(pages).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
        host.until("the far host serves", SOON, || {
            let ran = host.run(Side::Far, &["curl", "-s", "-o", "/dev/null", FAR[0]])?;
            Ok((ran.code == 0).then_some(()))
        })?;
        Ok(far)
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
