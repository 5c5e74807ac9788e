//! The database file: opened, brought to the present version, read and written.
//!
//! WAL with `synchronous=NORMAL`: a committed transaction survives the death of this process at
//! once, and that of the machine after the next [`sync`](Database::sync).
//!
//! Source: sqlite.org/wal.html, sqlite.org/pragma.html.

mod look;
mod read;
mod write;

use std::fs;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

use super::StoreError;

/// Says in the file's head that it is ours: `gaol`.
const APPLICATION_ID: i32 = 0x6761_6f6c;

/// What takes a file from each version to the next. Only ever appended to.
const MIGRATIONS: [&str; 3] =
    [include_str!("schema.sql"), include_str!("schema-2.sql"), include_str!("schema-3.sql")];

/// The version that the migrations lead to.
#[expect(clippy::cast_possible_wrap, reason = "there are few")]
const VERSION: i64 = MIGRATIONS.len() as i64;

/// How long another process may hold the file before a write fails.
const BUSY: Duration = Duration::from_secs(1);

/// An open database at the present version.
pub(super) struct Database {
    connection: Connection,
}

impl Database {
    /// Opens the file, or makes it; the directory must be there.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        create(path)?;
        let mut connection = Connection::open(path).map_err(|e| StoreError::of(path, e))?;
        let version = prepare(&connection, path)?;
        migrate(&mut connection, version).map_err(|e| StoreError::of(path, e))?;
        Ok(Self { connection })
    }

    /// Has what was committed reach the disk.
    pub(super) fn sync(&self) -> rusqlite::Result<()> {
        self.checkpoint("PASSIVE")
    }

    /// The same, and leaves an empty write-ahead log.
    pub(super) fn finish(&self) -> rusqlite::Result<()> {
        self.checkpoint("TRUNCATE")
    }

    fn checkpoint(&self, mode: &str) -> rusqlite::Result<()> {
        self.connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()))
    }
}

impl StoreError {
    /// What an error of SQLite's means for the file.
    pub(super) fn of(path: &Path, error: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                Self::Corrupt { path, detail: error.to_string() }
            }
            _ => Self::Database { path, source: error },
        }
    }
}

/// Makes the file if it is not there; nobody else may read it, nor what SQLite puts beside it.
fn create(path: &Path) -> Result<(), StoreError> {
    let refused = |source| StoreError::File { path: path.to_owned(), source };
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if directory.is_some_and(|directory| !directory.is_dir()) {
        let directory = directory.map_or_else(PathBuf::new, Path::to_owned);
        return Err(StoreError::NoDirectory { directory });
    }
    let mut options = fs::OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    let file = file.map_err(refused)?;
    if file.metadata().map_err(refused)?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(fs::Permissions::from_mode(0o600)).map_err(refused)?;
    }
    Ok(())
}

/// Sets the connection up and makes sure that the file is ours and whole; gives its version.
fn prepare(connection: &Connection, path: &Path) -> Result<usize, StoreError> {
    let failed = |error| StoreError::of(path, error);
    connection.busy_timeout(BUSY).map_err(failed)?;
    let ask = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let version = ask("PRAGMA user_version").map_err(failed)?;
    let application = ask("PRAGMA application_id").map_err(failed)?;
    let tables = ask("SELECT count(*) FROM sqlite_schema").map_err(failed)?;
    if tables > 0 && application != i64::from(APPLICATION_ID) {
        return Err(StoreError::Foreign { path: path.to_owned() });
    }
    let (found, known) = (version, VERSION);
    let version = usize::try_from(version).ok().filter(|&version| version <= MIGRATIONS.len());
    let version = version.ok_or(StoreError::Newer { path: path.to_owned(), found, known })?;
    connection.execute_batch(PRAGMAS).map_err(failed)?;
    check(connection, path)?;
    Ok(version)
}

const PRAGMAS: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA foreign_keys = ON;
    PRAGMA trusted_schema = OFF;
";

fn check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let verdict: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| StoreError::of(path, error))?;
    if verdict == "ok" {
        return Ok(());
    }
    Err(StoreError::Corrupt { path: path.to_owned(), detail: verdict })
}

/// Takes the file from `version` to the present one, or leaves it as it was.
fn migrate(connection: &mut Connection, version: usize) -> rusqlite::Result<()> {
    if version == MIGRATIONS.len() {
        return Ok(());
    }
    let transaction = connection.transaction()?;
    for migration in &MIGRATIONS[version..] {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}
