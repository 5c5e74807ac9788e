//! What systemd is told: `sd_notify(3)`. Without systemd, nothing is told and nothing fails.

use jiff::SignedDuration;
use sd_notify::NotifyState;

use crate::moment::Boot;

/// The service's side of the conversation.
#[derive(Debug)]
pub(super) struct Notify {
    /// How often the watchdog wants to hear from the loop; half of what the unit says.
    interval: Option<SignedDuration>,
    due: Boot,
}

impl Notify {
    /// Reads what systemd expects from the environment (`WATCHDOG_USEC`).
    #[must_use]
    pub(super) fn from_environment() -> Self {
        let interval = sd_notify::watchdog_enabled()
            .and_then(|whole| SignedDuration::try_from(whole / 2).ok());
        Self { interval, due: Boot::default() }
    }

    /// When the watchdog must next hear from the loop.
    #[must_use]
    pub(super) fn due(&self) -> Option<Boot> {
        self.interval.map(|_| self.due)
    }

    /// The loop turns. Says so if it is time.
    pub(super) fn alive(&mut self, now: Boot) {
        let Some(interval) = self.interval else { return };
        if self.due <= now {
            tell(&[NotifyState::Watchdog]);
            self.due = now.after(interval);
        }
    }
}

/// The daemon follows its sources.
pub(super) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The configuration is being read again; [`ready`] ends it.
pub(super) fn reloading() {
    let Ok(time) = NotifyState::monotonic_usec_now() else { return };
    tell(&[NotifyState::Reloading, time]);
}

/// The daemon drains and ends.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "systemd cannot be told how the service is");
    }
}
