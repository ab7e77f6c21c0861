//! The torrent clients, and what is held on them.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::asked::{Answer, Asked, No, Reply, to_json};
use crate::error::Kind;
use crate::roster;

pub(super) async fn all(asked: Asked) -> Answer {
    let roster = roster::look(&asked.host).await?;
    let failed: Vec<Value> = roster.failed.iter().map(|(pbh, error)| json!({"pbh": pbh, "error": error})).collect();
    Ok(Reply::Json(json!({"downloaders": roster.clients, "failed": failed, "orphans": roster.orphans})))
}

pub(super) async fn holds(asked: Asked) -> Answer {
    Ok(Reply::Json(to_json(&asked.host.holds.holds(None).await?)?))
}

pub(super) async fn release(asked: Asked) -> Answer {
    asked.live()?;
    let released = roster::release(&asked.host, asked.text("downloader"), asked.text("reason")).await;
    let released = released.map_err(|error| match error.kind {
        // A client or a reason was named for which nothing is held.
        Kind::Argument => No::new(StatusCode::NOT_FOUND, error),
        _ => error.into(),
    })?;
    Ok(Reply::Json(to_json(&released)?))
}
