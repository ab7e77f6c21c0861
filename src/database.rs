//! The one SQLite file in the data folder: opening, migrating, and what its errors mean.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Sqlite, Transaction};

use crate::error::{Error, Kind, Result};
use crate::time::{Busy, Clock, Time};

mod lock;
mod migrations;

pub(crate) use lock::random_id;
pub use lock::{Lock, Owner};

/// The name of the database in the data folder.
pub const FILE: &str = "tidegate.db";

/// How long to wait for another process that writes.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// An open database. Cheap to clone.
///
/// There is one connection: writes never contend inside the process, and what one operation wrote
/// the next one sees. Other processes work beside it (WAL).
#[derive(Clone)]
pub struct Database(Arc<Inner>);

struct Inner {
    pool: SqlitePool,
    clock: Arc<dyn Clock>,
    /// `None` in memory.
    folder: Option<PathBuf>,
    set_aside: Option<PathBuf>,
}

impl Database {
    /// Opens `tidegate.db` in `folder`, and creates both where they are not there yet. A file that is
    /// not a sound database is kept under another name ([`Database::set_aside`]) and a new one begun,
    /// unless another process schedules in that folder.
    ///
    /// # Errors
    /// `config` where the folder or the file cannot be written, or a newer version wrote it.
    pub async fn open(folder: &Path, clock: Arc<dyn Clock>) -> Result<Self> {
        std::fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error.to_string()))?;
        let file = folder.join(FILE);
        let (pool, set_aside) = match connect(&file).await {
            Ok(pool) => (pool, None),
            Err(error) if is_corrupt(&error) => {
                let kept = lock::exclusively(folder, || keep_aside(&file))?;
                (connect(&file).await.map_err(|error| explain(&error, Some(folder)))?, Some(kept))
            }
            Err(error) => return Err(explain(&error, Some(folder))),
        };
        Self::migrated(Inner { pool, clock, folder: Some(folder.into()), set_aside }).await
    }

    /// The database of `folder` where there is one; nothing is created, and a broken file stays. Where it cannot be
    /// written, it can still be read.
    ///
    /// # Errors
    /// As [`Database::open`], and `config` where the file is damaged.
    pub async fn existing(folder: &Path, clock: Arc<dyn Clock>) -> Result<Option<Self>> {
        let file = folder.join(FILE);
        if !file.is_file() {
            return Ok(None);
        }
        let pool = match connect(&file).await {
            Err(error) if is_unwritable(&error) => connect_to_read(&file).await,
            connected => connected,
        };
        let pool = pool.map_err(|error| explain(&error, Some(folder)))?;
        let inner = Inner { pool, clock, folder: Some(folder.into()), set_aside: None };
        Self::migrated(inner).await.map(Some)
    }

    /// A database that ends with the process.
    ///
    /// # Errors
    /// Where memory is short.
    pub async fn memory(clock: Arc<dyn Clock>) -> Result<Self> {
        let options = SqliteConnectOptions::new().in_memory(true);
        let pool = pool().connect_with(options).await.map_err(|error| explain(&error, None))?;
        Self::migrated(Inner { pool, clock, folder: None, set_aside: None }).await
    }

    async fn migrated(inner: Inner) -> Result<Self> {
        let database = Self(Arc::new(inner));
        migrations::run(&database).await?;
        Ok(database)
    }

    /// Where the broken file went that was found at opening.
    pub fn set_aside(&self) -> Option<&Path> {
        self.0.set_aside.as_deref()
    }

    /// `None` in memory.
    pub fn folder(&self) -> Option<&Path> {
        self.0.folder.as_deref()
    }

    /// Whether no other process can write it.
    pub fn is_alone(&self) -> bool {
        self.0.folder.is_none()
    }

    pub fn now(&self) -> Time {
        self.0.clock.now()
    }

    pub(crate) fn busy(&self) -> Busy {
        self.0.clock.busy()
    }

    pub(crate) fn pool(&self) -> &SqlitePool {
        &self.0.pool
    }

    pub(crate) async fn connection(&self) -> Result<PoolConnection<Sqlite>> {
        self.0.pool.acquire().await.map_err(|error| self.explain(&error))
    }

    /// A transaction that writes. It takes the write lock at once: one that began by reading could
    /// not be upgraded after another process wrote.
    pub(crate) async fn write(&self) -> Result<Transaction<'static, Sqlite>> {
        self.0.pool.begin_with("BEGIN IMMEDIATE").await.map_err(|error| self.explain(&error))
    }

    /// What an error of the database means for the user.
    pub(crate) fn explain(&self, error: &sqlx::Error) -> Error {
        explain(error, self.folder())
    }

    /// Writes everything back into the one file and closes it.
    pub async fn close(&self) {
        let _busy = self.busy();
        self.0.pool.close().await;
    }
}

fn pool() -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(1)
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        // Longer than the wait for another process, which the one connection may be in.
        .acquire_timeout(PATIENCE * 3)
}

async fn connect(file: &Path) -> Result<SqlitePool, sqlx::Error> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // What is deleted goes back to the disk bit by bit. An older file keeps its size and uses it again.
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        // In WAL mode `NORMAL` may lose the last commits when the power fails, and then a due time
        // would run twice or a hold be forgotten. `FULL` costs one flush a commit.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(PATIENCE);
    let pool = pool().connect_with(options).await?;
    let sound: String = sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&pool).await?;
    if sound != "ok" {
        pool.close().await;
        return Err(sqlx::Error::Protocol(format!("{MALFORMED}{sound}")));
    }
    Ok(pool)
}

/// As [`connect`], for a file or a folder of somebody else.
async fn connect_to_read(file: &Path) -> Result<SqlitePool, sqlx::Error> {
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    // Without a log beside it nobody has it open, and SQLite need not make the files that readers share with writers.
    let nobody_writes = !Path::new(&log).exists();
    let options = SqliteConnectOptions::new().filename(file).read_only(true).immutable(nobody_writes);
    pool().connect_with(options.busy_timeout(PATIENCE)).await
}

/// Begins the error for what `quick_check` found.
const MALFORMED: &str = "malformed: ";

/// Renames the database and what belongs to it to the first free `tidegate.db.corrupt-N`.
fn keep_aside(file: &Path) -> Result<PathBuf> {
    let with = |path: &Path, suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let mut n = 1;
    let kept = loop {
        let path = with(file, &format!(".corrupt-{n}"));
        if !path.exists() {
            break path;
        }
        n += 1;
    };
    // The file itself last: whoever is interrupted in between finds it and begins again.
    for suffix in ["-wal", "-shm", ""] {
        let from = with(file, suffix);
        if from.exists() {
            std::fs::rename(&from, with(&kept, suffix)).map_err(|error| unwritable(&from, &error.to_string()))?;
        }
    }
    Ok(kept)
}

fn unwritable(path: &Path, why: &str) -> Error {
    Error::new(Kind::Config, format!("the data folder `{}` cannot be written: {why}", path.display()))
        .hint("check its permissions, or name another with `data` in tidegate.toml or with TIDEGATE_DATA")
}

/// SQLite's primary result codes.
mod code {
    pub(super) const PERM: i32 = 3;
    pub(super) const BUSY: i32 = 5;
    pub(super) const LOCKED: i32 = 6;
    pub(super) const NOMEM: i32 = 7;
    pub(super) const READONLY: i32 = 8;
    pub(super) const IOERR: i32 = 10;
    pub(super) const CORRUPT: i32 = 11;
    pub(super) const FULL: i32 = 13;
    pub(super) const CANTOPEN: i32 = 14;
    pub(super) const NOTADB: i32 = 26;
}

fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let code: i32 = error.as_database_error()?.code()?.parse().ok()?;
    // The upper bits say more of the same.
    Some(code & 0xff)
}

fn is_unwritable(error: &sqlx::Error) -> bool {
    matches!(primary_code(error), Some(code::PERM | code::READONLY | code::CANTOPEN))
}

fn is_corrupt(error: &sqlx::Error) -> bool {
    matches!(primary_code(error), Some(code::CORRUPT | code::NOTADB))
        || matches!(error, sqlx::Error::Protocol(message) if message.starts_with(MALFORMED))
}

fn damaged(folder: Option<&Path>) -> Error {
    let place = folder.map_or_else(|| "memory".into(), |folder| folder.display().to_string());
    Error::new(Kind::Config, format!("the database in `{place}` is damaged"))
        .hint("start `tidegate run` again: it keeps the damaged file aside and begins a new one")
}

fn explain(error: &sqlx::Error, folder: Option<&Path>) -> Error {
    let place = folder.map_or_else(|| "memory".into(), |folder| folder.display().to_string());
    if is_corrupt(error) {
        return damaged(folder);
    }
    let of = |kind, message: String| Error::new(kind, message);
    let mut explained = match primary_code(error) {
        Some(code::FULL) => of(Kind::Limit, format!("the disk of the data folder `{place}` is full"))
            .hint("make room; tidegate goes on by itself once there is some"),
        Some(code::BUSY | code::LOCKED) => {
            of(Kind::Timeout, format!("the database in `{place}` is in use by another process that does not let go"))
                .hint("end that process, or try again later")
        }
        Some(_) if is_unwritable(error) => {
            unwritable(Path::new(&place), &error.as_database_error().map(ToString::to_string).unwrap_or_default())
        }
        Some(code::IOERR) => of(Kind::Transport, format!("the disk of the data folder `{place}` fails: {error}"))
            .hint("look at the system's log for errors of that disk"),
        Some(code::CORRUPT | code::NOTADB) => of(Kind::Config, format!("the database in `{place}` is damaged"))
            .hint("start tidegate again: it keeps the damaged file aside and begins a new one"),
        Some(code::NOMEM) => of(Kind::Limit, "there is not enough memory for the database".into()),
        _ => match error {
            sqlx::Error::PoolTimedOut => of(Kind::Timeout, format!("the database in `{place}` is too busy")),
            sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                of(Kind::Cancelled, format!("the database in `{place}` is closed"))
            }
            _ => Error::internal(format!("the database in `{place}`: {error}")),
        },
    };
    explained.retryable = matches!(primary_code(error), Some(code::FULL | code::BUSY | code::LOCKED | code::IOERR));
    explained
}

#[cfg(test)]
pub(crate) mod tests;
