//! Ten million distinct attackers, IPv4 and IPv6, through the real daemon: from a log's lines to its
//! state database. `make bounds`, or with `BENCH=1000000` fewer; `GAOLER` names
//! another binary. It prints, and judges two things:
//! memory, and whether who was nearly banned still is.
#![allow(clippy::disallowed_methods, reason = "runs the daemon")]
#![allow(clippy::print_stdout, reason = "its figures are what it is for")]

#[path = "flood.rs"]
mod flood;

use std::path::Path;

use anyhow::{Result, ensure};

use flood::Flooded;

const ATTACKERS: u32 = 10_000_000;
const STEP: u32 = 1_000_000;
const BOUND_MIB: u64 = 256;

fn main() -> Result<()> {
    let asked = std::env::args().skip(1).find_map(|argument| argument.parse::<u32>().ok());
    let attackers = asked.unwrap_or(ATTACKERS);
    let gaoler = std::env::var_os("GAOLER").unwrap_or(env!("CARGO_BIN_EXE_gaoler").into());
    let mut flooded = Flooded::start(Path::new(&gaoler), true)?;
    let idle = flooded.look()?;
    println!("idle: {} MiB", idle.resident.0);
    flooded.fail("203.0.113.7", 4)?;
    println!(
        "attackers   seconds   RSS MiB   at most     counted   forgotten   transactions/s   state.db MiB"
    );
    let mut done = 0;
    while done < attackers {
        let step = STEP.min(attackers - done);
        flooded.flood(step)?;
        done += step;
        let looks = flooded.look()?;
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let rate = looks.transactions as f64 / looks.seconds;
        println!(
            "{done:9} {:9.1} {:9} {:9} {:9} {:11} {rate:16.1} {:14}",
            looks.seconds,
            looks.resident.0,
            looks.resident.1,
            looks.tracked,
            looks.forgotten,
            looks.stored >> 20,
        );
    }
    flooded.fail("203.0.113.7", 1)?;
    let looks = flooded.look()?;
    ensure!(looks.bans == 1, "who had failed four times before was forgotten: {looks:?}");
    ensure!(looks.resident.1 <= BOUND_MIB, "more than {BOUND_MIB} MiB: {looks:?}");
    println!("four failures before and one after {done} others: banned");
    Ok(())
}
