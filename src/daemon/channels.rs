//! The channels into the loop, and the signals.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use super::event::Event;
use crate::control::Call;
use crate::enforcer::order::Report;
use crate::source::BATCHES;
use crate::source::batch::Message;
use crate::store;

/// Reports, calls and other events that may wait.
const EVENTS: usize = 256;

/// What the loop listens to.
pub(super) struct Channels {
    pub(super) messages: mpsc::Receiver<Message>,
    pub(super) reports: mpsc::Receiver<Report>,
    pub(super) stored: mpsc::UnboundedReceiver<store::News>,
    pub(super) calls: mpsc::Receiver<Call>,
    pub(super) events: mpsc::Receiver<Event>,
    pub(super) signals: Signals,
}

/// The signals it obeys.
pub(super) struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

/// The other ends of what the loop listens to.
pub(super) struct Senders {
    pub(super) messages: mpsc::Sender<Message>,
    pub(super) reports: mpsc::Sender<Report>,
    pub(super) stored: mpsc::UnboundedSender<store::News>,
    pub(super) calls: mpsc::Sender<Call>,
    pub(super) events: mpsc::Sender<Event>,
}

/// Opens them all.
pub(super) fn open() -> io::Result<(Senders, Channels)> {
    let (messages_in, messages) = mpsc::channel(BATCHES);
    let (reports_in, reports) = mpsc::channel(EVENTS);
    let (stored_in, stored) = mpsc::unbounded_channel();
    let (calls_in, calls) = mpsc::channel(EVENTS);
    let (events_in, events) = mpsc::channel(EVENTS);
    let signals = Signals::hear()?;
    Ok((
        Senders {
            messages: messages_in,
            reports: reports_in,
            stored: stored_in,
            calls: calls_in,
            events: events_in,
        },
        Channels { messages, reports, stored, calls, events, signals },
    ))
}

impl Signals {
    fn hear() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// The next of them.
    pub(super) async fn next(&mut self) -> Event {
        tokio::select! {
            _ = self.hangup.recv() => Event::Reload,
            _ = self.terminate.recv() => Event::Stop,
            _ = self.interrupt.recv() => Event::Stop,
        }
    }
}
