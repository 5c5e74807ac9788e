//! Asks the daemon who is banned: at most once a second, however many read the pages, and with
//! patience that ends.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::shown::Bans;
use crate::control::Call;
use crate::control::api::{Answer, BanStatus, Banned, Request};

/// How old an answer may be.
const FRESH: Duration = Duration::from_secs(1);

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(3);

/// The line to the daemon, and what it answered last.
#[derive(Debug)]
pub struct Asking {
    calls: mpsc::Sender<Call>,
    last: Mutex<Option<(Instant, Arc<[BanStatus]>)>>,
}

impl Asking {
    /// Asks where the control socket asks.
    #[must_use]
    pub fn new(calls: mpsc::Sender<Call>) -> Self {
        Self { calls, last: Mutex::new(None) }
    }

    /// Who is banned.
    pub async fn bans(&self) -> Bans {
        // Whoever comes meanwhile waits here, and gets the same answer.
        let mut last = self.last.lock().await;
        if let Some((at, bans)) = &*last
            && at.elapsed() < FRESH
        {
            return Bans::Listed(Arc::clone(bans));
        }
        match timeout(PATIENCE, self.ask()).await {
            Ok(Some(Banned { bans })) => {
                let bans: Arc<[BanStatus]> = bans.into();
                *last = Some((Instant::now(), Arc::clone(&bans)));
                Bans::Listed(bans)
            }
            _ => Bans::Unavailable,
        }
    }

    async fn ask(&self) -> Option<Banned> {
        let (reply, answer) = oneshot::channel();
        let uid = rustix::process::getuid().as_raw();
        let call = Call { uid, request: Request::Banned { jail: None }, reply };
        self.calls.send(call).await.ok()?;
        match answer.await {
            Ok(Ok(Answer::Banned(banned))) => Some(banned),
            _ => None,
        }
    }
}
