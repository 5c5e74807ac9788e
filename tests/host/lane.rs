//! A lane: one box, and the tests that run on it one after the other. Lanes run side by side, so a
//! second box costs the suite little time.

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};

use anyhow::Result;
use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::backend::Backend;
use crate::host::{Host, SEED};
use crate::newer::Newer;

/// What a test gets: the box, in the state the test before left it in.
pub(crate) type Test = Box<dyn Fn(&Host) -> Result<()> + Send>;

/// A box to be, and whose turn it is on it.
pub(crate) struct Lane {
    /// One letter, which tells its box from the others'.
    letter: char,
    /// What guards the box; `None`: as the seed has it.
    backend: Option<Backend>,
    /// A firewalld in place of this machine's.
    firewalld: Option<Newer>,
    /// The box; or why there can be none.
    host: OnceLock<Result<Host, String>>,
    turn: Mutex<usize>,
    next: Condvar,
}

impl Lane {
    /// A lane without a box yet.
    pub(crate) fn new(
        letter: char,
        backend: Option<Backend>,
        firewalld: Option<Newer>,
    ) -> Arc<Self> {
        let (host, turn, next) = (OnceLock::new(), Mutex::new(0), Condvar::new());
        Arc::new(Self { letter, backend, firewalld, host, turn, next })
    }

    /// The tests among these that were asked for, to run in this order.
    pub(crate) fn trials(
        self: &Arc<Self>,
        arguments: &Arguments,
        tests: Vec<(String, Test)>,
    ) -> Vec<Trial> {
        let wanted = tests.into_iter().filter(|(name, _)| is_wanted(arguments, name));
        wanted.enumerate().map(|(turn, (name, test))| self.trial(turn, name, test)).collect()
    }

    /// Ends the box, if it ever came up.
    pub(crate) fn down(&self) -> Result<()> {
        self.host.get().and_then(|host| host.as_ref().ok()).map_or(Ok(()), Host::down)
    }

    fn trial(self: &Arc<Self>, turn: usize, name: String, test: Test) -> Trial {
        let lane = Arc::clone(self);
        Trial::ignorable_test(name, move || {
            let turns = lane.turn.lock().unwrap_or_else(PoisonError::into_inner);
            drop(lane.next.wait_while(turns, |now| *now != turn));
            // Whoever watches the suite's clock waits for the longest lanes: these wait for nobody.
            let permit = lane.backend.map(|_| Permit::take());
            let outcome = catch_unwind(AssertUnwindSafe(|| lane.run(&test)));
            drop(permit);
            *lane.turn.lock().unwrap_or_else(PoisonError::into_inner) += 1;
            lane.next.notify_all();
            outcome.unwrap_or_else(|panic| resume_unwind(panic))
        })
    }

    fn run(&self, test: &Test) -> Result<Completion, Failed> {
        let host = match self.host().map_err(|error| format!("{error:#}"))? {
            Ok(host) => host,
            Err(why) => {
                eprintln!("SKIPPED: {why}");
                return Ok(Completion::ignored_with(why));
            }
        };
        let before = host.journal(None)?.1;
        match catch_unwind(AssertUnwindSafe(|| test(host))) {
            Ok(Ok(())) => Ok(Completion::Completed),
            Ok(Err(error)) => Err(format!("{error:#}\n{}", host.explain(Some(&before))).into()),
            Err(panic) => {
                eprintln!("{}", host.explain(Some(&before)));
                resume_unwind(panic)
            }
        }
    }

    /// The box, booted when first asked for; or why what it needs can't be had.
    fn host(&self) -> Result<&Result<Host, String>> {
        if let Some(host) = self.host.get() {
            return Ok(host);
        }
        let host = match self.firewalld.map(Newer::fetched).transpose() {
            Ok(firewalld) => Ok(self.up(firewalld.as_deref())?),
            Err(why) => Err(format!("{why:#}")),
        };
        Ok(self.host.get_or_init(|| host))
    }

    fn up(&self, firewalld: Option<&Path>) -> Result<Host> {
        let config = self.backend.map_or_else(|| SEED.to_owned(), Backend::config);
        let router = self.backend.is_some();
        let host = Host::up(env!("CARGO_BIN_EXE_gaoler"), self.letter, router, config)?;
        let newer = firewalld.map_or(Ok(()), |from| Newer::install(from, &host));
        let prepared = newer.and_then(|()| self.backend.map_or(Ok(()), |it| it.prepare(&host)));
        if prepared.is_err() {
            host.down()?;
        }
        prepared.map(|()| host)
    }
}

/// That one test more of a backend may run. A box keeps a core busy, so more of them at once only make
/// each other late.
struct Permit;

static RUNNING: Mutex<usize> = Mutex::new(0);
static ENDED: Condvar = Condvar::new();

impl Permit {
    fn take() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let running = ENDED.wait_while(running, |running| *running >= cores);
        *running.unwrap_or_else(PoisonError::into_inner) += 1;
        Self
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        ENDED.notify_one();
    }
}

/// As `libtest_mimic` decides it: the turns of tests that are filtered out never come.
fn is_wanted(arguments: &Arguments, name: &str) -> bool {
    let fits =
        |filter: &String| if arguments.exact { name == filter } else { name.contains(filter) };
    arguments.filter.as_ref().is_none_or(fits) && !arguments.skip.iter().any(fits)
}
