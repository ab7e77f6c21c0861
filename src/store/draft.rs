//! An optimistic transaction: what it read is remembered, what it wrote is kept back, and both are compared and
//! written together at its end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Number, Value, json};

use super::{Expiry, Store, Write, sum};
use crate::error::Result;
use crate::time::Duration;

/// See [`Store::draft`].
pub struct Draft {
    store: Store,
    scope: String,
    /// Whether what was read is compared at the end, so that it must stay as it was read.
    compares: bool,
    state: Mutex<State>,
}

/// What a draft holds, to go back to.
#[derive(Clone, Default)]
pub struct State {
    reads: BTreeMap<String, Option<Value>>,
    listings: BTreeMap<String, Vec<String>>,
    /// `None` deletes.
    writes: BTreeMap<String, Option<Write>>,
}

impl Draft {
    pub(super) fn new(store: Store, scope: &str) -> Self {
        Self { store, scope: scope.into(), compares: true, state: Mutex::default() }
    }

    /// One that is never committed: a dry run sees what it has written, and else the state as it is.
    pub(super) fn rehearsal(store: Store, scope: &str) -> Self {
        Self { compares: false, ..Self::new(store, scope) }
    }

    /// What it holds now.
    pub fn saved(&self) -> State {
        self.lock().clone()
    }

    /// Goes back to what it held.
    pub fn go_back(&self, saved: State) {
        *self.lock() = saved;
    }

    pub fn scope(&self) -> &str {
        &self.scope
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// # Errors
    /// Those of the database.
    pub async fn get(&self, key: &str) -> Result<Option<Value>> {
        {
            let state = self.lock();
            if let Some(write) = state.writes.get(key) {
                return Ok(write.as_ref().map(|write| write.value.clone()));
            }
            if let Some(read) = state.reads.get(key) {
                return Ok(read.clone());
            }
        }
        let value = self.store.get(&self.scope, key).await?;
        if self.compares {
            self.lock().reads.insert(key.to_owned(), value.clone());
        }
        Ok(value)
    }

    pub fn set(&self, key: &str, value: Value, ttl: Option<Duration>) {
        let expiry = ttl.map_or(Expiry::Never, Expiry::After);
        self.lock().writes.insert(key.to_owned(), Some(Write { value, expiry }));
    }

    /// As [`Store::add`].
    ///
    /// # Errors
    /// As there.
    pub async fn add(&self, key: &str, n: &Number, ttl: Option<Duration>) -> Result<Value> {
        let before = self.get(key).await?;
        let (value, first) = match &before {
            None => (Value::Number(n.clone()), true),
            Some(held) => (sum(key, held, n)?, false),
        };
        let mut state = self.lock();
        let written = state.writes.get(key).and_then(|write| write.as_ref().map(|write| write.expiry));
        let expiry = match written {
            Some(expiry) => expiry,
            None if first => ttl.map_or(Expiry::Never, Expiry::After),
            None => Expiry::AsBefore,
        };
        state.writes.insert(key.to_owned(), Some(Write { value: value.clone(), expiry }));
        Ok(value)
    }

    /// # Errors
    /// Those of the database.
    pub async fn delete(&self, key: &str) -> Result<bool> {
        let there = self.get(key).await?.is_some();
        self.lock().writes.insert(key.to_owned(), None);
        Ok(there)
    }

    /// # Errors
    /// Those of the database.
    pub async fn keys(&self, prefix: &str) -> Result<Vec<String>> {
        let known = self.lock().listings.get(prefix).cloned();
        let listed = match known {
            Some(listed) => listed,
            None => self.store.keys(&self.scope, prefix).await?,
        };
        let mut state = self.lock();
        if self.compares {
            state.listings.insert(prefix.to_owned(), listed.clone());
        }
        let mut keys: BTreeSet<String> = listed.into_iter().collect();
        for (key, write) in state.writes.iter().filter(|(key, _)| key.starts_with(prefix)) {
            if write.is_some() {
                keys.insert(key.clone())
            } else {
                keys.remove(key)
            };
        }
        Ok(keys.into_iter().collect())
    }

    /// # Errors
    /// Those of the database.
    pub async fn compare_and_set(&self, key: &str, old: Option<&Value>, new: Value) -> Result<bool> {
        let same = self.get(key).await?.as_ref() == old;
        if same {
            self.set(key, new, None);
        }
        Ok(same)
    }

    /// # Errors
    /// Those of the database.
    pub async fn once(&self, key: &str, ttl: Option<Duration>) -> Result<bool> {
        let first = self.get(key).await?.is_none();
        if first {
            self.set(key, Value::Bool(true), ttl);
        }
        Ok(first)
    }

    /// What it would change, by key; a deleted one is null. Empty where it only read.
    pub fn changes(&self) -> Value {
        let state = self.lock();
        let value = |write: &Option<Write>| write.as_ref().map_or(Value::Null, |write| write.value.clone());
        json!(state.writes.iter().map(|(key, write)| (key.clone(), value(write))).collect::<BTreeMap<_, _>>())
    }

    /// Writes all of it where nothing that it read has changed; else nothing, and the answer is false.
    ///
    /// # Errors
    /// Those of the database; `argument` for a key that is empty or too long.
    pub async fn commit(&self) -> Result<bool> {
        let State { reads, listings, writes } = std::mem::take(&mut *self.lock());
        self.store.settle(&self.scope, &reads, &listings, &writes).await
    }
}
