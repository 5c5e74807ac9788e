//! From a record to a failure: which lines mean one, and whose it is.
//!
//! Pure: a filter meets no file and no clock. It never lets text that the peer chose (a user name,
//! a request line) choose the address.

pub mod definition;

/// A compiled filter. Immutable and shared; what changes from line to line is a matcher's.
#[derive(Debug)]
pub struct Filter {
    /// As its file has it.
    pub definition: definition::Definition,
}
