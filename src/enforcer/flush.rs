//! Takes all that is gaoler's out of the firewall, when no daemon runs: before gaoler is removed.

use std::time::Duration;

use tokio::sync::mpsc::{Receiver, channel, unbounded_channel};

use super::nftables;
use super::order::{Condition, Inherited, Order, Report};
use crate::config::checked::Enforcement;
use crate::moment::Clock;

/// How long firewalld may take. Each rich rule takes it some 10 ms.
const PATIENCE: Duration = Duration::from_mins(2);

/// How long it may take to come up.
const ABSENCE: Duration = Duration::from_secs(5);

/// What was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flushed {
    /// So many rules and entries of firewalld's running configuration. The sets that entries were in
    /// stay: those are `gaoler provision`'s.
    Entries(u64),
    /// A table in the kernel, if it was there.
    Table,
    /// firewalld does not run, so there is nothing that it would hold.
    NoFirewall,
    /// This configuration enforces nothing.
    NoEnforcement,
}

/// Why something may be left.
#[derive(Debug, thiserror::Error)]
pub enum FlushError {
    /// The kernel said no.
    #[error(transparent)]
    Kernel(#[from] nftables::trouble::Trouble),
    /// firewalld is there and does not do it.
    #[error("firewalld did not let go of every ban: {0}")]
    Broken(String),
    /// It took too long.
    #[error(
        "firewalld did not let go of every ban in {} min; try again, or `firewall-cmd --reload`, \
         which drops all that is not permanent",
        PATIENCE.as_secs() / 60
    )]
    TookTooLong,
}

/// Does it.
///
/// # Errors
///
/// Fails if the firewall refuses, or takes too long.
///
/// # Panics
///
/// Panics outside a tokio runtime.
pub async fn flush(enforcement: &Enforcement, clock: Clock) -> Result<Flushed, FlushError> {
    match enforcement {
        Enforcement::None => Ok(Flushed::NoEnforcement),
        Enforcement::Nftables(settings) => {
            nftables::delete_table(&settings.table)?;
            Ok(Flushed::Table)
        }
        Enforcement::Firewalld(_) => firewalld(enforcement, clock).await,
    }
}

/// Has the enforcer compare what is with nothing.
async fn firewalld(enforcement: &Enforcement, clock: Clock) -> Result<Flushed, FlushError> {
    let (orders, ordered) = unbounded_channel();
    let (tell, mut reports) = channel(64);
    let enforcer = super::spawn(enforcement, Inherited::default(), clock, ordered, tell);
    let compared = tokio::time::timeout(PATIENCE, compared(&mut reports)).await;
    let _ = orders.send(Order::Stop);
    reports.close();
    enforcer.abort();
    compared.map_err(|_| FlushError::TookTooLong)?
}

async fn compared(reports: &mut Receiver<Report>) -> Result<Flushed, FlushError> {
    let mut absent = false;
    loop {
        let next = if absent {
            let Ok(next) = tokio::time::timeout(ABSENCE, reports.recv()).await else {
                return Ok(Flushed::NoFirewall);
            };
            next
        } else {
            reports.recv().await
        };
        match next {
            Some(Report::Reconciled { unexpected, .. }) => {
                return Ok(Flushed::Entries(unexpected));
            }
            Some(Report::Condition(Condition::Broken(why))) => return Err(FlushError::Broken(why)),
            Some(Report::Condition(condition)) => absent = condition == Condition::Absent,
            Some(_) => {}
            None => return Err(FlushError::Broken("its driver ended".to_owned())),
        }
    }
}
