//! Messages on their way: kept from before the first attempt until they have arrived or are given up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use crate::database::{Database, random_id};
use crate::error::{Error, Result};
use crate::time::{Duration, Time};

use super::message::{Kept, Message};

/// How long a row is kept after its end.
const KEPT: Duration = Duration::from_seconds(7 * 24 * 3600);
/// A message that nobody has finished is another process's until then.
const LEASE: Duration = Duration::from_seconds(300);

#[derive(Clone)]
pub(super) struct Outbox {
    database: Database,
    /// Orders messages of the same instant.
    count: Arc<AtomicU64>,
}

/// A message that has not arrived yet.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub id: String,
    pub channel: String,
    pub created: Time,
    pub attempts: u32,
    pub message: Kept,
}

/// Why a message waits although nothing is wrong.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// The channel's quiet hours.
    Quiet,
    /// The channel collects messages.
    Digest,
    /// The channel has had enough in this hour.
    Cap,
}

impl Reason {
    const fn word(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Digest => "digest",
            Self::Cap => "cap",
        }
    }

    fn of(word: &str) -> Option<Self> {
        [Self::Quiet, Self::Digest, Self::Cap].into_iter().find(|reason| reason.word() == word)
    }
}

/// One message to one channel, for people to look at.
#[derive(Clone, Debug, Serialize)]
pub struct Delivery {
    pub channel: String,
    /// `waiting`, `held`, `sent`, `joined` (sent within another one) or `lost`.
    pub state: String,
    pub reason: Option<Reason>,
    pub created: Time,
    /// When it is sent next, where it has not arrived.
    pub due: Option<Time>,
    pub ended: Option<Time>,
    pub attempts: u32,
    pub text: String,
    pub error: Option<String>,
    /// The channel that has it, where it is another one.
    pub via: Option<String>,
}

impl Outbox {
    pub fn new(database: &Database) -> Self {
        Self { database: database.clone(), count: Arc::default() }
    }

    /// A message is about to be sent for the first time.
    pub async fn begin(&self, channel: &str, message: &Message) -> Result<String> {
        self.insert(channel, message, "waiting", None, self.database.now() + LEASE).await
    }

    /// A message waits for its time.
    pub async fn hold(&self, channel: &str, message: &Message, reason: Reason, due: Time) -> Result<String> {
        self.insert(channel, message, "held", Some(reason), due).await
    }

    async fn insert(
        &self,
        channel: &str,
        message: &Message,
        state: &str,
        reason: Option<Reason>,
        due: Time,
    ) -> Result<String> {
        let _busy = self.database.busy();
        let now = self.database.now();
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let id = format!("{:012x}-{count:08x}-{}", now.millis(), random_id());
        let body = serde_json::to_string(&Kept::from(message)).map_err(|error| Error::internal(error.to_string()))?;
        let mut transaction = self.database.write().await?;
        sqlx::query("DELETE FROM message WHERE ended <= $1")
            .bind((now - KEPT).millis())
            .execute(&mut *transaction)
            .await
            .map_err(|error| self.database.explain(&error))?;
        sqlx::query(
            "INSERT INTO message (id, channel, state, reason, due, created, attempts, body)
             VALUES ($1, $2, $3, $4, $5, $6, 0, $7)",
        )
        .bind(&id)
        .bind(channel)
        .bind(state)
        .bind(reason.map(Reason::word))
        .bind(due.millis())
        .bind(now.millis())
        .bind(body)
        .execute(&mut *transaction)
        .await
        .map_err(|error| self.database.explain(&error))?;
        transaction.commit().await.map_err(|error| self.database.explain(&error))?;
        Ok(id)
    }

    /// Several messages become one, which is about to be sent.
    pub async fn join(&self, parts: &[Waiting], channel: &str, message: &Message) -> Result<String> {
        let id = self.begin(channel, message).await?;
        for part in parts {
            self.end(&part.id, "joined", None, None).await?;
        }
        Ok(id)
    }

    /// It has arrived; `via` is the channel that has it where that is another one.
    pub async fn sent(&self, id: &str, via: Option<&str>, error: Option<&str>) -> Result<()> {
        self.end(id, "sent", via, error).await
    }

    /// Nobody tries any more.
    pub async fn lost(&self, id: &str, error: &str) -> Result<()> {
        self.end(id, "lost", None, Some(error)).await
    }

    async fn end(&self, id: &str, state: &str, via: Option<&str>, error: Option<&str>) -> Result<()> {
        let query = sqlx::query(
            "UPDATE message SET state = $1, ended = $2, via = $3, error = $4, attempts = attempts + 1 WHERE id = $5",
        );
        let query = query.bind(state).bind(self.database.now().millis()).bind(via).bind(error).bind(id);
        self.run(query).await
    }

    /// It is sent again at `due`.
    pub async fn again(&self, id: &str, due: Time, error: &str) -> Result<()> {
        let query = sqlx::query(
            "UPDATE message SET state = 'waiting', reason = NULL, due = $1, error = $2, attempts = attempts + 1
             WHERE id = $3",
        );
        self.run(query.bind(due.millis()).bind(error).bind(id)).await
    }

    /// It waits for its time after all.
    pub async fn postpone(&self, id: &str, reason: Reason, due: Time) -> Result<()> {
        let query = sqlx::query("UPDATE message SET state = 'held', reason = $1, due = $2 WHERE id = $3");
        self.run(query.bind(reason.word()).bind(due.millis()).bind(id)).await
    }

    async fn run(&self, query: sqlx::query::Query<'_, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>) -> Result<()> {
        let _busy = self.database.busy();
        query.execute(self.database.pool()).await.map(drop).map_err(|error| self.database.explain(&error))
    }

    /// What is to be sent again by now, oldest first.
    pub async fn waiting(&self, now: Time) -> Result<Vec<Waiting>> {
        self.due("state = 'waiting'", now).await.map(|rows| rows.into_iter().map(|(waiting, _)| waiting).collect())
    }

    /// What has waited for its time long enough, oldest first.
    pub async fn held(&self, now: Time) -> Result<Vec<(Waiting, Reason)>> {
        let rows = self.due("state = 'held'", now).await?;
        Ok(rows.into_iter().filter_map(|(waiting, reason)| Some((waiting, reason?))).collect())
    }

    async fn due(&self, state: &'static str, now: Time) -> Result<Vec<(Waiting, Option<Reason>)>> {
        let _busy = self.database.busy();
        let text = match state {
            "state = 'held'" => "SELECT * FROM message WHERE state = 'held' AND due <= $1 ORDER BY created, id",
            _ => "SELECT * FROM message WHERE state = 'waiting' AND due <= $1 ORDER BY created, id",
        };
        let rows = sqlx::query(text)
            .bind(now.millis())
            .fetch_all(self.database.pool())
            .await
            .map_err(|error| self.database.explain(&error))?;
        rows.iter().map(read).collect()
    }

    /// When the next message is due.
    pub async fn next(&self) -> Result<Option<Time>> {
        let _busy = self.database.busy();
        let next: Option<i64> = sqlx::query_scalar("SELECT MIN(due) FROM message WHERE state IN ('waiting', 'held')")
            .fetch_one(self.database.pool())
            .await
            .map_err(|error| self.database.explain(&error))?;
        Ok(next.map(Time::from_millis))
    }

    /// When the messages that a channel has had since `since` arrived, oldest first; those on their way for the
    /// first time are among them as of now.
    pub async fn arrivals(&self, channel: &str, since: Time) -> Result<Vec<Time>> {
        let _busy = self.database.busy();
        let times: Vec<i64> = sqlx::query_scalar(
            "SELECT COALESCE(ended, created) AS at FROM message
             WHERE (state = 'sent' AND COALESCE(via, channel) = $1 AND ended > $2)
                OR (state = 'waiting' AND attempts = 0 AND channel = $1 AND created > $2)
             ORDER BY at",
        )
        .bind(channel)
        .bind(since.millis())
        .fetch_all(self.database.pool())
        .await
        .map_err(|error| self.database.explain(&error))?;
        Ok(times.into_iter().map(Time::from_millis).collect())
    }

    /// Newest first.
    pub async fn list(&self, n: usize) -> Result<Vec<Delivery>> {
        let _busy = self.database.busy();
        let rows = sqlx::query("SELECT * FROM message ORDER BY created DESC, id LIMIT $1")
            .bind(i64::try_from(n).unwrap_or(i64::MAX))
            .fetch_all(self.database.pool())
            .await
            .map_err(|error| self.database.explain(&error))?;
        rows.iter()
            .map(|row| {
                let (waiting, reason) = read(row)?;
                let ended = row.get::<Option<i64>, _>("ended").map(Time::from_millis);
                let message = Message::from(waiting.message);
                Ok(Delivery {
                    channel: waiting.channel,
                    state: row.get("state"),
                    reason,
                    created: waiting.created,
                    due: Some(Time::from_millis(row.get("due"))).filter(|_| ended.is_none()),
                    ended,
                    attempts: waiting.attempts,
                    text: message.first_line().to_owned(),
                    error: row.get("error"),
                    via: row.get("via"),
                })
            })
            .collect()
    }
}

fn read(row: &SqliteRow) -> Result<(Waiting, Option<Reason>)> {
    let message = serde_json::from_str(row.get("body"))
        .map_err(|error| Error::internal(format!("a kept message cannot be read: {error}")))?;
    let waiting = Waiting {
        id: row.get("id"),
        channel: row.get("channel"),
        created: Time::from_millis(row.get("created")),
        attempts: u32::try_from(row.get::<i64, _>("attempts")).unwrap_or(u32::MAX),
        message,
    };
    Ok((waiting, row.get::<Option<String>, _>("reason").as_deref().and_then(Reason::of)))
}
