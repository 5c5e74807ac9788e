//! The commands.

pub mod test;
