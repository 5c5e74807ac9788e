//! The loop: waits for whatever comes first, and lets the daemon decide.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::task::JoinHandle;

use super::channels::Channels;
use super::event::Event;
use super::{Daemon, clock};
use crate::config::checked::OnStop;
use crate::enforcer::order::Order;

/// How long a collector may take at the end for what it has not got yet.
const FLUSH: Duration = Duration::from_secs(2);

/// How long the end may take before what is left is left.
const DRAIN: Duration = Duration::from_secs(8);

impl Daemon {
    /// Turns until a signal has ended it and what was left has been done.
    pub(super) async fn turn(mut self, mut channels: Channels, enforcer: JoinHandle<()>) {
        let mut drain = pin!(None::<tokio::time::Sleep>);
        let mut drained = false;
        self.settle(clock::now());
        while !(drained && self.is_drained()) {
            let sleep = self.wakes.since(clock::now().boot);
            let event = tokio::select! {
                message = channels.messages.recv(), if !drained => {
                    drained = message.is_none();
                    message.map_or(Event::Deadline, Event::Source)
                }
                Some(report) = channels.reports.recv() => Event::Firewall(report),
                Some(news) = channels.stored.recv() => Event::Stored(news),
                Some(call) = channels.calls.recv() => Event::Call(call),
                Some(event) = channels.events.recv() => event,
                event = channels.signals.next() => event,
                () = tokio::time::sleep(sleep.max(SignedDuration::ZERO).unsigned_abs()) => Event::Deadline,
                () = wait(drain.as_mut().as_pin_mut()) => break,
            };
            let stop = matches!(event, Event::Stop) && !self.stopping;
            self.on_event(event, clock::now());
            if stop {
                drain.set(Some(tokio::time::sleep(DRAIN)));
            }
        }
        self.end(channels, enforcer).await;
    }

    /// Lets the enforcer finish, closes the store, and leaves no socket behind.
    async fn end(mut self, mut channels: Channels, enforcer: JoinHandle<()>) {
        if self.on_stop == OnStop::Remove {
            self.withdraw(&mut channels.reports).await;
        }
        let _ = self.orders.send(Order::Stop);
        let finish = tokio::time::timeout(DRAIN, async {
            while let Some(report) = channels.reports.recv().await {
                self.on_event(Event::Firewall(report), clock::now());
            }
            enforcer.await
        });
        if finish.await.is_err() {
            tracing::warn!(
                "the firewall took too long; what it was not told, a start will tell it"
            );
        }
        let socket = self.frozen.socket().to_owned();
        if let Some(store) = self.store {
            match tokio::task::spawn_blocking(move || store.close()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!("{error}; what it did not keep is lost"),
                Err(error) => tracing::error!("the store's thread ended: {error}"),
            }
        }
        self.telling.close(clock::now()).close(FLUSH).await;
        if let Err(error) = std::fs::remove_file(&socket) {
            tracing::debug!(%error, "{}: cannot remove the control socket", socket.display());
        }
        tracing::info!("stopped");
    }
}

async fn wait(sleep: Option<impl Future<Output = ()>>) {
    match sleep {
        Some(sleep) => sleep.await,
        None => std::future::pending().await,
    }
}
