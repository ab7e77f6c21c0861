//! The one way to call a row, so that every request is recorded alike whoever makes it.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::api::{Row, Service};
use crate::client::{Args, Client, Opened, Saved, Span, Stream};
use crate::error::{Error, Result};
use crate::permission::Effect;
use crate::time::Duration;

use crate::client::Answered;
pub use crate::client::{Recorder, Talk};

/// Calls a row and records it, whatever comes of it. A read takes a reply that another got not longer ago
/// than [`Talk::age`] says; only what is sent is recorded.
pub async fn call_row(client: &Client, row: &'static Row, args: &Args, talk: &Talk) -> Result<Arc<Opened>> {
    // Boxed, because it is large and every helper is made of it.
    let sent = Box::pin(async {
        let (row, args) = client.chosen(row, args, talk).await?;
        recorded(client, row, &args, talk, client.call(row, &args, talk), Opened::answered).await
    });
    match talk.age {
        Some(age) if row.effect == Effect::Read => client.cached(row, args, age, sent).await,
        _ => sent.await.map(Arc::new),
    }
}

/// Follows a stream; each connection is recorded as it is made.
pub async fn follow_row(
    client: &Arc<Client>,
    row: &'static Row,
    args: &Args,
    span: Span,
    talk: &Talk,
) -> Result<Stream> {
    let (row, args) = client.chosen(row, args, talk).await?;
    client.follow(row, &args, span, talk).await
}

/// Writes a row's reply to a file in `folder` and records that.
pub async fn download_row(
    client: &Client,
    row: &'static Row,
    args: &Args,
    folder: &Path,
    talk: &Talk,
) -> Result<Saved> {
    let (row, args) = client.chosen(row, args, talk).await?;
    recorded(client, row, &args, talk, client.download(row, &args, folder, talk), Saved::answered).await
}

/// `answered` is what is written down of a success.
async fn recorded<T>(
    client: &Client,
    row: &'static Row,
    args: &Args,
    talk: &Talk,
    exchange: impl Future<Output = Result<T>>,
    answered: impl FnOnce(&T) -> Answered,
) -> Result<T> {
    let start = talk.now();
    let outcome = exchange.await;
    talk.note(client, row, args.to_json(), start, outcome.as_ref().map(answered));
    outcome
}

/// [`call_row`] by the row's id, for our own helpers; the value is that of [`Opened::json`].
pub async fn call(
    client: &Client,
    id: &str,
    positional: Vec<Value>,
    options: Map<String, Value>,
    talk: &Talk,
) -> Result<Value> {
    let row = row(client.service(), id)?;
    call_row(client, row, &Args::bind(row, positional, options)?, talk).await?.json()
}

/// A row that a helper relies on.
pub fn row(service: Service, id: &str) -> Result<&'static Row> {
    service.row(id).ok_or_else(|| Error::internal(format!("the tables have no row `{id}`")))
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.millis()).unwrap_or(0)
}
