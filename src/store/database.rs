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
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

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

/// How many pages that are free go back to the disk at a time.
const FREED: usize = 512;

/// An open database at the present version.
pub(super) struct Database {
    connection: Connection,
    file: FileId,
    /// Whether there was nothing in it.
    made: bool,
}

/// Which file it is, whatever its path leads to now: device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId(u64, u64);

impl Database {
    /// Opens the file, or makes it; the directory must be there.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        create(path)?;
        let mut connection = Connection::open(path).map_err(|e| StoreError::of(path, e))?;
        let version = prepare(&connection, path)?;
        let made = version == 0;
        migrate(&mut connection, version).map_err(|e| StoreError::of(path, e))?;
        let file = file(path).map_err(|e| StoreError::File { path: path.to_owned(), source: e })?;
        shrink_as_it_goes(&connection);
        Ok(Self { connection, file, made })
    }

    /// Opens the file only to be read, since it cannot be written.
    pub(super) fn read_only(path: &Path) -> Result<Self, StoreError> {
        let failed = |source| StoreError::File { path: path.to_owned(), source };
        let file = file(path).map_err(failed)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = Connection::open_with_flags(path, flags).and_then(|connection| {
            is_present(&connection)?;
            Ok(connection)
        });
        // Without a write-ahead log nothing changes the file where it cannot be written, and SQLite
        // need not put anything beside it.
        let wal = path.with_file_name({
            let mut name = path.file_name().unwrap_or_default().to_owned();
            name.push("-wal");
            name
        });
        let logged = fs::metadata(wal).is_ok_and(|wal| wal.len() > 0);
        let connection = opened.or_else(|error| {
            if logged || is_locked(&error) {
                return Err(error);
            }
            let uri = format!("file:{}?immutable=1", escaped(path));
            let flags = flags | OpenFlags::SQLITE_OPEN_URI;
            let connection = Connection::open_with_flags(uri, flags)?;
            is_present(&connection)?;
            Ok(connection)
        });
        let connection = connection.map_err(|error| StoreError::of(path, error))?;
        Ok(Self { connection, file, made: false })
    }

    /// Which file it is.
    pub(super) fn file(&self) -> FileId {
        self.file
    }

    /// Whether there was nothing in it.
    pub(super) fn is_new(&self) -> bool {
        self.made
    }

    /// Whether it was made just now, or is not the file that was open before.
    pub(super) fn replaces(&self, before: FileId) -> bool {
        self.made || self.file != before
    }

    /// Whether the path still leads to it.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        file(path).is_ok_and(|file| file == self.file)
    }

    /// Has what was committed reach the disk, and gives some of what is free back to it.
    pub(super) fn sync(&self) -> rusqlite::Result<()> {
        let free: i64 = self.connection.query_row("PRAGMA freelist_count", [], |row| row.get(0))?;
        if usize::try_from(free).is_ok_and(|free| free > FREED) {
            let freed = format!("PRAGMA incremental_vacuum({FREED})");
            let mut freed = self.connection.prepare(&freed)?;
            let mut rows = freed.query([])?;
            while rows.next()?.is_some() {}
        }
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

fn file(path: &Path) -> std::io::Result<FileId> {
    fs::metadata(path).map(|file| FileId(file.dev(), file.ino()))
}

/// A path as SQLite's URIs have it (sqlite.org/uri.html).
fn escaped(path: &Path) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    let bytes = path.as_os_str().as_encoded_bytes().iter();
    bytes.map(|&b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02x}") }).collect()
}

/// # Errors
///
/// Fails if it is not a file of ours at the present version: it could not be read as one.
fn is_present(connection: &Connection) -> rusqlite::Result<()> {
    let ask = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let ours = ask("PRAGMA application_id")? == i64::from(APPLICATION_ID);
    let present = ask("PRAGMA user_version")? == VERSION;
    if ours && present { Ok(()) } else { Err(rusqlite::Error::QueryReturnedNoRows) }
}

/// Whether another process has the file, and may be writing.
fn is_locked(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(code, Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Has the file give back what is free, bit by bit. One that an earlier version made learns it by
/// being written anew, once; where the disk has no room for that, at another start.
fn shrink_as_it_goes(connection: &Connection) {
    const INCREMENTAL: i64 = 2;
    let mode = connection.query_row("PRAGMA auto_vacuum", [], |row| row.get::<_, i64>(0));
    if mode.is_ok_and(|mode| mode == INCREMENTAL) {
        return;
    }
    if let Err(error) = connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL; VACUUM;") {
        tracing::debug!(%error, "the state database cannot be written anew");
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
    if tables == 0 {
        // It must be said before anything is written.
        connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL").map_err(failed)?;
    }
    connection.execute_batch(PRAGMAS).map_err(failed)?;
    check(connection, path)?;
    Ok(version)
}

/// A flood's transaction changes more pages than SQLite keeps by itself (2 MiB of them), and each would be
/// written out and read back in its midst.
const PRAGMAS: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA journal_size_limit = 16777216;
    PRAGMA cache_size = -8192;
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
