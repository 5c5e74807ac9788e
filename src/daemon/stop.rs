//! The end: what has been read is judged and kept, what was ordered is done; bans stay.

use super::{Daemon, notify};

impl Daemon {
    /// Ends the sources. What they have read still comes; the last of them closes the channel.
    pub(super) fn begin_stop(&mut self) {
        if self.stopping {
            return;
        }
        self.stopping = true;
        notify::stopping();
        tracing::info!("stopping: bans stay in force");
        self.messages = None;
        for running in self.sources.values() {
            running.source.stop();
        }
    }

    /// Whether nothing is left to be kept or ordered.
    pub(super) fn is_drained(&self) -> bool {
        self.keeping.is_idle()
    }
}
