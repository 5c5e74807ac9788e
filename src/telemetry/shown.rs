//! What a page may show of addresses.

use std::sync::Arc;

use crate::control::api::BanStatus;

/// Who is banned, as far as whoever asks may know.
#[derive(Clone, Debug)]
pub enum Bans {
    /// Not for this reader; why, in a sentence.
    Hidden(&'static str),
    /// The daemon did not answer in time.
    Unavailable,
    /// All of them, by jail, in the order in which they end.
    Listed(Arc<[BanStatus]>),
}

impl Bans {
    /// Whether addresses may be shown at all.
    #[must_use]
    pub fn are_shown(&self) -> bool {
        !matches!(self, Self::Hidden(_))
    }
}
