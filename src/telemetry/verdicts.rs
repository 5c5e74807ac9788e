//! The last verdicts, as the pages show them: [`crate::jail::recent`], which has their fields.

pub use crate::jail::recent::{RecentVerdict, RecentVerdicts, Word};
