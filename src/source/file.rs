//! Follows log files: those that its patterns name, as they come, grow, are rotated, and go.
//!
//! Rotation by renaming: the old file stays open and is read to its end, and on while its writer
//! goes on. Rotation by copying and cutting short (logrotate's `copytruncate`): what was not yet
//! read is read from the copy. Nothing is read twice; lines are lost only where no file holds them
//! any more.

mod followed;
mod head;
mod known;
mod rotation;
mod scan;
mod seek;
mod watch;

use std::convert::Infallible;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use rustix::io::Errno;

use self::followed::{CHUNK, FileId, Followed, Look};
use self::scan::{Scan, open_log, trouble};
use self::watch::Watch;
use super::Start;
use super::batch::{FilePosition, Notice, Position, Trouble};
use super::outlet::{Outlet, Stopped};
use crate::record::origin::FilesOrigin;

/// How often the files are looked at, whatever the kernel says or does not say.
const ROUND: Duration = Duration::from_mins(1);

/// How often while one is being rotated, or where others change files behind the kernel's back.
const LOOK: Duration = Duration::from_secs(1);

/// How often, if the kernel does not tell of every change.
const LOOK_BLIND: Duration = Duration::from_millis(200);

/// How soon after a look names that changed are looked at: a directory may be a busy one.
const PAUSE: Duration = Duration::from_millis(50);

/// How much older than what can count a line must be to be passed over unread: clocks are set for
/// summer time, and what takes long is logged when it ends.
const MARGIN: SignedDuration = SignedDuration::from_hours(2);

/// A file may be missing for so long within a rotation.
const ROTATION: Duration = Duration::from_secs(5);

/// Reads until told to stop.
pub(super) fn follow(origin: &FilesOrigin, start: Start, mut outlet: Outlet) {
    let reach = outlet.now().wall.duration_since(start.not_before);
    let known = match start.from {
        Some(Position::Files(files)) => files,
        Some(Position::Journal { .. }) | None => Vec::new(),
    };
    let mut follower = Follower::new(origin, known, Watch::new());
    follower.window = (start.not_before, reach);
    let Err(Stopped) = follower.run(&mut outlet);
}

/// The files of one source.
struct Follower {
    patterns: Vec<String>,
    files: Vec<Followed>,
    /// Positions from before the start whose files have not been found yet.
    known: Vec<FilePosition>,
    watch: Watch,
    buffer: Box<[u8]>,
    looked: Instant,
    names_changed: bool,
    /// Whether something is to be told or done when time has passed: a rotation is under way.
    rotating: bool,
    /// The first moment that could count at the start, and how long before that was.
    window: (Timestamp, SignedDuration),
    /// What was last told to be missing while other files are followed.
    missing: Vec<Trouble>,
}

impl Follower {
    fn new(origin: &FilesOrigin, known: Vec<FilePosition>, watch: Watch) -> Self {
        Self {
            patterns: origin.patterns.clone(),
            files: Vec::new(),
            known: known.into_iter().filter(|known| known.offset > 0).collect(),
            watch,
            buffer: vec![0; CHUNK].into(),
            looked: Instant::now(),
            names_changed: false,
            rotating: false,
            window: (Timestamp::MIN, SignedDuration::ZERO),
            missing: Vec::new(),
        }
    }

    /// Lines before this cannot count any more. Never later than it was at the start, lest a clock
    /// that is set back have lines passed over.
    fn not_before(&self, now: Timestamp) -> Timestamp {
        let (first, reach) = self.window;
        let wide = reach.saturating_add(MARGIN);
        let first = first.checked_sub(MARGIN).unwrap_or(Timestamp::MIN);
        first.min(now.checked_sub(wide).unwrap_or(Timestamp::MIN))
    }

    fn run(mut self, outlet: &mut Outlet) -> Result<Infallible, Stopped> {
        self.look(outlet)?;
        loop {
            outlet.begin()?;
            self.hear();
            if self.look_due() <= Instant::now() {
                self.look(outlet)?;
            }
            if !self.read_round(outlet)? {
                outlet.nothing_to_read()?;
                let wait = self.look_due().saturating_duration_since(Instant::now());
                outlet.wait(self.watch.input(), wait)?;
            }
        }
    }

    fn look_due(&self) -> Instant {
        self.looked
            + match (self.names_changed, self.watch.is_incomplete()) {
                (true, _) => PAUSE,
                (false, true) => LOOK_BLIND,
                (false, false) if self.rotating || self.watch.is_remote() => LOOK,
                (false, false) => ROUND,
            }
    }

    /// Asks the kernel what has changed.
    fn hear(&mut self) {
        let changes = self.watch.changes();
        self.names_changed |= changes.names;
        for file in &mut self.files {
            file.hungry |= changes.files.contains(&file.id);
        }
    }

    /// Reads a chunk of every file that may have one: all get their turn. Returns whether any had.
    fn read_round(&mut self, outlet: &mut Outlet) -> Result<bool, Stopped> {
        let mut any = false;
        for at in 0..self.files.len() {
            // One may have been given up.
            if at < self.files.len() && self.files[at].hungry && !self.is_held_back(at) {
                any |= self.read_chunk(at, outlet)?;
            }
        }
        Ok(any)
    }

    fn read_chunk(&mut self, at: usize, outlet: &mut Outlet) -> Result<bool, Stopped> {
        outlet.begin()?;
        let file = &mut self.files[at];
        match file.read(&mut self.buffer, outlet) {
            Ok(Look::Read(_)) => self.send(outlet)?,
            Ok(Look::Nothing) => return Ok(false),
            Ok(Look::Truncated) => self.truncated(at, outlet)?,
            Err(error) => {
                file.hungry = false;
                let trouble = trouble(&file.path, &error);
                if error.raw_os_error() == Some(Errno::STALE.raw_os_error()) {
                    self.reopen(at);
                    outlet.notice(Notice::Restarted(trouble))?;
                } else {
                    outlet.notice(Notice::Error(trouble))?;
                }
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn send(&self, outlet: &mut Outlet) -> Result<(), Stopped> {
        let resumable = self.files.iter().filter(|file| file.can_be_resumed());
        let positions = resumable.map(Followed::position).chain(self.known.iter().cloned());
        let waiting = |file: &&Followed| file.hungry && file.copy_of.is_none();
        let backlog = self
            .files
            .iter()
            .any(|file| waiting(&file))
            .then(|| self.files.iter().filter(waiting).map(Followed::backlog).sum());
        outlet.send(Position::Files(positions.collect()), backlog)
    }

    /// Looks which files there are now, and follows them.
    fn look(&mut self, outlet: &mut Outlet) -> Result<(), Stopped> {
        self.looked = Instant::now();
        let mut scan = Scan::new(&self.patterns);
        // What came before they were watched is found by looking once more.
        self.names_changed = self.watch.directories(&scan.directories);
        self.notice_names(&scan, outlet)?;
        // First those known by their inode, lest a copy take their place.
        scan.files.sort_by_key(|(_, meta)| !self.known.iter().any(|k| k.inode == meta.ino()));
        for (path, meta) in std::mem::take(&mut scan.files) {
            if self.files.iter().any(|file| file.id == FileId::of(&meta)) {
                continue;
            }
            let followed = open_log(&path).and_then(|(file, meta)| {
                self.follow(Followed::new(path, file, &meta), &meta, outlet)
            });
            scan.troubles.extend(followed.err());
        }
        self.find_known(outlet)?;
        self.let_go(outlet)?;
        self.rotating = self.files.iter().any(Followed::is_leaving);
        self.tell(scan.troubles, outlet)
    }

    /// Tells how the source fares: down if a file may not be read, or there is none at all.
    fn tell(&mut self, troubles: Vec<Trouble>, outlet: &mut Outlet) -> Result<(), Stopped> {
        let (missing, grave): (Vec<_>, Vec<_>) =
            troubles.into_iter().partition(|trouble| trouble.reason == "missing");
        let rotating = self.files.iter().any(|file| file.left_within(ROTATION));
        let none = self.files.iter().all(|file| file.left.is_some());
        match grave.into_iter().next() {
            Some(trouble) => outlet.fares(Err(trouble)),
            None if none && rotating => Ok(()),
            None if none => outlet.fares(Err(missing.into_iter().next().unwrap_or(nothing()))),
            None => {
                outlet.fares(Ok(()))?;
                self.tell_missing(missing, rotating, outlet)
            }
        }
    }

    fn tell_missing(
        &mut self,
        missing: Vec<Trouble>,
        rotating: bool,
        outlet: &mut Outlet,
    ) -> Result<(), Stopped> {
        if rotating || missing == self.missing {
            return Ok(());
        }
        for trouble in missing.iter().filter(|trouble| !self.missing.contains(trouble)) {
            outlet.notice(Notice::Error(trouble.clone()))?;
        }
        self.missing = missing;
        Ok(())
    }
}

fn nothing() -> Trouble {
    Trouble { reason: "missing", detail: "no file is named".to_owned() }
}

#[cfg(test)]
mod tests;
