//! What the store holds, read at a start.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use rusqlite::Row;
use rusqlite::types::{FromSql, Type, ValueRef};

use super::Database;
use crate::jail::ban::{Ban, BanKey, BanOrigin, JailName};
use crate::jail::windows::Kept;
use crate::source::batch::{Position, SourceName};
use crate::store::StoreError;
use crate::store::change::{Past, Saved, Totals, Window};
use crate::trace::TraceId;

/// The ended bans of each address since an operator last lifted one. An unban forgives. The trace is
/// that of the row with the maximum (SQLite's "Bare columns in an aggregate query").
const PAST: &str = "
    WITH lifted AS (
        SELECT jail, address, max(id) AS id FROM history WHERE reason = 'manual'
        GROUP BY jail, address
    )
    SELECT ban.jail, ban.address, count(*), max(ban.ended), ban.trace FROM history AS ban
    LEFT JOIN lifted ON lifted.jail = ban.jail AND lifted.address = ban.address
    WHERE ban.id > coalesce(lifted.id, 0)
    GROUP BY ban.jail, ban.address";

impl Database {
    /// Reads everything; of the history, how often who was banned.
    pub(in crate::store) fn load(&self, path: &Path) -> Result<Saved, StoreError> {
        let load = || {
            Ok(Saved {
                bans: self.rows(
                    "SELECT jail, address, origin, since, bantime, failures, trace FROM bans
                     ORDER BY since, jail, address",
                    ban,
                )?,
                positions: self.rows("SELECT source, position FROM positions", position)?,
                windows: self.rows("SELECT jail, address, times, trace FROM windows", window)?,
                totals: self.rows("SELECT jail, failed, banned FROM totals", totals)?,
                past: self.rows(PAST, past)?,
                breakers: self.rows("SELECT jail, since FROM breakers", breaker)?,
            })
        };
        load().map_err(|error| match error {
            rusqlite::Error::FromSqlConversionFailure(..) => {
                StoreError::Corrupt { path: path.to_owned(), detail: error.to_string() }
            }
            error => StoreError::of(path, error),
        })
    }

    fn rows<T>(
        &self,
        query: &str,
        read: fn(&Row) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        self.connection.prepare(query)?.query_map([], read)?.collect()
    }
}

fn ban(row: &Row) -> rusqlite::Result<Ban> {
    let key = BanKey { jail: jail(row)?, address: parsed(row, 1, |text| text.parse().ok())? };
    let origin = origin(row, 2)?;
    let since = instant(row, 3)?;
    let bantime = row.get::<_, Option<i64>>(4)?.map(SignedDuration::from_micros);
    Ok(Ban { key, origin, since, bantime, failures: row.get(5)?, trace: trace(row, 6)? })
}

fn position(row: &Row) -> rusqlite::Result<(SourceName, Position)> {
    let name: String = row.get(0)?;
    Ok((name.into(), parsed(row, 1, |text| serde_json::from_str(text).ok())?))
}

fn window(row: &Row) -> rusqlite::Result<Window> {
    let micros: Vec<i64> = parsed(row, 2, |text| serde_json::from_str(text).ok())?;
    let times = micros.iter().map(|&time| Timestamp::from_microsecond(time));
    let times = times.collect::<Result<_, _>>().map_err(|_| unreadable(2, &micros))?;
    let address = parsed(row, 1, |text| text.parse().ok())?;
    let kept = Kept { address, times, trace: Some(trace(row, 3)?) };
    Ok(Window { jail: jail(row)?, kept })
}

fn totals(row: &Row) -> rusqlite::Result<(JailName, Totals)> {
    Ok((jail(row)?, Totals { failed: count(row, 1)?, banned: count(row, 2)? }))
}

fn past(row: &Row) -> rusqlite::Result<Past> {
    let key = BanKey { jail: jail(row)?, address: parsed(row, 1, |text| text.parse().ok())? };
    let bans = u32::try_from(count(row, 2)?).unwrap_or(u32::MAX);
    Ok(Past { key, bans, until: instant(row, 3)?, trace: named(row, 4)? })
}

fn breaker(row: &Row) -> rusqlite::Result<(JailName, Timestamp)> {
    Ok((jail(row)?, instant(row, 1)?))
}

pub(super) fn instant(row: &Row, column: usize) -> rusqlite::Result<Timestamp> {
    let micros: i64 = row.get(column)?;
    Timestamp::from_microsecond(micros).map_err(|_| unreadable(column, &micros))
}

pub(super) fn origin(row: &Row, column: usize) -> rusqlite::Result<BanOrigin> {
    parsed(row, column, |text| match text {
        "detected" => Some(BanOrigin::Detected),
        "manual" => Some(BanOrigin::Manual),
        _ => None,
    })
}

/// A trace, where there is one.
fn named(row: &Row, column: usize) -> rusqlite::Result<Option<TraceId>> {
    match row.get_ref(column)? {
        ValueRef::Null => Ok(None),
        _ => trace(row, column).map(Some),
    }
}

pub(super) fn trace(row: &Row, column: usize) -> rusqlite::Result<TraceId> {
    parsed(row, column, |text| text.parse().ok())
}

pub(super) fn jail(row: &Row) -> rusqlite::Result<JailName> {
    row.get::<_, String>(0).map(|name| JailName::new(&name))
}

fn count(row: &Row, column: usize) -> rusqlite::Result<u64> {
    let count: i64 = row.get(column)?;
    u64::try_from(count).map_err(|_| unreadable(column, &count))
}

pub(super) fn parsed<T>(
    row: &Row,
    column: usize,
    parse: fn(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    let text = String::column_result(row.get_ref(column)?).map_err(rusqlite::Error::from);
    let text = text.map_err(|_| unreadable(column, &"not text"))?;
    parse(&text).ok_or_else(|| unreadable(column, &text))
}

fn unreadable(column: usize, value: &dyn std::fmt::Debug) -> rusqlite::Error {
    let words = format!("column {column} holds {value:?}");
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, words.into())
}
