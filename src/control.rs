//! The socket behind `gaoler status` and its kin.

pub mod peer;
