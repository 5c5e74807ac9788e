//! How far long work is: on the side, for whoever sits at a terminal. It goes when it is dropped.

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};

/// From so many bytes on, reading takes long enough to be looked at.
const LONG: u64 = 16 << 20;

/// So many entries of a journal are read between two looks at how far it is.
const ENTRIES: u64 = 4096;

/// Of so many bytes to be read; wrap what reads them by [`ProgressBar::wrap_read`].
pub(super) fn of_bytes(length: u64) -> ProgressBar {
    if length < LONG {
        return ProgressBar::hidden();
    }
    bar(ProgressBar::new(length), "{wide_bar} {bytes}/{total_bytes} {eta}")
}

/// Of so many steps.
pub(super) fn of_steps(count: usize) -> ProgressBar {
    bar(ProgressBar::new(count as u64), "{wide_bar} {pos}/{len} {eta}")
}

/// Of the entries of a journal; how many there are nobody knows.
pub(super) fn of_entries() -> ProgressBar {
    bar(ProgressBar::no_length(), "{spinner} {human_pos} entries")
}

/// That so many entries were read so far.
pub(super) fn entries_read(progress: &ProgressBar, entries: u64) {
    if entries.is_multiple_of(ENTRIES) {
        progress.set_position(entries);
    }
}

/// It is drawn on standard error, if that is a terminal.
fn bar(progress: ProgressBar, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).expect("the template is of known words");
    progress.with_style(style).with_finish(ProgressFinish::AndClear)
}
