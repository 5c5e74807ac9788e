//! One run: the attack, the faults one after the other, each until gaoler has recovered from it; and
//! then all evidence of it, put together for the checker.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use fastrand::Rng;

use crate::backend::Backend;
use crate::check::{Evidence, Micros, Rule, SECOND, Seconds, Trouble};
use crate::clock::boot;
use crate::crowd::{Crowd, Made};
use crate::fault::Fault;
use crate::logs;
use crate::observe::Metrics;
use crate::observer::Observer;
use crate::schedule::{self, FINDTIME, MAXRETRY, Turn, subject};
use crate::stage::Stage;

/// The jails' `bantime`.
const BANTIME: Duration = Duration::from_secs(25);
/// From one new attacker to the next, or so.
const PACE: Duration = Duration::from_millis(900);
/// After a fault is over, gaoler must work again within this.
const RECOVERY: Duration = Duration::from_mins(1);

/// What a run is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) backend: Backend,
    /// At least so long; each kind of fault comes at least once.
    pub(crate) length: Duration,
}

/// A fault that was, and gaoler's recovery from it.
#[derive(Debug)]
pub(crate) struct Suffered {
    pub(crate) fault: Fault,
    /// On the boot clock: when it began, when it was over or undone, when gaoler had recovered.
    pub(crate) from: Micros,
    pub(crate) undone: Micros,
    pub(crate) over: Micros,
    /// Why it had not recovered when nobody wanted to wait any longer.
    pub(crate) unwell: Option<String>,
}

/// A run that is over.
pub(crate) struct Outcome {
    pub(crate) evidence: Evidence,
    pub(crate) suffered: Vec<Suffered>,
    pub(crate) attempts: usize,
    /// By how much the attackers fell behind their schedule, at most.
    pub(crate) late: Duration,
    /// Requests that httpd served and no log has, though no fault excuses it.
    pub(crate) unlogged: Vec<Made>,
    /// What is wrong otherwise.
    pub(crate) complaints: Vec<String>,
}

/// Plays it.
pub(crate) fn play(plan: &Plan, stage: &Stage) -> Result<Outcome> {
    let host = stage.host();
    stage.start_collector()?;
    let (crowd, observer) = (Crowd::at(host), Observer::of(host, plan.backend));
    let (suffered, end, restless) = thread::scope(|scope| {
        scope.spawn(|| observer.watch());
        let longest = plan.length + Duration::from_hours(1);
        crowd.attack(scope, schedule::attack(plan.seed, longest, PACE));
        let suffered = faults(plan, stage, &crowd, &observer);
        crowd.stop();
        let calm = suffered.is_ok().then(|| await_calm(stage, &observer));
        let end = boot();
        observer.stop();
        let restless = calm.and_then(Result::err).map(|error| error.to_string());
        Ok::<_, anyhow::Error>((suffered?, end, restless))
    })?;
    let mut outcome = gather(stage, &crowd, &observer, suffered, end)?;
    outcome.complaints.extend(restless);
    Ok(outcome)
}

/// Whole rounds of faults, until it has been long enough.
fn faults(plan: &Plan, stage: &Stage, crowd: &Crowd, observer: &Observer) -> Result<Vec<Suffered>> {
    let begun = Instant::now();
    let mut rng = Rng::with_seed(!plan.seed);
    let mut suffered = Vec::new();
    while suffered.is_empty() || begun.elapsed() < plan.length {
        // In a long run some last for minutes.
        let longest = (plan.length / 12).clamp(Duration::from_secs(6), Duration::from_mins(3));
        for turn in schedule::round(&mut rng, longest) {
            suffered.push(suffer(&turn, stage, crowd, observer)?);
        }
    }
    Ok(suffered)
}

fn suffer(turn: &Turn, stage: &Stage, crowd: &Crowd, observer: &Observer) -> Result<Suffered> {
    thread::sleep(turn.pause);
    let from = boot();
    Fault::befall(turn, stage).with_context(|| turn.fault.to_string())?;
    let undone = boot();
    let unwell = recover(stage, crowd, observer).err().map(|error| format!("{error:#}"));
    let over = boot();
    let recovered = Seconds(over - undone);
    eprintln!("{:>9}  {:26} recovered in {recovered} s", Seconds(from), turn.fault.to_string());
    Ok(Suffered { fault: turn.fault, from, undone, over, unwell })
}

/// Waits until gaoler says that all is well, and until a new attacker is refused.
fn recover(stage: &Stage, crowd: &Crowd, observer: &Observer) -> Result<()> {
    let deadline = Instant::now() + RECOVERY;
    // One may fail: its first line joins one that a full disk has torn.
    let (mut canaries, mut next) = (Vec::new(), Instant::now());
    let mut complaint = String::new();
    while Instant::now() < deadline {
        if next <= Instant::now() {
            canaries.push(subject(crowd.canary()));
            next = Instant::now() + Duration::from_secs(3);
        }
        let last = observer.last();
        let refused = |one| last.as_ref().is_some_and(|look| look.refused.contains(one));
        match is_well(stage) {
            Ok(()) if canaries.iter().any(refused) => return Ok(()),
            Ok(()) => complaint = format!("none of {canaries:?} is refused"),
            Err(error) => complaint = format!("{error:#}"),
        }
        thread::sleep(Duration::from_millis(100));
    }
    bail!("not recovered within {} s: {complaint}", RECOVERY.as_secs())
}

/// Whether the metrics say that nothing is wrong.
fn is_well(stage: &Stage) -> Result<()> {
    let metrics = Metrics::of(stage.host())?;
    for (name, wanted) in [
        ("gaoler_source_up", 2.0),
        ("gaoler_source_caught_up", 2.0),
        ("gaoler_enforcement_up", 1.0),
        ("gaoler_enforcement_pending", 0.0),
        ("gaoler_state_up", 1.0),
        ("gaoler_bans_volatile", 0.0),
    ] {
        let is = metrics.value(name, &[])?;
        ensure!((is - wanted).abs() < 0.5, "{name} is {is}");
    }
    Ok(())
}

/// Waits until the last ban has ended by itself.
fn await_calm(stage: &Stage, observer: &Observer) -> Result<()> {
    let longest = BANTIME + Duration::from_secs(30);
    // Attempts under way may still lead to bans.
    thread::sleep(Duration::from_secs(5));
    stage.host().until("nobody is refused any more", longest, || {
        Ok(observer.last().filter(|look| look.refused.is_empty()).map(drop))
    })
}

fn gather(
    stage: &Stage,
    crowd: &Crowd,
    observer: &Observer,
    suffered: Vec<Suffered>,
    end: Micros,
) -> Result<Outcome> {
    let host = stage.host();
    host.sh("journalctl --sync")?;
    let made = crowd.made();
    let mut failures = logs::sshd(host)?;
    let mut complaints = logs::disagrees(&failures, &made);
    let (web, served) = logs::httpd(host, &made)?;
    failures.extend(web);
    let said = logs::gaoler(host)?;
    let mut evidence = Evidence {
        rule: Rule {
            maxretry: MAXRETRY as usize,
            findtime: micros(FINDTIME),
            bantime: micros(BANTIME),
        },
        failures,
        lines: said.iter().map(|(_, line)| *line).collect(),
        looks: observer.looks(),
        troubles: suffered.iter().map(|it| Trouble { from: it.from, over: it.over }).collect(),
        starts: logs::starts(host)?,
        clock: stage.clock(),
        end,
    };
    let unlogged = excuse(&mut evidence, &suffered, served);
    complaints.extend(wrong_jails(&said));
    complaints.extend(crate::store::disagrees(stage, &evidence)?);
    let unwell = suffered.iter().filter_map(|it| {
        it.unwell.as_ref().map(|why| format!("{}: {}: {why}", Seconds(it.undone), it.fault))
    });
    complaints.extend(unwell);
    let (attempts, late) = (made.len(), crowd.late());
    Ok(Outcome { evidence, suffered, attempts, late, unlogged, complaints })
}

/// What no reader can be sure to have had: lines that httpd could not write while its disk was full,
/// and those around a copytruncate. Returns those that nothing excuses.
fn excuse(evidence: &mut Evidence, suffered: &[Suffered], served: Vec<Made>) -> Vec<Made> {
    let lossy: Vec<(Micros, Micros)> = suffered
        .iter()
        .filter(|it| matches!(it.fault, Fault::Disk | Fault::Copytruncate))
        .map(|it| (it.from - SECOND, it.undone + SECOND))
        .collect();
    let is_lossy =
        |early: Micros, late: Micros| lossy.iter().any(|(from, to)| *from <= late && early <= *to);
    for failure in evidence.failures.values_mut().flatten() {
        failure.sure &= !is_lossy(failure.early, failure.late);
    }
    let mut unexcused = Vec::new();
    for made in served {
        if !is_lossy(made.before, made.after) {
            unexcused.push(made);
            continue;
        }
        let ahead = evidence.walls(made.after, 0)[0] - made.after;
        let of_subject = evidence.failures.entry(subject(made.address)).or_default();
        of_subject.push(logs::unlogged(&made, ahead));
        of_subject.sort_by_key(|failure| failure.early);
    }
    unexcused
}

/// Bans by a jail that has no business with the address.
fn wrong_jails(said: &[(String, crate::check::Line)]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (jail, line) in said {
        let text = line.subject.to_string();
        let ssh = text.starts_with("198.18.") || text.starts_with("2001:db8:66:");
        if (jail == "sshd") != ssh {
            complaints.push(format!("{}: jail {jail} spoke of {text}", Seconds(line.at)));
        }
    }
    complaints
}

fn micros(span: Duration) -> Micros {
    Micros::try_from(span.as_micros()).unwrap_or(Micros::MAX)
}
