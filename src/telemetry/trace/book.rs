//! Bans on their way into force and out of it, until their traces can be told.
//!
//! Bounded: a ban that waits too long is told as it stands, and past the cap none is taken up. What is
//! not taken up has no trace; the ban itself is none the worse.

use std::collections::HashMap;

use jiff::SignedDuration;

use super::Span;
use super::ban::{End, Kept, Progress, Story};
use super::call::CallMade;
use super::unban::Release;
use crate::jail::ban::BanKey;
use crate::moment::Moment;

/// How many may be on their way at a time, in each direction.
pub const CAP: usize = 4096;

/// How long a ban's trace is waited with.
const PATIENCE: SignedDuration = SignedDuration::from_mins(5);

/// What is said of an unban that is not confirmed.
const UNCONFIRMED: &str = "the firewall has not confirmed it";

/// The bans on their way.
#[derive(Debug)]
pub struct Book {
    bans: HashMap<BanKey, Progress>,
    releases: HashMap<BanKey, Release>,
    cap: usize,
}

impl Book {
    /// An empty book for so many bans, and so many ends of bans.
    #[must_use]
    pub fn new(cap: usize) -> Self {
        Self { bans: HashMap::new(), releases: HashMap::new(), cap }
    }

    /// A ban begins. Gives the traces that end thereby, or the story back if there is no room.
    ///
    /// # Errors
    ///
    /// Fails if the book is full.
    pub fn begin(&mut self, story: Story) -> Result<Vec<Span>, Box<Story>> {
        let (key, now) = (story.ban.key.clone(), story.decided);
        if self.bans.len() >= self.cap && !self.bans.contains_key(&key) {
            return Err(Box::new(story));
        }
        let overtaken = self.releases.remove(&key);
        let replaced = self.bans.insert(key, Progress::new(story));
        let mut spans = overtaken.map(|r| r.spans(None, now)).unwrap_or_default();
        spans.extend(replaced.into_iter().flat_map(|ban| ban.spans(&End::Replaced, now)));
        Ok(spans)
    }

    /// The firewall was told of a ban.
    pub fn ordered(&mut self, key: &BanKey, kept: Kept, now: Moment) {
        if let Some(progress) = self.bans.get_mut(key) {
            progress.ordered(kept, now);
        }
    }

    /// A call was made for a ban, or for its end.
    pub fn called(&mut self, key: &BanKey, call: &CallMade) {
        if let Some(progress) = self.bans.get_mut(key) {
            progress.called(call.clone());
        } else if let Some(release) = self.releases.get_mut(key) {
            release.called(call.clone());
        }
    }

    /// A ban's last call failed, and is tried again.
    pub fn failed(&mut self, key: &BanKey, why: &str) {
        if let Some(progress) = self.bans.get_mut(key) {
            progress.failed(why);
        }
    }

    /// A ban's story ends. Gives its trace, if it has one.
    pub fn end(&mut self, key: &BanKey, end: &End, at: Moment) -> Vec<Span> {
        self.bans.remove(key).map(|progress| progress.spans(end, at)).unwrap_or_default()
    }

    /// A ban has ended. Gives the release back if there is no room.
    ///
    /// # Errors
    ///
    /// Fails if the book is full.
    pub fn release(&mut self, key: BanKey, release: Release) -> Result<(), Box<Release>> {
        if self.releases.len() >= self.cap && !self.releases.contains_key(&key) {
            return Err(Box::new(release));
        }
        self.releases.insert(key, release);
        Ok(())
    }

    /// A ban's rules are gone.
    pub fn released(&mut self, key: &BanKey, at: Moment) -> Vec<Span> {
        self.releases.remove(key).map(|release| release.spans(None, at)).unwrap_or_default()
    }

    /// The traces that are waited with no longer.
    pub fn overdue(&mut self, now: Moment) -> Vec<Span> {
        let is_old = |began: Moment| now.boot.since(began.boot) > PATIENCE;
        let bans = self.bans.extract_if(|_, ban| is_old(ban.decided()));
        let mut spans: Vec<Span> =
            bans.flat_map(|(_, ban)| ban.spans(&End::Overdue, now)).collect();
        let releases = self.releases.extract_if(|_, release| is_old(release.began()));
        spans.extend(releases.flat_map(|(_, release)| release.spans(Some(UNCONFIRMED), now)));
        spans
    }

    /// All that is left, as it stands.
    pub fn close(&mut self, now: Moment) -> Vec<Span> {
        let bans = self.bans.drain();
        let mut spans: Vec<Span> =
            bans.flat_map(|(_, ban)| ban.spans(&End::Stopped, now)).collect();
        let releases = self.releases.drain();
        spans.extend(releases.flat_map(|(_, release)| release.spans(Some(UNCONFIRMED), now)));
        spans
    }

    /// How many are on their way.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bans.len() + self.releases.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::enforcer::order::Outcome;
    use crate::jail::ban::{Ban, BanOrigin, JailName};
    use crate::moment::Boot;
    use crate::telemetry::trace::{Attribute, Value};
    use crate::trace::TraceId;

    fn at(second: i64) -> Moment {
        let wall = Timestamp::from_second(1_000_000 + second).unwrap();
        Moment { wall, boot: Boot(SignedDuration::from_secs(second)) }
    }

    fn key(host: u8) -> BanKey {
        let address = std::net::IpAddr::from([192, 0, 2, host]).into();
        BanKey { jail: JailName::new("sshd"), address }
    }

    fn story(host: u8, trace: u128, second: i64) -> Story {
        let ban = Ban {
            key: key(host),
            origin: BanOrigin::Detected,
            since: at(second).wall,
            bantime: None,
            failures: 2,
            trace: TraceId::new(trace),
        };
        let (filter, backend) = ("sshd".to_owned(), "firewalld");
        let (first, read, decided) = (at(second).wall, at(second), at(second));
        Story { ban, filter, backend, user: None, first, read, decided, earlier: Vec::new() }
    }

    fn release(host: u8, trace: u128, second: i64) -> Release {
        let ban = story(host, 1, 0).ban;
        Release::new(ban, TraceId::new(trace), "expired", "firewalld", at(second))
    }

    /// The roots among the spans: what they are called, and how it ended.
    fn roots(spans: &[Span]) -> Vec<String> {
        let outcome = |span: &Span| {
            let is = |a: &&Attribute| a.key == "gaoler.outcome";
            let value = span.attributes.iter().find(is).map(|a| a.value.clone());
            match value {
                Some(Value::Text(text)) => format!("{} {text}", span.name),
                _ => span.name.to_string(),
            }
        };
        spans.iter().filter(|span| span.parent.is_none()).map(outcome).collect()
    }

    #[test]
    fn a_ban_is_told_once() {
        let mut book = Book::new(10);
        assert_eq!(book.begin(story(1, 1, 0)).unwrap(), []);
        book.ordered(&key(1), Kept::Durable, at(1));
        let call = CallMade {
            backend: "firewalld",
            operation: "add_rich_rule",
            outcome: Outcome::Ok,
            why: None,
            ended: at(2),
            took: SignedDuration::from_secs(1),
        };
        book.called(&key(1), &call);
        let spans = book.end(&key(1), &End::InForce, at(2));
        assert_eq!(roots(&spans), ["ban in_force"]);
        assert_eq!(spans.len(), 5);
        assert_eq!(book.end(&key(1), &End::InForce, at(3)), []);
        assert!(book.is_empty());
        book.release(key(1), release(1, 9, 60)).unwrap();
        book.called(&key(1), &call);
        assert_eq!(book.released(&key(1), at(61)).len(), 2);
        assert_eq!(book.released(&key(1), at(61)), []);
    }

    #[test]
    fn what_overtakes_another_ends_it() {
        let mut book = Book::new(10);
        book.begin(story(1, 1, 0)).unwrap();
        assert_eq!(roots(&book.begin(story(1, 2, 1)).unwrap()), ["ban replaced"]);
        book.end(&key(1), &End::Lifted, at(2));
        book.release(key(1), release(1, 9, 2)).unwrap();
        assert_eq!(roots(&book.begin(story(1, 3, 3)).unwrap()), ["unban"]);
        assert_eq!(book.len(), 1);
    }

    #[test]
    fn nothing_is_waited_with_for_ever() {
        let mut book = Book::new(10);
        book.begin(story(1, 1, 0)).unwrap();
        book.begin(story(2, 2, 200)).unwrap();
        book.release(key(3), release(3, 9, 0)).unwrap();
        assert_eq!(book.overdue(at(300)), []);
        let spans = book.overdue(at(301));
        assert_eq!(roots(&spans), ["ban overdue", "unban"]);
        assert!(spans.iter().filter(|span| span.parent.is_none()).all(|span| span.error.is_some()));
        assert_eq!(roots(&book.close(at(302))), ["ban stopped"]);
        assert!(book.is_empty());
    }

    #[test]
    fn a_full_book_takes_up_no_more() {
        let mut book = Book::new(2);
        book.begin(story(1, 1, 0)).unwrap();
        book.begin(story(2, 2, 0)).unwrap();
        assert!(book.begin(story(3, 3, 0)).is_err());
        assert_eq!(roots(&book.begin(story(2, 4, 0)).unwrap()), ["ban replaced"]);
        book.release(key(4), release(4, 9, 0)).unwrap();
        book.release(key(5), release(5, 9, 0)).unwrap();
        assert!(book.release(key(6), release(6, 9, 0)).is_err());
        assert_eq!(book.len(), 4);
    }
}
