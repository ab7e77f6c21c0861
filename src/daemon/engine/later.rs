//! What scripts have asked to fire at a time of its own: kept in the store, so that it outlives the daemon.

use serde::Deserialize;
use serde_json::Value;

use super::firing::Firing;
use super::{Engine, Key};
use crate::daemon::doors::Refusal;
use crate::daemon::missed;
use crate::error::{Error, Kind, Result};
use crate::journal::Level;
use crate::ledger::State;
use crate::schedule::LATER;
use crate::store::OWN;
use crate::time::{Duration, Time};

/// One of them.
pub(super) struct Later {
    key: Key,
    pub time: Time,
    data: Value,
}

/// As a script left it.
#[derive(Deserialize)]
struct Kept {
    script: String,
    trigger: String,
    time: i64,
    data: Value,
}

impl Engine {
    /// Reads what has been asked for since the last time.
    pub(super) async fn read_later(&mut self) {
        self.looked_later = self.host.clock.now();
        if let Err(error) = self.try_read_later().await {
            let message = format!("what is to fire later cannot be read: {error}");
            self.write(&self.line(Level::Error, "warning", message));
        }
    }

    async fn try_read_later(&mut self) -> Result<()> {
        let store = &self.host.store;
        for id in store.keys(OWN, LATER).await? {
            if self.later.contains_key(&id) {
                continue;
            }
            let kept = store.get(OWN, &id).await?.and_then(|kept| serde_json::from_value::<Kept>(kept).ok());
            if let Some(Kept { script, trigger, time, data }) = kept {
                let later = Later { key: Key { script, trigger }, time: Time::from_millis(time), data };
                self.later.insert(id, later);
            }
        }
        Ok(())
    }

    /// Fires what has been asked for by now, in the order of the times. What cannot be recorded waits.
    pub(super) async fn fire_later(&mut self) {
        let now = self.host.clock.now();
        let passed = |(id, later): (&String, &Later)| (later.time <= now).then(|| (later.time, id.clone()));
        let mut due: Vec<_> = self.later.iter().filter_map(passed).collect();
        due.sort();
        for (_, id) in due {
            if self.is_blocked() {
                return;
            }
            let Some(later) = self.later.get(&id) else { continue };
            let (key, time, data) = (later.key.clone(), later.time, later.data.clone());
            // Only after its row exists, which keeps it from running twice, it is forgotten.
            let fired = match self.fire_one(&id, &key, time, data, now).await {
                Ok(()) => self.host.store.delete(OWN, &id).await.map(drop),
                Err(error) => Err(error),
            };
            if let Err(error) = fired {
                return self.blocked(&error);
            }
            self.unblocked();
            self.later.remove(&id);
        }
    }

    async fn fire_one(&mut self, id: &str, key: &Key, time: Time, data: Value, now: Time) -> Result<()> {
        let firing = |data| Firing { scheduled: Some(time), key: Some(id.to_owned()), ..Firing::with(data) };
        let Some(trigger) = self.triggers.get_mut(key) else {
            return self.miss_one(key, "", &firing(Value::Null), "its trigger is not there any more").await;
        };
        let verdict = missed::decide(|_| None, &[time], now, trigger.plan.spec.missed, Duration::ZERO);
        if verdict.run.is_empty() {
            trigger.missed += 1;
            let version = trigger.script.version.clone();
            let why = "its time passed while nothing could run";
            return self.miss_one(key, &version, &firing(Value::Null), why).await;
        }
        match self.fire(key, firing(data)).await {
            Err(Refusal::Unrecorded(error)) => Err(error),
            // A trigger that is off leaves no rows by itself, but this one was asked for.
            Err(refusal @ Refusal::Off(_)) => self.skip(key, &firing(Value::Null), &refusal.to_string()).await,
            _ => Ok(()),
        }
    }

    async fn miss_one(&self, key: &Key, version: &str, firing: &Firing, why: &str) -> Result<()> {
        let error = Error::new(Kind::Cancelled, why);
        let (ledger, unique) = (&self.host.ledger, firing.key.as_deref());
        let row = ledger.record(&key.script, &key.trigger, version, firing.scheduled, unique, State::Missed, &error);
        if row.await? {
            let when = firing.scheduled.map(|time| self.local(time)).unwrap_or_default();
            self.tell(key, Level::Warn, "run_missed", format!("the run of {when} was missed: {why}"));
        }
        Ok(())
    }
}
