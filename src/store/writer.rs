//! The thread that writes.
//!
//! What comes while it writes waits, and goes into the next transaction together. What cannot be
//! written is kept and tried again every second, by opening the file anew; whoever asked hears of
//! both. A file that is found damaged is set aside, and one that is gone made again; then the daemon
//! is asked for everything.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use super::backlog::Backlog;
use super::database::{Database, FileId};
use super::heritage::Memory;
use super::inbox::Inbox;
use super::look::{Dossier, Look};
use super::{Ack, Loss, News, StoreError, heritage};
use crate::moment::{Boot, Clock};

/// How many questions are answered before what waits is written.
const MOST_AT_ONCE: usize = 256;

/// How long after a commit it is on the disk at the latest.
const SYNC: SignedDuration = SignedDuration::from_secs(1);

/// How long until what could not be written is tried again.
const RETRY: SignedDuration = SignedDuration::from_secs(1);

/// What the thread is asked.
pub(super) enum Request {
    /// Something is in the inbox.
    Wake,
    Look(Look, oneshot::Sender<Result<Dossier, String>>),
    /// How long the history is kept from now on.
    History(SignedDuration),
    Close,
}

/// The thread's own.
pub(super) struct Writer {
    pub(super) path: PathBuf,
    pub(super) clock: Clock,
    /// `None` while it cannot be written.
    pub(super) database: Option<Database>,
    /// The file that it was, the last time.
    pub(super) file: Option<FileId>,
    pub(super) news: UnboundedSender<News>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) backlog: Backlog,
    /// The greatest number that was taken, and whether somebody waits for it.
    pub(super) taken: u64,
    pub(super) awaited: bool,
    /// When what was committed must be on the disk.
    pub(super) sync_by: Option<Boot>,
    /// How long the history is kept.
    pub(super) history: SignedDuration,
    /// Whether nobody has seen yet what the file holds.
    pub(super) unread: bool,
    /// How the file was found damaged, while it is still in its place.
    pub(super) damage: Option<String>,
    /// When and why the last try failed.
    pub(super) failed: Option<(Boot, String)>,
}

impl Writer {
    /// Writes until asked to close, or nobody is left to ask.
    pub(super) fn run(mut self, requests: &Receiver<Request>) -> Result<(), StoreError> {
        loop {
            let open = self.wait(requests);
            self.collect();
            if !open {
                let last = if self.has_work() { self.write() } else { Ok(()) };
                return last.and_then(|()| self.finish());
            }
            if self.has_work() {
                match &self.failed {
                    Some((at, why)) if self.now() < at.after(RETRY) => self.put_off(why.clone()),
                    // What came of it is told.
                    _ => drop(self.write()),
                }
            }
            self.sync_if_due();
        }
    }

    /// Waits for what is asked, and answers. `false`: nothing more will be.
    fn wait(&mut self, requests: &Receiver<Request>) -> bool {
        let mut next = requests.recv_timeout(self.patience());
        for _ in 0..MOST_AT_ONCE {
            match next {
                Ok(Request::Wake) => {}
                Ok(Request::Look(look, reply)) => {
                    // Whoever asked may have given up.
                    let _ = reply.send(self.look(&look));
                }
                Ok(Request::History(age)) => self.history = age,
                Ok(Request::Close) | Err(RecvTimeoutError::Disconnected) => return false,
                Err(RecvTimeoutError::Timeout) => return true,
            }
            next = requests.try_recv().map_err(|error| match error {
                TryRecvError::Empty => RecvTimeoutError::Timeout,
                TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
            });
        }
        true
    }

    /// Takes what was handed over.
    fn collect(&mut self) {
        let Some((seq, taken)) = self.inbox.take(&mut self.backlog) else { return };
        self.taken = seq;
        match taken {
            Ok(()) => self.awaited = true,
            Err(full) => {
                let (result, took) = (Err(full.to_string()), SignedDuration::ZERO);
                let ack = Ack { seq: self.taken, result, took, dropped: full.0 };
                self.tell(News::Ack(ack));
            }
        }
    }

    fn has_work(&self) -> bool {
        !self.backlog.is_empty() || self.awaited || self.database.is_none()
    }

    fn look(&self, look: &Look) -> Result<Dossier, String> {
        let Some(database) = &self.database else {
            return Err("the state database is not open".to_owned());
        };
        database.look(look).map_err(|error| StoreError::of(&self.path, error).to_string())
    }

    /// How long there is nothing to do unless something is asked.
    fn patience(&self) -> Duration {
        let retry = self.failed.as_ref().map(|(at, _)| at.after(RETRY));
        let retry = retry.filter(|_| self.has_work());
        let wait = retry.into_iter().chain(self.sync_by).min().map(|by| by.since(self.now()));
        wait.map_or(Duration::MAX, |wait| Duration::try_from(wait).unwrap_or_default())
    }

    /// Whoever waits is not held up by a file that has just failed.
    fn put_off(&mut self, why: String) {
        if std::mem::take(&mut self.awaited) {
            self.acknowledge(Err(why), SignedDuration::ZERO);
        }
    }

    /// Writes the backlog, and tells what came of it.
    fn write(&mut self) -> Result<(), StoreError> {
        let began = self.now();
        let result = self.try_write();
        let took = self.now().since(began);
        self.awaited = false;
        match &result {
            Ok(()) => {
                let anew = self.backlog.windows_anew.then_some(self.backlog.dropped_windows);
                self.backlog.clear();
                self.failed = None;
                self.sync_by.get_or_insert(began.after(SYNC));
                self.acknowledge(Ok(()), took);
                if let Some(dropped) = anew {
                    self.tell(News::Windows(dropped));
                }
            }
            Err(error) => {
                self.database = None;
                if let StoreError::Corrupt { detail, .. } = error {
                    self.damage = Some(detail.clone());
                }
                self.failed = Some((self.now(), error.to_string()));
                self.acknowledge(Err(error.to_string()), took);
            }
        }
        result
    }

    fn try_write(&mut self) -> Result<(), StoreError> {
        if self.database.as_ref().is_none_or(|database| !database.is_at(&self.path)) {
            self.database = None;
            let database = self.reopen()?;
            self.file = Some(database.file());
            self.database = Some(database);
        }
        let Some(database) = &mut self.database else { return Ok(()) };
        let written = database.write(&self.backlog, self.history);
        written.map_err(|error| StoreError::of(&self.path, error))
    }

    /// Opens the file, or another in its place.
    fn reopen(&mut self) -> Result<Database, StoreError> {
        if let Some(why) = self.damage.clone() {
            return self.begin_anew(why);
        }
        let unread = self.unread;
        let opened = Database::open(&self.path).and_then(|database| {
            let saved = if unread { Some(database.load(&self.path)?) } else { None };
            Ok((database, saved))
        });
        match opened {
            Ok((database, Some(mut saved))) => {
                self.unread = false;
                // What has been lifted since is over, though the file does not know.
                let fates = &self.backlog.bans;
                saved.bans.retain(|ban| fates.get(&ban.key).is_none_or(|it| it.ended.is_none()));
                // And failures have been counted since without those that it holds.
                self.backlog.windows_anew = true;
                let memory = if database.is_new() { Memory::Lost } else { Memory::Whole };
                self.tell(News::Read(Box::new(saved), memory));
                Ok(database)
            }
            Ok((database, None)) => {
                if self.file.is_some_and(|file| database.replaces(file)) {
                    let why = "it was removed or replaced".to_owned();
                    self.lost(Loss { why, aside: None });
                }
                Ok(database)
            }
            Err(StoreError::Corrupt { detail, .. }) => self.begin_anew(detail),
            Err(error) => Err(error),
        }
    }

    fn begin_anew(&mut self, why: String) -> Result<Database, StoreError> {
        let (database, aside) = heritage::anew(&self.path, (self.clock)().wall)?;
        self.damage = None;
        self.lost(Loss { why, aside });
        Ok(database)
    }

    /// What the file held is gone: the daemon is to hand everything over again.
    fn lost(&mut self, loss: Loss) {
        self.unread = false;
        // All of them come again.
        self.backlog.totals.clear();
        self.tell(News::Anew(loss));
    }

    fn sync_if_due(&mut self) {
        let now = self.now();
        if self.sync_by.take_if(|by| *by <= now).is_none() {
            return;
        }
        let Some(database) = &self.database else { return };
        if let Err(error) = database.sync() {
            tracing::warn!(%error, path = %self.path.display(), "cannot sync the state database");
            self.sync_by = Some(now.after(SYNC));
        }
    }

    fn finish(&self) -> Result<(), StoreError> {
        let finished = self.database.as_ref().map_or(Ok(()), Database::finish);
        finished.map_err(|error| StoreError::of(&self.path, error))
    }

    fn acknowledge(&self, result: Result<(), String>, took: SignedDuration) {
        self.tell(News::Ack(Ack { seq: self.taken, result, took, dropped: 0 }));
    }

    fn tell(&self, news: News) {
        // Nobody may be left to hear it at the end.
        let _ = self.news.send(news);
    }

    fn now(&self) -> Boot {
        (self.clock)().boot
    }
}
