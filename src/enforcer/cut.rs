//! Closes a banned address's live connections (`cut_established`).
//!
//! firewalld and fail2ban let an open connection live on: its packets are *established* and pass
//! before any rule. Here, once a ban is confirmed, the host's own sockets with that peer are
//! destroyed (`SOCK_DESTROY`, `sock_diag(7)`: the peer gets a reset, the program `ECONNABORTED`), then
//! the connection tracker forgets the flows that the host forwards for it, so that their next packet
//! meets the rules anew. In this order, since a socket that still sends would be tracked again at
//! once.
//!
//! One thread does it, never the loop. It looks at all sockets once for all the bans that have come
//! meanwhile, and then rests for longer than it worked: a flood of bans costs a look a round.
//! [`targets`] decides and is pure; [`sockets`] and [`flows`] ask the kernel.

mod flows;
mod sockets;
mod targets;

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use ipnet::IpNet;

use self::targets::Targets;
use crate::jail::ban::JailName;
use crate::jail::scope::Scope;

/// How many bans may wait. More than that at once is a flood whose connections die of the ban
/// itself, since what they send is refused when the tracker forgets them.
const QUEUE: usize = 16_384;
/// The least rest between two rounds.
const REST: Duration = Duration::from_millis(50);
/// How much longer than a round the rest after it is.
const REST_FACTOR: u32 = 4;

/// A confirmed ban, whose connections are to be closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Whose ban it is.
    pub jail: JailName,
    /// The other end.
    pub address: IpNet,
    /// Our ends: connections of other ports live on.
    pub scope: Scope,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// Connections are closed. Not said where there were none.
    Closed {
        /// For a ban of this jail.
        jail: JailName,
        /// Sockets of this host that were destroyed.
        sockets: u64,
        /// Flows that the connection tracker has forgotten.
        flows: u64,
    },
    /// Some could not be.
    Failed {
        /// Why, in a word.
        reason: Reason,
        /// Why, in the kernel's words.
        why: String,
    },
}

/// Why connections could not be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The process lacks `CAP_NET_ADMIN`.
    Permission,
    /// The kernel has no `SOCK_DESTROY` (`CONFIG_INET_DIAG_DESTROY`), or no `sock_diag`.
    Unsupported,
    /// Too many bans waited.
    Overflow,
    /// Anything else.
    Other,
}

impl Reason {
    /// Every word that [`word`](Self::word) can say.
    pub const WORDS: &[&'static str] = &["permission", "unsupported", "overflow", "other"];

    /// As a metric's label value.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Permission => "permission",
            Self::Unsupported => "unsupported",
            Self::Overflow => "overflow",
            Self::Other => "other",
        }
    }

    fn of(error: &io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => Self::Permission,
            Some(libc::EOPNOTSUPP | libc::ENOENT | libc::EPROTONOSUPPORT | libc::EAFNOSUPPORT) => {
                Self::Unsupported
            }
            _ => Self::Other,
        }
    }
}

/// How many connections of one jail's bans were closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Closed {
    sockets: u64,
    flows: u64,
}

/// The thread that closes connections. Dropped, it ends after the round it is at.
#[derive(Debug)]
pub struct Cutter {
    queue: SyncSender<Cut>,
}

impl Cutter {
    /// Starts the thread; it idles until there is a ban. `tell` is called from it, and may block.
    ///
    /// # Errors
    ///
    /// Fails if the system refuses a thread.
    pub fn spawn(tell: impl FnMut(News) + Send + 'static) -> io::Result<Self> {
        let (queue, bans) = sync_channel(QUEUE);
        std::thread::Builder::new().name("cut".to_owned()).spawn(move || run(&bans, tell))?;
        Ok(Self { queue })
    }

    /// Has a ban's connections closed, soon. Returns whether there is room for it: never waits.
    #[must_use]
    pub fn cut(&self, ban: Cut) -> bool {
        self.queue.try_send(ban).is_ok()
    }
}

/// Whether this process may do it: whether it has `CAP_NET_ADMIN`. `None`: that cannot be told.
#[must_use]
pub fn is_permitted() -> Option<bool> {
    let capabilities = rustix::thread::capabilities(None).ok()?;
    Some(capabilities.effective.contains(rustix::thread::CapabilitySet::NET_ADMIN))
}

fn run(bans: &Receiver<Cut>, mut tell: impl FnMut(News)) {
    while let Ok(first) = bans.recv() {
        let begun = Instant::now();
        let targets = Targets::new(std::iter::once(first).chain(bans.try_iter().take(QUEUE)));
        for news in round(&targets) {
            tell(news);
        }
        std::thread::sleep(REST.max(begun.elapsed() * REST_FACTOR));
    }
}

/// Closes what the bans of one round meet.
fn round(targets: &Targets) -> Vec<News> {
    let mut closed = BTreeMap::<JailName, Closed>::new();
    let results = [sockets::destroy(targets, &mut closed), flows::forget(targets, &mut closed)];
    let closed = closed.into_iter().map(|(jail, Closed { sockets, flows })| News::Closed {
        jail,
        sockets,
        flows,
    });
    let failed = results
        .into_iter()
        .filter_map(Result::err)
        .map(|error| News::Failed { reason: Reason::of(&error), why: error.to_string() });
    closed.chain(failed).collect()
}
