//! What scripts keep, and what they publish.

use serde_json::json;

use super::asked::{Answer, Asked, No, Reply};
use crate::error::{Error, Kind, Result};
use crate::published::Published;
use crate::store::{self, Kept, OWN, SHARED};

pub(super) async fn list(asked: Asked) -> Answer {
    let scope = if asked.flag("shared") { Some(SHARED.to_owned()) } else { asked.text("script").map(store::scope_of) };
    let prefix = asked.text("prefix").unwrap_or_default();
    let kept = asked.host.store.list(scope.as_deref(), prefix).await?;
    // Holds and bans have operations of their own.
    Ok(Reply::Json(kept.iter().filter(|kept| kept.scope != OWN).map(Kept::to_json).collect()))
}

pub(super) async fn set(asked: Asked) -> Answer {
    let (scope, key) = (scope(&asked), asked.need("key"));
    let ttl = asked.text("ttl").map(store::life).transpose()?;
    asked.host.store.set(&scope, key, &asked.value("value"), ttl).await?;
    match find(&asked, &scope, key).await? {
        Some(kept) => Ok(Reply::Json(kept.to_json())),
        None => Err(missing(key)),
    }
}

pub(super) async fn delete(asked: Asked) -> Answer {
    let key = asked.need("key");
    if asked.host.store.delete(&scope(&asked), key).await? {
        Ok(Reply::Json(json!({"deleted": true})))
    } else {
        Err(missing(key))
    }
}

pub(super) async fn published(asked: Asked) -> Answer {
    let published = Published::new(&asked.host.store);
    let mut found = Vec::new();
    for name in published.names().await? {
        if let Some(publication) = published.get(&name).await? {
            let (script, bytes, at) = (publication.script, publication.text.len(), publication.at);
            let path = format!("/published/{name}");
            found.push(json!({"name": name, "script": script, "path": path, "bytes": bytes, "at": at}));
        }
    }
    Ok(Reply::Json(found.into()))
}

fn scope(asked: &Asked) -> String {
    asked.text("script").map_or_else(|| SHARED.to_owned(), store::scope_of)
}

async fn find(asked: &Asked, scope: &str, key: &str) -> Result<Option<Kept>> {
    Ok(asked.host.store.list(Some(scope), key).await?.into_iter().find(|kept| kept.key == key))
}

fn missing(key: &str) -> No {
    let error = Error::new(Kind::Field, format!("nothing is kept under `{key}`"))
        .hint("`GET /state` lists every key; without `script` the key is one of `shared_state`");
    No::new(axum::http::StatusCode::NOT_FOUND, error)
}
