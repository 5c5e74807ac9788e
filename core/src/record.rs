//! One line of a log, or one journal entry, and where such come from.
//!
//! A record borrows its text from the reader's buffer and never crosses a thread: sources match
//! where they read, and send findings.

pub mod exhibit;
pub mod journalmatch;
pub mod origin;

use jiff::Timestamp;

/// One record, as a filter sees it.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// When it happened, if the source knows (the journal does). `None`: the text says, and the
    /// filter finds the date in it and cuts it out before matching, as fail2ban does.
    pub time: Option<Timestamp>,
    /// The bytes, without the line's end; any bytes, not always UTF-8. A journal entry has
    /// fail2ban's shape, `HOST IDENT[PID]: MESSAGE`, line breaks in MESSAGE written as `\n`.
    pub text: &'a [u8],
}
