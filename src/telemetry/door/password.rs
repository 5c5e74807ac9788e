//! Basic authentication against bcrypt hashes.
//!
//! A guess is dear, for us too: one hash is worked out at a time, off the daemon's threads, and
//! after a wrong one nobody's is for a moment. A name that is not known costs as much as one that is,
//! so that answers do not tell which is which. Whoever was right is remembered, since a scraper asks
//! every few seconds: not by the password, but by a keyed hash of it that only this process can make.
//!
//! Source: RFC 7617; the same measures as exporter-toolkit's `web/handler.go`.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

/// How long nobody's password is compared after a wrong one.
const PENALTY: Duration = Duration::from_millis(300);

/// How many right ones are remembered.
const REMEMBERED: usize = 64;

/// Users and their hashes.
#[derive(Debug)]
pub struct Passwords {
    users: BTreeMap<String, String>,
    keys: [RandomState; 2],
    right: Mutex<Vec<Tag>>,
    one: Arc<Semaphore>,
}

/// Name and password under two keys that nobody knows.
type Tag = [u64; 2];

impl Default for Passwords {
    fn default() -> Self {
        Self::new(BTreeMap::new())
    }
}

impl Passwords {
    /// Users, and the bcrypt hashes of their passwords.
    #[must_use]
    pub fn new(users: BTreeMap<String, String>) -> Self {
        let keys = [RandomState::new(), RandomState::new()];
        Self { users, keys, right: Mutex::default(), one: Arc::new(Semaphore::new(1)) }
    }

    /// Whether nobody needs one.
    #[must_use]
    pub fn are_none(&self) -> bool {
        self.users.is_empty()
    }

    /// Whether a client with this `Authorization` may come in.
    pub async fn admit(&self, authorization: Option<&str>) -> bool {
        if self.are_none() {
            return true;
        }
        let Some((user, password)) = authorization.and_then(credentials) else { return false };
        let tag = [0, 1].map(|key| self.keys[key].hash_one((&user, &password)));
        self.was_right(tag) || self.compare(user, password, tag).await
    }

    /// Works out the hash.
    async fn compare(&self, user: String, password: Vec<u8>, tag: Tag) -> bool {
        let Ok(turn) = Arc::clone(&self.one).acquire_owned().await else { return false };
        // Somebody may have been right meanwhile.
        if self.was_right(tag) {
            return true;
        }
        let known = self.users.get(&user);
        let hash = known.or_else(|| self.users.values().next()).cloned().unwrap_or_default();
        let same = spawn_blocking(move || bcrypt::verify(password, &hash).unwrap_or(false)).await;
        let right = known.is_some() && same.unwrap_or(false);
        if right {
            self.remember(tag);
        } else {
            // The client may hang up, and with it this; the turn is over only after the pause.
            tokio::spawn(async move {
                sleep(PENALTY).await;
                drop(turn);
            });
        }
        right
    }

    fn was_right(&self, tag: Tag) -> bool {
        self.right.lock().unwrap_or_else(PoisonError::into_inner).contains(&tag)
    }

    fn remember(&self, tag: Tag) {
        let mut right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        if right.len() == REMEMBERED {
            right.remove(0);
        }
        right.push(tag);
    }
}

/// The name and the password of `Basic dXNlcjpwYXNz`.
fn credentials(authorization: &str) -> Option<(String, Vec<u8>)> {
    let (scheme, coded) = authorization.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let plain = STANDARD.decode(coded.trim()).ok()?;
    let colon = plain.iter().position(|byte| *byte == b':')?;
    let user = String::from_utf8(plain[..colon].to_vec()).ok()?;
    Some((user, plain[colon + 1..].to_vec()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn basic(credentials: &str) -> String {
        format!("Basic {}", STANDARD.encode(credentials))
    }

    fn passwords() -> Passwords {
        let hash = |password| bcrypt::hash(password, 4).unwrap();
        let users = [("prometheus", "right:one"), ("b", "")];
        Passwords::new(users.map(|(user, password)| (user.to_owned(), hash(password))).into())
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_right_password_of_a_known_user_comes_in() {
        let passwords = passwords();
        let cases = [
            (Some(basic("prometheus:right:one")), true),
            (Some(basic("prometheus:right:one").replace("Basic", "bASIC")), true),
            (Some(basic("b:")), true),
            (Some(basic("prometheus:wrong")), false),
            (Some(basic("prometheus:")), false),
            (Some(basic("nobody:right:one")), false),
            // The password of the user whose hash an unknown one is compared with.
            (Some(basic("nobody:")), false),
            (Some(basic("Prometheus:right:one")), false),
            (Some(basic("prometheus")), false),
            (Some(basic("b:right:one")), false),
            (Some("Basic !!!".into()), false),
            (Some("Bearer cHJvbWV0aGV1czpyaWdodDpvbmU=".into()), false),
            (Some(String::new()), false),
            (None, false),
        ];
        // Twice: what is remembered changes nothing.
        for (authorization, expected) in cases.iter().chain(&cases) {
            let admitted = passwords.admit(authorization.as_deref()).await;
            assert_eq!(admitted, *expected, "{authorization:?}");
        }
    }

    #[tokio::test]
    async fn without_users_everybody_comes_in() {
        assert!(Passwords::default().admit(None).await);
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_right_waits_for_nobodys_guesses() {
        let passwords = Arc::new(passwords());
        assert!(passwords.admit(Some(&basic("b:"))).await);
        let guess = basic("prometheus:wrong");
        assert!(!passwords.admit(Some(&guess)).await);
        let began = tokio::time::Instant::now();
        assert!(passwords.admit(Some(&basic("b:"))).await);
        assert_eq!(began.elapsed(), Duration::ZERO, "remembered");
        assert!(!passwords.admit(Some(&guess)).await);
        assert!(began.elapsed() >= PENALTY, "guesses wait for each other");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let passwords = passwords();
        for number in 0..1_000 {
            passwords.remember([number, 0]);
        }
        assert_eq!(passwords.right.lock().unwrap().len(), REMEMBERED);
        assert!(passwords.was_right([999, 0]) && !passwords.was_right([1, 0]));
    }

    proptest! {
        /// A name has no colon; whatever else is given comes back as it was.
        #[test]
        fn credentials_come_back(user in "[^:]{0,20}", password: Vec<u8>, any in ".{0,60}") {
            let plain = [user.as_bytes(), b":", &password].concat();
            let header = format!("Basic {}", STANDARD.encode(plain));
            prop_assert_eq!(credentials(&header), Some((user, password)));
            if let Some((user, _)) = credentials(&any) {
                prop_assert!(!user.contains(':'));
            }
        }
    }
}
