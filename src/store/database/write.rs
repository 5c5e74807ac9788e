//! Changes, written in one transaction.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::Database;
use crate::jail::ban::{Ban, BanKey, JailName};
use crate::jail::windows::Kept;
use crate::record::exhibit::Exhibit;
use crate::store::backlog::Backlog;
use crate::store::change::{Ended, Totals, Window};
use crate::store::takeover::Taken;
use crate::trace::TraceId;

/// How many ended bans are remembered at most.
const MOST_HISTORY: i64 = 100_000;

/// How many records of bans are remembered at most: some 40 MB of the longest.
const MOST_EVIDENCE: i64 = 50_000;

impl Database {
    /// Writes all of it, or nothing; forgets bans that ended longer than `age` ago.
    pub(in crate::store) fn write(
        &mut self,
        backlog: &Backlog,
        age: SignedDuration,
    ) -> rusqlite::Result<()> {
        let transaction = begin(&mut self.connection)?;
        for (ban, ended) in &backlog.past {
            remember(&transaction, ban, ended)?;
        }
        for (key, fate) in &backlog.bans {
            if let Some(ended) = &fate.ended {
                end(&transaction, key, ended)?;
            }
            if let Some(ban) = &fate.began {
                start(&transaction, ban)?;
            }
        }
        for (trace, exhibits) in &backlog.evidence {
            keep_evidence(&transaction, *trace, exhibits)?;
        }
        for (source, position) in &backlog.positions {
            let position = serde_json::to_string(position)
                .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
            let insert = "INSERT OR REPLACE INTO positions (source, position) VALUES (?1, ?2)";
            transaction.prepare_cached(insert)?.execute([&**source, &position])?;
        }
        if backlog.windows_anew {
            transaction.execute("DELETE FROM windows", [])?;
        }
        for Window { jail, kept } in backlog.windows.newest() {
            keep_window(&transaction, jail, kept)?;
        }
        for (jail, added) in &backlog.totals {
            count(&transaction, jail, *added)?;
        }
        for (jail, open) in &backlog.breakers {
            keep_breaker(&transaction, jail, *open)?;
        }
        prune(&transaction, backlog, age)?;
        transaction.commit()
    }
}

impl Database {
    /// Writes bans of another program's, all or none; leaves out what is there already.
    pub(in crate::store) fn take_over(
        &mut self,
        live: &[Ban],
        ended: &[(Ban, Timestamp)],
    ) -> rusqlite::Result<Taken> {
        let transaction = begin(&mut self.connection)?;
        let is_live = "SELECT 1 FROM bans WHERE jail = ?1 AND address = ?2";
        let is_past = "SELECT 1 FROM history WHERE jail = ?1 AND address = ?2 AND since = ?3";
        let mut taken = Taken::default();
        for ban in live {
            let key = params![ban.key.jail.as_str(), ban.key.address.to_string()];
            if !transaction.prepare_cached(is_live)?.exists(key)? {
                start(&transaction, ban)?;
                taken.live += 1;
            }
        }
        for (ban, at) in ended {
            let since = ban.since.as_microsecond();
            let key = params![ban.key.jail.as_str(), ban.key.address.to_string(), since];
            if !transaction.prepare_cached(is_past)?.exists(key)? {
                let (key, reason) = (ban.key.clone(), "expired");
                remember(&transaction, ban, &Ended { key, at: *at, reason })?;
                taken.ended += 1;
            }
        }
        transaction.commit()?;
        Ok(taken)
    }
}

fn begin(connection: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    // At once a writer: waits for another one's end instead of failing half way.
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}

fn start(transaction: &Transaction, ban: &Ban) -> rusqlite::Result<()> {
    let insert = "
        INSERT OR REPLACE INTO bans (jail, address, origin, since, bantime, failures, trace)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    transaction.prepare_cached(insert)?.execute(params![
        ban.key.jail.as_str(),
        ban.key.address.to_string(),
        ban.origin.as_str(),
        ban.since.as_microsecond(),
        ban.bantime.map(micros),
        ban.failures,
        ban.trace.to_string(),
    ])?;
    Ok(())
}

/// Moves a ban to the history. One that is not written is none.
fn end(transaction: &Transaction, key: &BanKey, ended: &Ended) -> rusqlite::Result<()> {
    let (jail, address) = (key.jail.as_str(), key.address.to_string());
    let insert = "
        INSERT INTO history (jail, address, origin, since, bantime, failures, trace, ended, reason)
        SELECT jail, address, origin, since, bantime, failures, trace, ?3, ?4
        FROM bans WHERE jail = ?1 AND address = ?2";
    let at = ended.at.as_microsecond();
    transaction.prepare_cached(insert)?.execute(params![jail, address, at, ended.reason])?;
    let delete = "DELETE FROM bans WHERE jail = ?1 AND address = ?2";
    transaction.prepare_cached(delete)?.execute([jail, &address])?;
    Ok(())
}

/// Writes the history of a ban that was never written itself.
fn remember(transaction: &Transaction, ban: &Ban, ended: &Ended) -> rusqlite::Result<()> {
    let insert = "
        INSERT INTO history (jail, address, origin, since, bantime, failures, trace, ended, reason)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    transaction.prepare_cached(insert)?.execute(params![
        ban.key.jail.as_str(),
        ban.key.address.to_string(),
        ban.origin.as_str(),
        ban.since.as_microsecond(),
        ban.bantime.map(micros),
        ban.failures,
        ban.trace.to_string(),
        ended.at.as_microsecond(),
        ended.reason,
    ])?;
    Ok(())
}

fn keep_evidence(
    transaction: &Transaction,
    trace: TraceId,
    exhibits: &[Arc<Exhibit>],
) -> rusqlite::Result<()> {
    let insert = "
        INSERT INTO evidence (trace, time, address, source, pattern, user, text, cut)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let (trace, mut insert) = (trace.to_string(), transaction.prepare_cached(insert)?);
    for exhibit in exhibits {
        insert.execute(params![
            trace,
            exhibit.time.as_microsecond(),
            exhibit.address.to_string(),
            &*exhibit.source,
            &*exhibit.pattern,
            exhibit.user.as_deref(),
            &*exhibit.text,
            exhibit.cut,
        ])?;
    }
    Ok(())
}

/// Keeps a window; one without failures is none.
fn keep_window(transaction: &Transaction, jail: &JailName, kept: &Kept) -> rusqlite::Result<()> {
    let address = kept.address.to_string();
    let Some(trace) = kept.trace.filter(|_| !kept.times.is_empty()) else {
        let delete = "DELETE FROM windows WHERE jail = ?1 AND address = ?2";
        transaction.prepare_cached(delete)?.execute([jail.as_str(), &address])?;
        return Ok(());
    };
    let micros: Vec<String> =
        kept.times.iter().map(|time| time.as_microsecond().to_string()).collect();
    let times = format!("[{}]", micros.join(","));
    let insert = "
        INSERT OR REPLACE INTO windows (jail, address, times, trace) VALUES (?1, ?2, ?3, ?4)";
    let trace = trace.to_string();
    transaction.prepare_cached(insert)?.execute([jail.as_str(), &address, &times, &trace])?;
    Ok(())
}

fn count(transaction: &Transaction, jail: &JailName, added: Totals) -> rusqlite::Result<()> {
    let upsert = "
        INSERT INTO totals (jail, failed, banned) VALUES (?1, ?2, ?3)
        ON CONFLICT (jail) DO UPDATE
        SET failed = failed + excluded.failed, banned = banned + excluded.banned";
    let [failed, banned] =
        [added.failed, added.banned].map(|n| i64::try_from(n).unwrap_or(i64::MAX));
    transaction.prepare_cached(upsert)?.execute(params![jail.as_str(), failed, banned])?;
    Ok(())
}

/// Keeps an open breaker; a closed one is none.
fn keep_breaker(
    transaction: &Transaction,
    jail: &JailName,
    open: Option<Timestamp>,
) -> rusqlite::Result<()> {
    let Some(since) = open else {
        let delete = "DELETE FROM breakers WHERE jail = ?1";
        transaction.prepare_cached(delete)?.execute([jail.as_str()])?;
        return Ok(());
    };
    let insert = "INSERT OR REPLACE INTO breakers (jail, since) VALUES (?1, ?2)";
    transaction.prepare_cached(insert)?.execute(params![jail.as_str(), since.as_microsecond()])?;
    Ok(())
}

/// Forgets the oldest of the history and of the records, if they have grown.
fn prune(
    transaction: &Transaction,
    backlog: &Backlog,
    age: SignedDuration,
) -> rusqlite::Result<()> {
    if !backlog.evidence.is_empty() {
        let surplus = "DELETE FROM evidence WHERE id <= (SELECT max(id) FROM evidence) - ?1";
        transaction.prepare_cached(surplus)?.execute([MOST_EVIDENCE])?;
    }
    let past = backlog.past.iter().map(|(_, ended)| ended.at);
    let ended = backlog.bans.values().filter_map(|fate| Some(fate.ended.as_ref()?.at));
    let Some(now) = past.chain(ended).max() else { return Ok(()) };
    let oldest = now.saturating_sub(age).unwrap_or(Timestamp::MIN).as_microsecond();
    transaction.prepare_cached("DELETE FROM history WHERE ended < ?1")?.execute([oldest])?;
    let surplus = "DELETE FROM history WHERE id <= (SELECT max(id) FROM history) - ?1";
    transaction.prepare_cached(surplus)?.execute([MOST_HISTORY])?;
    Ok(())
}

fn micros(span: SignedDuration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}
