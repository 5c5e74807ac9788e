//! A journal from its first entry to its last, once: for looking back.

use jiff::Timestamp;

use super::super::batch::Trouble;
use super::entry::{Entry, Reading};
use super::open::{Broken, Opened};
use crate::record::origin::JournalOrigin;

/// Shows every entry of a journal that its match lets through. Entries that cannot be read are left
/// out, and so is what journald says that it dropped: nothing of it is there to be read.
///
/// # Errors
///
/// Says why no journal file can be read, and what to do about it.
pub fn whole(origin: &JournalOrigin, mut each: impl FnMut(Reading<'_>)) -> Result<(), Trouble> {
    let mut opened = Opened::open(origin, false)?;
    let mut entry = Entry::new(origin.trust_unprivileged);
    let broken = |Broken(trouble)| trouble;
    opened.seek(None, Timestamp::UNIX_EPOCH).map_err(broken)?;
    while opened.next().map_err(broken)? {
        if let Ok(reading) = entry.read(&mut opened.journal) {
            each(reading);
        }
    }
    Ok(())
}
