//! What one more failure costs a jail, and what an address takes, however many it counts.

use std::collections::HashMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use gaoler::failure::Failure;
use gaoler::jail::ban::JailName;
use gaoler::jail::{Jail, Verdict};
use gaoler::moment::{Boot, Moment};
use jiff::{SignedDuration, Timestamp};

use super::super::cost::{self, Cost};
use super::super::table::{Cell, Row, Table};
use super::Bench;
use crate::inputs::{self, random::Random};
use crate::policy;

/// Jails that count more and more addresses: half of them IPv4, half IPv6, each of a network of its own,
/// which counts beside it.
pub(super) fn addresses(bench: &Bench) -> Result<Table> {
    let title = "a jail's failures (`Jail::on_failure`), every other address IPv6";
    let head = [
        "addresses",
        "ns a failure, new",
        "ns a failure, known",
        "ns in a bare hash map",
        "× that",
        "bytes an address",
        "at most",
    ];
    let mut table = Table::new("addresses", title, &head);
    for factor in [(1, 100_000), (1, 100), (1, 1), (10, 1)] {
        let count = u32::try_from((bench.lines * factor.0 / factor.1).max(10))?;
        eprintln!("· addresses, {count} of them");
        table.rows.push(row(count, u32::try_from(bench.lines)?)?);
    }
    Ok(table)
}

/// A jail of `count` addresses, and `known` failures of theirs.
fn row(count: u32, known: u32) -> Result<Row> {
    let values = if cfg!(test) { measured(count, known)? } else { by_itself(count, known)? };
    let [new, known, bare, took] = values;
    // A clock that ticks every few milliseconds and pages of 4 KiB tell nothing of a few addresses.
    let of = |least, figure: f64| {
        Cell::text(if count < least { String::new() } else { format!("{figure:.0}") })
    };
    let times = format!("{:.1}", known / bare);
    let few = count < 10_000;
    let limit = if few { Cell::text("") } else { Cell::limit(took, 200.0, "bytes") };
    let cells = vec![
        of(100_000, new),
        of(0, known),
        of(0, bare),
        Cell::text(times),
        of(10_000, took),
        limit,
    ];
    Ok(Row { name: count.to_string(), cells, values: values.to_vec() })
}

/// Has it measured by a process of its own, in whose memory nothing was before.
fn by_itself(count: u32, known: u32) -> Result<[f64; 4]> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--jail", &count.to_string(), "--lines", &known.to_string()]);
    let output = command.output()?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {complaint}");
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Nanoseconds of a new address's failure, of a known one's, and of one that a bare hash map counts; and
/// bytes an address.
///
/// # Errors
///
/// The jail forgets an address, or bans one.
pub(crate) fn measured(count: u32, known: u32) -> Result<[f64; 4]> {
    let mut jail = Jail::new(JailName::new("measured"), policy::counting(count as usize));
    let before = anonymous()?;
    let fresh = cost::function(|| {
        (0..count).try_for_each(|number| fail(&mut jail, number, number))?;
        Ok(u64::from(count))
    })?;
    let took = (anonymous()? - before) / f64::from(count);
    let mut random = Random::new(1);
    let again = cost::function(|| {
        let mut times = count..count + known;
        times.try_for_each(|time| fail(&mut jail, random.below(count), time))?;
        Ok(u64::from(known))
    })?;
    ensure!(jail.windows().len() == count as usize, "it has forgotten some");
    let nanoseconds =
        |cost: Cost, failures: u32| cost.cpu.as_secs_f64() * 1e9 / f64::from(failures);
    drop(jail);
    let bare = bare(count, known)?;
    Ok([nanoseconds(fresh, count), nanoseconds(again, known), nanoseconds(bare, known), took])
}

/// What memory alone costs: the same failures, counted in a hash map and nothing else.
fn bare(count: u32, known: u32) -> Result<Cost> {
    let mut map: HashMap<IpAddr, u32> = (0..count).map(|number| (address(number), 1)).collect();
    let mut random = Random::new(1);
    let cost = cost::function(|| {
        for _ in 0..known {
            *map.entry(address(random.below(count))).or_default() += 1;
        }
        Ok(u64::from(known))
    });
    std::hint::black_box(map);
    cost
}

/// Address number so many: every other is IPv6.
fn address(number: u32) -> IpAddr {
    if number.is_multiple_of(2) {
        Ipv4Addr::from(0x2000_0000 + number).into()
    } else {
        Ipv6Addr::from((0x2a00_u128 << 112) | (u128::from(number) << 64) | 1).into()
    }
}

/// A failure of address number so many, so many seconds after the first.
fn fail(jail: &mut Jail, number: u32, after: u32) -> Result<()> {
    let address = address(number);
    let time = Timestamp::from_second(inputs::END + i64::from(after))?;
    let now = Moment { wall: time, boot: Boot(SignedDuration::from_secs(after.into())) };
    let verdict = jail.on_failure(Failure { address, time }, now);
    ensure!(matches!(verdict, Verdict::Counted { .. }), "{verdict:?}");
    Ok(())
}

/// This process's anonymous memory, in bytes.
fn anonymous() -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).context("no RssAnon")?;
    Ok(kib.parse::<f64>()? * 1024.0)
}
