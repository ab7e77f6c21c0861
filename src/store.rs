//! What scripts remember: values by scope and key, durable at once.

use serde_json::{Number, Value};
use sqlx::{Row as _, SqliteConnection};

use crate::database::Database;
use crate::error::{Error, Kind, Result};
use crate::text::count;
use crate::time::{Duration, Time};

/// A scope is a script's name, or one of these two.
pub const SHARED: &str = "shared";
/// For tidegate's own: holds, bans, samples.
pub const OWN: &str = "tidegate";

/// The longest key, in bytes.
const LONGEST_KEY: usize = 1024;

/// Values by scope and key. Cheap to clone. What has outlived its time is as good as absent.
#[derive(Clone)]
pub struct Store(Database);

impl Store {
    pub fn new(database: &Database) -> Self {
        Self(database.clone())
    }

    /// # Errors
    /// Those of the database.
    pub async fn get(&self, scope: &str, key: &str) -> Result<Option<Value>> {
        let _busy = self.0.busy();
        let mut connection = self.0.pool().acquire().await.map_err(|error| self.0.explain(&error))?;
        Ok(self.read(&mut connection, scope, key).await?.map(|held| held.value))
    }

    /// Replaces value and time to live; without `ttl` it stays until it is deleted.
    ///
    /// # Errors
    /// Those of the database; `argument` for a key that is empty or too long.
    pub async fn set(&self, scope: &str, key: &str, value: &Value, ttl: Option<Duration>) -> Result<()> {
        let _busy = self.0.busy();
        let expires = self.expiry(ttl);
        let mut transaction = self.0.write().await?;
        self.write(&mut transaction, scope, key, value, expires).await?;
        transaction.commit().await.map_err(|error| self.0.explain(&error))
    }

    /// Adds to a number, absent counting as 0, and gives the sum. Whole numbers stay whole. The time
    /// to live runs from the first addition.
    ///
    /// # Errors
    /// `type` where the value is no number, `argument` where the sum is out of range; those of the database.
    pub async fn add(&self, scope: &str, key: &str, n: &Number, ttl: Option<Duration>) -> Result<Value> {
        let _busy = self.0.busy();
        let mut transaction = self.0.write().await?;
        let (sum, expires) = match self.read(&mut transaction, scope, key).await? {
            None => (Value::Number(n.clone()), self.expiry(ttl)),
            Some(held) => (sum(key, &held.value, n)?, held.expires),
        };
        self.write(&mut transaction, scope, key, &sum, expires).await?;
        transaction.commit().await.map_err(|error| self.0.explain(&error))?;
        Ok(sum)
    }

    /// Whether there was something to delete.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn delete(&self, scope: &str, key: &str) -> Result<bool> {
        let _busy = self.0.busy();
        let mut transaction = self.0.write().await?;
        let there = self.read(&mut transaction, scope, key).await?.is_some();
        self.remove(&mut transaction, scope, key).await?;
        transaction.commit().await.map_err(|error| self.0.explain(&error))?;
        Ok(there)
    }

    /// The keys that begin with `prefix`, sorted.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn keys(&self, scope: &str, prefix: &str) -> Result<Vec<String>> {
        let _busy = self.0.busy();
        let rows = sqlx::query(
            "SELECT name FROM state
             WHERE scope = $1 AND SUBSTR(name, 1, $2) = $3 AND (expires IS NULL OR expires > $4)",
        )
        .bind(scope)
        .bind(i64::try_from(prefix.chars().count()).unwrap_or(i64::MAX))
        .bind(prefix)
        .bind(self.0.now().millis())
        .fetch_all(self.0.pool())
        .await
        .map_err(|error| self.0.explain(&error))?;
        let mut keys: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        // Here rather than by the database, whose order depends on its locale.
        keys.sort();
        Ok(keys)
    }

    /// Sets the value where it still is `old`; `None` stands for absent. The time to live is taken away.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn compare_and_set(&self, scope: &str, key: &str, old: Option<&Value>, new: &Value) -> Result<bool> {
        let reads = vec![(key.to_owned(), old.cloned())];
        self.commit(scope, reads, vec![(key.to_owned(), Some(new.clone()))]).await
    }

    /// True the first time within `ttl`, or ever without it.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn once(&self, scope: &str, key: &str, ttl: Option<Duration>) -> Result<bool> {
        let _busy = self.0.busy();
        let expires = self.expiry(ttl);
        let mut transaction = self.0.write().await?;
        let first = self.read(&mut transaction, scope, key).await?.is_none();
        if first {
            self.write(&mut transaction, scope, key, &Value::Bool(true), expires).await?;
        }
        transaction.commit().await.map_err(|error| self.0.explain(&error))?;
        Ok(first)
    }

    /// An optimistic transaction: where everything in `reads` still holds, `writes` happen together
    /// (`None` deletes); else nothing happens and the answer is false.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn commit(
        &self,
        scope: &str,
        reads: Vec<(String, Option<Value>)>,
        writes: Vec<(String, Option<Value>)>,
    ) -> Result<bool> {
        let _busy = self.0.busy();
        let mut transaction = self.0.write().await?;
        for (key, expected) in &reads {
            if self.read(&mut transaction, scope, key).await?.map(|held| held.value) != *expected {
                return Ok(false);
            }
        }
        for (key, value) in &writes {
            match value {
                Some(value) => self.write(&mut transaction, scope, key, value, None).await?,
                None => self.remove(&mut transaction, scope, key).await?,
            }
        }
        transaction.commit().await.map_err(|error| self.0.explain(&error))?;
        Ok(true)
    }

    fn expiry(&self, ttl: Option<Duration>) -> Option<Time> {
        ttl.map(|ttl| self.0.now() + ttl)
    }

    async fn read(&self, connection: &mut SqliteConnection, scope: &str, key: &str) -> Result<Option<Held>> {
        let row = sqlx::query(
            "SELECT value, expires FROM state
             WHERE scope = $1 AND name = $2 AND (expires IS NULL OR expires > $3)",
        )
        .bind(scope)
        .bind(key)
        .bind(self.0.now().millis())
        .fetch_optional(connection)
        .await
        .map_err(|error| self.0.explain(&error))?;
        let Some(row) = row else { return Ok(None) };
        let value = serde_json::from_str(row.get(0))
            .map_err(|error| Error::internal(format!("the stored value of `{key}` is not JSON: {error}")))?;
        Ok(Some(Held { value, expires: row.get::<Option<i64>, _>(1).map(Time::from_millis) }))
    }

    async fn write(
        &self,
        connection: &mut SqliteConnection,
        scope: &str,
        key: &str,
        value: &Value,
        expires: Option<Time>,
    ) -> Result<()> {
        if key.is_empty() || key.len() > LONGEST_KEY {
            let message = format!("a key of state has 1 to {LONGEST_KEY} bytes, this one has {}", key.len());
            return Err(Error::new(Kind::Argument, message).hint("put what is long into the value"));
        }
        let now = self.0.now().millis();
        sqlx::query(
            "INSERT INTO state (scope, name, value, expires, changed) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (scope, name) DO UPDATE
             SET value = excluded.value, expires = excluded.expires, changed = excluded.changed",
        )
        .bind(scope)
        .bind(key)
        .bind(value.to_string())
        .bind(expires.map(Time::millis))
        .bind(now)
        .execute(&mut *connection)
        .await
        .map_err(|error| self.0.explain(&error))?;
        if expires.is_some() {
            // Whoever adds what expires clears away what has expired, so the table cannot only grow.
            sqlx::query("DELETE FROM state WHERE expires <= $1")
                .bind(now)
                .execute(connection)
                .await
                .map_err(|error| self.0.explain(&error))?;
        }
        Ok(())
    }

    async fn remove(&self, connection: &mut SqliteConnection, scope: &str, key: &str) -> Result<()> {
        sqlx::query("DELETE FROM state WHERE scope = $1 AND name = $2")
            .bind(scope)
            .bind(key)
            .execute(connection)
            .await
            .map_err(|error| self.0.explain(&error))?;
        Ok(())
    }
}

struct Held {
    value: Value,
    expires: Option<Time>,
}

fn sum(key: &str, value: &Value, n: &Number) -> Result<Value> {
    let Value::Number(held) = value else {
        let found = match value {
            Value::Null => "nothing".into(),
            Value::Bool(_) => "true or false".into(),
            Value::Array(items) => format!("a list of {}", count(items.len(), "item")),
            Value::Object(_) => "a map".into(),
            _ => "text".to_owned(),
        };
        return Err(Error::new(Kind::Type, format!("`{key}` holds {found}, which nothing can be added to"))
            .hint("use another key, or set this one to a number first"));
    };
    let out_of_range = || {
        Error::new(Kind::Argument, format!("`{key}` would be out of range after adding {n} to {held}"))
            .hint("set it to a smaller number first")
    };
    if let (Some(a), Some(b)) = (held.as_i64(), n.as_i64()) {
        return a.checked_add(b).map(Value::from).ok_or_else(out_of_range);
    }
    let sum = held.as_f64().zip(n.as_f64()).and_then(|(a, b)| Number::from_f64(a + b));
    sum.map(Value::Number).ok_or_else(out_of_range)
}

#[cfg(test)]
mod tests;
