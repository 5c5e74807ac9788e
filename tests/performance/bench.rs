//! gaoler against its peers and against bare scans, on the same inputs, in one run: `make bench`.
//!
//! It prints and judges nothing. docs/performance.md tells how it measures, and what came of it.
#![allow(clippy::disallowed_methods, reason = "runs the programs that it measures")]

mod harness;
mod inputs;
mod policy;

fn main() -> anyhow::Result<()> {
    harness::run(std::env::args_os(), &mut std::io::stdout())
}
