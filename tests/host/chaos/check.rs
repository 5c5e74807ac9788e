//! The checker: what a run wrote down, held against the rules; it knows none of gaoler's code.
//!
//! The rules (jail.conf(5), and the clocks): `maxretry` failures within `findtime`, by the log's own
//! time, make a ban. It lasts `bantime` on the boot clock. The wall clock counts only where gaoler
//! started meanwhile: then what it says is left, at most all of `bantime`.
//!
//! Where a rule leaves room, the [`Slack`] says how much, and nothing else is forgiven. A fault under
//! way puts deadlines off until it is over and gaoler has recovered, which is timed; it excuses
//! nothing that is missing for good.

mod deadline;
mod due;
mod evidence;
mod justified;
mod period;

use std::fmt;

use ipnet::IpNet;

pub(crate) use self::evidence::{
    Evidence, Failure, Line, Look, Micros, Rule, Said, Start, Trouble,
};
use self::period::periods;

/// One second.
pub(crate) const SECOND: Micros = 1_000_000;

/// What is forgiven.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slack {
    /// From a line in the log to the rule in the kernel, or from a ban's end to no rule, on a machine
    /// that has other things to do.
    pub(crate) acting: Micros,
    /// How much too early a ban may end by what the observer saw, and how far from the end of a ban a
    /// failure must be to certainly count.
    pub(crate) edge: Micros,
    /// By how much the two stamps of one event, the log's and the observer's, may differ.
    pub(crate) stamp: Micros,
}

impl Slack {
    /// What a run is held to.
    pub(crate) const STRICT: Self = Self { acting: 4 * SECOND, edge: 2 * SECOND, stamp: SECOND };
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// It failed often enough, and was not banned in time.
    Missed { subject: IpNet, at: Micros },
    /// It was banned, and had not failed often enough.
    Unfounded { subject: IpNet, at: Micros },
    /// The kernel refuses it, and its ban is over or never was.
    Overlong { subject: IpNet, at: Micros, over: Option<Micros> },
    /// It is banned, and the kernel lets it in.
    LetIn { subject: IpNet, at: Micros },
    /// Its ban was ended too early or too late, by gaoler's own account.
    Ended { subject: IpNet, at: Micros, due: (Micros, Micros) },
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// All that is wrong, in the order of time.
    pub(crate) findings: Vec<Finding>,
    /// How many bans were due by the logs alone.
    pub(crate) due: usize,
    /// How many there were.
    pub(crate) bans: usize,
    /// How many of them ended by themselves within the run.
    pub(crate) ended: usize,
    /// How many failures are in the logs.
    pub(crate) failures: usize,
    /// How many of them a reader may not have had.
    pub(crate) unsure: usize,
    /// How many addresses or networks they are of, and how many of those were never banned.
    pub(crate) subjects: (usize, usize),
}

/// Holds a run against the rules.
pub(crate) fn check(evidence: &Evidence, slack: Slack) -> Checked {
    let mut checked = Checked::default();
    let none = Vec::new();
    let bans = periods(&evidence.lines);
    for (subject, failures) in &evidence.failures {
        let of_subject = bans.get(subject).unwrap_or(&none);
        let due = due::due(evidence, slack, failures, of_subject);
        checked.due += due.met;
        checked.failures += failures.len();
        checked.unsure += failures.iter().filter(|failure| !failure.sure).count();
        checked.subjects.0 += 1;
        checked.subjects.1 += usize::from(of_subject.is_empty());
        let missed = due.missed.into_iter().map(|at| Finding::Missed { subject: *subject, at });
        checked.findings.extend(missed);
    }
    for (subject, of_subject) in &bans {
        checked.bans += of_subject.len();
        checked.ended += of_subject.iter().filter(|ban| ban.ended.is_some()).count();
        checked.findings.extend(justified::unfounded(evidence, slack, *subject, of_subject));
        checked.findings.extend(deadline::ended(evidence, slack, *subject, of_subject));
    }
    checked.findings.extend(deadline::seen(evidence, slack, &bans));
    checked.findings.sort_by_key(Finding::at);
    checked
}

impl Finding {
    /// When it showed, on the boot clock.
    pub(crate) fn at(&self) -> Micros {
        match *self {
            Self::Missed { at, .. }
            | Self::Unfounded { at, .. }
            | Self::Overlong { at, .. }
            | Self::LetIn { at, .. }
            | Self::Ended { at, .. } => at,
        }
    }

    /// Whom it is about.
    pub(crate) fn subject(&self) -> IpNet {
        match *self {
            Self::Missed { subject, .. }
            | Self::Unfounded { subject, .. }
            | Self::Overlong { subject, .. }
            | Self::LetIn { subject, .. }
            | Self::Ended { subject, .. } => subject,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (subject, at) = (self.subject(), Seconds(self.at()));
        match self {
            Self::Missed { .. } => {
                write!(f, "{at}: {subject} should have been banned, and was not")
            }
            Self::Unfounded { .. } => write!(f, "{at}: {subject} was banned without a reason"),
            Self::Overlong { over: None, .. } => {
                write!(f, "{at}: {subject} is refused, and no ban of it ever was")
            }
            Self::Overlong { over: Some(over), .. } => {
                write!(f, "{at}: {subject} is refused, though its ban ended at {}", Seconds(*over))
            }
            Self::LetIn { .. } => write!(f, "{at}: {subject} is banned, and let in"),
            Self::Ended { due: (from, to), .. } => write!(
                f,
                "{at}: the ban of {subject} was ended, and was to end between {} and {}",
                Seconds(*from),
                Seconds(*to)
            ),
        }
    }
}

/// A time on the boot clock, for people.
pub(crate) struct Seconds(pub(crate) Micros);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / SECOND, self.0 % SECOND / 1000)
    }
}
