//! What lines of one connection tell, put together.
//!
//! A pattern that names its connection (`<F-MLFID>`) tells of an attempt together with those that
//! matched before it: one line has the user, another the address. A line may be no failure by itself
//! (`<F-NOFAIL>`), end the connection (`<F-MLFFORGET>`), or say that it was let in (`<F-MLFGAINED>`),
//! which pardons what came before unless several users were tried. A failure of nobody yet is kept
//! until a line says whose the connection is.

use std::hash::{BuildHasher, BuildHasherDefault};

use jiff::{SignedDuration, Timestamp};
use rustc_hash::FxHasher;

use super::values::{FID, MLFFORGET, MLFGAINED, MLFID, NOFAIL, Names, USER, Values};

/// How many connections are remembered at most.
const REMEMBERED: usize = 100;

/// How long.
const FOR: SignedDuration = SignedDuration::from_mins(5);

/// How many users of one connection are.
const USERS: usize = 64;

/// What is known of one attempt.
#[derive(Clone, Debug)]
pub(in crate::filter) struct Attempt {
    pub(super) values: Values,
    /// Every user tried.
    users: Vec<String>,
    /// A failure whose it is nobody knows yet.
    pub(super) pending: bool,
    /// How many lines told of it.
    lines: u32,
    /// How many that were no failure by themselves.
    lines_without: u32,
}

/// The connections of late.
#[derive(Clone, Debug, Default)]
pub(super) struct Sessions {
    sessions: Vec<Session>,
    /// How many there have been.
    count: u64,
}

#[derive(Clone, Debug)]
struct Session {
    hash: u64,
    id: String,
    until: Timestamp,
    number: u64,
    attempt: Attempt,
}

/// Where an attempt is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// Where it was given: nothing remembers it.
    Here,
    /// With the session of this place.
    Session(usize),
}

impl Attempt {
    pub(super) fn new(names: &Names) -> Self {
        let values = Values::new(names);
        Self { values, users: Vec::new(), pending: false, lines: 0, lines_without: 0 }
    }

    pub(super) fn clear(&mut self) {
        self.values.clear();
        self.users.clear();
        (self.pending, self.lines, self.lines_without) = (false, 0, 0);
    }

    /// Takes note that so many lines told of it.
    pub(super) fn told(&mut self, lines: u32) {
        self.lines += lines;
    }

    /// How many lines told of it.
    pub(in crate::filter) fn attempts(&self) -> u32 {
        self.lines
    }

    /// The user that the latest line names.
    pub(in crate::filter) fn user(&self) -> Option<&str> {
        self.values.get(USER)
    }

    /// By what it would be counted, if not by its address.
    pub(in crate::filter) fn id(&self) -> Option<&str> {
        self.values.get(FID)
    }

    /// Every user tried on one connection.
    pub(in crate::filter) fn users(&self) -> &[String] {
        &self.users
    }

    /// The values, by their names.
    pub(in crate::filter) fn values(&self) -> &Values {
        &self.values
    }

    fn add_user(&mut self, user: Option<&str>) {
        let Some(user) = user else { return };
        if self.users.len() < USERS && self.users.iter().all(|other| other != user) {
            self.users.push(user.to_owned());
        }
    }

    /// Puts what one more line tells to what is known.
    fn take_over(&mut self, found: &Self, gained: bool) {
        self.add_user(found.values.some(USER));
        // Each holds for the line that says it alone.
        let informed = self.values.take(NOFAIL);
        let informed = self.values.take(MLFGAINED) || informed;
        if gained {
            self.pending = false;
        }
        if !informed && !self.pending {
            self.lines = 0;
        }
        self.values.update(&found.values);
    }
}

impl Sessions {
    /// Puts what a line of a connection tells to what is known of it. `lines` told it. Says where
    /// the whole is; `found` is it if nothing remembers it.
    pub(super) fn merge(&mut self, found: &mut Attempt, lines: u32, now: Timestamp) -> Kept {
        let gained = found.values.some(MLFGAINED).is_some();
        if gained && found.values.some(NOFAIL).is_none() {
            found.values.copy(MLFGAINED, NOFAIL);
        }
        let informs = found.values.some(NOFAIL).is_some();
        let forgets = found.values.take(MLFFORGET);
        let kept = self.kept(found, gained, forgets, now);
        let attempt = self.attempt(kept, found);
        // A failure before, or another user tried: what let one in pardons nobody.
        let suspected = std::mem::take(&mut attempt.pending) || attempt.users.len() > 1;
        if suspected {
            attempt.values.take(NOFAIL);
            attempt.values.take(MLFGAINED);
        }
        if suspected || !informs {
            attempt.lines += std::mem::take(&mut attempt.lines_without) + lines;
        } else if !forgets {
            attempt.lines_without += lines;
        }
        kept
    }

    /// The attempt that is kept there.
    pub(super) fn attempt<'s>(&'s mut self, kept: Kept, here: &'s mut Attempt) -> &'s mut Attempt {
        match kept {
            Kept::Here => here,
            Kept::Session(place) => &mut self.sessions[place].attempt,
        }
    }

    fn kept(&mut self, found: &mut Attempt, gained: bool, forgets: bool, now: Timestamp) -> Kept {
        let hash = BuildHasherDefault::<FxHasher>::default();
        let id = found.values.get(MLFID).unwrap_or_default();
        let hash = hash.hash_one(id);
        self.sessions.retain(|session| now <= session.until);
        let known =
            self.sessions.iter().position(|session| session.hash == hash && session.id == id);
        match known {
            Some(place) => {
                self.sessions[place].attempt.take_over(found, gained);
                if !forgets {
                    return Kept::Session(place);
                }
                *found = self.sessions.swap_remove(place).attempt;
                Kept::Here
            }
            None if forgets => Kept::Here,
            None => {
                let user = found.values.some(USER).map(str::to_owned);
                found.add_user(user.as_deref());
                let id = id_of(found);
                let attempt = found.clone();
                self.remember(Session { hash, id, until: until(now), number: 0, attempt })
            }
        }
    }

    fn remember(&mut self, session: Session) -> Kept {
        self.count += 1;
        let session = Session { number: self.count, ..session };
        if self.sessions.len() < REMEMBERED {
            self.sessions.push(session);
            return Kept::Session(self.sessions.len() - 1);
        }
        let oldest = self.sessions.iter().enumerate().min_by_key(|(_, session)| session.number);
        let place = oldest.map_or(0, |(place, _)| place);
        self.sessions[place] = session;
        Kept::Session(place)
    }
}

fn id_of(found: &Attempt) -> String {
    found.values.get(MLFID).unwrap_or_default().to_owned()
}

fn until(now: Timestamp) -> Timestamp {
    now.saturating_add(FOR).unwrap_or(Timestamp::MAX)
}
