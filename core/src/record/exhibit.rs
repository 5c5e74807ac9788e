//! A matched record, kept to be shown: what a ban rests on.
//!
//! It holds bytes that attackers wrote. They are shown escaped, compared with nothing, and decide
//! nothing.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;

/// How much of a record's text is kept, in bytes.
pub const MOST_TEXT: usize = 512;
/// How much of a user's name is kept, in bytes.
pub const MOST_USER: usize = 64;

/// What allocating an exhibit, its text and its user costs beside them.
const ALLOCATED: usize = 64;

/// One matched record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exhibit {
    /// When it happened, as the log states it.
    pub time: Timestamp,
    /// Whose failure it told of: one host, also where a network was banned.
    pub address: IpAddr,
    /// Where it was read: the source's name.
    pub source: Arc<str>,
    /// What recognised it: the filter's line, as written.
    pub pattern: Arc<str>,
    /// The user it names, as the peer wrote it; cut at [`MOST_USER`].
    pub user: Option<Box<[u8]>>,
    /// Its bytes; cut at [`MOST_TEXT`].
    pub text: Box<[u8]>,
    /// Whether there was more text.
    pub cut: bool,
}

impl Exhibit {
    /// About how much memory it takes, in bytes: with what the allocator adds, and without what is
    /// shared.
    #[must_use]
    pub fn size(&self) -> usize {
        size_of::<Self>()
            + ALLOCATED
            + self.text.len()
            + self.user.as_ref().map_or(0, |user| user.len())
    }
}
