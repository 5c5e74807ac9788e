//! A jail: failures in, verdicts out.

pub mod ban;
pub mod scope;
pub mod window;
