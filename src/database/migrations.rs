//! The schema: a list that only grows. What a release has shipped is never changed.

use sqlx::Row as _;

use super::Database;
use crate::error::{Error, Kind, Result};

/// One entry a version, each a list of statements. Times are milliseconds since 1970 UTC, structured
/// values are JSON text; types and statements are those that SQLite and PostgreSQL share.
pub(super) const MIGRATIONS: [&[&str]; 4] = [
    &[
        // What scripts and tidegate itself remember.
        "CREATE TABLE state (
        scope TEXT NOT NULL,
        name TEXT NOT NULL,
        value TEXT NOT NULL,
        expires BIGINT,
        changed BIGINT NOT NULL,
        PRIMARY KEY (scope, name)
    )",
        "CREATE INDEX state_expires ON state (expires)",
        // Every due time, and every run that was not due. `unique_key` is the due time, or random.
        // `happened` is the due time, or when the row was made: what history is sorted by.
        "CREATE TABLE run (
        id TEXT NOT NULL PRIMARY KEY,
        script TEXT NOT NULL,
        trigger_name TEXT NOT NULL,
        version TEXT NOT NULL,
        unique_key TEXT NOT NULL,
        owner TEXT NOT NULL,
        state TEXT NOT NULL,
        attempt BIGINT NOT NULL,
        scheduled BIGINT,
        happened BIGINT NOT NULL,
        started BIGINT,
        ended BIGINT,
        error TEXT,
        calls BIGINT NOT NULL,
        changed BIGINT NOT NULL,
        trace TEXT,
        UNIQUE (script, trigger_name, unique_key)
    )",
        "CREATE INDEX run_happened ON run (happened)",
        "CREATE INDEX run_trigger_happened ON run (script, trigger_name, happened)",
        "CREATE INDEX run_state ON run (state)",
    ],
    &[
        // A script may be called `shared`: what scripts keep has a place of its own.
        "UPDATE state SET scope = 'script/' || scope WHERE scope NOT IN ('shared', 'tidegate')",
    ],
    &[
        // Counters of VPSes and torrent clients over time.
        "CREATE TABLE series (
        subject TEXT NOT NULL,
        at BIGINT NOT NULL,
        received BIGINT NOT NULL,
        sent BIGINT NOT NULL,
        mark TEXT NOT NULL,
        PRIMARY KEY (subject, at)
    )",
    ],
    &[
        // Messages to people, one row a channel, from before the first attempt. `reason` is why one waits although
        // nothing is wrong; `via` is the channel that has it where that is another one.
        "CREATE TABLE message (
        id TEXT NOT NULL PRIMARY KEY,
        channel TEXT NOT NULL,
        state TEXT NOT NULL,
        reason TEXT,
        due BIGINT NOT NULL,
        created BIGINT NOT NULL,
        ended BIGINT,
        attempts BIGINT NOT NULL,
        body TEXT NOT NULL,
        error TEXT,
        via TEXT
    )",
        "CREATE INDEX message_state_due ON message (state, due)",
        "CREATE INDEX message_ended ON message (ended)",
    ],
];

/// Brings the database to the newest version, in one transaction.
pub(super) async fn run(database: &Database) -> Result<()> {
    let _busy = database.busy();
    let explain = |error: sqlx::Error| database.explain(&error);
    if version(database).await? == Some(MIGRATIONS.len()) {
        return Ok(());
    }
    let mut transaction = database.write().await?;
    sqlx::query("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)")
        .execute(&mut *transaction)
        .await
        .map_err(explain)?;
    let row = sqlx::query("SELECT COALESCE(MAX(version), 0) FROM schema_version")
        .fetch_one(&mut *transaction)
        .await
        .map_err(explain)?;
    let current = usize::try_from(row.get::<i64, _>(0)).unwrap_or(usize::MAX);
    let Some(pending) = MIGRATIONS.get(current..) else {
        return Err(Error::new(
            Kind::Config,
            format!("the database was written by a newer tidegate (version {current} of its tables)"),
        )
        .hint("install that version, or name another folder with `data` in tidegate.toml"));
    };
    for (version, statements) in (current + 1..).zip(pending) {
        for statement in *statements {
            sqlx::query(*statement).execute(&mut *transaction).await.map_err(explain)?;
        }
        sqlx::query("INSERT INTO schema_version (version) VALUES ($1)")
            .bind(i64::try_from(version).unwrap_or(i64::MAX))
            .execute(&mut *transaction)
            .await
            .map_err(explain)?;
    }
    transaction.commit().await.map_err(explain)
}

/// Without the write lock, which another process may hold; `None` in a new file.
async fn version(database: &Database) -> Result<Option<usize>> {
    match sqlx::query("SELECT MAX(version) FROM schema_version").fetch_one(database.pool()).await {
        Ok(row) => Ok(row.get::<Option<i64>, _>(0).and_then(|version| usize::try_from(version).ok())),
        Err(sqlx::Error::Database(error)) if error.message().contains("no such table") => Ok(None),
        Err(error) => Err(database.explain(&error)),
    }
}
