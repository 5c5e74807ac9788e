//! What only a restart can change, and what a reload says when it would have.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::config::checked::{Config, Enforcement, Otlp, Web};

/// The settings a running daemon goes by until it ends.
#[derive(Debug)]
pub(super) struct Frozen {
    enforcement: Enforcement,
    state: PathBuf,
    socket: PathBuf,
    listen: Option<SocketAddr>,
    otlp: Option<Otlp>,
    web: Web,
}

impl Frozen {
    /// As the daemon starts with them.
    pub(super) fn of(config: &Config) -> Self {
        Self {
            enforcement: config.enforcement.clone(),
            state: config.state.clone(),
            socket: config.socket.clone(),
            listen: config.listen,
            otlp: config.otlp.clone(),
            web: config.web.clone(),
        }
    }

    /// The control socket.
    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    /// What another configuration says otherwise, in words.
    pub(super) fn differences(&self, config: &Config) -> Vec<String> {
        [
            (self.enforcement != config.enforcement, "enforcement"),
            (self.state != config.state, "state.path"),
            (self.socket != config.socket, "control.socket"),
            (self.listen != config.listen, "telemetry.listen"),
            (self.otlp != config.otlp, "telemetry.otlp"),
            (self.web != config.web, "telemetry.web"),
        ]
        .into_iter()
        .filter(|(differs, _)| *differs)
        .map(|(_, key)| format!("`{key}` changes with a restart, not with a reload"))
        .collect()
    }
}
