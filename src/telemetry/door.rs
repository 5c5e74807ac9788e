//! Who may come in: TLS and passwords, as the web configuration has them now.
//!
//! The file is looked at when a connection comes, at most once a second; a new one holds from then
//! on. One that is wrong changes nothing and is told of once: a slip never opens the door, and a
//! certificate that is over takes no other's place.

pub mod password;
mod tls;

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use tokio_rustls::TlsAcceptor;

use self::password::Passwords;
use crate::config::checked::{Addresses, Web};
use crate::config::error::ConfigErrors;
use crate::config::web::{self, WebFile};
use crate::moment::Clock;

/// How often the files are looked at, at most.
const LOOK: Duration = Duration::from_secs(1);

/// Why the pages cannot be served as they are meant to be.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// The web configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// A file that it names.
    #[error("{path}: {why}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong, and what to do.
        why: String,
    },
    /// The certificate and its key.
    #[error("{cert}: not usable with the key in {key}: {why}", cert = cert.display(), key = key.display())]
    Pair {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The certificate is over: no client takes it.
    #[error("{cert}: the certificate has expired at {since}; renew it", cert = cert.display())]
    Expired {
        /// The certificate's file.
        cert: PathBuf,
        /// Since when.
        since: Timestamp,
    },
}

/// The rules by which clients are let in, and the files they come from.
#[derive(Debug)]
pub struct Door {
    web: Web,
    clock: Clock,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    rules: Arc<Rules>,
    /// Of the files that the rules were made from, as they were.
    stamps: Vec<Stamp>,
    looked: Instant,
}

/// Which file a name leads to, when it was changed last, and how long it is; `None`: there is none.
type Stamp = Option<(u64, u64, i64, i64, u64)>;

/// How clients are let in.
#[derive(Default)]
pub struct Rules {
    /// TLS; `None`: plain HTTP.
    pub tls: Option<TlsAcceptor>,
    /// The passwords.
    pub passwords: Passwords,
    /// What every answer says besides, or instead of what it would say by itself.
    pub headers: HeaderMap,
    /// Whether every client has shown a certificate.
    certified: bool,
    /// Our own certificate, and when it is over.
    certificate: Option<(PathBuf, Timestamp)>,
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rules").field("tls", &self.tls.is_some()).finish_non_exhaustive()
    }
}

impl Door {
    /// Reads what the web configuration says now. `clock` tells when a certificate is over.
    ///
    /// # Errors
    ///
    /// What is wrong with it, or with the files that it names.
    pub fn open(web: Web, clock: Clock) -> Result<Self, DoorError> {
        let stamps = stamps(&files(&web));
        let rules = Arc::new(rules(&web)?);
        let current = Current { rules, stamps, looked: Instant::now() };
        Ok(Self { web, clock, current: Mutex::new(current) })
    }

    /// Whether the certificate that is shown to clients is over. It is shown all the same: there is
    /// no other, and it says more than silence.
    ///
    /// # Errors
    ///
    /// Which one, and since when.
    pub fn certificate_holds(&self) -> Result<(), DoorError> {
        self.rules().holds_at((self.clock)().wall)
    }

    /// The rules of now.
    pub fn rules(&self) -> Arc<Rules> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if self.web.config_file.is_some() && current.looked.elapsed() >= LOOK {
            self.look_at(&mut current);
        }
        Arc::clone(&current.rules)
    }

    /// Looks at the files now, however long ago the last look was.
    pub fn look(&self) {
        self.look_at(&mut self.current.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn look_at(&self, current: &mut Current) {
        current.looked = Instant::now();
        let stamps = stamps(&files(&self.web));
        if stamps != current.stamps {
            current.stamps = stamps;
            self.take_up(current);
        }
    }

    fn take_up(&self, current: &mut Current) {
        let now = (self.clock)().wall;
        match rules(&self.web).and_then(|rules| rules.holds_at(now).map(|()| rules)) {
            Ok(rules) => {
                tracing::info!("the web configuration was changed, and holds from now on");
                current.rules = Arc::new(rules);
            }
            Err(error) => {
                tracing::error!(
                    "the web configuration stays as it was, since it is wrong now: {error}"
                );
            }
        }
    }

    /// Whether who came in by these rules sees addresses; if not, why not, in a sentence.
    ///
    /// # Errors
    ///
    /// The sentence.
    pub fn sees_addresses(&self, rules: &Rules) -> Result<(), &'static str> {
        match self.web.addresses {
            Addresses::Always => Ok(()),
            Addresses::Never => Err(
                "Addresses are hidden, as `telemetry.web.addresses` says; `gaoler banned` lists them.",
            ),
            Addresses::Authenticated if rules.certified || !rules.passwords.are_none() => Ok(()),
            Addresses::Authenticated => {
                Err("Addresses are shown to whoever gives a password, and none is configured \
                 (`telemetry.web.config_file`); `gaoler banned` lists them.")
            }
        }
    }
}

impl Rules {
    fn holds_at(&self, now: Timestamp) -> Result<(), DoorError> {
        match &self.certificate {
            Some((cert, end)) if *end < now => {
                Err(DoorError::Expired { cert: cert.clone(), since: *end })
            }
            _ => Ok(()),
        }
    }
}

fn rules(web: &Web) -> Result<Rules, DoorError> {
    let Some(path) = &web.config_file else { return Ok(Rules::default()) };
    let WebFile { users, tls, headers } = web::load(path)?;
    let certified = tls.as_ref().and_then(|tls| tls.clients.as_ref());
    Ok(Rules {
        certificate: tls.as_ref().map(certificate).transpose()?,
        certified: certified.is_some_and(|(_, required)| *required),
        passwords: Passwords::new(users),
        headers: headers.iter().filter_map(header).collect(),
        tls: tls.as_ref().map(tls::acceptor).transpose()?,
    })
}

fn certificate(tls: &web::Tls) -> Result<(PathBuf, Timestamp), DoorError> {
    Ok((tls.cert_file.clone(), tls::end(&tls.cert_file)?))
}

fn header((name, value): &(String, String)) -> Option<(HeaderName, HeaderValue)> {
    Some((name.parse().ok()?, value.parse().ok()?))
}

/// The files that the rules come from, as far as they are known now.
fn files(web: &Web) -> Vec<PathBuf> {
    let Some(path) = &web.config_file else { return Vec::new() };
    let mut files = vec![path.clone()];
    if let Ok(WebFile { tls: Some(tls), .. }) = web::load(path) {
        files.extend([tls.cert_file, tls.key_file]);
        files.extend(tls.clients.map(|(path, _)| path));
    }
    files
}

fn stamps(files: &[PathBuf]) -> Vec<Stamp> {
    let stamp = |path: &PathBuf| {
        let meta = fs::metadata(path).ok()?;
        Some((meta.dev(), meta.ino(), meta.ctime(), meta.ctime_nsec(), meta.len()))
    };
    files.iter().map(stamp).collect()
}
