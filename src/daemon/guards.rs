//! Whom the host must go on hearing, as that changes: its addresses, its routers, its
//! administrators.
//!
//! Who is guarded from now on is not banned any more either: an administrator who logs in from a
//! banned network, by another port or over a connection that stood, has that ban lifted.

use std::net::IpAddr;
use std::time::Duration;

use tokio::sync::mpsc;

use super::event::Event;
use super::{Daemon, addresses, gateways};
use crate::jail::guards::Guards;
use crate::moment::Moment;
use crate::telemetry::metrics::reason::Unbanned;
use crate::telemetry::news;

/// How often addresses and gateways are looked up again.
const INTERVAL: Duration = Duration::from_mins(1);

/// The host's own addresses, its links and its gateways; who is logged in is asked elsewhere.
///
/// # Errors
///
/// Fails if the kernel cannot be asked; the unit must allow `AF_NETLINK`.
pub(super) fn look() -> std::io::Result<Guards> {
    Ok(Guards {
        own: addresses::own()?,
        gateways: gateways::default()?,
        sessions: Vec::new(),
        on_link: addresses::on_link()?,
    })
}

/// Looks them up again and again; an address may come with a link.
pub(super) fn watch(events: mpsc::Sender<Event>) {
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(INTERVAL).await;
            match tokio::task::spawn_blocking(look).await {
                Ok(Ok(guards)) => {
                    if events.send(Event::Addresses(guards)).await.is_err() {
                        return;
                    }
                }
                Ok(Err(error)) => {
                    tracing::warn!(%error, "cannot list the host's own addresses and gateways");
                }
                Err(error) => tracing::error!(%error, "looking up the host's addresses ended"),
            }
        }
    });
}

impl Daemon {
    /// The host's own addresses, links and gateways, looked up again.
    pub(super) fn on_addresses(&mut self, guards: Guards, now: Moment) {
        let sessions = self.guards.sessions.clone();
        self.guard(Guards { sessions, ..guards }, now);
    }

    /// Where administrators are logged in from now.
    pub(super) fn on_sessions(&mut self, sessions: Vec<IpAddr>, now: Moment) {
        self.guard(Guards { sessions, ..self.guards.clone() }, now);
    }

    fn guard(&mut self, guards: Guards, now: Moment) {
        if self.guards == guards {
            return;
        }
        self.guards = guards;
        for index in 0..self.jails.len() {
            self.jails[index].jail.set_guards(&self.guards);
            self.lift(index, now, Unbanned::Guard, |jail, key| {
                let reason = jail.ignores(&key.address);
                if let Some(reason) = reason {
                    news::guarded(key, reason);
                }
                let ban = jail.ledger().get(&key.address);
                reason.is_some() || ban.is_some_and(|ban| jail.is_of_link(ban))
            });
        }
    }
}
