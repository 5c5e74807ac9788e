//! What it costs to run with nothing to do: memory, time on a processor, and who wakes how often.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::host::{Host, SEED};

/// How long is looked: as long as the rarest of what is due takes to come twice.
const IDLE: Duration = Duration::from_mins(2);

/// What each thread has done so far: its name, how often it gave up the processor of its own will, and
/// for how long it had it, in nanoseconds.
type Threads = BTreeMap<u32, (String, u64, u64)>;

/// Prints it.
#[allow(clippy::cast_precision_loss, reason = "figures to look at")]
pub(crate) fn measure(host: &Host) -> Result<()> {
    host.configure(SEED)?;
    host.sh("systemctl restart gaoler")?;
    thread::sleep(Duration::from_secs(15));
    let pid: u32 = host.sh("systemctl show -P MainPID gaoler")?.trim().parse()?;
    let (before, begun) = (threads(host, pid)?, Instant::now());
    thread::sleep(IDLE);
    let after = threads(host, pid)?;
    let minutes = begun.elapsed().as_secs_f64() / 60.0;
    let mut wakes = BTreeMap::<&str, (u32, u64)>::new();
    let mut on_cpu = 0;
    for (id, (name, woken, nanos)) in &after {
        let (_, woken_before, nanos_before) =
            before.get(id).map_or(("", 0, 0), |(name, woken, nanos)| (name, *woken, *nanos));
        let entry = wakes.entry(name).or_default();
        *entry = (entry.0 + 1, entry.1 + woken - woken_before);
        on_cpu += nanos - nanos_before;
    }
    let share = on_cpu as f64 / (minutes * 60e9) * 100.0;
    println!("idle with both jails, {} s: {share:.4} % of a core", IDLE.as_secs());
    for (name, (threads, woken)) in wakes {
        println!("  {name} ({threads}): {:.1} wake-ups a minute", woken as f64 / minutes);
    }
    let status = host.sh(&format!("grep -E '^(Rss|VmRSS|Threads)' /proc/{pid}/status"))?;
    for line in status.lines() {
        println!("  {}", line.replace('\t', " "));
    }
    Ok(())
}

fn threads(host: &Host, pid: u32) -> Result<Threads> {
    let script = format!(
        "cd /proc/{pid}/task; for t in *; do
         echo \"$t $(cut -d' ' -f1 $t/schedstat) $(awk '/^voluntary/ {{print $2}}' $t/status) $(cat $t/comm)\"
         done"
    );
    let told = host.sh(&script)?;
    told.lines()
        .map(|line| {
            let mut words = line.splitn(4, ' ');
            let mut word = || words.next().context("a word");
            let (id, nanos, woken) = (word()?.parse()?, word()?.parse()?, word()?.parse()?);
            Ok((id, (word()?.to_owned(), woken, nanos)))
        })
        .collect()
}
