//! The real daemon under more attackers than it counts: what it holds stays bounded, and who is
//! nearly banned is not forgotten. `make bounds` does the same with ten million.
#![allow(clippy::disallowed_methods, reason = "runs the daemon")]

mod flood;

use std::path::Path;

use anyhow::{Result, ensure};

use flood::Flooded;

/// More than twice as many as a jail counts by default.
const ATTACKERS: u32 = 150_000;

/// How much of the disk the state may take meanwhile.
const DISK: u64 = 64 << 20;

/// What gaoler may take at most, at the default cap; docs/bounds.md promises it.
const BOUND_MIB: u64 = 256;

#[test]
fn more_attackers_than_it_counts_cost_no_more_memory_and_save_nobody() -> Result<()> {
    check(true)
}

#[test]
fn nor_where_nothing_can_be_stored() -> Result<()> {
    check(false)
}

fn check(stores: bool) -> Result<()> {
    let mut flooded = Flooded::start(Path::new(env!("CARGO_BIN_EXE_gaoler")), stores)?;
    for near in ["203.0.113.7", "2001:db8::7"] {
        flooded.fail(near, 4)?;
    }
    flooded.flood(ATTACKERS)?;
    let looks = flooded.look()?;
    ensure!(looks.bans == 0, "nobody has failed five times: {looks:?}");
    ensure!(looks.tracked <= 65_536, "{looks:?}");
    ensure!(looks.forgotten >= u64::from(ATTACKERS) - 65_536, "it is counted: {looks:?}");
    ensure!(looks.resident.1 <= BOUND_MIB && looks.stored <= DISK, "{looks:?}");
    // Two a second are meant; whoever is slower has fewer.
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let transactions = looks.transactions as f64;
    ensure!(transactions <= 5.0 * looks.seconds + 5.0, "{looks:?}");
    flooded.fail("203.0.113.7", 1)?;
    flooded.fail("2001:db8::7", 1)?;
    let looks = flooded.look()?;
    ensure!(looks.bans == 2, "whoever was nearly banned is not forgotten: {looks:?}");
    Ok(())
}
