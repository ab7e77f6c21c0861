//! Changing a part of what PBH replaces as a whole: read, merge, write.

use serde_json::{Map, Value};

use crate::api::{Service, Type};
use crate::client::{Args, Client};
use crate::error::{Error, Kind, Result};
use crate::recorder::{self, Talk};
use crate::secret::{MASK, Masker, Secret};
use crate::text::suggestion;

/// Changes some keys of a downloader's configuration and gives their names. The others are sent back as
/// they are, passwords included, which nobody gets to see. PBH may have emptied the downloader in memory
/// when it answers 500; the row is idempotent, so that the client then sends the whole once more.
///
/// # Errors
/// `argument` for a key that this kind of downloader does not have, and for `name` and `type`, with which
/// PBH would delete or break it.
pub async fn downloader(pbh: &Client, id: &str, changes: &Map<String, Value>, talk: &Talk) -> Result<Vec<String>> {
    let read = recorder::row(Service::Pbh, "downloader_status")?;
    let status = recorder::call_row(pbh, read, &Args::bind(read, vec![id.into()], Map::new())?, talk).await?.raw()?;
    let Some(config) = status["config"].as_object() else {
        return Err(Error::new(Kind::Protocol, "`config`: expected an object, found none").from_call("pbh", read.id));
    };
    let config = merged(config, changes)?;
    let write = recorder::row(Service::Pbh, "downloader_update")?;
    let args = Args::bind(write, vec![id.into(), config.into()], Map::new())?;
    recorder::call_row(pbh, write, &args, talk).await?;
    Ok(changes.keys().cloned().collect())
}

/// Has the secrets among the changes masked from now on.
pub fn hide(changes: &Map<String, Value>, masker: &Masker) {
    let Ok(row) = recorder::row(Service::Pbh, "downloader_update") else { return };
    for param in row.params {
        if let Type::Shape(shape) = param.ty {
            for (key, value) in changes {
                let secret = shape.field(key).is_some_and(|field| matches!(field.ty, Type::Secret));
                for text in texts(value).into_iter().filter(|_| secret || value.is_object()) {
                    masker.add(&Secret::new(text));
                }
            }
        }
    }
}

/// A text, or those one level below.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(map) => map.values().filter_map(Value::as_str).collect(),
        other => other.as_str().into_iter().collect(),
    }
}

/// The configuration with the changes in it. A map in a map is merged too.
fn merged(config: &Map<String, Value>, changes: &Map<String, Value>) -> Result<Map<String, Value>> {
    let wrong = |text: String| Error::new(Kind::Argument, text);
    let mut merged = config.clone();
    for (key, new) in changes {
        if matches!(key.as_str(), "name" | "type") && config.get(key) != Some(new) {
            return Err(wrong(format!("`{key}` of a downloader cannot be changed"))
                .hint("PBH would lose the downloader: add a new one with `downloader_create`"));
        }
        if new == MASK {
            return Err(wrong(format!("`{key}` is a masked secret, not the secret itself")));
        }
        match (merged.get_mut(key), new) {
            (Some(Value::Object(old)), Value::Object(new)) => *old = self::merged(old, new)?,
            (Some(old), new) => *old = new.clone(),
            // A script that gives back what it read has nothing in the fields of other kinds.
            (None, Value::Null) => {}
            (None, _) => {
                let kind = config.get("type").and_then(Value::as_str).unwrap_or("this kind of downloader");
                let near = suggestion(key, config.keys().map(String::as_str));
                let error = wrong(format!("the configuration of {kind} has no `{key}`"));
                return Err(match near {
                    Some(near) => error.hint(near),
                    None => error,
                });
            }
        }
    }
    Ok(merged)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merge(config: &Value, changes: &Value) -> Result<Value> {
        let (Some(config), Some(changes)) = (config.as_object(), changes.as_object()) else { panic!("two maps") };
        merged(config, changes).map(Into::into)
    }

    #[test]
    fn only_what_is_named_changes() {
        let config = json!({"type": "qbittorrent", "name": "a", "password": "old", "basicAuth": {"user": "u", "pass": "p"}, "paused": false, "new9": 1});
        let merged = merge(&config, &json!({"paused": true, "basicAuth": {"pass": "q"}, "token": null, "name": "a"}));
        assert_eq!(
            merged.unwrap(),
            json!({"type": "qbittorrent", "name": "a", "password": "old", "basicAuth": {"user": "u", "pass": "q"}, "paused": true, "new9": 1})
        );
    }

    #[test]
    fn what_would_lose_the_downloader_is_refused() {
        let config = json!({"type": "deluge", "name": "a", "paused": false, "password": "x"});
        for (changes, part) in [
            (json!({"name": "b"}), "`name`"),
            (json!({"type": "bitcomet"}), "`type`"),
            (json!({"pausd": true}), "of deluge has no `pausd`"),
            (json!({"password": "***"}), "masked"),
        ] {
            let error = merge(&config, &changes).unwrap_err();
            assert_eq!(error.kind, Kind::Argument);
            assert!(error.message.contains(part), "{error}");
        }
    }
}
