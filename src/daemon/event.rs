//! All that can wake the daemon. The set is closed: what is not here does not happen to it.

use std::net::IpAddr;

use crate::config::checked::Config;
use crate::control::Call;
use crate::control::api::Refused;
use crate::enforcer::cut;
use crate::enforcer::order::Report;
use crate::jail::guards::Guards;
use crate::source::batch::Message;
use crate::store;

/// One thing that happened.
#[derive(Debug)]
pub(super) enum Event {
    /// A source read something, or fares otherwise.
    Source(Message),
    /// The firewall did something, or fares otherwise.
    Firewall(Report),
    /// The store kept something, could not, or has lost it.
    Stored(store::News),
    /// A command asks.
    Call(Call),
    /// The host's own addresses, its links and its default gateways, looked up again; who is logged
    /// in is told apart.
    Addresses(Guards),
    /// Where administrators are logged in from now.
    Sessions(Vec<IpAddr>),
    /// Live connections were closed, or could not be.
    Cut(cut::News),
    /// `SIGHUP`: the configuration is to be read again.
    Reload,
    /// It has been read.
    Configuration(Result<Box<Config>, Refused>),
    /// Something is due: the end of a ban, a commit, the watchdog.
    Deadline,
    /// `SIGTERM`, `SIGINT`: drain and end.
    Stop,
}
