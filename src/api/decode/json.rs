//! Replies as plain JSON.

use chrono_tz::Tz;
use serde_json::{Map, Value};

use super::{Build, Key};
use crate::secret::{MASK, Secret};
use crate::time::{Duration, Time};

/// Builds JSON for people and tools: times in RFC 3339, durations in seconds, secrets masked.
pub struct Json {
    /// The zone that times are written in.
    pub zone: Tz,
}

impl Default for Json {
    fn default() -> Self {
        Self { zone: Tz::UTC }
    }
}

impl Build for Json {
    type Value = Value;

    fn null(&mut self) -> Value {
        Value::Null
    }

    fn bool(&mut self, value: bool) -> Value {
        value.into()
    }

    fn int(&mut self, value: i64) -> Value {
        value.into()
    }

    fn float(&mut self, value: f64) -> Value {
        value.into()
    }

    fn text(&mut self, value: &str) -> Value {
        value.into()
    }

    fn time(&mut self, value: Time) -> Value {
        value.rfc3339(self.zone).into()
    }

    fn duration(&mut self, value: Duration) -> Value {
        // Serialising a number cannot fail.
        serde_json::to_value(value).unwrap_or_default()
    }

    fn ip(&mut self, value: &str) -> Value {
        value.into()
    }

    fn secret(&mut self, _: Secret) -> Value {
        MASK.into()
    }

    fn list(&mut self, items: Vec<Value>) -> Value {
        items.into()
    }

    fn map(&mut self, entries: Vec<(Key, Value)>) -> Value {
        let name = |key| match key {
            Key::Field(name) => name.to_owned(),
            Key::Data(name) => name,
        };
        entries.into_iter().map(|(key, value)| (name(key), value)).collect::<Map<_, _>>().into()
    }
}
