//! Makes the firewall refuse what the ledger says, and says what it saw.
//!
//! One task drives one firewall, one call at a time. The daemon sends it [`order::Order`]s and
//! hears [`order::Report`]s; it never waits for it.

pub mod order;
