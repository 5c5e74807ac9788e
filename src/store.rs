//! What must outlive a restart, in SQLite.

pub mod change;
