//! `gaoler.yaml`: as written, checked, and as meant.

pub mod checked;
pub mod error;
mod tree;
