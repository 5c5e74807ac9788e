//! fail2ban's SQLite database: who is banned, and who was.
//!
//! Read only, also while fail2ban runs. The format is that of fail2ban 0.11 and later.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OpenFlags, Row};

/// How long fail2ban may be writing.
const BUSY: Duration = Duration::from_secs(10);

/// How many bans of the past are read, the latest first.
const MOST_PAST: usize = 100_000;

/// The version of the format.
const VERSION: i64 = 4;

/// One ban, as fail2ban has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Banned {
    /// By which jail.
    pub jail: String,
    /// Whom: an address, a network, or whatever identified the failure.
    pub id: String,
    /// When it began.
    pub since: Timestamp,
    /// How long; for ever when `None`.
    pub bantime: Option<SignedDuration>,
    /// The failures that led to it.
    pub failures: u32,
}

/// What the database holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bans {
    /// The last ban of each address by each jail.
    pub last: Vec<Banned>,
    /// Every ban that is remembered, those among them; the latest first.
    pub all: Vec<Banned>,
}

impl Banned {
    /// When it ends; never when `None`.
    #[must_use]
    pub fn until(&self) -> Option<Timestamp> {
        Some(self.since.saturating_add(self.bantime?).unwrap_or(Timestamp::MAX))
    }
}

/// Why it could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// There is no such file.
    #[error("{0}: there is no such file; name fail2ban's database (`dbfile` in fail2ban.conf)")]
    NoFile(PathBuf),
    /// Its format is not the one that is known.
    #[error(
        "{0}: its format is version {1}, and version {VERSION} is read (fail2ban 0.11 and later); start \
         a newer fail2ban once, which converts it"
    )]
    Version(PathBuf, i64),
    /// SQLite says no.
    #[error("{0}: cannot be read: {1}")]
    Sqlite(PathBuf, rusqlite::Error),
}

/// Reads the database.
///
/// # Errors
///
/// It is not there, not of that format, or fail2ban was writing all the time.
pub fn read(path: &Path) -> Result<Bans, DatabaseError> {
    if !path.is_file() {
        return Err(DatabaseError::NoFile(path.to_owned()));
    }
    let failed = |error| DatabaseError::Sqlite(path.to_owned(), error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(BUSY).map_err(failed)?;
    // Both tables as of one moment.
    let transaction = connection.transaction().map_err(failed)?;
    let version = "SELECT max(version) FROM fail2banDb";
    let version: i64 = transaction.query_row(version, [], |row| row.get(0)).map_err(failed)?;
    if version != VERSION {
        return Err(DatabaseError::Version(path.to_owned(), version));
    }
    let columns = "jail, ip, timeofban, bantime, data";
    let last = format!("SELECT {columns} FROM bips ORDER BY timeofban, jail, ip");
    let all = format!("SELECT {columns} FROM bans ORDER BY timeofban DESC LIMIT {MOST_PAST}");
    let last = rows(&transaction, &last).map_err(failed)?;
    Ok(Bans { last, all: rows(&transaction, &all).map_err(failed)? })
}

fn rows(connection: &Connection, query: &str) -> rusqlite::Result<Vec<Banned>> {
    connection.prepare(query)?.query_map([], banned)?.collect()
}

fn banned(row: &Row) -> rusqlite::Result<Banned> {
    let since: f64 = row.get(2)?;
    let bantime: f64 = row.get(3)?;
    let data = match row.get_ref(4)? {
        rusqlite::types::ValueRef::Text(bytes) | rusqlite::types::ValueRef::Blob(bytes) => bytes,
        _ => &[],
    };
    let data: serde_json::Value = serde_json::from_slice(data).unwrap_or_default();
    let failures = data.get("failures").and_then(serde_json::Value::as_u64).unwrap_or(0);
    Ok(Banned {
        jail: row.get(0)?,
        id: row.get(1)?,
        since: seconds(since)
            .and_then(|s| Timestamp::UNIX_EPOCH.checked_add(s).ok())
            .unwrap_or_default(),
        bantime: seconds(bantime).filter(|_| bantime >= 0.0),
        failures: u32::try_from(failures).unwrap_or(u32::MAX),
    })
}

fn seconds(seconds: f64) -> Option<SignedDuration> {
    SignedDuration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(version: i64, rows: &str) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fail2ban.sqlite3");
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch(&format!(
                "CREATE TABLE fail2banDb (version INTEGER);
                 INSERT INTO fail2banDb VALUES ({version});
                 CREATE TABLE bans (jail TEXT, ip TEXT, timeofban INTEGER, bantime INTEGER,
                     bancount INTEGER, data JSON);
                 CREATE TABLE bips (ip TEXT, jail TEXT, timeofban INTEGER, bantime INTEGER,
                     bancount INTEGER, data JSON, PRIMARY KEY (ip, jail));
                 {rows}"
            ))
            .unwrap();
        (directory, path)
    }

    #[test]
    fn bans_are_read_with_their_times() {
        let (_directory, path) = database(
            VERSION,
            "INSERT INTO bips VALUES ('192.0.2.1', 'sshd', 1000, 600, 1, '{\"failures\": 5}');
             INSERT INTO bips VALUES ('2001:db8::1', 'web', 900, -1, 2, 'broken');
             INSERT INTO bans VALUES ('sshd', '192.0.2.1', 1000, 600, 1, '{\"failures\": 5}');
             INSERT INTO bans VALUES ('sshd', '192.0.2.9', 500.5, 60, 1, NULL);",
        );
        let bans = read(&path).unwrap();
        let shown = |banned: &Banned| {
            let until = banned.until().map(Timestamp::as_millisecond);
            format!("{} {} {:?} {}", banned.jail, banned.id, until, banned.failures)
        };
        let last: Vec<_> = bans.last.iter().map(shown).collect();
        assert_eq!(last, ["web 2001:db8::1 None 0", "sshd 192.0.2.1 Some(1600000) 5"]);
        let all: Vec<_> = bans.all.iter().map(shown).collect();
        assert_eq!(all, ["sshd 192.0.2.1 Some(1600000) 5", "sshd 192.0.2.9 Some(560500) 0"]);
    }

    #[test]
    fn other_files_are_refused() {
        let (_directory, path) = database(3, "");
        assert!(matches!(read(&path), Err(DatabaseError::Version(_, 3))));
        assert!(matches!(read(Path::new("/none")), Err(DatabaseError::NoFile(_))));
        std::fs::write(&path, "not a database at all, but long enough to be taken for one")
            .unwrap();
        assert!(matches!(read(&path), Err(DatabaseError::Sqlite(..))));
    }
}
