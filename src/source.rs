//! Follows where records come from, matches them, and sends what was found.
//!
//! Each source is one thread. It owns its bytes, its position and the matchers; it reads big
//! chunks and sends a [`Batch`] over a bounded channel. No record crosses the channel, and
//! back-pressure reaches the reader: the journal and the files are the queue.

pub mod batch;
