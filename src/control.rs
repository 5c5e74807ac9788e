//! The socket behind `gaoler status` and its kin: HTTP and JSON over a unix socket.
//!
//! Curl speaks it too: `curl --unix-socket /run/gaoler/gaoler.sock http://gaoler/api/v1/status`.
//! Who may ask is decided here ([`access`]), by the kernel's word on who is at the other end; what
//! is answered is the daemon's business, which gets each request as a [`Call`].

pub mod access;
pub mod api;
pub mod client;
pub mod explanation;
pub mod peer;
pub mod server;
pub mod settings;

use tokio::sync::oneshot;

use self::api::{Answer, Refused, Request};

/// One request, and where its answer goes.
#[derive(Debug)]
pub struct Call {
    /// Who asks, for the log.
    pub uid: u32,
    /// What for.
    pub request: Request,
    /// Where the answer goes. The caller may have gone meanwhile.
    pub reply: oneshot::Sender<Result<Answer, Refused>>,
}
