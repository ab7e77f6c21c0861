//! What scripts remember: values by scope and key, durable at once.

use std::collections::BTreeMap;

use serde_json::{Number, Value, json};
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection};

use crate::database::Database;
use crate::error::{Error, Kind, Result};
use crate::text::count;
use crate::time::{Duration, Time};
use crate::units::parse_duration;

mod draft;

pub use draft::Draft;

/// A scope is that of a script ([`scope_of`]), or one of these two.
pub const SHARED: &str = "shared";
/// For tidegate's own: holds, bans, samples.
pub const OWN: &str = "tidegate";

const SCRIPT: &str = "script/";

/// Where a script keeps its own.
pub fn scope_of(script: &str) -> String {
    format!("{SCRIPT}{script}")
}

/// The script that a scope belongs to.
pub fn script_of(scope: &str) -> Option<&str> {
    scope.strip_prefix(SCRIPT)
}

/// The longest time to live that somebody may write: a century. What is to stay longer has none.
const LONGEST_LIFE: Duration = Duration::from_seconds(36_525 * 86_400);

/// A time to live as a person writes it.
///
/// # Errors
/// `argument` for what is no length of time, for nothing, and for more than a century.
pub fn life(text: &str) -> Result<Duration> {
    let life = parse_duration(text)?;
    let wrong = |why: &str, hint: &str| Err(Error::new(Kind::Argument, format!("the `ttl` `{text}` {why}")).hint(hint));
    if life <= Duration::ZERO {
        return wrong("forgets at once", "write how long it is kept, such as `2h`; to forget a key, delete it");
    }
    if life > LONGEST_LIFE {
        return wrong("is longer than a century", "leave `ttl` out for what is to stay");
    }
    Ok(life)
}

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
        if expires.is_none() {
            // One statement is a transaction by itself.
            let mut connection = self.0.connection().await?;
            return self.write(&mut connection, scope, key, value, None).await;
        }
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
        let row = sqlx::query("DELETE FROM state WHERE scope = $1 AND name = $2 RETURNING expires")
            .bind(scope)
            .bind(key)
            .fetch_optional(self.0.pool())
            .await
            .map_err(|error| self.0.explain(&error))?;
        let now = self.0.now().millis();
        Ok(row.is_some_and(|row| row.get::<Option<i64>, _>(0).is_none_or(|expires| expires > now)))
    }

    /// The keys that begin with `prefix`, sorted.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn keys(&self, scope: &str, prefix: &str) -> Result<Vec<String>> {
        let _busy = self.0.busy();
        let mut connection = self.0.pool().acquire().await.map_err(|error| self.0.explain(&error))?;
        self.list_keys(&mut connection, scope, prefix).await
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
        let write = |value: Value| Write { value, expiry: Expiry::Never };
        let writes = writes.into_iter().map(|(key, value)| (key, value.map(write))).collect();
        self.settle(scope, &reads.into_iter().collect(), &BTreeMap::new(), &writes).await
    }

    /// An optimistic transaction that is put together step by step.
    pub fn draft(&self, scope: &str) -> Draft {
        Draft::new(self.clone(), scope)
    }

    /// A state that a dry run writes into: its own reads see that, and nothing else does.
    pub fn rehearsal(&self, scope: &str) -> Draft {
        Draft::rehearsal(self.clone(), scope)
    }

    /// Where everything that was read still holds, the keys of each prefix among it, all writes happen together.
    async fn settle(
        &self,
        scope: &str,
        reads: &BTreeMap<String, Option<Value>>,
        listings: &BTreeMap<String, Vec<String>>,
        writes: &BTreeMap<String, Option<Write>>,
    ) -> Result<bool> {
        if reads.is_empty()
            && listings.is_empty()
            && writes.len() == 1
            && let Some((key, Some(Write { value, expiry: Expiry::Never }))) = writes.first_key_value()
        {
            return self.set(scope, key, value, None).await.map(|()| true);
        }
        let _busy = self.0.busy();
        let mut transaction = self.0.write().await?;
        for (key, expected) in reads {
            if self.read(&mut transaction, scope, key).await?.map(|held| held.value) != *expected {
                return Ok(false);
            }
        }
        for (prefix, expected) in listings {
            if self.list_keys(&mut transaction, scope, prefix).await? != *expected {
                return Ok(false);
            }
        }
        for (key, write) in writes {
            let Some(Write { value, expiry }) = write else {
                self.remove(&mut transaction, scope, key).await?;
                continue;
            };
            let expires = match expiry {
                Expiry::Never => None,
                Expiry::After(ttl) => self.expiry(Some(*ttl)),
                Expiry::AsBefore => self.read(&mut transaction, scope, key).await?.and_then(|held| held.expires),
            };
            self.write(&mut transaction, scope, key, value, expires).await?;
        }
        transaction.commit().await.map_err(|error| self.0.explain(&error))?;
        Ok(true)
    }

    /// Everything that is kept, or what one scope keeps, under keys that begin with `prefix`; sorted.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn list(&self, scope: Option<&str>, prefix: &str) -> Result<Vec<Kept>> {
        let _busy = self.0.busy();
        let mut query = QueryBuilder::<Sqlite>::new("SELECT scope, name, value, expires, changed FROM state");
        query.push(" WHERE (expires IS NULL OR expires > ").push_bind(self.0.now().millis()).push(")");
        if let Some(scope) = scope {
            query.push(" AND scope = ").push_bind(scope);
        }
        let rows = query.build().fetch_all(self.0.pool()).await.map_err(|error| self.0.explain(&error))?;
        let mut kept = Vec::new();
        for row in rows {
            let key: String = row.get(1);
            if key.starts_with(prefix) {
                kept.push(Kept {
                    scope: row.get(0),
                    value: parse(&key, row.get(2))?,
                    expires: row.get::<Option<i64>, _>(3).map(Time::from_millis),
                    changed: Time::from_millis(row.get(4)),
                    key,
                });
            }
        }
        kept.sort_by(|a, b| (&a.scope, &a.key).cmp(&(&b.scope, &b.key)));
        Ok(kept)
    }

    async fn list_keys(&self, connection: &mut SqliteConnection, scope: &str, prefix: &str) -> Result<Vec<String>> {
        let rows = sqlx::query(
            "SELECT name FROM state
             WHERE scope = $1 AND SUBSTR(name, 1, $2) = $3 AND (expires IS NULL OR expires > $4)",
        )
        .bind(scope)
        .bind(i64::try_from(prefix.chars().count()).unwrap_or(i64::MAX))
        .bind(prefix)
        .bind(self.0.now().millis())
        .fetch_all(connection)
        .await
        .map_err(|error| self.0.explain(&error))?;
        let mut keys: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        // Here rather than by the database, whose order depends on its locale.
        keys.sort();
        Ok(keys)
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
        let value = parse(key, row.get(0))?;
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

/// One value, as a person sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    pub scope: String,
    pub key: String,
    pub value: Value,
    pub expires: Option<Time>,
    pub changed: Time,
}

impl Kept {
    /// As commands and the control API show it; `script` is null for `shared_state`.
    pub fn to_json(&self) -> Value {
        json!({
            "script": script_of(&self.scope),
            "key": self.key,
            "value": plain(&self.value),
            "changed": self.changed,
            "expires": self.expires,
        })
    }
}

/// A value to be written.
#[derive(Clone, Debug)]
struct Write {
    value: Value,
    expiry: Expiry,
}

#[derive(Clone, Copy, Debug)]
enum Expiry {
    Never,
    After(Duration),
    /// What it replaces had.
    AsBefore,
}

fn parse(key: &str, text: &str) -> Result<Value> {
    serde_json::from_str(text)
        .map_err(|error| Error::internal(format!("the stored value of `{key}` is not JSON: {error}")))
}

/// How a point in time is kept, so that it comes back as one: `{"$time": milliseconds}`.
pub const TIME: &str = "$time";
/// How a length of time is kept.
pub const DURATION: &str = "$duration";

/// A value as other programs see it: times in RFC 3339, lengths of time in seconds.
pub fn plain(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let only = map.iter().next().filter(|_| map.len() == 1);
            match only.and_then(|(key, value)| Some((key.as_str(), value.as_i64()?))) {
                Some((TIME, millis)) => json!(Time::from_millis(millis)),
                Some((DURATION, millis)) => json!(Duration::from_millis(millis)),
                _ => Value::Object(map.iter().map(|(key, value)| (key.clone(), plain(value))).collect()),
            }
        }
        Value::Array(items) => items.iter().map(plain).collect(),
        other => other.clone(),
    }
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
