//! The run history: one row for every due time and for every run.
//!
//! Three columns make a row unique: script, trigger, and the due time in UTC before jitter. So a due
//! time cannot run twice, whoever asks. Runs that nothing was due for (a webhook, an event, a person)
//! have a random key instead.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};
use tokio::sync::OnceCell;

use crate::database::{Database, Owner, random_id};
use crate::error::{Error, Kind, Result};
use crate::time::Time;

mod entry;
mod retention;
mod why;

pub use entry::{Entry, Filter, RunId, State};
use entry::{OTHERS, parse};
pub use retention::Pruned;
pub use why::why;

/// The run history of a data folder. Cheap to clone; the rows that it makes belong to this process.
#[derive(Clone)]
pub struct Ledger {
    database: Database,
    owner: Arc<OnceCell<Owner>>,
}

impl Ledger {
    pub fn new(database: &Database) -> Self {
        Self { database: database.clone(), owner: Arc::default() }
    }

    /// A row for a run that is due now, or for one that nothing was due for. `None` where that due
    /// time has a row already: somebody has run it, or decided not to.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn due(
        &self,
        script: &str,
        trigger: &str,
        version: &str,
        scheduled: Option<Time>,
    ) -> Result<Option<RunId>> {
        self.due_by(script, trigger, version, scheduled, None).await
    }

    /// The same under a key of its own, for what the due time does not tell apart: an event that may be told
    /// of twice, a run that a script has asked for.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn due_by(
        &self,
        script: &str,
        trigger: &str,
        version: &str,
        scheduled: Option<Time>,
        key: Option<&str>,
    ) -> Result<Option<RunId>> {
        let _busy = self.database.busy();
        let owner = &self.owner().await?.id;
        let mut connection = self.database.connection().await?;
        let row = Row { script, trigger, version, scheduled, state: State::Due, key, error: None };
        self.insert(&mut connection, owner, row).await
    }

    /// A row for something that will not run, skipped or missed, with the reason; under a key as in
    /// [`Ledger::due_by`]. False where it has one already.
    ///
    /// # Errors
    /// Those of the database.
    #[expect(clippy::too_many_arguments, reason = "the columns of a row")]
    pub async fn record(
        &self,
        script: &str,
        trigger: &str,
        version: &str,
        scheduled: Option<Time>,
        key: Option<&str>,
        state: State,
        why: &Error,
    ) -> Result<bool> {
        let _busy = self.database.busy();
        let owner = &self.owner().await?.id;
        let mut connection = self.database.connection().await?;
        let row = Row { script, trigger, version, scheduled, state, key, error: Some(why) };
        Ok(self.insert(&mut connection, owner, row).await?.is_some())
    }

    /// As [`Ledger::record`] for many due times at once, in one transaction. Gives how many were new.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn record_all(
        &self,
        script: &str,
        trigger: &str,
        version: &str,
        scheduled: &[Time],
        state: State,
    ) -> Result<usize> {
        let _busy = self.database.busy();
        let owner = &self.owner().await?.id;
        let mut transaction = self.database.write().await?;
        let mut new = 0;
        for time in scheduled {
            let row = Row { script, trigger, version, scheduled: Some(*time), state, key: None, error: None };
            new += usize::from(self.insert(&mut transaction, owner, row).await?.is_some());
        }
        transaction.commit().await.map_err(|error| self.database.explain(&error))?;
        Ok(new)
    }

    /// An attempt begins, counted from 1.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn begin(&self, id: &str, attempt: u32) -> Result<()> {
        let _busy = self.database.busy();
        let query = sqlx::query(
            "UPDATE run SET state = $1, attempt = $2, started = COALESCE(started, $3), ended = NULL WHERE id = $4",
        )
        .bind(State::Running.name())
        .bind(i64::from(attempt))
        .bind(self.database.now().millis())
        .bind(id);
        self.one(id, query.execute(self.database.pool()).await)
    }

    /// The run is over, or will not begin. `trace` is what it did.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn finish(
        &self,
        id: &str,
        state: State,
        error: Option<&Error>,
        calls: usize,
        changed: bool,
        trace: &Value,
    ) -> Result<()> {
        let _busy = self.database.busy();
        let query = sqlx::query(
            "UPDATE run SET state = $1, ended = $2, error = $3, calls = $4, changed = $5, trace = $6 WHERE id = $7",
        )
        .bind(state.name())
        .bind(self.database.now().millis())
        .bind(error.map(json).transpose()?)
        .bind(i64::try_from(calls).unwrap_or(i64::MAX))
        .bind(i64::from(changed))
        .bind((!trace.is_null()).then(|| trace.to_string()))
        .bind(id);
        self.one(id, query.execute(self.database.pool()).await)
    }

    /// The rows that dead processes left unfinished become interrupted, and are returned, oldest
    /// first: the next call does not return them again.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn adopt(&self) -> Result<Vec<Entry>> {
        let _busy = self.database.busy();
        let explain = |error: sqlx::Error| self.database.explain(&error);
        let mut transaction = self.database.write().await?;
        let dead = self.dead_owners(&mut transaction).await?;
        let error = Error::new(Kind::Cancelled, "tidegate ended before this run did");
        let mut adopted = Vec::new();
        for owner in dead {
            let rows = sqlx::query(
                "UPDATE run SET state = 'interrupted', error = $1
                 WHERE owner = $2 AND state IN ('due', 'running')
                 RETURNING *",
            )
            .bind(json(&error)?)
            .bind(owner)
            .fetch_all(&mut *transaction)
            .await
            .map_err(explain)?;
            for row in rows {
                adopted.push(Entry::read(&row)?);
            }
        }
        transaction.commit().await.map_err(explain)?;
        adopted.sort_by_key(|entry| (entry.scheduled.or(entry.started), entry.id.clone()));
        Ok(adopted)
    }

    /// The latest due time of its schedule that has a row; what a script asked for beside it does not count.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn last_scheduled(&self, script: &str, trigger: &str) -> Result<Option<Time>> {
        let _busy = self.database.busy();
        let millis: Option<i64> = sqlx::query_scalar(
            "SELECT MAX(scheduled) FROM run
             WHERE script = $1 AND trigger_name = $2 AND unique_key = CAST(scheduled AS TEXT)",
        )
        .bind(script)
        .bind(trigger)
        .fetch_one(self.database.pool())
        .await
        .map_err(|error| self.database.explain(&error))?;
        Ok(millis.map(Time::from_millis))
    }

    /// When its last run began; what was skipped did not.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn last_began(&self, script: &str, trigger: &str) -> Result<Option<Time>> {
        let _busy = self.database.busy();
        let millis: Option<i64> =
            sqlx::query_scalar("SELECT MAX(started) FROM run WHERE script = $1 AND trigger_name = $2")
                .bind(script)
                .bind(trigger)
                .fetch_one(self.database.pool())
                .await
                .map_err(|error| self.database.explain(&error))?;
        Ok(millis.map(Time::from_millis))
    }

    /// Newest first. What a dead process left unfinished is shown as interrupted, before anybody has
    /// adopted it.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn list(&self, filter: &Filter) -> Result<Vec<Entry>> {
        let _busy = self.database.busy();
        let explain = |error: sqlx::Error| self.database.explain(&error);
        let mut connection = self.database.pool().acquire().await.map_err(explain)?;
        let dead = self.dead_owners(&mut connection).await?;
        let mut query = QueryBuilder::<Sqlite>::new("SELECT * FROM (SELECT ");
        query.push(OTHERS);
        if dead.is_empty() {
            query.push(", state");
        } else {
            query.push(", CASE WHEN state IN ('due', 'running') AND owner IN (");
            let mut owners = query.separated(", ");
            for owner in &dead {
                owners.push_bind(owner);
            }
            query.push(") THEN 'interrupted' ELSE state END AS state");
        }
        query.push(" FROM run) AS shown WHERE 1 = 1");
        if let Some(id) = &filter.id {
            let length = i64::try_from(id.chars().count()).unwrap_or(i64::MAX);
            query.push(" AND SUBSTR(id, 1, ").push_bind(length).push(") = ").push_bind(id);
        }
        if let Some(script) = &filter.script {
            query.push(" AND script = ").push_bind(script);
        }
        if let Some(trigger) = &filter.trigger {
            query.push(" AND trigger_name = ").push_bind(trigger);
        }
        if let Some(state) = filter.state {
            query.push(" AND state = ").push_bind(state.name());
        }
        // Rows of the same instant have no order of their own; the id makes it at least the same each time.
        query.push(" ORDER BY happened DESC, started DESC, id DESC");
        if let Some(n) = filter.n {
            query.push(" LIMIT ").push_bind(i64::try_from(n).unwrap_or(i64::MAX));
        }
        let rows = query.build().fetch_all(&mut *connection).await.map_err(explain)?;
        rows.iter().map(Entry::read).collect()
    }

    /// What a run did, where that was recorded.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn trace(&self, id: &str) -> Result<Option<Value>> {
        let _busy = self.database.busy();
        let text: Option<Option<String>> = sqlx::query_scalar("SELECT trace FROM run WHERE id = $1")
            .bind(id)
            .fetch_optional(self.database.pool())
            .await
            .map_err(|error| self.database.explain(&error))?;
        text.flatten().map(|text| parse(id, &text)).transpose()
    }

    /// The dead processes that left rows unfinished.
    async fn dead_owners(&self, connection: &mut SqliteConnection) -> Result<Vec<String>> {
        let mut owners: Vec<String> =
            sqlx::query_scalar("SELECT DISTINCT owner FROM run WHERE state IN ('due', 'running')")
                .fetch_all(connection)
                .await
                .map_err(|error| self.database.explain(&error))?;
        let mine = self.owner.get().map(|owner| owner.id.as_str());
        owners.retain(|owner| mine != Some(owner) && !Owner::is_alive(self.database.folder(), owner));
        Ok(owners)
    }

    async fn owner(&self) -> Result<&Owner> {
        let register = || async {
            match self.database.folder() {
                Some(folder) => Owner::register(folder),
                None => Ok(Owner::alone()),
            }
        };
        self.owner.get_or_try_init(register).await
    }

    async fn insert(&self, connection: &mut SqliteConnection, owner: &str, row: Row<'_>) -> Result<Option<RunId>> {
        let id = random_id();
        let now = self.database.now();
        let done = sqlx::query(
            "INSERT INTO run (id, script, trigger_name, version, unique_key, owner, state, attempt, scheduled,
                              happened, ended, error, calls, changed)
             VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9, $10, $11, 0, 0)
             ON CONFLICT (script, trigger_name, unique_key) DO NOTHING",
        )
        .bind(&id)
        .bind(row.script)
        .bind(row.trigger)
        .bind(row.version)
        .bind(match (row.key, row.scheduled) {
            (Some(key), _) => key.to_owned(),
            (None, Some(time)) => time.millis().to_string(),
            (None, None) => id.clone(),
        })
        .bind(owner)
        .bind(row.state.name())
        .bind(row.scheduled.map(Time::millis))
        .bind(row.scheduled.unwrap_or(now).millis())
        // What was not due and will not run is over by now; it has no other time.
        .bind((row.error.is_some() && row.scheduled.is_none()).then(|| now.millis()))
        .bind(row.error.map(json).transpose()?)
        .execute(connection)
        .await
        .map_err(|error| self.database.explain(&error))?;
        Ok((done.rows_affected() == 1).then_some(id))
    }

    /// Exactly one row was meant.
    fn one(&self, id: &str, done: Result<sqlx::sqlite::SqliteQueryResult, sqlx::Error>) -> Result<()> {
        match done {
            Ok(done) if done.rows_affected() == 1 => Ok(()),
            Ok(_) => Err(Error::internal(format!("the run history has no run `{id}`"))),
            Err(error) => Err(self.database.explain(&error)),
        }
    }
}

#[derive(Clone, Copy)]
struct Row<'a> {
    script: &'a str,
    trigger: &'a str,
    version: &'a str,
    scheduled: Option<Time>,
    state: State,
    /// What makes it unique, where the due time does not.
    key: Option<&'a str>,
    /// Why it will not run.
    error: Option<&'a Error>,
}

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::internal(error.to_string()))
}

#[cfg(test)]
mod tests;
